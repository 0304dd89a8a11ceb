package scenario

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/fairlead-batch/fairlead/services/internal/config"
	"github.com/fairlead-batch/fairlead/services/internal/fault"
	"github.com/fairlead-batch/fairlead/services/scheduler/simulate"
)

// Workload is a file of jobs: Armada's WorkloadSpec.
type Workload struct {
	Name string
	// RandomSeed chooses the tails of all times, where the caller chooses no other.
	RandomSeed int64
	Queues     []Queue
}

// Queue is a queue and its jobs.
type Queue struct {
	Name string
	// Weight is what its share is in proportion to: Armada's 1 / priority factor.
	Weight       float64
	JobTemplates []JobTemplate
}

// JobTemplate is jobs that are alike.
type JobTemplate struct {
	// Number is how many jobs, each time.
	Number            int64
	ID                string
	JobSet            string
	QueuePriority     uint32
	PriorityClassName string
	Requirements      Requirements
	// Dependencies are the ids of templates whose jobs must have succeeded, all of them and
	// each time that they are repeated.
	Dependencies []string
	// EarliestSubmitTime is from the beginning.
	EarliestSubmitTime                         Span
	EarliestSubmitTimeFromDependencyCompletion Span
	RuntimeDistribution                        Distribution
	GangCardinality                            uint32
	GangNodeUniformityLabel                    string
	Repeat                                     Repeat
	// NumberSuccessful and Queue are filled by Armada's simulator itself.
	NumberSuccessful, Queue unread
}

// Repeat submits a template several times.
type Repeat struct {
	NumTimes uint32
	Period   Span
}

// Requirements are what the pod of a job asks for.
type Requirements struct {
	NodeSelector         map[string]string
	Affinity             Affinity
	Tolerations          []Toleration
	ResourceRequirements struct {
		Requests map[string]Amount
		// Limits are the pod's on its node; nothing is scheduled by them.
		Limits map[string]Amount
		Claims unread
	}
	Annotations, Priority, PreemptionPolicy unread
}

// Toleration is Kubernetes' toleration.
type Toleration struct {
	Key, Operator, Value, Effect string
	TolerationSeconds            unread
}

// Affinity is the part of Kubernetes' affinity that a round looks at.
type Affinity struct {
	NodeAffinity struct {
		RequiredDuringSchedulingIgnoredDuringExecution struct {
			NodeSelectorTerms []Term
		}
		PreferredDuringSchedulingIgnoredDuringExecution unread
	}
	PodAffinity, PodAntiAffinity unread
}

// Term is met by a node that meets all of its expressions.
type Term struct{ MatchExpressions, MatchFields []Expression }

// Expression is Kubernetes' node selector requirement.
type Expression struct {
	Key, Operator string
	Values        []string
}

// ReadWorkload reads a file of jobs.
func ReadWorkload(file string) (Workload, error) {
	w, err := config.Load(Workload{}, []string{file}, nil)
	if err != nil {
		return Workload{}, fmt.Errorf("read workload: %w", from(file, err))
	}
	return w, nil
}

// Jobs is how many jobs the workload has.
func (w Workload) Jobs() uint64 {
	sum := uint64(0)
	for _, q := range w.Queues {
		for i := range q.JobTemplates {
			t := &q.JobTemplates[i]
			sum += uint64(max(0, min(t.Number, math.MaxInt32))) * uint64(max(1, t.Repeat.NumTimes)) //nolint:gosec // bounded
		}
	}
	return sum
}

