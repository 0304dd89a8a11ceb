package jobfile

import (
	"math"

	corev1 "k8s.io/api/core/v1"

	eventsv1 "github.com/fairlead-batch/fairlead/proto/gen/fairlead/events/v1"
	"github.com/fairlead-batch/fairlead/services/submit/podrequest"
)

// shapeOf is what a scheduler needs of a pod spec, as the server works it out of one that
// is submitted. What the server adds by its own rules (default requests, labels of a
// class) is not in it.
func shapeOf(spec *corev1.PodSpec) *eventsv1.Shape {
	out := &eventsv1.Shape{Requests: amountList(podrequest.Of(spec)), NodeSelector: labelList(spec.NodeSelector)}
	if limit := spec.ActiveDeadlineSeconds; limit != nil {
		out.LimitSeconds = int32(max(0, min(*limit, math.MaxInt32)))
	}
	for _, t := range spec.Tolerations {
		out.Tolerations = append(out.Tolerations, &eventsv1.Toleration{Key: t.Key, Operator: string(t.Operator), Value: t.Value, Effect: string(t.Effect)})
	}
	if a := spec.Affinity; a != nil && a.NodeAffinity != nil && a.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution != nil {
		for _, term := range a.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms {
			out.NodeAffinity = append(out.NodeAffinity, &eventsv1.NodeTerm{Labels: expressions(term.MatchExpressions), Fields: expressions(term.MatchFields)})
		}
	}
	return out
}

func expressions(list []corev1.NodeSelectorRequirement) (out []*eventsv1.NodeExpression) {
	for _, e := range list {
		out = append(out, &eventsv1.NodeExpression{Key: e.Key, Operator: string(e.Operator), Values: e.Values})
	}
	return out
}
