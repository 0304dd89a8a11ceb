package cli

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/fairlead-batch/fairlead/proto/gen/api"
)

// phase is the state of a job as its events tell it.
type phase int

// The phases, in the order in which they are shown.
const (
	queued phase = iota + 1
	leased
	pending
	running
	succeeded
	failed
	rejected
	preempted
	cancelled
	phases
)

var phaseNames = [...]string{"", "queued", "leased", "pending", "running", "succeeded", "failed", "rejected", "preempted", "cancelled"}

func (p phase) String() string { return phaseNames[p] }

func (p phase) active() bool { return p <= running }

// tally counts the jobs of a job set by phase. For one goroutine.
type tally struct {
	phases map[string]phase // by job id
	counts [phases]int
	ended  []change // the first of those that did not succeed
}

// endedMax is how many jobs that did not succeed are told one by one.
const endedMax = 20

func newTally() *tally { return &tally{phases: map[string]phase{}} }

// change is what an event did to a job.
type change struct {
	job    string
	to     phase
	again  bool // back in the queue after a run
	reason string
	at     *timestamppb.Timestamp
}

// String is the change as a sentence.
func (c change) String() string {
	text := fmt.Sprintf("job %s %s", c.job, c.to)
	if c.again {
		text += " again"
	}
	if c.reason != "" {
		text += ": " + c.reason
	}
	return text
}

// jobEvent is what all events have.
type jobEvent interface {
	GetJobId() string
	GetCreated() *timestamppb.Timestamp
}

// add counts an event and returns what it did; nil: no job moved by it.
func (t *tally) add(m *api.EventMessage) *change {
	r := m.ProtoReflect()
	field := r.WhichOneof(r.Descriptor().Oneofs().ByName("events"))
	if field == nil {
		return nil // of a newer server
	}
	event, ok := r.Get(field).Message().Interface().(jobEvent)
	if !ok {
		return nil
	}
	c := change{job: event.GetJobId(), at: event.GetCreated()}
	from := t.phases[c.job]
	if c.to, c.reason = move(from, m); c.to == 0 || c.to == from {
		return nil
	}
	c.again = c.to == queued && from != 0
	t.phases[c.job] = c.to
	t.counts[c.to]++
	if from != 0 {
		t.counts[from]--
	}
	if !c.to.active() && c.to != succeeded && len(t.ended) < endedMax {
		t.ended = append(t.ended, c)
	}
	return &c
}

// move is the phase of a job after an event, and why; zero: it stays.
func move(from phase, m *api.EventMessage) (phase, string) {
	switch e := m.GetEvents().(type) {
	case *api.EventMessage_Submitted, *api.EventMessage_Queued:
		return queued, ""
	case *api.EventMessage_Leased:
		return leased, ""
	case *api.EventMessage_LeaseReturned:
		return queued, e.LeaseReturned.GetReason()
	case *api.EventMessage_LeaseExpired:
		return queued, "its executor was not heard from"
	case *api.EventMessage_Pending:
		return pending, ""
	case *api.EventMessage_Running:
		return running, ""
	case *api.EventMessage_Succeeded:
		return succeeded, ""
	case *api.EventMessage_Preempted:
		return preempted, e.Preempted.GetReason()
	case *api.EventMessage_Cancelled:
		return cancelled, e.Cancelled.GetReason()
	case *api.EventMessage_Failed:
		switch {
		case from == preempted: // the one failure that follows each preemption
			return 0, ""
		case e.Failed.GetRetryable():
			return queued, failure(e.Failed)
		case e.Failed.GetCause() == api.Cause_Rejected:
			return rejected, failure(e.Failed)
		}
		return failed, failure(e.Failed)
	default:
		return 0, ""
	}
}

// failure says why a job failed.
func failure(e *api.JobFailedEvent) string {
	if e.GetReason() != "" {
		return e.GetReason()
	}
	for _, c := range e.GetContainerStatuses() {
		if c.GetExitCode() != 0 {
			return fmt.Sprintf("container %s exited with %d", c.GetName(), c.GetExitCode())
		}
	}
	return ""
}

func (t *tally) jobs() int { return len(t.phases) }

// active is how many jobs are not over.
func (t *tally) active() int {
	n := 0
	for p := queued; p <= running; p++ {
		n += t.counts[p]
	}
	return n
}

// unsuccessful is how many jobs are over and did not succeed.
func (t *tally) unsuccessful() int { return t.jobs() - t.active() - t.counts[succeeded] }

// String is the counts that are not zero.
func (t *tally) String() string {
	var all []string
	for p := queued; p < phases; p++ {
		if t.counts[p] > 0 {
			all = append(all, fmt.Sprintf("%s %d", p, t.counts[p]))
		}
	}
	if len(all) == 0 {
		return "no jobs"
	}
	return strings.Join(all, ", ")
}
