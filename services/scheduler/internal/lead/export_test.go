package lead

import (
	"time"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// StepStored steps a core without the rule that an effect is what was read back: what
// the log has acknowledged is taken for read.
func (c *Core) StepStored(now job.Time, d Draft) []Output {
	c.now, c.out = max(c.now, now), nil
	if c.phase != stopped {
		c.entry(d.Partition, eventlog.Entry{Header: eventlog.Header{
			Author: c.cfg.Author, Kind: d.Kind, Epoch: d.Epoch, Plan: d.Plan, Part: d.Part, Parts: d.Parts,
		}}, Body{Batches: d.Batches})
	}
	return c.conclude()
}

// WithoutWaitingForAllMarkers makes a core lead when it has read one own marker.
func WithoutWaitingForAllMarkers(c *Core) {
	c.rules.fenced = func(markers int) bool { return markers < len(c.partitions) }
}

// WithoutWholePlans makes a core send each part of a plan by itself.
func WithoutWholePlans(c *Core) {
	c.rules.count = func(_ plans, _ eventlog.Header, batches []job.Batch) []planned { return leasesIn(batches) }
}

// WithoutDroppingResends makes a core count what is stored twice two times.
func WithoutDroppingResends(c *Core) {
	c.rules.admit = func(gate eventlog.Gate, entries []eventlog.Entry) (out eventlog.Admitted, err error) {
		out.Next = gate
		for _, e := range entries {
			one, err := out.Next.Admit([]eventlog.Entry{e})
			if err != nil {
				return eventlog.Admitted{}, err
			}
			if one.Dropped.Resent > 0 {
				one.Entries = []eventlog.Entry{e}
			}
			out.Entries, out.Dropped, out.Next = append(out.Entries, one.Entries...), out.Dropped.Add(one.Dropped), one.Next
		}
		return out, nil
	}
}

// WithoutKeepingOrphans makes a core stop every run that the log does not have.
func WithoutKeepingOrphans(c *Core) { c.rules.mayStop = func(stray) bool { return true } }

// After is the wait after so many attempts.
func (b Backoff) After(attempts int) time.Duration { return b.after(attempts) }
