package simulate

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// ErrWorld is wrapped by every refusal of New.
var ErrWorld = errors.New("cannot be simulated")

// JobsMax bounds the jobs of a world, so that a slip of the finger is an error and not
// hours of work.
const JobsMax = 100_000_000

// SpanMax is the longest that one delay or run time may be on average.
const SpanMax = 366 * 24 * time.Hour

// World is what is simulated. It is not changed after New.
type World struct {
	// Rules are the round's.
	Rules schedule.Config
	// Nodes are there from the beginning to the end.
	Nodes  []schedule.Node
	Queues []schedule.Queue
	// Templates are what is submitted; those of one moment in their order here.
	Templates []Template
	// Pending is how long a started job holds its node before it runs, Resubmit how long
	// after its preemption a job is submitted again.
	Pending, Resubmit Spread
	// Seed chooses the tails of all spreads.
	Seed uint64
	// Interval is the least time between two rounds, PreemptionInterval between two that
	// preempt for fair shares.
	Interval, PreemptionInterval time.Duration
	// Until ends the simulation though jobs are left; zero: when nothing can happen.
	Until time.Duration
}

// Template is jobs that are alike.
type Template struct {
	// ID is its name in what is written; unique.
	ID, JobSet string
	Queue      schedule.QueueID
	Number     uint32
	// Priority: the smaller goes first within the class.
	Priority uint32
	Shape    schedule.Shape
	Runtime  Spread
	// Earliest is when it is submitted at the earliest, from the beginning. After are the
	// templates, by their place in the world, of which all jobs must have succeeded, and
	// AfterDelay how long before.
	Earliest   time.Duration
	After      []int
	AfterDelay time.Duration
	// Gang is how many jobs of it start together, zero or a divisor of Number, and Label
	// the label of which their nodes have one value; empty: any nodes.
	Gang  uint32
	Label string
}

// Spread is a shifted exponential distribution: Minimum, and a tail of this mean.
type Spread struct{ Minimum, TailMean time.Duration }

func (w *World) check() error {
	total := uint64(0)
	for i := range w.Templates {
		t := &w.Templates[i]
		total += uint64(t.Number)
		if t.Gang > 0 && t.Number%t.Gang != 0 {
			return fmt.Errorf("%w: template %s has %d jobs, which is not a multiple of its gangs of %d", ErrWorld, t.ID, t.Number, t.Gang)
		}
		for _, span := range []time.Duration{t.Runtime.Minimum, t.Runtime.TailMean, t.Earliest, t.AfterDelay} {
			if span < 0 || span > SpanMax {
				return fmt.Errorf("%w: template %s has a time of %v, which is not from 0 to %v", ErrWorld, t.ID, span, SpanMax)
			}
		}
		for _, of := range t.After {
			if of < 0 || of >= len(w.Templates) {
				return fmt.Errorf("%w: template %s depends on template %d of %d", ErrWorld, t.ID, of, len(w.Templates))
			}
		}
	}
	for _, span := range []time.Duration{w.Pending.Minimum, w.Pending.TailMean, w.Resubmit.Minimum, w.Resubmit.TailMean, w.Interval, w.PreemptionInterval, w.Until} {
		if span < 0 || span > SpanMax && span != w.Until {
			return fmt.Errorf("%w: a delay or an interval of %v is not from 0 to %v", ErrWorld, span, SpanMax)
		}
	}
	switch {
	case total > JobsMax:
		return fmt.Errorf("%w: %d jobs are more than %d", ErrWorld, total, JobsMax)
	case len(w.Templates) >= math.MaxInt32:
		return fmt.Errorf("%w: %d templates are too many", ErrWorld, len(w.Templates))
	}
	return w.acyclic()
}

// acyclic refuses templates that wait for each other.
func (w *World) acyclic() error {
	blocked := make([]int, len(w.Templates))
	next := make([][]int, len(w.Templates))
	var free []int
	for i := range w.Templates {
		blocked[i] = len(w.Templates[i].After)
		if blocked[i] == 0 {
			free = append(free, i)
		}
		for _, of := range w.Templates[i].After {
			next[of] = append(next[of], i)
		}
	}
	done := 0
	for ; len(free) > 0; done++ {
		at := free[len(free)-1]
		free = free[:len(free)-1]
		for _, n := range next[at] {
			if blocked[n]--; blocked[n] == 0 {
				free = append(free, n)
			}
		}
	}
	if done == len(w.Templates) {
		return nil
	}
	for i := range blocked {
		if blocked[i] > 0 {
			return fmt.Errorf("%w: template %s waits for itself, by its dependencies", ErrWorld, w.Templates[i].ID)
		}
	}
	return nil
}
