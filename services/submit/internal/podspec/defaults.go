package podspec

import (
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// Defaults is what a pod spec gets that leaves it open. It is not changed once made.
type Defaults struct {
	// Limits are requested, as request and limit, by every container that says
	// nothing of the resource.
	Limits corev1.ResourceList
	// Tolerations are added to every spec, TolerationsByClass to those of a priority
	// class, TolerationsByRequest to those that request the resource.
	Tolerations          []corev1.Toleration
	TolerationsByClass   map[string][]corev1.Toleration
	TolerationsByRequest map[string][]corev1.Toleration
	// ActiveDeadline is how long a pod may run; zero: for ever. For specs that
	// request a resource of ActiveDeadlineByRequest it is the longest of these.
	ActiveDeadline          time.Duration
	ActiveDeadlineByRequest map[string]time.Duration
	// GraceSeconds is the termination grace period of a spec without one or with zero.
	GraceSeconds int64
}

// apply puts d into a spec whose priority class is known.
func (d Defaults) apply(spec *corev1.PodSpec) {
	for i := range spec.InitContainers {
		d.resources(&spec.InitContainers[i])
	}
	for i := range spec.Containers {
		d.resources(&spec.Containers[i])
	}
	spec.Tolerations = append(spec.Tolerations, d.Tolerations...)
	spec.Tolerations = append(spec.Tolerations, d.TolerationsByClass[spec.PriorityClassName]...)
	for _, resource := range slices.Sorted(maps.Keys(d.TolerationsByRequest)) {
		if requests(spec, resource) {
			spec.Tolerations = append(spec.Tolerations, d.TolerationsByRequest[resource]...)
		}
	}
	if g := spec.TerminationGracePeriodSeconds; g == nil || *g == 0 {
		spec.TerminationGracePeriodSeconds = new(d.GraceSeconds)
	}
	if deadline := d.deadline(spec); spec.ActiveDeadlineSeconds == nil && deadline > 0 {
		spec.ActiveDeadlineSeconds = new(int64(deadline / time.Second))
	}
}

func (d Defaults) resources(c *corev1.Container) {
	for name, amount := range d.Limits {
		_, requested := c.Resources.Requests[name]
		_, limited := c.Resources.Limits[name]
		if requested || limited {
			continue
		}
		if c.Resources.Requests == nil {
			c.Resources.Requests = corev1.ResourceList{}
		}
		if c.Resources.Limits == nil {
			c.Resources.Limits = corev1.ResourceList{}
		}
		c.Resources.Requests[name] = amount.DeepCopy()
		c.Resources.Limits[name] = amount.DeepCopy()
	}
}

func (d Defaults) deadline(spec *corev1.PodSpec) time.Duration {
	var longest time.Duration
	for resource, deadline := range d.ActiveDeadlineByRequest {
		if requests(spec, resource) {
			longest = max(longest, deadline)
		}
	}
	if longest > 0 {
		return longest
	}
	return d.ActiveDeadline
}

// requests says whether a container of the spec asks for some of the resource.
func requests(spec *corev1.PodSpec, resource string) bool {
	for _, list := range [...][]corev1.Container{spec.InitContainers, spec.Containers} {
		for i := range list {
			if amount, ok := list[i].Resources.Requests[corev1.ResourceName(resource)]; ok && !amount.IsZero() {
				return true
			}
		}
	}
	return false
}