// Validate implements config.Validator.
func (w Workload) Validate() error {
	var check fault.Check
	if len(w.Queues) == 0 {
		check.Violate("queues", nil, "must have at least one queue")
	}
	queues, ids := map[string]bool{}, map[string]bool{}
	for i, q := range w.Queues {
		if q.Name == "" || queues[q.Name] {
			check.Violate(fmt.Sprintf("queues[%d].name", i), q.Name, "must be a name that no other queue has")
		}
		queues[q.Name] = true
		for j := range q.JobTemplates {
			id := templateID(&q, j)
			if ids[id] {
				check.Violate(fmt.Sprintf("queues[%d].jobTemplates[%d].id", i, j), id, "must be a name that no other template has, also where it is made of queue and place")
			}
			ids[id] = true
		}
	}
	for i, q := range w.Queues {
		for j := range q.JobTemplates {
			for _, of := range q.JobTemplates[j].Dependencies {
				if !ids[of] {
					check.Violate(fmt.Sprintf("queues[%d].jobTemplates[%d].dependencies", i, j), of, "must be the id of a template")
				}
			}
		}
	}
	if jobs := w.Jobs(); jobs == 0 || jobs > simulate.JobsMax {
		check.Violate("queues", jobs, fmt.Sprintf("must have from 1 to %d jobs in all", uint64(simulate.JobsMax)))
	}
	return check.Err()
}

// templateID is a template's id, or one made of its queue and its place there.
func templateID(q *Queue, at int) string {
	if id := q.JobTemplates[at].ID; id != "" {
		return id
	}
	return fmt.Sprintf("%s-%d", q.Name, at)
}

// weightMax keeps a weight in millionths within the round's bounds.
const weightMax = 1_000_000

// Validate implements config.Validator.
func (q Queue) Validate() error {
	var check fault.Check
	if !(q.Weight >= 1e-6 && q.Weight <= weightMax) {
		check.Violate("weight", q.Weight, fmt.Sprintf("must be from 0.000001 to %d", weightMax))
	}
	return check.Err()
}

// Validate implements config.Validator.
func (t JobTemplate) Validate() error {
	var check fault.Check
	switch gang := int64(t.GangCardinality); {
	case t.Number < 0 || t.Number > simulate.JobsMax:
		check.Violate("number", t.Number, fmt.Sprintf("must be from 0 to %d", simulate.JobsMax))
	case gang > 0 && t.Number%gang != 0:
		check.Violate("number", t.Number, fmt.Sprintf("must be a multiple of gangCardinality, which is %d", gang))
	}
	if t.Repeat.NumTimes == 0 && t.Repeat.Period != 0 {
		check.Violate("repeat.numTimes", t.Repeat.NumTimes, "must be at least 1")
	}
	if t.Repeat.NumTimes > 1 && t.Repeat.Period == 0 {
		check.Violate("repeat.period", nil, "must be above 0")
	}
	if t.GangNodeUniformityLabel != "" && t.GangCardinality == 0 {
		check.Violate("gangNodeUniformityLabel", t.GangNodeUniformityLabel, "needs gangCardinality")
	}
	requests := t.Requirements.ResourceRequirements.Requests
	if len(requests) == 0 {
		check.Violate("requirements.resourceRequirements.requests", nil, "must name at least one resource")
	}
	for _, name := range slices.Sorted(maps.Keys(requests)) {
		if _, fits := requests[name].units(name); !fits {
			check.Violate("requirements.resourceRequirements.requests", name, amountRule)
		}
	}
	return check.Err()
}

// Validate implements config.Validator.
func (d Distribution) Validate() error {
	var check fault.Check
	for name, span := range map[string]Span{"minimum": d.Minimum, "tailMean": d.TailMean} {
		if span > Span(simulate.SpanMax) {
			check.Violate(name, nil, fmt.Sprintf("must be at most %v", simulate.SpanMax))
		}
	}
	return check.Err()
}

// Validate implements config.Validator.
func (e Expression) Validate() error {
	var check fault.Check
	switch e.Operator {
	case "In", "NotIn":
		if len(e.Values) == 0 {
			check.Violate("values", nil, "must not be empty for "+e.Operator)
		}
	case "Exists", "DoesNotExist":
	case "Gt", "Lt":
		if len(e.Values) != 1 {
			check.Violate("values", len(e.Values), "must be one for "+e.Operator)
		}
	default:
		check.Violate("operator", e.Operator, "must be In, NotIn, Exists, DoesNotExist, Gt or Lt")
	}
	return check.Err()
}

// Validate implements config.Validator.
func (t Toleration) Validate() error {
	var check fault.Check
	if t.Operator != "" && t.Operator != "Equal" && t.Operator != "Exists" {
		check.Violate("operator", t.Operator, "must be Equal or Exists")
	}
	return check.Err()
}
