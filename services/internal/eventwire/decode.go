package eventwire

import (
	"fmt"

	eventsv1 "github.com/fairlead-batch/fairlead/proto/gen/fairlead/events/v1"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// decoder reads one body. It notes the first rule that is broken and goes on
// with zero values, so that the readers of single fields need no error each.
type decoder struct {
	specs  []*job.PodSpec
	shapes []*job.Shape
	err    error
}

func newDecoder(wire *eventsv1.Body) *decoder {
	dec := &decoder{specs: make([]*job.PodSpec, len(wire.GetSpecs())), shapes: make([]*job.Shape, len(wire.GetShapes()))}
	for i, s := range wire.GetSpecs() {
		dec.specs[i] = &job.PodSpec{Bytes: s}
	}
	for i, s := range wire.GetShapes() {
		dec.shapes[i] = shapeFrom(s)
	}
	return dec
}

func (dec *decoder) body(wire *eventsv1.Body) (b Body, err error) {
	for _, batch := range wire.GetBatches() {
		out := Batch{Queue: batch.GetQueue(), JobSet: batch.GetJobSet(), Cause: causeFrom(batch.GetCause()), Events: make([]job.Event, len(batch.GetEvents()))}
		for i, e := range batch.GetEvents() {
			out.Events[i] = dec.event(e)
		}
		b.Batches = append(b.Batches, out)
	}
	for _, c := range wire.GetCommands() {
		b.Commands = append(b.Commands, dec.command(c))
	}
	for _, s := range wire.GetSettings() {
		b.Settings = append(b.Settings, dec.setting(s))
	}
	if dec.err != nil {
		return Body{}, dec.err
	}
	return b, nil
}

func (dec *decoder) damaged(format string, args ...any) {
	if dec.err == nil {
		dec.err = fmt.Errorf("%w: %s", eventlog.ErrDamaged, fmt.Sprintf(format, args...))
	}
}

func (dec *decoder) newer(what string) {
	if dec.err == nil {
		dec.err = fmt.Errorf("%w: %s", eventlog.ErrNewer, what)
	}
}

func (dec *decoder) event(e *eventsv1.Event) job.Event {
	head := job.Head{Job: dec.job(e.GetJob()), Time: job.Time(e.GetTime())}
	switch e := e.GetEvent().(type) {
	case *eventsv1.Event_Submitted:
		return dec.submitted(head, e.Submitted)
	case *eventsv1.Event_CancelRequested:
		return job.CancelRequestedEvent{Head: head, Reason: e.CancelRequested.GetReason()}
	case *eventsv1.Event_ReprioritizeRequested:
		return job.ReprioritizeRequestedEvent{Head: head, Priority: e.ReprioritizeRequested.GetPriority()}
	case *eventsv1.Event_PreemptRequested:
		return job.PreemptRequestedEvent{Head: head, Reason: e.PreemptRequested.GetReason()}
	case *eventsv1.Event_Leased:
		return dec.leased(head, e.Leased)
	case *eventsv1.Event_Requeued:
		return job.RequeuedEvent{Head: head, Run: dec.run(e.Requeued.GetRun())}
	case *eventsv1.Event_Reprioritized:
		return job.ReprioritizedEvent{Head: head, Priority: e.Reprioritized.GetPriority(), Requestor: e.Reprioritized.GetRequestor()}
	case *eventsv1.Event_RunExpired:
		return job.RunExpiredEvent{Head: head, Run: dec.run(e.RunExpired.GetRun()), Reason: e.RunExpired.GetReason()}
	case *eventsv1.Event_Succeeded:
		return job.SucceededEvent{Head: head, Run: dec.run(e.Succeeded.GetRun())}
	case *eventsv1.Event_Failed:
		return job.FailedEvent{Head: head, Run: dec.run(e.Failed.GetRun()), Failure: dec.failure(e.Failed.GetFailure())}
	case *eventsv1.Event_Preempted:
		return job.PreemptedEvent{
			Head: head, Run: dec.run(e.Preempted.GetRun()), Reason: e.Preempted.GetReason(), Requestor: e.Preempted.GetRequestor(),
			PreemptorJob: job.ID(dec.optional(e.Preempted.GetPreemptorJob())), PreemptorRun: job.RunID(dec.optional(e.Preempted.GetPreemptorRun())),
		}
	case *eventsv1.Event_Cancelled:
		return job.CancelledEvent{
			Head: head, Run: job.RunID(dec.optional(e.Cancelled.GetRun())),
			Reason: e.Cancelled.GetReason(), Requestor: e.Cancelled.GetRequestor(),
		}
	case *eventsv1.Event_Rejected:
		return job.RejectedEvent{Head: head, Reason: e.Rejected.GetReason()}
	case *eventsv1.Event_Reserved:
		return dec.reserved(head, e.Reserved)
	case *eventsv1.Event_Unreserved:
		return job.UnreservedEvent{Head: head}
	}
	return dec.report(head, e)
}

// report reads what executors author.
func (dec *decoder) report(head job.Head, e *eventsv1.Event) job.Event {
	switch e := e.GetEvent().(type) {
	case *eventsv1.Event_RunAcknowledged:
		return job.RunAcknowledgedEvent{Head: head, Run: dec.run(e.RunAcknowledged.GetRun())}
	case *eventsv1.Event_RunPending:
		return job.RunPendingEvent{Head: head, Run: dec.run(e.RunPending.GetRun()), Pod: podFrom(e.RunPending.GetPod())}
	case *eventsv1.Event_RunRunning:
		return job.RunRunningEvent{Head: head, Run: dec.run(e.RunRunning.GetRun()), Pod: podFrom(e.RunRunning.GetPod())}
	case *eventsv1.Event_RunSucceeded:
		return job.RunSucceededEvent{Head: head, Run: dec.run(e.RunSucceeded.GetRun()), Pod: podFrom(e.RunSucceeded.GetPod())}
	case *eventsv1.Event_RunFailed:
		return job.RunFailedEvent{Head: head, Run: dec.run(e.RunFailed.GetRun()), Failure: dec.failure(e.RunFailed.GetFailure())}
	case *eventsv1.Event_RunReturned:
		return job.RunReturnedEvent{
			Head: head, Run: dec.run(e.RunReturned.GetRun()), Reason: e.RunReturned.GetReason(),
			Attempted: e.RunReturned.GetAttempted(), Pod: podFrom(e.RunReturned.GetPod()),
		}
	case *eventsv1.Event_RunReleased:
		return job.RunReleasedEvent{Head: head, Run: dec.run(e.RunReleased.GetRun())}
	}
	dec.newer("an event of no known type")
	return nil
}

func (dec *decoder) submitted(head job.Head, e *eventsv1.Submitted) job.Event {
	out := job.SubmittedEvent{
		Head: head, Priority: e.GetPriority(), Class: e.GetPriorityClass(), Preemptible: e.GetPreemptible(), Namespace: e.GetNamespace(),
		Labels: labelsFrom(e.GetLabels()), Annotations: labelsFrom(e.GetAnnotations()), Gang: gangFrom(e.GetGang()),
		ClientID: e.GetClientId(), ExternalJobURI: e.GetExternalJobUri(), Services: e.GetServices(), Ingresses: e.GetIngresses(),
	}
	if i := int(e.GetSpec()); i < len(dec.specs) {
		out.Spec = dec.specs[i]
	} else {
		dec.damaged("spec %d of %d", i, len(dec.specs))
	}
	if i := int(e.GetShape()); i < len(dec.shapes) {
		out.Shape = dec.shapes[i]
	} else {
		dec.damaged("shape %d of %d", i, len(dec.shapes))
	}
	return out
}

func (dec *decoder) leased(head job.Head, e *eventsv1.Leased) job.Event {
	out := job.LeasedEvent{
		Head: head, Run: dec.run(e.GetRun()), Executor: e.GetExecutor(), Node: e.GetNode(), Pool: e.GetPool(), Level: e.GetLevel(),
		Attempt: e.GetAttempt(), Tolerations: tolerationsFrom(e.GetTolerations()), GangLabelValue: e.GetGangLabelValue(),
	}
	for _, run := range e.GetAfter() {
		out.After = append(out.After, dec.run(run))
	}
	return out
}

func (dec *decoder) reserved(head job.Head, e *eventsv1.Reserved) job.Event {
	out := job.ReservedEvent{Head: head, Pool: e.GetPool(), Until: job.Time(e.GetUntil()), Members: make([]job.ReservedMember, len(e.GetMembers()))}
	for i, m := range e.GetMembers() {
		out.Members[i] = job.ReservedMember{Job: dec.job(m.GetJob()), Run: job.RunID(dec.optional(m.GetRun())), Executor: m.GetExecutor(), Node: m.GetNode()}
	}
	return out
}

func (dec *decoder) failure(f *eventsv1.Failure) job.Failure {
	if f.GetCause() < 0 || f.GetCause() > eventsv1.FailureCause(job.CauseAttemptsExhausted) {
		dec.newer(fmt.Sprintf("failure cause %d", f.GetCause()))
		return job.Failure{}
	}
	return failureFrom(f)
}

func (dec *decoder) command(c *eventsv1.Command) job.Command {
	if c.GetAction() <= 0 || c.GetAction() > eventsv1.Action(job.Reprioritize) {
		dec.newer(fmt.Sprintf("command action %d", c.GetAction()))
	}
	s := c.GetSelector()
	out := job.Command{
		Time: job.Time(c.GetTime()), Cause: causeFrom(c.GetCause()), Action: job.Action(c.GetAction()), Reason: c.GetReason(), Priority: c.GetPriority(), //nolint:gosec // checked above
		Select: job.Selector{
			Queues: s.GetQueues(), JobSet: s.GetJobSet(), Executor: s.GetExecutor(), Node: s.GetNode(), Classes: s.GetPriorityClasses(), Pools: s.GetPools(),
		},
	}
	for _, state := range s.GetStates() {
		if state <= 0 || state > eventsv1.JobState(job.Running) {
			dec.newer(fmt.Sprintf("job state %d in a selector", state))
		}
		out.Select.States = append(out.Select.States, job.State(state)) //nolint:gosec // checked above
	}
	return out
}

// job reads the id of a job that must be there.
func (dec *decoder) job(b []byte) job.ID {
	id, err := job.IDFrom(b)
	if err != nil || id.IsZero() {
		dec.damaged("a job id of %d bytes, or zero", len(b))
	}
	return id
}

// run reads the id of a run that must be there.
func (dec *decoder) run(b []byte) job.RunID {
	id, err := job.RunIDFrom(b)
	if err != nil || id.IsZero() {
		dec.damaged("a run id of %d bytes, or zero", len(b))
	}
	return id
}

// optional reads an id that may be absent: zero.
func (dec *decoder) optional(b []byte) [16]byte {
	if len(b) == 0 {
		return [16]byte{}
	}
	return dec.job(b)
}
