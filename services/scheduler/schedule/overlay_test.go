package schedule_test

import (
	"errors"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// overlayBed is a state with a node, a job that waits and one that runs.
type overlayBed struct {
	t             *testing.T
	state         *schedule.State
	lease, runs   schedule.Run
	leaseID, goID schedule.DecisionID
}

func newOverlayBed(t *testing.T) *overlayBed {
	t.Helper()
	state, err := schedule.New(schedule.Config{
		Resources: []string{"cpu"}, Dominant: []string{"cpu"}, Pools: []schedule.PoolID{"p"},
		Classes: []schedule.Class{{ID: "c", Preemptible: true}}, Lookback: 10,
	})
	if err != nil {
		t.Fatal(err)
	}
	b := &overlayBed{
		t: t, state: state,
		lease: schedule.Run{ID: runID("w"), Job: jobID("waits"), Node: "e/n", Pool: "p", Since: 5, Phase: schedule.Leased},
		runs:  schedule.Run{ID: runID("r"), Job: jobID("runs"), Node: "e/n", Pool: "p", Since: 5, Phase: schedule.Leased},
	}
	b.apply(
		schedule.QueueSet{Queue: schedule.Queue{ID: "q", Weight: schedule.Million}},
		schedule.ShapeAdded{ID: 1, Shape: schedule.Shape{Request: schedule.Vec{1}, Class: "c"}},
		schedule.NodeSet{Node: schedule.Node{ID: "e/n", Executor: "e", Pool: "p", Total: schedule.Vec{2}, Other: schedule.Vec{0}}},
		schedule.JobQueued{Job: schedule.Job{ID: b.lease.Job, Queue: "q", Shape: 1}},
		schedule.JobQueued{Job: schedule.Job{ID: b.runs.Job, Queue: "q", Shape: 1}},
		schedule.RunLeased{Run: b.runs})
	return b
}

func (b *overlayBed) apply(deltas ...schedule.Delta) {
	b.t.Helper()
	if err := b.state.Apply(deltas...); err != nil {
		b.t.Fatal(err)
	}
}

func (b *overlayBed) assumeLease() {
	b.t.Helper()
	id, err := b.state.AssumeLeased(b.lease)
	if err != nil {
		b.t.Fatal(err)
	}
	b.leaseID = id
}

func (b *overlayBed) assumeGoing(r schedule.Run) {
	b.t.Helper()
	id, err := b.state.AssumeReleasing(r.ID)
	if err != nil {
		b.t.Fatal(err)
	}
	b.goID = id
}

func (b *overlayBed) forgetLease() { b.state.Forget(b.leaseID) }

func (b *overlayBed) forgetGoing() { b.state.Forget(b.goID) }

// TestOverlay: decisions that were laid over the facts and taken back, or that became
// facts, leave what the facts alone would have made.
func TestOverlay(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		overlaid, facts func(b *overlayBed)
	}{
		"a start taken back": {
			func(b *overlayBed) { b.assumeLease(); b.forgetLease() },
			func(*overlayBed) {},
		},
		"a start that became a fact is not taken back": {
			func(b *overlayBed) { b.assumeLease(); b.apply(schedule.RunLeased{Run: b.lease}); b.forgetLease() },
			func(b *overlayBed) { b.apply(schedule.RunLeased{Run: b.lease}) },
		},
		"a preemption taken back gives the phase before it": {
			func(b *overlayBed) { b.assumeGoing(b.runs); b.forgetGoing() },
			func(*overlayBed) {},
		},
		"a preemption taken back gives the phase that was told under it": {
			func(b *overlayBed) {
				b.assumeGoing(b.runs)
				b.apply(schedule.RunPhased{Run: b.runs.ID, Phase: schedule.Running})
				b.forgetGoing()
			},
			func(b *overlayBed) { b.apply(schedule.RunPhased{Run: b.runs.ID, Phase: schedule.Running}) },
		},
		"a preemption of a start stays over the fact of the start": {
			func(b *overlayBed) {
				b.assumeLease()
				b.assumeGoing(b.lease)
				b.apply(schedule.RunLeased{Run: b.lease})
				b.forgetGoing()
			},
			func(b *overlayBed) { b.apply(schedule.RunLeased{Run: b.lease}) },
		},
		"a start taken back takes its preemption with it": {
			func(b *overlayBed) { b.assumeLease(); b.assumeGoing(b.lease); b.forgetLease(); b.forgetGoing() },
			func(*overlayBed) {},
		},
		"a preemption that became a fact is not taken back": {
			func(b *overlayBed) {
				b.assumeGoing(b.runs)
				b.apply(schedule.RunPhased{Run: b.runs.ID, Phase: schedule.Releasing})
				b.forgetGoing()
			},
			func(b *overlayBed) { b.apply(schedule.RunPhased{Run: b.runs.ID, Phase: schedule.Releasing}) },
		},
		"a job that ended under its start": {
			func(b *overlayBed) { b.assumeLease(); b.apply(schedule.JobGone{Job: b.lease.Job}); b.forgetLease() },
			func(b *overlayBed) { b.apply(schedule.JobGone{Job: b.lease.Job}) },
		},
		"a job that ended under its start, and once more": {
			func(b *overlayBed) {
				b.assumeLease()
				b.forgetLease()
				b.apply(schedule.JobGone{Job: b.lease.Job}, schedule.JobGone{Job: b.lease.Job})
			},
			func(b *overlayBed) { b.apply(schedule.JobGone{Job: b.lease.Job}) },
		},
		"a priority that came under a start": {
			func(b *overlayBed) {
				b.assumeLease()
				b.apply(schedule.JobReprioritized{Job: b.lease.Job, Priority: 7})
				b.forgetLease()
			},
			func(b *overlayBed) { b.apply(schedule.JobReprioritized{Job: b.lease.Job, Priority: 7}) },
		},
		"another start became the fact": {
			func(b *overlayBed) {
				b.assumeLease()
				other := b.lease
				other.ID = runID("other")
				b.apply(schedule.RunLeased{Run: other})
				b.forgetLease()
			},
			func(b *overlayBed) {
				other := b.lease
				other.ID = runID("other")
				b.apply(schedule.RunLeased{Run: other})
			},
		},
		"a run that is gone": {
			func(b *overlayBed) { b.assumeGoing(b.runs); b.apply(schedule.RunGone{Run: b.runs.ID}); b.forgetGoing() },
			func(b *overlayBed) { b.apply(schedule.RunGone{Run: b.runs.ID}) },
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			overlaid, facts := newOverlayBed(t), newOverlayBed(t)
			test.overlaid(overlaid)
			test.facts(facts)
			if diff := gocmp.Diff(facts.state.Dump(), overlaid.state.Dump()); diff != "" {
				t.Errorf("content (-facts +overlaid):\n%s", diff)
			}
		})
	}
}

