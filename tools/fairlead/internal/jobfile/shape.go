package jobfile

import (
	"maps"
	"math"

	corev1 "k8s.io/api/core/v1"

	eventsv1 "github.com/fairlead-batch/fairlead/proto/gen/fairlead/events/v1"
)

// shapeOf is what a scheduler needs of a pod spec, as the server works it out of one that
// is submitted. What the server adds by its own rules (default requests, labels of a
// class) is not in it.
func shapeOf(spec *corev1.PodSpec) *eventsv1.Shape {
	out := &eventsv1.Shape{Requests: amountList(requests(spec)), NodeSelector: labelList(spec.NodeSelector)}
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

// amountsOf are amounts in the scheduler's units: thousandths of cpu, all else in its own.
func amountsOf(list corev1.ResourceList) map[string]int64 {
	out := make(map[string]int64, len(list))
	for name, quantity := range list {
		if name == corev1.ResourceCPU {
			out[string(name)] = quantity.MilliValue()
		} else {
			out[string(name)] = quantity.Value()
		}
	}
	return out
}

// requests is what a pod takes of its node, as Kubernetes counts it: the containers and
// sidecars together, at least what each init container takes beside the sidecars that began
// before it; or what the pod asks for as a whole; and the overhead.
func requests(spec *corev1.PodSpec) map[string]int64 {
	total, sidecars, starting := map[string]int64{}, map[string]int64{}, map[string]int64{}
	add := func(to, more map[string]int64) {
		for name, n := range more {
			if n > 0 && to[name] > math.MaxInt64-n { // a sum past all numbers fits nowhere
				to[name] = math.MaxInt64
				continue
			}
			to[name] += n
		}
	}
	atLeast := func(to, least map[string]int64) {
		for name, n := range least {
			to[name] = max(to[name], n)
		}
	}
	for i := range spec.InitContainers {
		c := &spec.InitContainers[i]
		own := amountsOf(c.Resources.Requests)
		if c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			add(sidecars, own)
			atLeast(starting, sidecars)
			continue
		}
		add(own, sidecars)
		atLeast(starting, own)
	}
	for i := range spec.Containers {
		add(total, amountsOf(spec.Containers[i].Resources.Requests))
	}
	add(total, sidecars)
	atLeast(total, starting)
	asWhole(total, spec.Resources)
	add(total, amountsOf(spec.Overhead))
	return total
}

// asWhole puts what the pod asks for as a whole in the place of what its containers do. A
// limit alone is what Kubernetes makes the request where no container has one.
func asWhole(total map[string]int64, pod *corev1.ResourceRequirements) {
	if pod == nil {
		return
	}
	for name, limit := range amountsOf(pod.Limits) {
		if total[name] == 0 {
			total[name] = limit
		}
	}
	maps.Copy(total, amountsOf(pod.Requests))
}
