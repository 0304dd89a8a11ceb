package podspec

import (
	"maps"
	"math"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/fairlead-batch/fairlead/services/internal/job"
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
	total := podRequests(spec)
	for _, name := range slices.Sorted(maps.Keys(total)) {
		if total[name] > 0 {
			out.Requests = append(out.Requests, job.Amount{Resource: name, Value: total[name]})
		}
	}
	return out
}

// amounts is resource to amount, in the units of job.Amount.
type amounts map[string]int64

func amountsOf(list corev1.ResourceList) amounts {
	out := make(amounts, len(list))
	for name, quantity := range list {
		if name == corev1.ResourceCPU {
			out[string(name)] = quantity.MilliValue()
		} else {
			out[string(name)] = quantity.Value()
		}
	}
	return out
}

func (a amounts) add(b amounts) {
	for name, value := range b {
		a[name] = saturate(a[name], value)
	}
}

func (a amounts) atLeast(b amounts) {
	for name, value := range b {
		a[name] = max(a[name], value)
	}
}

// podRequests is what a pod takes of its node, as Kubernetes counts it: the
// containers and the sidecars (init containers that are restarted always)
// together, but at least what each init container takes while it runs beside the
// sidecars that were started before it; or what the pod asks for as a whole; and the
// overhead.
func podRequests(spec *corev1.PodSpec) amounts {
	total, sidecars, starting := amounts{}, amounts{}, amounts{}
	for i := range spec.InitContainers {
		c := &spec.InitContainers[i]
		own := amountsOf(c.Resources.Requests)
		if isSidecar(c) {
			sidecars.add(own)
			starting.atLeast(sidecars)
			continue
		}
		own.add(sidecars)
		starting.atLeast(own)
	}
	for i := range spec.Containers {
		total.add(amountsOf(spec.Containers[i].Resources.Requests))
	}
	total.add(sidecars)
	total.atLeast(starting)
	total.asWhole(spec.Resources)
	total.add(amountsOf(spec.Overhead))
	return total
}

// asWhole puts what the pod asks for as a whole in the place of what its containers do. A
// limit alone is what Kubernetes makes the request where no container has one.
func (a amounts) asWhole(pod *corev1.ResourceRequirements) {
	if pod == nil {
		return
	}
	for name, limit := range amountsOf(pod.Limits) {
		if a[name] == 0 {
			a[name] = limit
		}
	}
	maps.Copy(a, amountsOf(pod.Requests))
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