// TestOverlayEnded: a job that ended under its start is given no other.
func TestOverlayEnded(t *testing.T) {
	t.Parallel()
	b := newOverlayBed(t)
	b.assumeLease()
	b.apply(schedule.JobGone{Job: b.lease.Job})
	before := b.state.Dump()
	other := b.lease
	other.ID = runID("other")
	if err := b.state.Apply(schedule.RunLeased{Run: other}); !errors.Is(err, schedule.ErrInvalid) {
		t.Errorf("error %v, want ErrInvalid", err)
	}
	if diff := gocmp.Diff(before, b.state.Dump()); diff != "" {
		t.Errorf("content (-before +after):\n%s", diff)
	}
}

// TestOverlayRefused: what waits under a start cannot be queued again, and nothing is
// assumed twice.
func TestOverlayRefused(t *testing.T) {
	t.Parallel()
	b := newOverlayBed(t)
	b.assumeLease()
	b.assumeGoing(b.runs)
	before := b.state.Dump()
	if err := b.state.Apply(schedule.JobQueued{Job: schedule.Job{ID: b.lease.Job, Queue: "q", Shape: 1}}); err == nil {
		t.Error("a job that waits under its start is queued again")
	}
	if _, err := b.state.AssumeLeased(b.lease); err == nil {
		t.Error("a start is assumed twice")
	}
	if _, err := b.state.AssumeReleasing(b.runs.ID); err == nil {
		t.Error("a preemption is assumed twice")
	}
	if diff := gocmp.Diff(before, b.state.Dump()); diff != "" {
		t.Errorf("content (-before +after):\n%s", diff)
	}
}
