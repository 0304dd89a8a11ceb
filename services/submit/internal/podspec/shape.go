package podspec

import (
	"maps"
	"math"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/submit/podrequest"
)

// shape is what the scheduler needs of a spec.
func shape(spec *corev1.PodSpec) *job.Shape {
	out := &job.Shape{Tolerations: tolerations(spec.Tolerations), NodeAffinity: nodeTerms(spec)}
	if limit := spec.ActiveDeadlineSeconds; limit != nil {
		out.LimitSeconds = int32(max(0, min(*limit, math.MaxInt32)))
	}
	for _, key := range slices.Sorted(maps.Keys(spec.NodeSelector)) {
		out.NodeSelector = append(out.NodeSelector, job.Label{Key: key, Value: spec.NodeSelector[key]})
	}
	total := podrequest.Of(spec)
	for _, name := range slices.Sorted(maps.Keys(total)) {
		if total[name] > 0 {
			out.Requests = append(out.Requests, job.Amount{Resource: name, Value: total[name]})
		}
	}
	return out
}

func isSidecar(c *corev1.Container) bool {
	return c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways
}

// nodeTerms are the terms of the required node affinity.
func nodeTerms(spec *corev1.PodSpec) []job.NodeTerm {
	if spec.Affinity == nil || spec.Affinity.NodeAffinity == nil || spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution == nil {
		return nil
	}
	var out []job.NodeTerm
	for _, term := range spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms {
		out = append(out, job.NodeTerm{Labels: expressions(term.MatchExpressions), Fields: expressions(term.MatchFields)})
	}
	return out
}

func expressions(list []corev1.NodeSelectorRequirement) []job.NodeExpression {
	var out []job.NodeExpression
	for _, e := range list {
		out = append(out, job.NodeExpression{Key: e.Key, Operator: string(e.Operator), Values: e.Values})
	}
	return out
}
