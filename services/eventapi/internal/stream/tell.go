package stream

import (
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

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

// teller says what a fact, which was applied, looks like to those who follow the
// job set: encoded api.EventMessages, in order, or none.
type teller struct {
	// before and after are what is kept on the two sides of the fact.
	before, after Kept
	set           Set
	cause         job.Cause
	// hear takes the messages. They are written into one buffer, one after the other.
	hear   Hear
	buffer fields
	// event is where the event of the message in hand begins in the buffer.
	event int
}

var _ job.Visitor[nothing] = (*teller)(nil)

// nothing is what a visitor gives that acts.
type nothing struct{}

// begin begins a message with what every event begins with: job, job set, queue, time.
func (t *teller) begin(kind int) fields {
	f, event := t.buffer[:0].open(kind)
	t.event = event
	return f.id(1, t.after.Job.ID).text(2, t.set.JobSet).text(3, t.set.Queue).time(4, t.after.Job.Last)
}

// tell ends a message and hands it on.
func (t *teller) tell(f fields) nothing {
	t.buffer = f.close(t.event)
	t.hear(t.buffer)
	return nothing{}
}

// bufferKeptMax is how large a buffer is kept for the next entry, in bytes.
const bufferKeptMax = 64 << 10

// rest lets go of what is not to be kept until the next entry.
func (t *teller) rest() {
	t.hear = nil
	if cap(t.buffer) > bufferKeptMax {
		t.buffer = nil
	}
}

func (t *teller) Submitted(e job.SubmittedEvent) nothing {
	f, at := t.begin(toldSubmitted).open(5)
	t.tell(t.job(f, e).close(at))
	return t.tell(t.begin(toldQueued))
}

// job appends the api.Job, with its one spec in pod_spec.
func (t *teller) job(f fields, e job.SubmittedEvent) fields {
	var spec []byte
	if e.Spec != nil {
		spec = e.Spec.Bytes
	}
	f = f.id(1, e.Job).text(2, t.set.JobSet).text(3, t.set.Queue).double(4, float64(e.Priority)).bytes(5, spec).
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

func (t *teller) CancelRequested(e job.CancelRequestedEvent) nothing {
	return t.tell(t.begin(toldCancelling).text(5, t.cause.User).text(6, e.Reason))
}

func (t *teller) ReprioritizeRequested(e job.ReprioritizeRequestedEvent) nothing {
	return t.tell(t.begin(toldReprioritizing).double(5, float64(e.Priority)).text(6, t.cause.User))
}

func (t *teller) PreemptRequested(e job.PreemptRequestedEvent) nothing {
	return t.tell(t.begin(toldPreempting).text(5, t.cause.User).text(6, e.Reason))
}

func (t *teller) Leased(e job.LeasedEvent) nothing {
	return t.tell(t.begin(toldLeased).text(5, e.Executor).text(6, e.Pool))
}

// Requeued: a run that was returned or expired was told as that. One that failed
// and is followed by another is told now, when it is known that it is.
func (t *teller) Requeued(job.RequeuedEvent) nothing {
	if t.before.Job.Run.State != job.RunFailed {
		return nothing{}
	}
	return t.tell(append(t.begin(toldFailed), t.before.Failure...).isTrue(failedRetryable))
}

func (t *teller) Reprioritized(e job.ReprioritizedEvent) nothing {
	return t.tell(t.begin(toldReprioritized).double(5, float64(e.Priority)).text(6, e.Requestor))
}

func (t *teller) RunExpired(job.RunExpiredEvent) nothing { return t.tell(t.begin(toldLeaseExpired)) }

func (t *teller) Succeeded(job.SucceededEvent) nothing {
	pod := t.after.Pod
	return t.tell(t.begin(toldSucceeded).
		text(5, t.after.Executor).text(6, pod.UID).text(7, pod.Node).text(9, pod.Name).text(10, pod.Namespace))
}

func (t *teller) Failed(e job.FailedEvent) nothing {
	return t.tell(t.begin(toldFailed).failure(&t.after, e.Failure))
}

func (t *teller) Preempted(e job.PreemptedEvent) nothing {
	t.tell(t.begin(toldPreempted).text(5, t.after.Executor).id(6, job.ID(e.Run)).id(8, job.ID(e.PreemptorRun)).
		text(9, e.Reason).id(10, e.PreemptorJob).text(11, e.Requestor))
	return t.tell(t.begin(toldFailed).failure(&t.after, job.Failure{Cause: job.CauseError, Message: "preempted"}))
}

// Cancelled: where a whole job set was cancelled nobody asked for this one job, and
// clients wait for a cancelling before the cancelled.
func (t *teller) Cancelled(e job.CancelledEvent) nothing {
	if !t.before.Job.Asked.Has(job.AskedCancel) {
		t.tell(t.begin(toldCancelling).text(5, e.Requestor).text(6, e.Reason))
	}
	return t.tell(t.begin(toldCancelled).text(5, e.Requestor).text(6, e.Reason))
}

func (t *teller) Rejected(e job.RejectedEvent) nothing {
	return t.tell(t.begin(toldFailed).text(6, e.Reason).int(12, causeRejected))
}

func (t *teller) RunPending(e job.RunPendingEvent) nothing {
	return t.tell(t.begin(toldPending).
		text(5, t.after.Executor).text(6, e.Pod.UID).text(8, e.Pod.Name).text(9, e.Pod.Namespace).text(10, t.after.Pool))
}

func (t *teller) RunRunning(e job.RunRunningEvent) nothing {
	return t.tell(t.begin(toldRunning).
		text(5, t.after.Executor).text(6, e.Pod.UID).text(7, e.Pod.Node).text(9, e.Pod.Name).text(10, e.Pod.Namespace).text(11, t.after.Pool))
}

func (t *teller) RunReturned(e job.RunReturnedEvent) nothing {
	f := t.begin(toldLeaseReturned).text(5, t.after.Executor).text(6, e.Reason).text(7, e.Pod.UID)
	if e.Attempted {
		f = f.isTrue(9)
	}
	return t.tell(f)
}

func (t *teller) Reserved(job.ReservedEvent) nothing { return nothing{} }

func (t *teller) Unreserved(job.UnreservedEvent) nothing { return nothing{} }

func (t *teller) RunAcknowledged(job.RunAcknowledgedEvent) nothing { return nothing{} }
func (t *teller) RunSucceeded(job.RunSucceededEvent) nothing       { return nothing{} }
func (t *teller) RunFailed(job.RunFailedEvent) nothing             { return nothing{} }
func (t *teller) RunReleased(job.RunReleasedEvent) nothing         { return nothing{} }

// failure appends the part of an api.JobFailedEvent behind its head. Of a failure
// that names no pod, it is the newest run's.
func (f fields) failure(k *Kept, of job.Failure) fields {
	pod := of.Pod
	if pod == (job.Pod{}) {
		pod = k.Pod
	}
	reason := of.Message
	if reason == "" && of.Cause == job.CauseLeaseExpired {
		reason = "Lease expired"
	}
	f = f.text(5, k.Executor).text(6, reason)
	for _, c := range of.Containers {
		end, at := f.open(7)
		f = end.text(1, c.Name).int(2, int64(c.ExitCode)).close(at)
	}
	f = f.text(8, pod.UID).text(9, pod.Node)
	for _, c := range of.Containers {
		end, at := f.open(11)
		f = end.text(1, c.Name).int(2, int64(c.ExitCode)).text(3, c.Message).text(4, c.Reason).int(5, containerCause(c)).close(at)
	}
	return f.int(12, causeOf(of.Cause)).text(13, pod.Name).text(14, pod.Namespace).text(16, of.Category).text(17, of.Subcategory)
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
