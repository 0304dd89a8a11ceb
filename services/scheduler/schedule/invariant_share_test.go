package schedule_test

import (
	"fmt"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// sharesAddUp: no queue should have more than it wants, nobody loses by wanting more, and
// what all should have is there: of one resource that counts once, all of it at most.
func sharesAddUp(w *world, plan *schedule.Plan, _ *world) error {
	for _, pool := range w.cfg.Pools {
		var ideal, capped, fair uint64
		for _, s := range plan.Shares {
			if s.Pool != pool {
				continue
			}
			if s.DemandCapped > s.Constrained || s.Constrained > s.Demand || s.Uncapped < s.DemandCapped || s.Ideal > s.Demand && len(w.cfg.Multipliers) == 0 {
				return fmt.Errorf("the shares of %s in %s do not go together: %+v", s.Queue, pool, s)
			}
			if w.queues[s.Queue].Parent != "" {
				continue // it counts with that
			}
			ideal, capped, fair = ideal+s.Ideal, capped+s.DemandCapped, fair+s.Fair
		}
		whole, dominant := uint64(1<<32), w.cfg.Dominant
		if own, has := w.cfg.DominantIn[pool]; has {
			dominant = own
		}
		if capped > whole || fair > whole || ideal > whole && len(dominant) == 1 && len(w.cfg.Multipliers) == 0 {
			return fmt.Errorf("shares of %s add up to %d ideal, %d capped, %d fair of %d", pool, ideal, capped, fair, whole)
		}
	}
	return nil
}

// bid is what is bid for a job in a market.
func (w *world) bid(j schedule.Job, pool schedule.PoolID) int64 {
	for _, band := range []string{w.shapeOf(j).Band, ""} {
		for _, b := range w.cfg.Bids {
			if b.Queue == j.Queue && b.Pool == pool && b.Band == band {
				return b.Price
			}
		}
	}
	return 0
}
