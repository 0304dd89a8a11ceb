package eventwire

import (
	eventsv1 "github.com/fairlead-batch/fairlead/proto/gen/fairlead/events/v1"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// The executor stream carries some values of the log as they are. These are their
// readings, for the two ends of the stream.

// Report writes a fact on a run, as an executor reports it.
func Report(e job.Event) *eventsv1.Event { return newEncoder().event(e) }

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
