package stream

import (
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// Tell says what a fact, which was applied, looks like to those who follow the job
// set: encoded api.EventMessages in order, or none. before and after are what was
// kept on its two sides.
func Tell(before, after Kept, set Set, cause job.Cause, e job.Event) [][]byte {
	return job.Visit(e, teller{before: before, after: after, set: set, cause: cause})
}

// The numbers of the oneof in api.EventMessage.
const (
	toldSubmitted      = 1
	toldQueued         = 2
	toldLeased         = 3
	toldLeaseReturned  = 4
	toldLeaseExpired   = 5
	toldPending        = 6
	toldRunning        = 7
	toldFailed         = 9
	toldSucceeded      = 10
	toldReprioritized  = 11
	toldCancelling     = 12
	toldCancelled      = 13
	toldReprioritizing = 18
	toldPreempted      = 21
	toldPreempting     = 22
)

// The numbers of enum api.Cause; Error is 0.
const (
	causeError            = 0
	causeEvicted          = 1
	causeOOM              = 2
	causeDeadlineExceeded = 3
	causeRejected         = 4
)

// failedRetryable is the number of retryable in api.JobFailedEvent.
const failedRetryable = 18

// teller writes one fact as messages.
type teller struct {
	before, after Kept
	set           Set
	cause         job.Cause
}

var _ job.Visitor[[][]byte] = teller{}

// head is what every event begins with: job, job set, queue, time.
func (t teller) head() fields {
	return make(fields, 0, 128).text(1, t.after.Job.ID.String()).text(2, t.set.JobSet).text(3, t.set.Queue).time(4, t.after.Job.Last)
}

func message(kind int, event fields) []byte {
	return make(fields, 0, len(event)+8).bytes(kind, event)
}

func one(kind int, event fields) [][]byte { return [][]byte{message(kind, event)} }

func (t teller) Submitted(e job.SubmittedEvent) [][]byte {
	return [][]byte{
		message(toldSubmitted, t.head().bytes(5, t.job(e))),
		message(toldQueued, t.head()),
	}
}

// job is the api.Job, with its one spec in pod_spec.
func (t teller) job(e job.SubmittedEvent) fields {
	var spec []byte
	if e.Spec != nil {
		spec = e.Spec.Bytes
	}
	f := make(fields, 0, 256+len(spec)).
		text(1, e.Job.String()).text(2, t.set.JobSet).text(3, t.set.Queue).double(4, float64(e.Priority)).bytes(5, spec).
		time(6, t.after.Job.Last).text(7, e.Namespace).text(8, t.cause.User).
		stringMap(9, e.Labels).stringMap(10, e.Annotations).text(13, e.ClientID).texts(15, t.cause.Groups)
	for _, ingress := range e.Ingresses {
		f = f.bytes(17, ingress)
	}
	for _, service := range e.Services {
		f = f.bytes(18, service)
	}
	if e.Shape != nil {
		f = f.resources(21, e.Shape.Requests)
	}
	return f
}

func (t teller) CancelRequested(e job.CancelRequestedEvent) [][]byte {
	return one(toldCancelling, t.head().text(5, t.cause.User).text(6, e.Reason))
}

func (t teller) ReprioritizeRequested(e job.ReprioritizeRequestedEvent) [][]byte {
	return one(toldReprioritizing, t.head().double(5, float64(e.Priority)).text(6, t.cause.User))
}

func (t teller) PreemptRequested(e job.PreemptRequestedEvent) [][]byte {
	return one(toldPreempting, t.head().text(5, t.cause.User).text(6, e.Reason))
}

func (t teller) Leased(e job.LeasedEvent) [][]byte {
	return one(toldLeased, t.head().text(5, e.Executor).text(6, e.Pool))
}

// Requeued: a run that was returned or expired was told as that. One that failed
// and is followed by another is told now, when it is known that it is.
func (t teller) Requeued(job.RequeuedEvent) [][]byte {
	if t.before.Job.Run.State != job.RunFailed {
		return nil
	}
	return one(toldFailed, append(t.head(), t.before.Failure...).isTrue(failedRetryable))
}

func (t teller) Reprioritized(e job.ReprioritizedEvent) [][]byte {
	return one(toldReprioritized, t.head().double(5, float64(e.Priority)).text(6, e.Requestor))
}

func (t teller) RunExpired(job.RunExpiredEvent) [][]byte { return one(toldLeaseExpired, t.head()) }

func (t teller) Succeeded(job.SucceededEvent) [][]byte {
	pod := t.after.Pod
	return one(toldSucceeded, t.head().
		text(5, t.after.Executor).text(6, pod.UID).text(7, pod.Node).text(9, pod.Name).text(10, pod.Namespace))
}

func (t teller) Failed(e job.FailedEvent) [][]byte {
	return one(toldFailed, append(t.head(), failure(t.after, e.Failure)...))
}

func (t teller) Preempted(e job.PreemptedEvent) [][]byte {
	preempted := t.head().text(5, t.after.Executor).text(6, e.Run.String())
	if !e.PreemptorRun.IsZero() {
		preempted = preempted.text(8, e.PreemptorRun.String())
	}
	preempted = preempted.text(9, e.Reason)
	if !e.PreemptorJob.IsZero() {
		preempted = preempted.text(10, e.PreemptorJob.String())
	}
	failed := failure(t.after, job.Failure{Cause: job.CauseError, Message: "preempted"})
	return [][]byte{
		message(toldPreempted, preempted.text(11, e.Requestor)),
		message(toldFailed, append(t.head(), failed...)),
	}
}

// Cancelled: where a whole job set was cancelled nobody asked for this one job, and
// clients wait for a cancelling before the cancelled.
func (t teller) Cancelled(e job.CancelledEvent) [][]byte {
	event := t.head().text(5, e.Requestor).text(6, e.Reason)
	if t.before.Job.Asked.Has(job.AskedCancel) {
		return one(toldCancelled, event)
	}
	return [][]byte{message(toldCancelling, event), message(toldCancelled, event)}
}

func (t teller) Rejected(e job.RejectedEvent) [][]byte {
	return one(toldFailed, t.head().text(6, e.Reason).int(12, causeRejected))
}

func (t teller) RunPending(e job.RunPendingEvent) [][]byte {
	return one(toldPending, t.head().
		text(5, t.after.Executor).text(6, e.Pod.UID).text(8, e.Pod.Name).text(9, e.Pod.Namespace).text(10, t.after.Pool))
}

func (t teller) RunRunning(e job.RunRunningEvent) [][]byte {
	return one(toldRunning, t.head().
		text(5, t.after.Executor).text(6, e.Pod.UID).text(7, e.Pod.Node).text(9, e.Pod.Name).text(10, e.Pod.Namespace).text(11, t.after.Pool))
}

func (t teller) RunReturned(e job.RunReturnedEvent) [][]byte {
	event := t.head().text(5, t.after.Executor).text(6, e.Reason).text(7, e.Pod.UID)
	if e.Attempted {
		event = event.isTrue(9)
	}
	return one(toldLeaseReturned, event)
}

func (t teller) RunAcknowledged(job.RunAcknowledgedEvent) [][]byte { return nil }
func (t teller) RunSucceeded(job.RunSucceededEvent) [][]byte       { return nil }
func (t teller) RunFailed(job.RunFailedEvent) [][]byte             { return nil }
func (t teller) RunReleased(job.RunReleasedEvent) [][]byte         { return nil }

// failure is the part of an api.JobFailedEvent behind its head. Of a failure that
// names no pod, it is the newest run's.
func failure(k Kept, f job.Failure) fields {
	pod := f.Pod
	if pod == (job.Pod{}) {
		pod = k.Pod
	}
	reason := f.Message
	if reason == "" && f.Cause == job.CauseLeaseExpired {
		reason = "Lease expired"
	}
	out := make(fields, 0, 128).text(5, k.Executor).text(6, reason)
	for _, c := range f.Containers {
		out = out.bytes(7, fields{}.text(1, c.Name).int(2, int64(c.ExitCode)))
	}
	out = out.text(8, pod.UID).text(9, pod.Node)
	for _, c := range f.Containers {
		out = out.bytes(11, fields{}.text(1, c.Name).int(2, int64(c.ExitCode)).text(3, c.Message).text(4, c.Reason).int(5, containerCause(c)))
	}
	return out.int(12, causeOf(f.Cause)).text(13, pod.Name).text(14, pod.Namespace).text(16, f.Category).text(17, f.Subcategory)
}

func causeOf(c job.FailureCause) int64 {
	switch c {
	case job.CauseEvicted:
		return causeEvicted
	case job.CauseOutOfMemory:
		return causeOOM
	case job.CauseDeadlineExceeded:
		return causeDeadlineExceeded
	case job.CauseError, job.CauseLeaseExpired, job.CauseAttemptsExhausted:
	}
	return causeError
}

// containerCause reads Kubernetes' own word.
func containerCause(c job.ContainerEnd) int64 {
	switch c.Reason {
	case "Evicted":
		return causeEvicted
	case "OOMKilled":
		return causeOOM
	case "DeadlineExceeded":
		return causeDeadlineExceeded
	}
	return causeError
}
