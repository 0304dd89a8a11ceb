package admit

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/fairlead-batch/fairlead/services/internal/fault"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// Change is a wish about jobs of one job set: to cancel, preempt or reprioritize
// them.
type Change struct {
	Action        job.Action
	Queue, JobSet string
	// JobIDs name single jobs; none: the whole job set.
	JobIDs []string
	// States narrow a change of the whole job set; none: every unfinished job.
	States []job.State
	Reason string
	// Priority is for Reprioritize.
	Priority float64
}

// Changed is what a change puts into the log: facts on single jobs, or else a
// command about the job set.
type Changed struct {
	Facts   []job.Event
	Command *job.Command
}

// Change judges c and returns what goes into the log, written at a time and on
// somebody's behalf. The same job named twice counts once.
func (r Rules) Change(c Change, at job.Time, cause job.Cause) (Changed, error) {
	if len(c.JobIDs) > r.JobsMax {
		return Changed{}, fault.NewTooLarge("%d job ids in a request, at most %d: split it", len(c.JobIDs), r.JobsMax)
	}
	var check fault.Check
	named(&check, c)
	ids := jobIDs(&check, c.JobIDs)
	states := jobSetStates(&check, c.States)
	if err := check.Err(); err != nil {
		return Changed{}, err
	}
	if len(c.JobIDs) == 0 {
		return Changed{Command: &job.Command{
			Time: at, Cause: cause, Action: c.Action, Reason: c.Reason, Priority: Priority(c.Priority),
			Select: job.Selector{Queues: []string{c.Queue}, JobSet: c.JobSet, States: states},
		}}, nil
	}
	facts := make([]job.Event, len(ids))
	for i, id := range ids {
		facts[i] = c.fact(job.Head{Job: id, Time: at})
	}
	return Changed{Facts: facts}, nil
}

func (c Change) fact(head job.Head) job.Event {
	switch c.Action {
	case job.Cancel:
		return job.CancelRequestedEvent{Head: head, Reason: c.Reason}
	case job.Preempt:
		return job.PreemptRequestedEvent{Head: head, Reason: c.Reason}
	case job.Reprioritize:
		return job.ReprioritizeRequestedEvent{Head: head, Priority: Priority(c.Priority)}
	}
	panic(fmt.Sprintf("admit: no action %d", c.Action)) // unreachable: the set is closed
}

// named checks what every change must have. The texts are Armada's.
func named(check *fault.Check, c Change) {
	if c.Queue == "" {
		check.Violate("queue", "", "queue cannot be empty")
	}
	switch {
	case c.JobSet == "":
		check.Violate("job_set_id", "", "jobset cannot be empty")
	case len(c.JobSet) > JobSetBytesMax:
		check.Violate("job_set_id", c.JobSet, fmt.Sprintf("job set id of length %d must be less than max character length %d", len(c.JobSet), JobSetBytesMax+1))
	}
	if strings.ContainsRune(c.Queue+c.JobSet, 0) {
		check.Violate("job_set_id", c.JobSet, "queue and job set must not contain NUL")
	}
	if len(c.Reason) > ReasonBytesMax {
		check.Violate("reason", c.Reason, fmt.Sprintf("reason cannot be longer than %d bytes", ReasonBytesMax))
	}
	if math.IsNaN(c.Priority) {
		check.Violate("new_priority", c.Priority, "must be a number")
	}
}

func jobIDs(check *fault.Check, texts []string) []job.ID {
	ids := make([]job.ID, 0, len(texts))
	seen := make(map[job.ID]bool, len(texts))
	for i, text := range texts {
		id, err := job.ParseID(text)
		if err != nil {
			check.Violate(fmt.Sprintf("job_ids[%d]", i), text, "must be a job id: 26 characters, as SubmitJobs answered it")
			continue
		}
		if !seen[id] {
			seen[id] = true
			ids = append(ids, id)
		}
	}
	return ids
}

// jobSetStates is what the filter of a job set selects. It knows two groups: what
// waits, and what has a run, which Armada names by two states that must come
// together.
func jobSetStates(check *fault.Check, states []job.State) (out []job.State) {
	for i, s := range states {
		if s < job.Queued || s > job.Running {
			check.Violate(fmt.Sprintf("filter.states[%d]", i), s, "provided job states must be non-terminal: QUEUED, or PENDING and RUNNING")
			return nil
		}
	}
	if slices.Contains(states, job.Queued) {
		out = append(out, job.Queued)
	}
	pending, running := slices.Contains(states, job.Pending), slices.Contains(states, job.Running)
	switch {
	case pending && running:
		out = append(out, job.Leased, job.Pending, job.Running)
	case pending, running, slices.Contains(states, job.Leased):
		check.Violate("filter.states", nil, "unsupported state combination - state PENDING and RUNNING must always be used together")
	}
	return out
}

// QueueChange is a wish about jobs of a whole queue, in all its job sets.
type QueueChange struct {
	Action         job.Action
	Queue          string
	Classes, Pools []string
	// States are for Cancel: any of these; none selects no job at all.
	States []job.State
}

// QueueChange judges c and returns the command that goes into every partition of
// events; nil when it selects nothing.
func (r Rules) QueueChange(c QueueChange, at job.Time, cause job.Cause) (*job.Command, error) {
	var check fault.Check
	if c.Queue == "" {
		check.Violate("name", "", "queue cannot be empty")
	}
	for i, s := range c.States {
		if s == 0 || s.Final() {
			check.Violate(fmt.Sprintf("jobStates[%d]", i), s, "provided job states must be non-terminal")
		}
	}
	if n := len(c.Classes) + len(c.Pools) + len(c.States); n > r.JobsMax {
		check.Violate("", n, fmt.Sprintf("at most %d classes, pools and states together", r.JobsMax))
	}
	if err := check.Err(); err != nil {
		return nil, err
	}
	if c.Action == job.Cancel && len(c.States) == 0 {
		return nil, nil //nolint:nilnil // selecting nothing is fine, and Armada's meaning of no states
	}
	return &job.Command{
		Time: at, Cause: cause, Action: c.Action,
		Select: job.Selector{Queues: []string{c.Queue}, Classes: c.Classes, Pools: c.Pools, States: c.States},
	}, nil
}
