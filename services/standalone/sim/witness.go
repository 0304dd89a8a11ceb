package sim

import (
	"fmt"
	"strings"

	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// witness notes what an accepted event says beside the job's state.
type witness struct {
	*truth
	life *life
	from source
}

type none = struct{}

var _ job.Visitor[none] = witness{}

func (v witness) Submitted(e job.SubmittedEvent) none {
	v.life.gang, v.life.requests = e.Gang, e.Shape.Requests
	return none{}
}

func (v witness) Leased(e job.LeasedEvent) none {
	v.runs[e.Run] = &lived{job: e.Job, executor: e.Executor, node: e.Node, plan: v.from.plan}
	p := v.planOf(v.from.plan)
	p.leased = append(p.leased, e.Job)
	v.w.counts.add(countLeases)
	return none{}
}

func (v witness) RunAcknowledged(e job.RunAcknowledgedEvent) none {
	v.runs[e.Run].acknowledged = true
	return none{}
}

func (v witness) RunReturned(job.RunReturnedEvent) none { return v.count(countReturned) }

func (v witness) RunExpired(e job.RunExpiredEvent) none {
	v.runs[e.Run].expired = true
	v.w.checkExpired(e.Run)
	return v.count(countExpired)
}

func (v witness) Requeued(job.RequeuedEvent) none {
	v.life.back = v.from.decided
	return v.count(countRequeued)
}

func (v witness) Preempted(job.PreemptedEvent) none { return v.count(countPreempted) }
func (v witness) Cancelled(job.CancelledEvent) none { return v.count(countCancelled) }
func (v witness) Rejected(job.RejectedEvent) none   { return v.count(countRejected) }
func (v witness) Succeeded(job.SucceededEvent) none { return v.count(countSucceeded) }
func (v witness) Failed(job.FailedEvent) none       { return v.count(countFailed) }
func (v witness) Reprioritized(job.ReprioritizedEvent) none {
	return v.count(countReprioritized)
}

func (v witness) Reserved(job.ReservedEvent) none { return v.count(countReserved) }
func (v witness) Unreserved(job.UnreservedEvent) none {
	return v.count(countUnreserved)
}

func (v witness) CancelRequested(job.CancelRequestedEvent) none             { return none{} }
func (v witness) ReprioritizeRequested(job.ReprioritizeRequestedEvent) none { return none{} }
func (v witness) PreemptRequested(job.PreemptRequestedEvent) none           { return none{} }
func (v witness) RunPending(job.RunPendingEvent) none                       { return none{} }
func (v witness) RunRunning(job.RunRunningEvent) none                       { return none{} }
func (v witness) RunSucceeded(job.RunSucceededEvent) none                   { return none{} }
func (v witness) RunFailed(job.RunFailedEvent) none                         { return none{} }
func (v witness) RunReleased(job.RunReleasedEvent) none                     { return none{} }

func (v witness) count(c count) none {
	v.w.counts.add(c)
	return none{}
}

// name is an event's name, for the story.
func name(e job.Event) string {
	return strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%T", e), "job."), "Event")
}

// teller judges the accepted events of one job, told one after the other, by what a
// reader of the stream relies on. It is written from the API's promises and not from
// package job, so that both must agree.
type teller struct {
	submitted, final bool
	// run is the newest run; step is how far it was told, and over that it ended.
	run  job.RunID
	step int
	over bool
	// runs are all runs so far.
	runs map[job.RunID]bool
}

// The steps of a run as they are told.
const (
	stepLeased = iota + 1
	stepAcknowledged
	stepPending
	stepRunning
)

// hear takes the next event. It returns what is wrong with it; empty: nothing.
func (t *teller) hear(e job.Event) string {
	_, first := e.(job.SubmittedEvent)
	_, release := e.(job.RunReleasedEvent) // the one that may come behind the end
	switch {
	case first && t.submitted:
		return "it was submitted before"
	case !first && !t.submitted:
		return "it was not submitted"
	case t.final && !release:
		return "it has ended"
	}
	return job.Visit[string](e, hearing{t})
}

// hearing is a teller in the middle of a job's life.
type hearing struct{ *teller }

var _ job.Visitor[string] = hearing{}

func (h hearing) CancelRequested(job.CancelRequestedEvent) string             { return "" }
func (h hearing) ReprioritizeRequested(job.ReprioritizeRequestedEvent) string { return "" }
func (h hearing) PreemptRequested(job.PreemptRequestedEvent) string           { return "" }
func (h hearing) Reprioritized(job.ReprioritizedEvent) string                 { return "" }

func (h hearing) Submitted(job.SubmittedEvent) string {
	h.submitted, h.runs = true, map[job.RunID]bool{}
	return ""
}

func (h hearing) Leased(e job.LeasedEvent) string {
	before := h.run
	h.run, h.step, h.over = e.Run, stepLeased, false
	switch {
	case !before.IsZero():
		return "it has a run"
	case h.runs[e.Run]:
		return "the run was told before"
	}
	h.runs[e.Run] = true
	return ""
}

func (h hearing) RunAcknowledged(e job.RunAcknowledgedEvent) string {
	return h.next(e.Run, stepAcknowledged)
}

func (h hearing) RunPending(e job.RunPendingEvent) string { return h.next(e.Run, stepPending) }
func (h hearing) RunRunning(e job.RunRunningEvent) string { return h.next(e.Run, stepRunning) }

// next is the next step of a run: none is left out, and none told twice.
func (h hearing) next(run job.RunID, step int) string {
	if run != h.run || h.over || h.step != step-1 {
		return "the run is not there yet, or behind it"
	}
	h.step = step
	return ""
}

func (h hearing) RunSucceeded(e job.RunSucceededEvent) string {
	if h.step != stepRunning {
		return "it does not run"
	}
	return h.ends(e.Run)
}

func (h hearing) RunFailed(e job.RunFailedEvent) string     { return h.ends(e.Run) }
func (h hearing) RunReturned(e job.RunReturnedEvent) string { return h.ends(e.Run) }
func (h hearing) RunExpired(e job.RunExpiredEvent) string   { return h.ends(e.Run) }

func (h hearing) ends(run job.RunID) string {
	if run != h.run || h.over {
		return "it is not the live run"
	}
	h.over = true
	return ""
}

func (h hearing) RunReleased(e job.RunReleasedEvent) string {
	if e.Run != h.run {
		return "it is of another run"
	}
	return ""
}

func (h hearing) Requeued(e job.RequeuedEvent) string {
	if e.Run != h.run || !h.over {
		return "its run is not over"
	}
	h.run, h.over = job.RunID{}, false
	return ""
}

func (h hearing) Succeeded(e job.SucceededEvent) string { return h.endsBehind(e.Run) }
func (h hearing) Failed(e job.FailedEvent) string       { return h.endsBehind(e.Run) }

// endsBehind is an end that follows from that of the run.
func (h hearing) endsBehind(run job.RunID) string {
	h.final = true
	if run != h.run || !h.over {
		return "its run is not over"
	}
	return ""
}

func (h hearing) Preempted(e job.PreemptedEvent) string {
	h.final = true
	if e.Run != h.run || h.over {
		return "its run is not live"
	}
	return ""
}

func (h hearing) Cancelled(job.CancelledEvent) string {
	h.final = true
	return ""
}

func (h hearing) Reserved(job.ReservedEvent) string     { return h.waits() }
func (h hearing) Unreserved(job.UnreservedEvent) string { return h.waits() }

func (h hearing) waits() string {
	if !h.run.IsZero() {
		return "it has a run"
	}
	return ""
}

func (h hearing) Rejected(job.RejectedEvent) string {
	h.final = true
	if !h.run.IsZero() {
		return "it has a run"
	}
	return ""
}
