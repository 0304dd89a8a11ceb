package lead

import (
	"fmt"

	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// follow says what the facts on a job mean for it: the next events that the
// scheduler authors, given the job, what was asked of it, and how its run ended.
// It is a pure function of its arguments; an empty answer means that nothing is
// due. Applied in order its events are legal.
func follow(j job.Job, w *wish, end *job.Failure, now job.Time, attemptsMax uint32) []job.Event {
	if j.State == 0 || j.State.Final() {
		return nil
	}
	head := job.Head{Job: j.ID, Time: max(now, j.Last)}
	if w == nil {
		w = &wish{}
	}
	if w.cancel != nil {
		return []job.Event{cancelled(j, head, w.cancel)}
	}
	var events []job.Event
	if w.reprioritize != nil {
		events = append(events, job.ReprioritizedEvent{Head: head, Priority: w.priority, Requestor: w.reprioritize.by})
	}
	if w.preempt != nil && j.Preemptible && j.Run.State.Live() {
		return append(events, job.PreemptedEvent{Head: head, Run: j.Run.ID, Reason: w.preempt.why, Requestor: w.preempt.by})
	}
	if j.State == job.Queued {
		return events // its newest run was answered when it was requeued
	}
	switch j.Run.State {
	case job.RunSucceeded:
		return append(events, job.SucceededEvent{Head: head, Run: j.Run.ID})
	case job.RunFailed:
		return append(events, job.FailedEvent{Head: head, Run: j.Run.ID, Failure: failureOf(end)})
	case job.RunReturned:
		return append(events, returned(j, head, end, attemptsMax))
	case job.RunExpired:
		return append(events, expired(j, head))
	case job.RunLeased, job.RunAcknowledged, job.RunPending, job.RunRunning, job.RunPreempted, job.RunCancelled:
	}
	return events
}

func cancelled(j job.Job, head job.Head, by *asked) job.Event {
	e := job.CancelledEvent{Head: head, Reason: by.why, Requestor: by.by}
	if j.Run.State.Live() {
		e.Run = j.Run.ID
	}
	return e
}

// returned tries the job again, as often as is allowed.
func returned(j job.Job, head job.Head, end *job.Failure, attemptsMax uint32) job.Event {
	if j.Attempts < attemptsMax {
		return job.RequeuedEvent{Head: head, Run: j.Run.ID}
	}
	failure := failureOf(end)
	failure.Cause = job.CauseAttemptsExhausted
	failure.Category, failure.Subcategory = "internal", "max-runs-exceeded"
	failure.Message = fmt.Sprintf("Maximum number of attempts (%d) reached - this job will no longer be retried. %s", attemptsMax, failure.Message)
	return job.FailedEvent{Head: head, Run: j.Run.ID, Failure: failure}
}

// expired tries a job again that no executor acknowledged, for then no pod was
// ever made. One that was acknowledged may still run where nobody hears of it.
func expired(j job.Job, head job.Head) job.Event {
	if !j.Run.Releasing {
		return job.RequeuedEvent{Head: head, Run: j.Run.ID}
	}
	return job.FailedEvent{Head: head, Run: j.Run.ID, Failure: job.Failure{
		Cause: job.CauseLeaseExpired, Message: "Lease expired", Category: "internal", Subcategory: "lease-expired",
	}}
}

func failureOf(end *job.Failure) job.Failure {
	if end == nil {
		return job.Failure{Cause: job.CauseError, Message: "the run ended badly and left no reason"}
	}
	return *end
}
