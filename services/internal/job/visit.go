package job

// Visitor answers for every event. An implementation is how another package
// reads events: a new event breaks its build until it has answered.
type Visitor[T any] interface {
	Submitted(SubmittedEvent) T
	CancelRequested(CancelRequestedEvent) T
	ReprioritizeRequested(ReprioritizeRequestedEvent) T
	PreemptRequested(PreemptRequestedEvent) T
	Leased(LeasedEvent) T
	Requeued(RequeuedEvent) T
	Reprioritized(ReprioritizedEvent) T
	RunExpired(RunExpiredEvent) T
	Succeeded(SucceededEvent) T
	Failed(FailedEvent) T
	Preempted(PreemptedEvent) T
	Cancelled(CancelledEvent) T
	Rejected(RejectedEvent) T
	Reserved(ReservedEvent) T
	Unreserved(UnreservedEvent) T
	RunAcknowledged(RunAcknowledgedEvent) T
	RunPending(RunPendingEvent) T
	RunRunning(RunRunningEvent) T
	RunSucceeded(RunSucceededEvent) T
	RunFailed(RunFailedEvent) T
	RunReturned(RunReturnedEvent) T
	RunReleased(RunReleasedEvent) T
}

// Visit gives e to the method of v that is for it. It is generic over the visitor so
// that one that is a value is not copied to the heap for each event.
func Visit[T any, V Visitor[T]](e Event, v V) T {
	switch e := e.(type) {
	case SubmittedEvent:
		return v.Submitted(e)
	case CancelRequestedEvent:
		return v.CancelRequested(e)
	case ReprioritizeRequestedEvent:
		return v.ReprioritizeRequested(e)
	case PreemptRequestedEvent:
		return v.PreemptRequested(e)
	case LeasedEvent:
		return v.Leased(e)
	case RequeuedEvent:
		return v.Requeued(e)
	case ReprioritizedEvent:
		return v.Reprioritized(e)
	case RunExpiredEvent:
		return v.RunExpired(e)
	case SucceededEvent:
		return v.Succeeded(e)
	case FailedEvent:
		return v.Failed(e)
	case PreemptedEvent:
		return v.Preempted(e)
	case CancelledEvent:
		return v.Cancelled(e)
	case RejectedEvent:
		return v.Rejected(e)
	case ReservedEvent:
		return v.Reserved(e)
	case UnreservedEvent:
		return v.Unreserved(e)
	case RunAcknowledgedEvent:
		return v.RunAcknowledged(e)
	case RunPendingEvent:
		return v.RunPending(e)
	case RunRunningEvent:
		return v.RunRunning(e)
	case RunSucceededEvent:
		return v.RunSucceeded(e)
	case RunFailedEvent:
		return v.RunFailed(e)
	case RunReturnedEvent:
		return v.RunReturned(e)
	case RunReleasedEvent:
		return v.RunReleased(e)
	}
	panic("job: an event of no known type") // unreachable: the set is closed
}

// RunOf is the run that an event is about; zero when it is about the job alone.
func RunOf(e Event) RunID { return Visit(e, runOf{}) }

type runOf struct{}

func (runOf) Submitted(SubmittedEvent) RunID                         { return RunID{} }
func (runOf) CancelRequested(CancelRequestedEvent) RunID             { return RunID{} }
func (runOf) ReprioritizeRequested(ReprioritizeRequestedEvent) RunID { return RunID{} }
func (runOf) PreemptRequested(PreemptRequestedEvent) RunID           { return RunID{} }
func (runOf) Leased(e LeasedEvent) RunID                             { return e.Run }
func (runOf) Requeued(e RequeuedEvent) RunID                         { return e.Run }
func (runOf) Reprioritized(ReprioritizedEvent) RunID                 { return RunID{} }
func (runOf) RunExpired(e RunExpiredEvent) RunID                     { return e.Run }
func (runOf) Succeeded(e SucceededEvent) RunID                       { return e.Run }
func (runOf) Failed(e FailedEvent) RunID                             { return e.Run }
func (runOf) Preempted(e PreemptedEvent) RunID                       { return e.Run }
func (runOf) Cancelled(e CancelledEvent) RunID                       { return e.Run }
func (runOf) Rejected(RejectedEvent) RunID                           { return RunID{} }
func (runOf) Reserved(ReservedEvent) RunID                           { return RunID{} }
func (runOf) Unreserved(UnreservedEvent) RunID                       { return RunID{} }
func (runOf) RunAcknowledged(e RunAcknowledgedEvent) RunID           { return e.Run }
func (runOf) RunPending(e RunPendingEvent) RunID                     { return e.Run }
func (runOf) RunRunning(e RunRunningEvent) RunID                     { return e.Run }
func (runOf) RunSucceeded(e RunSucceededEvent) RunID                 { return e.Run }
func (runOf) RunFailed(e RunFailedEvent) RunID                       { return e.Run }
func (runOf) RunReturned(e RunReturnedEvent) RunID                   { return e.Run }
func (runOf) RunReleased(e RunReleasedEvent) RunID                   { return e.Run }

