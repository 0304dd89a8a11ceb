package job

import (
	"errors"
	"fmt"
	"slices"
)

// ErrIllegal is wrapped by every refusal of [Apply].
var ErrIllegal = errors.New("illegal event")

// Apply returns j after e. It is total: every pair of job and event gives a new
// job, or j unchanged with an error that wraps [ErrIllegal]. j is the zero Job
// before the first event. An event of another job is illegal.
func Apply(j Job, e Event) (Job, error) {
	head := e.Of()
	if _, first := e.(SubmittedEvent); !first && (head.Job != j.ID || j.State == 0) {
		return j, illegal(j, e, "another job")
	}
	next, why := Visit(e, applier{j}).take()
	if why != "" {
		return j, illegal(j, e, why)
	}
	next.Last = max(j.Last, head.Time)
	return next, nil
}

func illegal(j Job, e Event, why string) error {
	return fmt.Errorf("%w: %T at job %s (%s, run %s): %s", ErrIllegal, e, j.ID, j.State, j.Run.State, why)
}

// outcome is a job after an event, or why the event is refused.
type outcome struct {
	job Job
	why string
}

func (o outcome) take() (Job, string) { return o.job, o.why }

func refuse(why string) outcome { return outcome{why: why} }

// The reasons of refusals, each for one kind of late or doubled event.
const (
	whyExists    = "submitted before"
	whyState     = "not in this state"
	whyOtherRun  = "of another run"
	whyRunState  = "not in this state of the run"
	whyAsked     = "asked before"
	whyCancelled = "a cancel was asked for before"
	whyProtected = "its priority class is not preemptible"
)

// applier applies one event to a job. Its methods are the transition table.
type applier struct{ j Job }

func (a applier) Submitted(e SubmittedEvent) outcome {
	if a.j.State != 0 {
		return refuse(whyExists)
	}
	return outcome{job: Job{ID: e.Job, State: Queued, Preemptible: e.Preemptible, Priority: e.Priority}}
}

func (a applier) CancelRequested(CancelRequestedEvent) outcome {
	switch {
	case a.j.State.Final():
		return refuse(whyState)
	case a.j.Asked.Has(AskedCancel):
		return refuse(whyAsked)
	}
	a.j.Asked |= AskedCancel
	return outcome{job: a.j}
}

func (a applier) ReprioritizeRequested(e ReprioritizeRequestedEvent) outcome {
	if a.j.State.Final() {
		return refuse(whyState)
	}
	a.j.Asked |= AskedReprioritize
	a.j.Wanted = e.Priority
	return outcome{job: a.j}
}

func (a applier) PreemptRequested(PreemptRequestedEvent) outcome {
	switch {
	case a.j.State == Queued || a.j.State.Final():
		return refuse(whyState)
	case !a.j.Preemptible:
		return refuse(whyProtected)
	case a.j.Asked.Has(AskedPreempt):
		return refuse(whyAsked)
	case !a.j.Run.State.Live():
		return refuse(whyRunState)
	}
	a.j.Asked |= AskedPreempt
	return outcome{job: a.j}
}

func (a applier) Leased(e LeasedEvent) outcome {
	switch {
	case a.j.State != Queued:
		return refuse(whyState)
	case a.j.Asked.Has(AskedCancel):
		return refuse(whyCancelled)
	case e.Run.IsZero() || e.Run == a.j.Run.ID:
		return refuse(whyOtherRun)
	}
	a.j.State = Leased
	a.j.Run = Run{ID: e.Run, State: RunLeased}
	return outcome{job: a.j}
}

func (a applier) Requeued(e RequeuedEvent) outcome {
	if why := a.over(e.Run, RunReturned, RunExpired, RunFailed); why != "" {
		return refuse(why)
	}
	a.j.State = Queued
	a.j.Asked &^= AskedPreempt // it was asked of the run that is over
	return outcome{job: a.j}
}

func (a applier) Reprioritized(e ReprioritizedEvent) outcome {
	if a.j.State.Final() {
		return refuse(whyState)
	}
	a.j.Priority = e.Priority
	if a.j.Wanted == e.Priority { // else another wish came in between
		a.j.Asked &^= AskedReprioritize
		a.j.Wanted = 0
	}
	return outcome{job: a.j}
}

func (a applier) RunExpired(e RunExpiredEvent) outcome {
	if why := a.live(e.Run); why != "" {
		return refuse(why)
	}
	a.j.Run = giveUp(a.j.Run, RunExpired)
	return outcome{job: a.j}
}

func (a applier) Succeeded(e SucceededEvent) outcome {
	if why := a.over(e.Run, RunSucceeded); why != "" {
		return refuse(why)
	}
	return a.end(Succeeded)
}

