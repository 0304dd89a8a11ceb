package eventwire

import (
	eventsv1 "github.com/fairlead-batch/fairlead/proto/gen/fairlead/events/v1"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// The executor stream and the scheduler's snapshots carry some values of the log as they
// are. These are their readings, for whoever writes and reads those.

// Report writes a fact on a run, as an executor reports it.
func Report(e job.Event) *eventsv1.Event { return newEncoder().event(e) }

// Lease writes the lease of a run, which is as it stands in the log.
func Lease(e job.LeasedEvent) *eventsv1.Event { return newEncoder().event(e) }

// LeaseFrom reads what Lease wrote. Errors: eventlog.ErrDamaged.
func LeaseFrom(e *eventsv1.Event) (job.LeasedEvent, error) { return factFrom[job.LeasedEvent](e) }

// Reservation writes a reservation, which is as it stands in the log.
func Reservation(e job.ReservedEvent) *eventsv1.Event { return newEncoder().event(e) }

// ReservationFrom reads what Reservation wrote. Errors: eventlog.ErrDamaged.
func ReservationFrom(e *eventsv1.Event) (job.ReservedEvent, error) {
	return factFrom[job.ReservedEvent](e)
}

// factFrom reads a fact of one kind.
func factFrom[E job.Event](e *eventsv1.Event) (E, error) {
	dec := &decoder{}
	fact, is := dec.event(e).(E)
	if !is && dec.err == nil {
		dec.damaged("a fact of another kind, %T, in the place of a %T", e.GetEvent(), fact)
	}
	return fact, dec.err
}

// ReportFrom reads what Report wrote. Errors: eventlog.ErrDamaged, and
// eventlog.ErrNewer for anything that executors do not author.
func ReportFrom(e *eventsv1.Event) (job.Event, error) {
	dec := &decoder{}
	out := dec.report(job.Head{Job: dec.job(e.GetJob()), Time: job.Time(e.GetTime())}, e)
	if dec.err != nil {
		return nil, dec.err
	}
	return out, nil
}

// Amounts writes amounts of resources.
func Amounts(list []job.Amount) (out []*eventsv1.ResourceAmount) {
	for _, r := range list {
		out = append(out, &eventsv1.ResourceAmount{Resource: r.Resource, Amount: r.Value})
	}
	return out
}

// AmountsFrom reads what Amounts wrote.
func AmountsFrom(list []*eventsv1.ResourceAmount) (out []job.Amount) {
	for _, r := range list {
		out = append(out, job.Amount{Resource: r.GetResource(), Value: r.GetAmount()})
	}
	return out
}

// Tolerations writes tolerations.
func Tolerations(list []job.Toleration) []*eventsv1.Toleration { return tolerations(list) }

// TolerationsFrom reads what Tolerations wrote.
func TolerationsFrom(list []*eventsv1.Toleration) []job.Toleration { return tolerationsFrom(list) }

// Gang writes a gang; nil for none.
func Gang(g job.Gang) *eventsv1.Gang { return gang(g) }

// GangFrom reads what Gang wrote.
func GangFrom(g *eventsv1.Gang) job.Gang { return gangFrom(g) }

// Shape writes a shape.
func Shape(s *job.Shape) *eventsv1.Shape { return shape(s) }

// ShapeFrom reads what Shape wrote.
func ShapeFrom(s *eventsv1.Shape) *job.Shape { return shapeFrom(s) }

// Failure writes a failure; nil for none.
func Failure(f *job.Failure) *eventsv1.Failure {
	if f == nil {
		return nil
	}
	return failure(*f)
}

// FailureFrom reads what Failure wrote. Errors: eventlog.ErrNewer.
func FailureFrom(f *eventsv1.Failure) (*job.Failure, error) {
	if f == nil {
		return nil, nil
	}
	dec := &decoder{}
	out := dec.failure(f)
	return &out, dec.err
}
