package schedule_test

import (
	"slices"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// isMarket says whether the pool is one.
func (r *ref) isMarket() bool { return slices.Contains(r.cfg.Markets, r.pool) }

// bid is what a queue bids for the jobs of a shape in the pool: for their band, else for all
// bands, else nothing.
func (r *ref) bid(queue schedule.QueueID, shape schedule.ShapeID) int64 {
	for _, band := range []string{r.shape(shape).Band, ""} {
		for _, b := range r.cfg.Bids {
			if b.Queue == queue && b.Pool == r.pool && b.Band == band {
				return b.Price
			}
		}
	}
	return 0
}

// bidFor is what is bid for the next gang of a queue: the lowest of its members' bids.
func (r *ref) bidFor(q *refQueue) int64 {
	bid := r.bid(q.ID, q.next[0].Shape)
	for _, j := range q.next {
		bid = min(bid, r.bid(q.ID, j.Shape))
	}
	return bid
}

// bidForRuns is the highest of the bids for runs.
func (r *ref) bidForRuns(runs []*refRun) (bid int64) {
	for _, run := range runs {
		bid = max(bid, r.bid(run.Queue, run.Shape))
	}
	return bid
}

// bidForVictims is the highest of the bids for victims.
func (r *ref) bidForVictims(victims []refVictim) (bid int64) {
	for _, v := range victims {
		bid = max(bid, r.bid(v.run.Queue, v.run.Shape))
	}
	return bid
}
