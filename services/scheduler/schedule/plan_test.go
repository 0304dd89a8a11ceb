package schedule_test

import (
	"errors"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// TestPlanUnchanged: the plan of a state that did not change is what a state with the
// same content and no memory of a plan gives.
func TestPlanUnchanged(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		s := w.load(t, anyOrder(t))
		for range 3 { // what is left to plan at the end is mostly nothing
			plan := s.Plan(schedule.Round{Now: w.now, MayReject: true})
			if err := s.Apply(w.facts(plan)...); err != nil {
				t.Fatal(err)
			}
			w.now += schedule.Time(rapid.Int64Range(-3, 9).Draw(t, "later"))
			round := schedule.Round{Now: w.now, MayReject: rapid.Bool().Draw(t, "reject"), KeepShares: rapid.Bool().Draw(t, "keep")}
			if diff := gocmp.Diff(w.load(t, anyOrder(t)).Plan(round), s.Plan(round)); diff != "" {
				t.Fatalf("plans (-no memory +memory):\n%s", diff)
			}
		}
	})
}

// TestApplyRefusedInTheMiddle: the facts before one that is refused stand, and are
// planned on.
func TestApplyRefusedInTheMiddle(t *testing.T) {
	t.Parallel()
	b := newOverlayBed(t)
	round := schedule.Round{Now: 10}
	b.apply(schedule.JobGone{Job: b.lease.Job})
	if plan := b.state.Plan(round); len(plan.Starts) > 0 {
		t.Fatalf("it starts %+v", plan.Starts)
	}
	err := b.state.Apply(schedule.JobQueued{Job: schedule.Job{ID: jobID("new"), Queue: "q", Shape: 1}}, schedule.RunPhased{})
	if !errors.Is(err, schedule.ErrInvalid) {
		t.Fatalf("error %v, want ErrInvalid", err)
	}
	if plan := b.state.Plan(round); len(plan.Starts) != 1 {
		t.Errorf("it starts %+v, want the job that was queued before the refusal", plan.Starts)
	}
}
