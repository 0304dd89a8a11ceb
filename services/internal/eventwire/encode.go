package eventwire

import (
	eventsv1 "github.com/fairlead-batch/fairlead/proto/gen/fairlead/events/v1"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// encoder writes one body. It numbers the specs and shapes as they come; most entries
// have none, and then there are no maps.
type encoder struct {
	wire   *eventsv1.Body
	specs  map[*job.PodSpec]uint32
	shapes map[*job.Shape]uint32
}

func newEncoder() *encoder { return &encoder{wire: &eventsv1.Body{Version: bodyVersion}} }

func (enc *encoder) body(b Body) *eventsv1.Body {
	for _, batch := range b.Batches {
		wire := &eventsv1.EventBatch{Queue: batch.Queue, JobSet: batch.JobSet, Cause: cause(batch.Cause), Events: make([]*eventsv1.Event, len(batch.Events))}
		for i, e := range batch.Events {
			wire.Events[i] = enc.event(e)
		}
		enc.wire.Batches = append(enc.wire.Batches, wire)
	}
	for _, c := range b.Commands {
		enc.wire.Commands = append(enc.wire.Commands, command(c))
	}
	for _, s := range b.Settings {
		enc.wire.Settings = append(enc.wire.Settings, setting(s))
	}
	return enc.wire
}

func (enc *encoder) event(e job.Event) *eventsv1.Event {
	head := e.Of()
	wire := job.Visit(e, eventEncoder{enc})
	wire.Time, wire.Job = int64(head.Time), head.Job[:]
	return wire
}

// spec is the index of a spec in the body.
func (enc *encoder) spec(s *job.PodSpec) uint32 {
	i, known := enc.specs[s]
	if !known {
		i = uint32(len(enc.wire.GetSpecs())) //nolint:gosec // an entry holds far fewer
		if enc.specs == nil {
			enc.specs = map[*job.PodSpec]uint32{}
		}
		enc.specs[s] = i
		enc.wire.Specs = append(enc.wire.Specs, s.Bytes)
	}
	return i
}

// shape is the index of a shape in the body.
func (enc *encoder) shape(s *job.Shape) uint32 {
	i, known := enc.shapes[s]
	if !known {
		i = uint32(len(enc.wire.GetShapes())) //nolint:gosec // an entry holds far fewer
		if enc.shapes == nil {
			enc.shapes = map[*job.Shape]uint32{}
		}
		enc.shapes[s] = i
		enc.wire.Shapes = append(enc.wire.Shapes, shape(s))
	}
	return i
}

// eventEncoder writes what is special to each event; time and job come after.
type eventEncoder struct{ *encoder }

var _ job.Visitor[*eventsv1.Event] = eventEncoder{}

func (enc eventEncoder) Submitted(e job.SubmittedEvent) *eventsv1.Event {
	return &eventsv1.Event{Event: &eventsv1.Event_Submitted{Submitted: &eventsv1.Submitted{
		Priority: e.Priority, PriorityClass: e.Class, Preemptible: e.Preemptible, Namespace: e.Namespace,
		Labels: labels(e.Labels), Annotations: labels(e.Annotations), Spec: enc.spec(e.Spec), Shape: enc.shape(e.Shape),
		Gang: gang(e.Gang), ClientId: e.ClientID, ExternalJobUri: e.ExternalJobURI,
		Services: e.Services, Ingresses: e.Ingresses,
	}}}
}

func (enc eventEncoder) CancelRequested(e job.CancelRequestedEvent) *eventsv1.Event {
	return &eventsv1.Event{Event: &eventsv1.Event_CancelRequested{CancelRequested: &eventsv1.CancelRequested{Reason: e.Reason}}}
}

func (enc eventEncoder) ReprioritizeRequested(e job.ReprioritizeRequestedEvent) *eventsv1.Event {
	return &eventsv1.Event{Event: &eventsv1.Event_ReprioritizeRequested{ReprioritizeRequested: &eventsv1.ReprioritizeRequested{Priority: e.Priority}}}
}

func (enc eventEncoder) PreemptRequested(e job.PreemptRequestedEvent) *eventsv1.Event {
	return &eventsv1.Event{Event: &eventsv1.Event_PreemptRequested{PreemptRequested: &eventsv1.PreemptRequested{Reason: e.Reason}}}
}

func (enc eventEncoder) Leased(e job.LeasedEvent) *eventsv1.Event {
	wire := &eventsv1.Leased{
		Run: e.Run[:], Executor: e.Executor, Node: e.Node, Pool: e.Pool, Level: e.Level, Attempt: e.Attempt,
		Tolerations: tolerations(e.Tolerations), GangLabelValue: e.GangLabelValue,
	}
	for _, run := range e.After {
		wire.After = append(wire.After, run[:])
	}
	return &eventsv1.Event{Event: &eventsv1.Event_Leased{Leased: wire}}
}

func (enc eventEncoder) Requeued(e job.RequeuedEvent) *eventsv1.Event {
	return &eventsv1.Event{Event: &eventsv1.Event_Requeued{Requeued: &eventsv1.Requeued{Run: e.Run[:]}}}
}

func (enc eventEncoder) Reprioritized(e job.ReprioritizedEvent) *eventsv1.Event {
	return &eventsv1.Event{Event: &eventsv1.Event_Reprioritized{Reprioritized: &eventsv1.Reprioritized{Priority: e.Priority, Requestor: e.Requestor}}}
}

func (enc eventEncoder) RunExpired(e job.RunExpiredEvent) *eventsv1.Event {
	return &eventsv1.Event{Event: &eventsv1.Event_RunExpired{RunExpired: &eventsv1.RunExpired{Run: e.Run[:], Reason: e.Reason}}}
}

func (enc eventEncoder) Succeeded(e job.SucceededEvent) *eventsv1.Event {
	return &eventsv1.Event{Event: &eventsv1.Event_Succeeded{Succeeded: &eventsv1.Succeeded{Run: e.Run[:]}}}
}

func (enc eventEncoder) Failed(e job.FailedEvent) *eventsv1.Event {
	return &eventsv1.Event{Event: &eventsv1.Event_Failed{Failed: &eventsv1.Failed{Run: e.Run[:], Failure: failure(e.Failure)}}}
}

func (enc eventEncoder) Preempted(e job.PreemptedEvent) *eventsv1.Event {
	wire := &eventsv1.Preempted{Run: e.Run[:], Reason: e.Reason, Requestor: e.Requestor}
	if !e.PreemptorJob.IsZero() {
		wire.PreemptorJob = e.PreemptorJob[:]
	}
	if !e.PreemptorRun.IsZero() {
		wire.PreemptorRun = e.PreemptorRun[:]
	}
	return &eventsv1.Event{Event: &eventsv1.Event_Preempted{Preempted: wire}}
}

func (enc eventEncoder) Cancelled(e job.CancelledEvent) *eventsv1.Event {
	wire := &eventsv1.Cancelled{Reason: e.Reason, Requestor: e.Requestor}
	if !e.Run.IsZero() {
		wire.Run = e.Run[:]
	}
	return &eventsv1.Event{Event: &eventsv1.Event_Cancelled{Cancelled: wire}}
}

func (enc eventEncoder) Rejected(e job.RejectedEvent) *eventsv1.Event {
	return &eventsv1.Event{Event: &eventsv1.Event_Rejected{Rejected: &eventsv1.Rejected{Reason: e.Reason}}}
}

func (enc eventEncoder) Reserved(e job.ReservedEvent) *eventsv1.Event {
	wire := &eventsv1.Reserved{Pool: e.Pool, Until: int64(e.Until), Members: make([]*eventsv1.ReservedMember, len(e.Members))}
	for i := range e.Members {
		m := &e.Members[i]
		wire.Members[i] = &eventsv1.ReservedMember{Job: m.Job[:], Executor: m.Executor, Node: m.Node}
		if !m.Run.IsZero() {
			wire.Members[i].Run = m.Run[:]
		}
	}
	return &eventsv1.Event{Event: &eventsv1.Event_Reserved{Reserved: wire}}
}

func (enc eventEncoder) Unreserved(job.UnreservedEvent) *eventsv1.Event {
	return &eventsv1.Event{Event: &eventsv1.Event_Unreserved{Unreserved: &eventsv1.Unreserved{}}}
}

func (enc eventEncoder) RunAcknowledged(e job.RunAcknowledgedEvent) *eventsv1.Event {
	return &eventsv1.Event{Event: &eventsv1.Event_RunAcknowledged{RunAcknowledged: &eventsv1.RunAcknowledged{Run: e.Run[:]}}}
}

func (enc eventEncoder) RunPending(e job.RunPendingEvent) *eventsv1.Event {
	return &eventsv1.Event{Event: &eventsv1.Event_RunPending{RunPending: &eventsv1.RunPending{Run: e.Run[:], Pod: pod(e.Pod)}}}
}

func (enc eventEncoder) RunRunning(e job.RunRunningEvent) *eventsv1.Event {
	return &eventsv1.Event{Event: &eventsv1.Event_RunRunning{RunRunning: &eventsv1.RunRunning{Run: e.Run[:], Pod: pod(e.Pod)}}}
}

func (enc eventEncoder) RunSucceeded(e job.RunSucceededEvent) *eventsv1.Event {
	return &eventsv1.Event{Event: &eventsv1.Event_RunSucceeded{RunSucceeded: &eventsv1.RunSucceeded{Run: e.Run[:], Pod: pod(e.Pod)}}}
}

func (enc eventEncoder) RunFailed(e job.RunFailedEvent) *eventsv1.Event {
	return &eventsv1.Event{Event: &eventsv1.Event_RunFailed{RunFailed: &eventsv1.RunFailed{Run: e.Run[:], Failure: failure(e.Failure)}}}
}

func (enc eventEncoder) RunReturned(e job.RunReturnedEvent) *eventsv1.Event {
	return &eventsv1.Event{Event: &eventsv1.Event_RunReturned{RunReturned: &eventsv1.RunReturned{
		Run: e.Run[:], Reason: e.Reason, Attempted: e.Attempted, Pod: pod(e.Pod),
	}}}
}

func (enc eventEncoder) RunReleased(e job.RunReleasedEvent) *eventsv1.Event {
	return &eventsv1.Event{Event: &eventsv1.Event_RunReleased{RunReleased: &eventsv1.RunReleased{Run: e.Run[:]}}}
}
