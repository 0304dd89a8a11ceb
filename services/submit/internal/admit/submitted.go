package admit

import (
	"maps"
	"math"
	"strings"

	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// Accepted is an item that passed [Rules.Check], with what was made of its spec.
type Accepted struct {
	*Item
	// Spec has the defaults in it; Shape is its. Items with equal specs share both.
	Spec  *job.PodSpec
	Shape *job.Shape
}

// Submitted is the fact that an accepted item became the job of that head. What is
// made with the pod is left to the caller.
func (r Rules) Submitted(head job.Head, a Accepted) job.SubmittedEvent {
	gang, _, _ := r.gangOf(a.Annotations) // Check has refused what is no gang
	class := r.ClassOf(a.Pod)
	e := job.SubmittedEvent{
		Head:           head,
		Priority:       Priority(a.Priority),
		Class:          class,
		Preemptible:    r.Classes[class].Preemptible,
		Namespace:      a.Namespace,
		Labels:         fill(a.Labels, head.Job),
		Annotations:    fill(a.Annotations, head.Job),
		Spec:           a.Spec,
		Shape:          a.Shape,
		ClientID:       a.ClientID,
		ExternalJobURI: a.ExternalJobURI,
	}
	if e.ExternalJobURI == "" {
		e.ExternalJobURI = a.Annotations[ExternalURIAnnotation]
	}
	if gang.ID == "" {
		return e
	}
	e.Annotations = with(e.Annotations, FailFastAnnotation, "true")
	if gang.UniformityLabel != "" {
		e.Annotations = with(e.Annotations, GangUniformityAnnotation, gang.UniformityLabel)
	}
	if r.GangIDLabel {
		e.Labels = with(e.Labels, GangIDAnnotation, gang.ID)
	}
	if gang.Cardinality > 1 { // a gang of one is a job of its own
		e.Gang = gang
	}
	return e
}

// Priority is what the API's number means: rounded, and the nearest of 0 to
// 2^32-1. Not a number is 0.
func Priority(p float64) uint32 {
	switch {
	case !(p > 0): // also when it is not a number
		return 0
	case p >= math.MaxUint32:
		return math.MaxUint32
	}
	return uint32(math.Round(p))
}

// fill puts the job's id where values ask for it; a map without such values
// comes back as it is.
func fill(m map[string]string, id job.ID) map[string]string {
	out := m
	//archcheck:unordered each value by itself
	for key, value := range m {
		if strings.Contains(value, placeholder) {
			out = with(out, key, fillText(value, id.String()))
		}
	}
	return out
}

const (
	placeholder = "{JobId}"
	escaped     = "{{JobId}}" // stands for the placeholder's own text
)

func fillText(text, id string) string {
	return strings.NewReplacer(escaped, placeholder, placeholder, id).Replace(text)
}

// with is m and one more entry.
func with(m map[string]string, key, value string) map[string]string {
	out := make(map[string]string, len(m)+1)
	maps.Copy(out, m)
	out[key] = value
	return out
}
