// Package podrequest is what a pod takes of its node, in the scheduler's units. Submit asks it
// of each job, and the fairlead command of each that a what-if supposes, so that both count alike.
//
// How containers, init containers, sidecars, what the pod asks for as a whole and its overhead
// come together is Kubernetes' own rule, in its own code (k8s.io/component-helpers); what its API
// server would fill in before is added here.
package podrequest

import (
	"maps"
	"math"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	helpers "k8s.io/component-helpers/resource"
)

// Of is what a pod requests, by resource, in the units of [Amount]. A resource of which it asks
// for nothing may be there with zero. The spec is not changed.
func Of(spec *corev1.PodSpec) map[string]int64 {
	pod := &corev1.Pod{Spec: *spec}
	if whole := spec.Resources; whole != nil {
		pod.Spec.Resources = &corev1.ResourceRequirements{Requests: wholeRequests(pod), Limits: whole.Limits}
	}
	return Amounts(helpers.PodRequests(pod, helpers.PodResourcesOptions{}))
}

// wholeRequests is what a pod requests as a whole. A limit alone is what the API server makes the
// request where no container has one.
func wholeRequests(pod *corev1.Pod) corev1.ResourceList {
	whole := pod.Spec.Resources
	if len(whole.Limits) == 0 {
		return whole.Requests
	}
	out := corev1.ResourceList{}
	ofContainers := helpers.AggregateContainerRequests(pod, helpers.PodResourcesOptions{})
	for name, limit := range whole.Limits {
		if own := ofContainers[name]; own.IsZero() {
			out[name] = limit
		}
	}
	maps.Copy(out, whole.Requests)
	return out
}

// Amounts are the quantities of a list in the units of [Amount].
func Amounts(list corev1.ResourceList) map[string]int64 {
	out := make(map[string]int64, len(list))
	for name, quantity := range list {
		out[string(name)] = Amount(name, quantity)
	}
	return out
}

// Amount is a quantity in the scheduler's units: thousandths of cpu, all else in its own, a part
// of one as one. More than fits in 63 bits is the most that does, which no node has.
func Amount(name corev1.ResourceName, quantity resource.Quantity) int64 {
	if name == corev1.ResourceCPU {
		if quantity.Cmp(*resource.NewMilliQuantity(math.MaxInt64, resource.DecimalSI)) >= 0 {
			return math.MaxInt64
		}
		return quantity.MilliValue()
	}
	if quantity.Cmp(*resource.NewQuantity(math.MaxInt64, resource.DecimalSI)) >= 0 {
		return math.MaxInt64
	}
	return quantity.Value()
}
