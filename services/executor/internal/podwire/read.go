// Package podwire reads pod specs in Kubernetes' wire form, for the simulated
// cluster. It is apart from it because Kubernetes' types are no part of a stepped
// core.
//
// It reads what is there and fills in what Kubernetes would: a request that is
// missing is the limit, the grace period is 30 seconds. It has no state and is safe
// for concurrent use.
package podwire

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/fairlead-batch/fairlead/services/executor/internal/simulated"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// graceDefault is Kubernetes' own default of terminationGracePeriodSeconds.
const graceDefault = 30 * time.Second

// Read reads k8s.io.api.core.v1.PodSpec off the wire. It fails for bytes that are
// none, and for a spec without containers.
func Read(wire []byte) (simulated.Spec, error) {
	var spec corev1.PodSpec
	if err := spec.Unmarshal(wire); err != nil {
		return simulated.Spec{}, fmt.Errorf("decode: %w", err)
	}
	if len(spec.Containers) == 0 {
		return simulated.Spec{}, errors.New("spec.containers: Required value")
	}
	out := simulated.Spec{
		Init: containers(spec.InitContainers), Containers: containers(spec.Containers),
		Requests: Requests(&spec), Grace: graceDefault,
	}
	if s := spec.TerminationGracePeriodSeconds; s != nil {
		out.Grace = time.Duration(*s) * time.Second
	}
	if s := spec.ActiveDeadlineSeconds; s != nil {
		out.Deadline = time.Duration(*s) * time.Second
	}
	return out, nil
}

func containers(list []corev1.Container) (out []simulated.Container) {
	for _, c := range list {
		out = append(out, simulated.Container{Name: c.Name, Image: c.Image, Command: slices.Concat(c.Command, c.Args)})
	}
	return out
}

// Requests sums up what a pod asks for as a kubelet does: containers run together, init containers one
// by one before them but for those that stay (sidecars); the pod may ask as a whole, and overhead comes on top.
func Requests(spec *corev1.PodSpec) (out []job.Amount) {
	together, alone, sidecars := corev1.ResourceList{}, corev1.ResourceList{}, corev1.ResourceList{}
	for _, c := range spec.Containers {
		add(together, wanted(c))
	}
	for _, c := range spec.InitContainers {
		if c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			add(sidecars, wanted(c))
			atLeast(alone, sidecars)
			continue
		}
		step := sidecars.DeepCopy()
		add(step, wanted(c))
		atLeast(alone, step)
	}
	add(together, sidecars)
	atLeast(together, alone)
	if whole := spec.Resources; whole != nil { // what is asked for the pod as a whole takes the place of the sum
		maps.Copy(together, whole.Requests)
	}
	add(together, spec.Overhead)
	for _, name := range slices.Sorted(maps.Keys(together)) {
		out = append(out, job.Amount{Resource: string(name), Value: value(name, together[name])})
	}
	return out
}

// wanted are a container's requests, limits standing in for those that are missing.
func wanted(c corev1.Container) corev1.ResourceList {
	out := corev1.ResourceList{}
	maps.Copy(out, c.Resources.Limits)
	maps.Copy(out, c.Resources.Requests)
	return out
}

func add(sum, more corev1.ResourceList) {
	for name, q := range more {
		have := sum[name]
		have.Add(q)
		sum[name] = have
	}
}

func atLeast(sum, least corev1.ResourceList) {
	for name, q := range least {
		if have := sum[name]; have.Cmp(q) < 0 {
			sum[name] = q
		}
	}
}

// value is an amount as package job counts it: cpu in thousandths of a core.
func value(name corev1.ResourceName, q resource.Quantity) int64 {
	if name == corev1.ResourceCPU {
		return q.MilliValue()
	}
	return q.Value()
}
