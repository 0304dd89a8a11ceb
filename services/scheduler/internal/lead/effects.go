package lead

import (
	"fmt"

	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// effects carries out what an accepted event changes beside the job itself: where
// its run is, what is asked of it, the board of the round, and, for a leader, what
// executors must hear.
type effects struct {
	*Core
	rec    *record
	before job.Job
	cause  job.Cause
}

type none = struct{}

var _ job.Visitor[none] = effects{}

func (f effects) Submitted(job.SubmittedEvent) none { return none{} } // Core.submitted did it

func (f effects) CancelRequested(e job.CancelRequestedEvent) none {
	f.rec.wishes().cancel = &asked{by: f.cause.User, why: e.Reason}
	f.board.held(f.rec)
	return none{}
}

func (f effects) ReprioritizeRequested(e job.ReprioritizeRequestedEvent) none {
	w := f.rec.wishes()
	w.reprioritize, w.priority = &asked{by: f.cause.User}, e.Priority
	return none{}
}

func (f effects) PreemptRequested(e job.PreemptRequestedEvent) none {
	f.rec.wishes().preempt = &asked{by: f.cause.User, why: preemptedBy(f.cause.User, e.Reason)}
	return none{}
}

func (f effects) Leased(e job.LeasedEvent) none {
	f.rec.place = &place{executor: f.executor(e.Executor), leased: e}
	f.rec.place.executor.runs[e.Run] = f.rec
	f.table.runs[e.Run] = f.rec
	f.rec.end = nil
	f.reservations.end(f.rec.job.ID)
	f.board.leased(e)
	f.lead.stale = true
	return none{}
}

func (f effects) Requeued(job.RequeuedEvent) none {
	f.rec.end = nil
	if f.rec.wish != nil {
		f.rec.wish.preempt = nil
	}
	f.leave(f.rec, f.before.Run.ID)
	f.board.queued(f.rec)
	if f.rec.wish.cancels() {
		f.board.held(f.rec) // it was asked for before the log had the job wait again
	}
	f.lead.stale = true
	return none{}
}

func (f effects) Reprioritized(e job.ReprioritizedEvent) none {
	if w := f.rec.wish; w != nil && w.reprioritize != nil && w.priority == e.Priority {
		w.reprioritize, w.priority = nil, 0
	}
	f.board.reprioritized(f.rec)
	f.lead.stale = true
	return none{}
}

func (f effects) RunExpired(e job.RunExpiredEvent) none {
	f.givenUp(StopOver, e.Time)
	return none{}
}

func (f effects) Succeeded(job.SucceededEvent) none { return f.ended() }
func (f effects) Failed(job.FailedEvent) none       { return f.ended() }
func (f effects) Rejected(job.RejectedEvent) none   { return f.ended() }

func (f effects) Preempted(e job.PreemptedEvent) none {
	f.givenUp(StopPreempted, e.Time)
	return f.ended()
}

func (f effects) Cancelled(e job.CancelledEvent) none {
	if f.before.Run.State.Live() {
		f.givenUp(StopCancelled, e.Time)
	}
	return f.ended()
}

func (f effects) Reserved(e job.ReservedEvent) none {
	f.reservations.set(e)
	return none{}
}

func (f effects) Unreserved(job.UnreservedEvent) none {
	f.reservations.end(f.rec.job.ID)
	return none{}
}

func (f effects) RunAcknowledged(job.RunAcknowledgedEvent) none { return none{} }

func (f effects) RunPending(job.RunPendingEvent) none { return none{} }

func (f effects) RunRunning(e job.RunRunningEvent) none {
	f.board.running(e.Run)
	return none{}
}

func (f effects) RunSucceeded(e job.RunSucceededEvent) none { return f.finished(e.Time) }

func (f effects) RunFailed(e job.RunFailedEvent) none {
	f.rec.end = endOf(e)
	return f.finished(e.Time)
}

func (f effects) RunReturned(e job.RunReturnedEvent) none {
	f.rec.end = endOf(e)
	if e.Attempted {
		if f.rec.tried == nil {
			f.rec.tried = &tried{}
		}
		f.rec.tried.at = f.rec.job.Last
		f.rec.tried.nodes = append(f.rec.tried.nodes, string(nodeID(f.rec.place.executor.name, f.rec.place.leased.Node)))
	}
	return f.freed(e.Time)
}

func (f effects) RunReleased(e job.RunReleasedEvent) none { return f.freed(e.Time) }

// finished: the run ended of itself, and holds its node no more.
func (f effects) finished(at job.Time) none {
	f.board.finished(f.rec.job.Run.ID, at)
	f.lead.stale = true
	return none{}
}

// freed: the run holds its node no more.
func (f effects) freed(at job.Time) none {
	f.board.freed(f.rec.job.Run.ID, at)
	f.lead.stale = true
	return none{}
}

// givenUp: a live run must go. Where a pod may be there, it holds its node until
// the executor says that it is gone.
func (f effects) givenUp(why StopReason, at job.Time) {
	if f.rec.job.Run.Releasing {
		f.board.releasing(f.rec.job.Run.ID)
	} else {
		f.board.freed(f.rec.job.Run.ID, at)
	}
	f.lead.stale = true
	f.stop(f.rec.place.executor, Stop{Run: f.rec.job.Run.ID, Job: f.rec.job.ID, Why: why})
}

// ended: nothing is asked of a final job any more.
func (f effects) ended() none {
	f.rec.wish, f.rec.end = nil, nil
	f.reservations.end(f.rec.job.ID)
	f.board.ended(f.rec)
	f.lead.stale = true
	return none{}
}

func (rec *record) wishes() *wish {
	if rec.wish == nil {
		rec.wish = &wish{}
	}
	return rec.wish
}

// preemptedBy is the text that Armada's users know.
func preemptedBy(user, reason string) string {
	text := "Preempted by " + user
	if reason != "" {
		text += " - " + reason
	}
	return text
}

// lease is what an executor is told of the newest run.
func (rec *record) lease() Lease {
	e := rec.place.leased
	return Lease{
		Run: e.Run, Job: rec.job.ID, Entry: rec.entry.ref, Queue: rec.set.queue, JobSet: rec.set.name,
		Node: e.Node, Pool: e.Pool, PodName: podName(rec.job.ID, e.Attempt), After: e.After,
		Tolerations: e.Tolerations, GangLabelValue: e.GangLabelValue,
	}
}

// podName is the name that clients compute for a job's first pod. A run after one
// that may have had a pod gets a suffix, so that it never meets the pod before it.
func podName(id job.ID, attempt uint32) string {
	if attempt == 0 {
		return fmt.Sprintf("armada-%s-0", id)
	}
	return fmt.Sprintf("armada-%s-0-%d", id, attempt)
}