func (a applier) Failed(e FailedEvent) outcome {
	if why := a.over(e.Run, RunFailed, RunReturned, RunExpired); why != "" {
		return refuse(why)
	}
	return a.end(Failed)
}

func (a applier) Preempted(e PreemptedEvent) outcome {
	if why := a.live(e.Run); why != "" {
		return refuse(why)
	}
	a.j.Run = giveUp(a.j.Run, RunPreempted)
	return a.end(Preempted)
}

func (a applier) Cancelled(CancelledEvent) outcome {
	if a.j.State.Final() {
		return refuse(whyState)
	}
	// A lease may have come in between the decision and its entry, so what is
	// live now is given up, whatever the event names.
	if a.j.Run.State.Live() {
		a.j.Run = giveUp(a.j.Run, RunCancelled)
	}
	return a.end(Cancelled)
}

func (a applier) Rejected(RejectedEvent) outcome {
	if a.j.State != Queued {
		return refuse(whyState)
	}
	return a.end(Rejected)
}

func (a applier) Reserved(ReservedEvent) outcome {
	switch {
	case a.j.State != Queued:
		return refuse(whyState)
	case a.j.Asked.Has(AskedCancel):
		return refuse(whyCancelled)
	}
	return outcome{job: a.j}
}

func (a applier) Unreserved(UnreservedEvent) outcome {
	if a.j.State != Queued {
		return refuse(whyState)
	}
	return outcome{job: a.j}
}

func (a applier) RunAcknowledged(e RunAcknowledgedEvent) outcome {
	if why := a.in(e.Run, RunLeased); why != "" {
		return refuse(why)
	}
	a.j.Run.State = RunAcknowledged
	a.j.Attempts++
	return outcome{job: a.j}
}

func (a applier) RunPending(e RunPendingEvent) outcome {
	if why := a.in(e.Run, RunAcknowledged); why != "" {
		return refuse(why)
	}
	a.j.State, a.j.Run.State = Pending, RunPending
	return outcome{job: a.j}
}

func (a applier) RunRunning(e RunRunningEvent) outcome {
	if why := a.in(e.Run, RunPending); why != "" {
		return refuse(why)
	}
	a.j.State, a.j.Run.State = Running, RunRunning
	return outcome{job: a.j}
}

func (a applier) RunSucceeded(e RunSucceededEvent) outcome {
	if why := a.in(e.Run, RunRunning); why != "" {
		return refuse(why)
	}
	a.j.Run.State = RunSucceeded
	return outcome{job: a.j}
}

func (a applier) RunFailed(e RunFailedEvent) outcome {
	if why := a.in(e.Run, RunAcknowledged, RunPending, RunRunning); why != "" {
		return refuse(why)
	}
	a.j.Run.State = RunFailed
	return outcome{job: a.j}
}

func (a applier) RunReturned(e RunReturnedEvent) outcome {
	if why := a.in(e.Run, RunLeased, RunAcknowledged, RunPending); why != "" {
		return refuse(why)
	}
	a.j.Run.State = RunReturned
	return outcome{job: a.j}
}

func (a applier) RunReleased(e RunReleasedEvent) outcome {
	switch {
	case e.Run != a.j.Run.ID:
		return refuse(whyOtherRun)
	case !a.j.Run.Releasing:
		return refuse(whyRunState)
	}
	a.j.Run.Releasing = false
	return outcome{job: a.j}
}

// end makes the job final. What was asked for is answered by that.
func (a applier) end(s State) outcome {
	a.j.State = s
	a.j.Asked, a.j.Wanted = 0, 0
	return outcome{job: a.j}
}

// giveUp ends a live run from outside. Once its lease was acknowledged a pod may
// be there, which holds the node until the executor says that it is gone.
func giveUp(r Run, as RunState) Run {
	return Run{ID: r.ID, State: as, Releasing: r.State != RunLeased}
}

// live refuses unless run is the job's newest and live.
func (a applier) live(run RunID) string {
	return a.in(run, RunLeased, RunAcknowledged, RunPending, RunRunning)
}

// over refuses unless the job is unfinished and its newest run ended as one of these.
func (a applier) over(run RunID, as ...RunState) string {
	if a.j.State == Queued {
		return whyState // the run is over and answered: the job was requeued
	}
	return a.in(run, as...)
}

// in refuses unless the job is unfinished and run is its newest and in one of
// these states.
func (a applier) in(run RunID, states ...RunState) string {
	switch {
	case a.j.State.Final():
		return whyState
	case run != a.j.Run.ID:
		return whyOtherRun
	}
	if slices.Contains(states, a.j.Run.State) {
		return ""
	}
	return whyRunState
}
