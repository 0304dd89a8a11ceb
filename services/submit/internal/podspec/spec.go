// Package podspec is submit's only knowledge of Kubernetes' types: it decodes a
// pod spec, shows the rules what they look at, puts the defaults in, computes what
// the scheduler needs, and makes the services and ingresses of a job.
//
// # Model
//
//	bytes --Decode--> Spec --View--> admit.Pod, for the rules
//	                       --Finish--> job.PodSpec (bytes with defaults), job.Shape
//
// It is done once for each distinct spec of a request. Bytes are Kubernetes' own
// wire form, as on the API and as in the log.
//
// # Guarantees
//
//   - Nothing is read but the arguments: same bytes and defaults, same result.
//   - [Spec.Finish] expects a spec that the rules have passed.
//
// Bytes that are no pod spec (a quantity that cannot be read) give an error for
// the caller to refuse; there is no other neighbour to fail.
package podspec

import (
	"fmt"
	"maps"
	"math/big"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/submit/internal/admit"
)

// Spec is a decoded pod spec. It is for one goroutine.
type Spec struct {
	pod       corev1.PodSpec
	sizeBytes int
}

// Decode reads a pod spec in Kubernetes' wire form. The error says what cannot be read.
func Decode(raw []byte) (*Spec, error) {
	s := &Spec{sizeBytes: len(raw)}
	if err := s.pod.Unmarshal(raw); err != nil {
		return nil, fmt.Errorf("decode pod spec: %w", err)
	}
	return s, nil
}

// Bytes is the spec as it is written here: one form for each spec.
func (s *Spec) Bytes() ([]byte, error) {
	raw, err := s.pod.Marshal()
	if err != nil {
		return nil, fmt.Errorf("encode pod spec: %w", err)
	}
	return raw, nil
}

// View is what the rules see of the spec, as it was sent.
func (s *Spec) View() *admit.Pod {
	p := &admit.Pod{
		SizeBytes:    s.sizeBytes,
		Class:        s.pod.PriorityClassName,
		GraceSeconds: s.pod.TerminationGracePeriodSeconds,
		Tolerations:  tolerations(s.pod.Tolerations),
	}
	if a := s.pod.Affinity; a != nil && a.NodeAffinity != nil {
		p.PreferredNodeAffinity = len(a.NodeAffinity.PreferredDuringSchedulingIgnoredDuringExecution) > 0
		p.RequiredNodeAffinity = a.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution != nil
		p.NodeTerms = nodeTerms(&s.pod)
	}
	for i := range s.pod.InitContainers {
		p.Containers = append(p.Containers, containerView(&s.pod.InitContainers[i], fmt.Sprintf("initContainers[%d]", i)))
		p.Containers[i].Init = true
	}
	for i := range s.pod.Containers {
		p.Containers = append(p.Containers, containerView(&s.pod.Containers[i], fmt.Sprintf("containers[%d]", i)))
	}
	return p
}

func containerView(c *corev1.Container, field string) admit.Container {
	view := admit.Container{Field: field, Name: c.Name, Requests: Amounts(c.Resources.Requests), Limits: Amounts(c.Resources.Limits)}
	for _, port := range c.Ports {
		view.Ports = append(view.Ports, uint32(port.ContainerPort)) //nolint:gosec // ports are compared, not opened
	}
	return view
}

// Amounts are the quantities of a list, exact and sorted by resource.
func Amounts(list corev1.ResourceList) []admit.Amount {
	if len(list) == 0 {
		return nil
	}
	out := make([]admit.Amount, 0, len(list))
	for _, name := range slices.Sorted(maps.Keys(list)) {
		q := list[name]
		out = append(out, admit.Amount{Resource: string(name), Value: exact(q), Text: q.String()})
	}
	return out
}

func exact(q resource.Quantity) *big.Rat {
	copied := q.DeepCopy()
	d := copied.AsDec() // changes what it is called on
	ten := big.NewInt(10)
	if scale := int64(d.Scale()); scale > 0 {
		return new(big.Rat).SetFrac(d.UnscaledBig(), new(big.Int).Exp(ten, big.NewInt(scale), nil))
	} else {
		factor := new(big.Int).Exp(ten, big.NewInt(-scale), nil)
		return new(big.Rat).SetInt(factor.Mul(factor, d.UnscaledBig()))
	}
}

// Finish puts the defaults into the spec and gives what goes into the log: its
// bytes, and its shape. class is the priority class with the default applied.
func (s *Spec) Finish(d Defaults, class string) (*job.PodSpec, *job.Shape, error) {
	s.pod.PriorityClassName = class
	d.apply(&s.pod)
	raw, err := s.Bytes()
	if err != nil {
		return nil, nil, err
	}
	return &job.PodSpec{Bytes: raw}, shape(&s.pod), nil
}

func tolerations(list []corev1.Toleration) []job.Toleration {
	var out []job.Toleration
	for _, t := range list {
		out = append(out, job.Toleration{Key: t.Key, Operator: string(t.Operator), Value: t.Value, Effect: string(t.Effect)})
	}
	return out
}
