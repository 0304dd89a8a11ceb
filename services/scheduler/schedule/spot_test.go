package schedule_test

import (
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// TestSpotPrice: the price is the plain one, of facts and of what is assumed. That there is one
// at all is told by a story, market_spot.
func TestSpotPrice(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w, s := drawLived(t)
		drawAssumed(t, w, s)
		rows := s.SnapshotAssumed()
		for _, pool := range append(w.cfg.Pools, "none") {
			price, is := s.SpotPrice(pool)
			if want, has := refSpotPrice(&w.cfg, &rows, pool); price != want || is != has {
				t.Fatalf("pool %s: %d, %v; want %d, %v", pool, price, is, want, has)
			}
		}
	})
}

// TestPlanSaysFromWhat: with the content that a plan says it was made on, it is made again.
func TestPlanSaysFromWhat(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w, s := drawLived(t)
		drawAssumed(t, w, s)
		round := schedule.Round{Now: w.now, Steps: rapid.Uint64Range(0, 3).Draw(t, "steps"), MayReject: rapid.Bool().Draw(t, "reject"), Digest: true}
		s.Plan(schedule.Round{Now: w.now, Steps: round.Steps, MayReject: round.MayReject}) // may be kept, and says nothing
		plan := s.Plan(round)
		again, err := schedule.Load(&w.cfg, shuffled(s.SnapshotAssumed(), anyOrder(t)))
		if err != nil {
			t.Fatal(err)
		}
		if from := again.Digest(); plan.From != from {
			t.Fatalf("the plan is from %x, and the content is %x", plan.From, from)
		}
		if diff := gocmp.Diff(plan, again.Plan(round)); diff != "" {
			t.Fatalf("plans (-first +again):\n%s", diff)
		}
	})
}
