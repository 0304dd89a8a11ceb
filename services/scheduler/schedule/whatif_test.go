package schedule_test

import (
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// TestWhatIfIsTheRound: a what-if is the plan of a state that was told the same, it says of
// each job what that plan does, and the state that is asked is as before.
func TestWhatIfIsTheRound(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w, s := drawLived(t)
		before, rows := s.Dump(), s.SnapshotAssumed()
		question := schedule.Question{Round: schedule.Round{Now: w.now, MayReject: rapid.Bool().Draw(t, "reject")}}
		for range rapid.IntRange(0, 3).Draw(t, "jobs") {
			question.Facts = append(question.Facts, schedule.JobQueued{Job: w.drawJob(t, 4)})
		}
		if rapid.Bool().Draw(t, "node") {
			question.Facts = append(question.Facts, schedule.NodeSet{Node: drawNode(t, w.cfg, 5)})
		}
		if rapid.Bool().Draw(t, "rules") {
			other := w.cfg
			other.Lookback = 1
			question.Config = &other
		}
		for _, j := range rows.Jobs {
			question.Jobs = append(question.Jobs, j.ID)
		}
		answer, err := s.WhatIf(question)
		if err != nil {
			t.Fatal(err)
		}
		if diff := gocmp.Diff(before, s.Dump()); diff != "" {
			t.Fatalf("WhatIf changed the content (-before +after):\n%s", diff)
		}
		cfg := w.cfg
		if question.Config != nil {
			cfg = *question.Config
		}
		told := loaded(t, cfg, rows)
		if err := told.Apply(question.Facts...); err != nil {
			t.Fatal(err)
		}
		if diff := gocmp.Diff(told.Plan(question.Round), answer.Plan, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("plan (-told +what-if):\n%s", diff)
		}
		for _, o := range answer.Jobs {
			if starts := startsIn(answer.Plan, o.Job); starts == (o.Start == nil) || starts == (o.Why != nil) {
				t.Fatalf("job %x starts: %v, and it says %+v", o.Job, starts, o)
			}
		}
	})
}

// TestWhatIfRefuses: what the state would refuse is an error, and changes nothing.
func TestWhatIfRefuses(t *testing.T) {
	t.Parallel()
	s, err := schedule.New(schedule.Config{
		Resources: []string{"cpu"}, Dominant: []string{"cpu"}, Pools: []schedule.PoolID{"p"}, Classes: []schedule.Class{{ID: "c"}}, Lookback: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	before := s.Digest()
	for name, q := range map[string]schedule.Question{
		"unknown shape": {Facts: []schedule.Delta{schedule.JobQueued{Job: schedule.Job{ID: schedule.JobID{1}, Queue: "a", Shape: 7}}}},
		"wrong rules":   {Config: &schedule.Config{}},
	} {
		if _, err := s.WhatIf(q); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	answer, err := s.WhatIf(schedule.Question{Jobs: []schedule.JobID{{9}}})
	if err != nil || len(answer.Jobs) != 1 || answer.Jobs[0].Start != nil || answer.Jobs[0].Why != nil {
		t.Errorf("of a job that is not known: %+v, %v", answer, err)
	}
	if after := s.Digest(); !slices.Equal(before[:], after[:]) {
		t.Error("a refused question changed the content")
	}
}
