package view

import (
	"slices"

	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// recorder notes what an accepted event says in the row of its job. The row's
// State is the one after the event. Each method returns nothing worth having.
type recorder struct {
	fold  *Fold
	row   *Job
	batch *job.Batch
}

type nothing = struct{}

func (r recorder) Submitted(e job.SubmittedEvent) nothing {
	state, transitioned := r.row.State, r.row.Transitioned
	*r.row = Job{
		Queue: text(r.batch.Queue), JobSet: text(r.batch.JobSet), Owner: text(r.batch.Cause.User), Groups: texts(r.batch.Cause.Groups),
		Namespace: text(e.Namespace), Class: text(e.Class), ClientID: text(e.ClientID), ExternalJobURI: text(e.ExternalJobURI),
		Requests: requestsOf(e.Shape.Requests), Labels: labels(e.Labels), Annotations: labels(e.Annotations),
		Services: e.Services, Ingresses: e.Ingresses, Spec: r.fold.spec(e), Submitted: state.Last,
		State: state, Transitioned: transitioned,
	}
	return nothing{}
}

// What was asked for stands in the state until the scheduler answers it.

func (r recorder) CancelRequested(job.CancelRequestedEvent) nothing             { return nothing{} }
func (r recorder) ReprioritizeRequested(job.ReprioritizeRequestedEvent) nothing { return nothing{} }
func (r recorder) PreemptRequested(job.PreemptRequestedEvent) nothing           { return nothing{} }
func (r recorder) Reprioritized(job.ReprioritizedEvent) nothing                 { return nothing{} }
func (r recorder) Requeued(job.RequeuedEvent) nothing                           { return nothing{} }
func (r recorder) Succeeded(job.SucceededEvent) nothing                         { return nothing{} }
func (r recorder) RunReleased(job.RunReleasedEvent) nothing                     { return nothing{} }

func (r recorder) Leased(e job.LeasedEvent) nothing {
	if !r.row.Run.ID.IsZero() { // it is over: a job has at most one live run
		r.fold.changes.Runs = append(r.fold.changes.Runs, r.row.Run)
	}
	r.row.Run = Run{
		ID: e.Run, Job: e.Job, Number: int32(len(r.row.Runs) + 1), Executor: text(e.Executor), Node: text(e.Node), Pool: text(e.Pool),
		State: job.RunLeased, Leased: r.row.State.Last,
	}
	r.row.Runs = append(slices.Clip(r.row.Runs), e.Run) // the rows before share the slice
	return nothing{}
}

func (r recorder) Reserved(job.ReservedEvent) nothing { return nothing{} }

func (r recorder) Unreserved(job.UnreservedEvent) nothing { return nothing{} }

func (r recorder) RunAcknowledged(job.RunAcknowledgedEvent) nothing { return r.move() }

func (r recorder) RunPending(e job.RunPendingEvent) nothing {
	r.row.Run.Pending = r.row.State.Last
	r.pod(e.Pod)
	return r.move()
}

func (r recorder) RunRunning(e job.RunRunningEvent) nothing {
	r.row.Run.Started = r.row.State.Last
	r.pod(e.Pod)
	return r.move()
}

func (r recorder) RunSucceeded(e job.RunSucceededEvent) nothing {
	r.pod(e.Pod)
	r.row.Run.ExitCode = new(int32)
	return r.finish("")
}

func (r recorder) RunFailed(e job.RunFailedEvent) nothing {
	f := e.Failure
	r.pod(f.Pod)
	r.row.Run.ExitCode = exitCode(f.Containers)
	r.row.Run.Category, r.row.Run.Subcategory = text(f.Category), text(f.Subcategory)
	return r.finish(f.Message)
}

func (r recorder) RunReturned(e job.RunReturnedEvent) nothing {
	r.pod(e.Pod)
	return r.finish(e.Reason)
}

func (r recorder) RunExpired(e job.RunExpiredEvent) nothing { return r.finish(e.Reason) }

func (r recorder) Failed(e job.FailedEvent) nothing {
	r.row.Error = text(e.Failure.Message)
	return nothing{}
}

func (r recorder) Preempted(e job.PreemptedEvent) nothing {
	r.row.Error = text(e.Reason)
	return r.finish(e.Reason)
}

func (r recorder) Cancelled(e job.CancelledEvent) nothing {
	r.row.Cancel = Cancel{At: r.row.State.Last, User: text(e.Requestor), Reason: text(e.Reason)}
	if r.row.State.Run.State == job.RunCancelled && r.row.Run.State.Live() {
		return r.finish("")
	}
	return nothing{}
}

func (r recorder) Rejected(e job.RejectedEvent) nothing {
	r.row.Error = text(e.Reason)
	return nothing{}
}

// move takes the run's state over.
func (r recorder) move() nothing {
	r.row.Run.State = r.row.State.Run.State
	return nothing{}
}

// finish notes that the run is over, and why if there is something to say.
func (r recorder) finish(why string) nothing {
	r.row.Run.Finished = r.row.State.Last
	r.row.Run.Error = text(why)
	return r.move()
}

// pod notes where the pod is, if it says so.
func (r recorder) pod(p job.Pod) {
	if p.Node != "" {
		r.row.Run.Node = text(p.Node)
	}
}
