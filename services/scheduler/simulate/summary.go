package simulate

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// tally is what a summary is made of, beside the account.
type tally struct {
	// waits are in milliseconds, by queue.
	waits   [][]uint32
	lost    area
	last    time.Duration
	reasons []Reason
	// unfinished counts the runs that the end cut off.
	unfinished uint64
}

// Reason is why jobs were rejected.
type Reason struct {
	Text string
	Jobs uint64
}

func (t *tally) waited(queue int32, long time.Duration) {
	t.waits[queue] = append(t.waits[queue], uint32(min(long.Milliseconds(), math.MaxUint32))) //nolint:gosec // bounded
}

func (t *tally) rejected(reason string) {
	for i := range t.reasons {
		if t.reasons[i].Text == reason {
			t.reasons[i].Jobs++
			return
		}
	}
	t.reasons = append(t.reasons, Reason{Text: reason, Jobs: 1})
}

// finish ends the simulation: what still runs is told of.
func (s *Simulation) finish(out Recorder, at time.Duration) error {
	s.over, s.now = true, at
	s.account.close(s.now)
	for row := range s.runs {
		if !s.runs[row].live {
			continue
		}
		s.tally.unfinished++
		if err := s.end(int32(row), Unfinished, out); err != nil { //nolint:gosec // below 2^31
			return err
		}
	}
	return nil
}

// Summary is a simulation in figures, once it is over.
type Summary struct {
	Counts
	// Unsubmitted jobs were never submitted, Queued ones waited when the simulation ended,
	// Unfinished ones ran then.
	Unsubmitted, Queued, Unfinished uint64
	Rejections                      []Reason
	// End is when the simulation ended, Makespan when the last job succeeded; MakespanFloor is
	// the least that this could have been, with the same run times.
	End, Makespan, MakespanFloor time.Duration
	Wait                         Waits
	Queues                       []QueueSummary
	Pools                        []PoolSummary
	// LostCPU is what preempted runs had held until then: thousandths of a cpu, for a
	// second.
	LostCPU int64
	// Waiting is how many jobs waited over time: its points are jobs.
	Waiting Curve
}

// Waits are percentiles of how long runs waited for their start since that attempt was
// submitted, by nearest rank, to the millisecond.
type Waits struct{ P50, P90, P99, Max time.Duration }

// QueueSummary is a queue in figures.
type QueueSummary struct {
	ID     schedule.QueueID
	Starts int
	Wait   Waits
}

// PoolSummary is a pool in figures. Shares are in units of 2^-32.
type PoolSummary struct {
	ID schedule.PoolID
	// Used is the mean use of each dominant resource up to the makespan, as a part of the
	// total; Curves are the same over time.
	Used   []int64
	Curves []Curve
	// ShareError is by how much the queues together had less than their ideal shares, on
	// average up to the makespan.
	ShareError int64
	Parts      []PartSummary
}

// PartSummary is a queue in a pool over time.
type PartSummary struct {
	Actual, Ideal Curve
	// Mean is the queue's mean share up to the makespan.
	Mean int64
}

// Summary is the simulation in figures. It is to be over.
func (s *Simulation) Summary() Summary {
	out := Summary{
		Counts: s.counts, End: s.now, Makespan: s.tally.last, MakespanFloor: s.floor(), Unsubmitted: s.counts.Jobs - s.counts.Submitted,
		Queued: s.counts.Waiting, Unfinished: s.tally.unfinished,
		LostCPU: s.tally.lost.over(time.Second), Waiting: s.account.waitings,
	}
	out.Rejections = slices.SortedFunc(slices.Values(s.tally.reasons), func(a, b Reason) int { return cmp.Compare(a.Text, b.Text) })
	var all []uint32
	for i, list := range s.tally.waits {
		all = append(all, list...)
		out.Queues = append(out.Queues, QueueSummary{ID: s.world.Queues[i].ID, Starts: len(list), Wait: waitsOf(slices.Clone(list))})
	}
	out.Wait = waitsOf(all)
	span := s.tally.last
	if s.tally.unfinished > 0 {
		span = s.now
	}
	for i := range s.account.pools {
		out.Pools = append(out.Pools, s.account.summary(int32(i), span)) //nolint:gosec // few
	}
	return out
}

func (a *account) summary(pool int32, span time.Duration) PoolSummary {
	p := &a.pools[pool]
	out := PoolSummary{ID: p.id, Curves: p.curves}
	for _, r := range a.dominants {
		out.Used = append(out.Used, ratio(p.held[r].over(span), p.total[r]))
	}
	var below area
	for q := range a.queues {
		part := a.part(pool, int32(q)) //nolint:gosec // few
		below = below.plus(part.below)
		out.Parts = append(out.Parts, PartSummary{Actual: part.actuals, Ideal: part.ideals, Mean: part.held.over(span)})
	}
	out.ShareError = below.over(span)
	return out
}

// waitsOf sorts waits in place.
func waitsOf(list []uint32) Waits {
	slices.Sort(list)
	at := func(percent int) time.Duration {
		if len(list) == 0 {
			return 0
		}
		rank := (len(list)*percent + 99) / 100 // the smallest with so many at or below it
		return time.Duration(list[max(rank, 1)-1]) * time.Millisecond
	}
	return Waits{P50: at(50), P90: at(90), P99: at(99), Max: at(100)}
}
