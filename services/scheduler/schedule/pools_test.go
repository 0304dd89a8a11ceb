package schedule_test

import (
	"maps"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// TestPlanByPool: pools that share no job come to the same each by itself as together. Of the
// shares a plan tells where the queues that wait are in a pool, and together those that started
// in a pool before are not.
func TestPlanByPool(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		w.part()
		s := w.load(t, anyOrder(t))
		round := schedule.Round{Now: w.now}
		whole := *s.Plan(round)
		sum := schedule.Plan{}
		for _, pool := range w.cfg.Pools {
			round.Pools = []schedule.PoolID{pool}
			plan := s.Plan(round)
			sum.Starts, sum.Preempts = append(sum.Starts, plan.Starts...), append(sum.Preempts, plan.Preempts...)
			sum.Reservations = append(sum.Reservations, plan.Reservations...)
			sum.Steps += plan.Steps
		}
		slices.SortFunc(sum.Reservations, func(a, b schedule.Reservation) int { return slices.Compare(a.Job[:], b.Job[:]) })
		if diff := gocmp.Diff(whole, sum, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(schedule.Plan{}, "Wake", "Stop", "Unreserves", "Shares")); diff != "" {
			t.Fatalf("plans (-together +each):\n%s", diff)
		}
	})
}

// part has each shape use one pool, and nobody be in a gang, which may be of several shapes;
// nothing is counted over all pools, nobody is a guest, and nothing was reserved.
func (w *world) part() {
	w.shapes, w.cfg.Rate, w.cfg.QueueRate = maps.Clone(w.shapes), schedule.Rate{}, schedule.Rate{}
	w.cfg.AwayPools = nil
	w.reserved = map[schedule.JobID]schedule.Reservation{}
	for id, shape := range w.shapes {
		shape.Pools = []schedule.PoolID{w.cfg.Pools[int(id)%len(w.cfg.Pools)]}
		w.shapes[id] = shape
	}
	for id, j := range w.waiting {
		j.Gang, j.Group = "", ""
		w.waiting[id] = j
	}
	for id, r := range w.runs {
		r.job.Gang, r.job.Group = "", ""
		if pools := w.shapes[r.job.Shape].Pools; r.Pool != pools[0] {
			delete(w.runs, id)
			continue
		}
		w.runs[id] = r
	}
}