// At is the event with another time.
func At(e Event, t Time) Event { return Visit(e, at(t)) }

type at Time

func (t at) Submitted(e SubmittedEvent) Event                         { e.Time = Time(t); return e }
func (t at) CancelRequested(e CancelRequestedEvent) Event             { e.Time = Time(t); return e }
func (t at) ReprioritizeRequested(e ReprioritizeRequestedEvent) Event { e.Time = Time(t); return e }
func (t at) PreemptRequested(e PreemptRequestedEvent) Event           { e.Time = Time(t); return e }
func (t at) Leased(e LeasedEvent) Event                               { e.Time = Time(t); return e }
func (t at) Requeued(e RequeuedEvent) Event                           { e.Time = Time(t); return e }
func (t at) Reprioritized(e ReprioritizedEvent) Event                 { e.Time = Time(t); return e }
func (t at) RunExpired(e RunExpiredEvent) Event                       { e.Time = Time(t); return e }
func (t at) Succeeded(e SucceededEvent) Event                         { e.Time = Time(t); return e }
func (t at) Failed(e FailedEvent) Event                               { e.Time = Time(t); return e }
func (t at) Preempted(e PreemptedEvent) Event                         { e.Time = Time(t); return e }
func (t at) Cancelled(e CancelledEvent) Event                         { e.Time = Time(t); return e }
func (t at) Rejected(e RejectedEvent) Event                           { e.Time = Time(t); return e }
func (t at) Reserved(e ReservedEvent) Event                           { e.Time = Time(t); return e }
func (t at) Unreserved(e UnreservedEvent) Event                       { e.Time = Time(t); return e }
func (t at) RunAcknowledged(e RunAcknowledgedEvent) Event             { e.Time = Time(t); return e }
func (t at) RunPending(e RunPendingEvent) Event                       { e.Time = Time(t); return e }
func (t at) RunRunning(e RunRunningEvent) Event                       { e.Time = Time(t); return e }
func (t at) RunSucceeded(e RunSucceededEvent) Event                   { e.Time = Time(t); return e }
func (t at) RunFailed(e RunFailedEvent) Event                         { e.Time = Time(t); return e }
func (t at) RunReturned(e RunReturnedEvent) Event                     { e.Time = Time(t); return e }
func (t at) RunReleased(e RunReleasedEvent) Event                     { e.Time = Time(t); return e }

// The set of events.
func (SubmittedEvent) event()             {}
func (CancelRequestedEvent) event()       {}
func (ReprioritizeRequestedEvent) event() {}
func (PreemptRequestedEvent) event()      {}
func (LeasedEvent) event()                {}
func (RequeuedEvent) event()              {}
func (ReprioritizedEvent) event()         {}
func (RunExpiredEvent) event()            {}
func (SucceededEvent) event()             {}
func (FailedEvent) event()                {}
func (PreemptedEvent) event()             {}
func (CancelledEvent) event()             {}
func (RejectedEvent) event()              {}
func (ReservedEvent) event()              {}
func (UnreservedEvent) event()            {}
func (RunAcknowledgedEvent) event()       {}
func (RunPendingEvent) event()            {}
func (RunRunningEvent) event()            {}
func (RunSucceededEvent) event()          {}
func (RunFailedEvent) event()             {}
func (RunReturnedEvent) event()           {}
func (RunReleasedEvent) event()           {}
