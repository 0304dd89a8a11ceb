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

// refSpotPrice is the spot price of a pool of which so many millionths are the cutoff: of the
// prices at which something is held, the highest such that more is held at it and above. A
// gang that runs is held at the lowest bid for a member of it in the pool.
func refSpotPrice(cfg *schedule.Config, rows *schedule.Snapshot, pool schedule.PoolID) (int64, bool) {
	r := &ref{cfg: cfg, rows: *rows, nodes: rows.Nodes, pool: pool}
	for i := range rows.Runs {
		r.runs = append(r.runs, refRun{RunRow: rows.Runs[i]})
	}
	holds := func(run *schedule.RunRow) bool { return run.Pool == pool && run.Phase != schedule.Releasing }
	at := func(run *schedule.RunRow) int64 {
		price := r.bid(run.Queue, run.Shape)
		for i := range rows.Runs {
			if mate := &rows.Runs[i]; run.Gang != "" && mate.Gang == run.Gang && mate.Queue == run.Queue && holds(mate) {
				price = min(price, r.bid(mate.Queue, mate.Shape))
			}
		}
		return price
	}
	cutoff, has := cfg.SpotCutoff[pool]
	best, is := int64(0), false
	for i := range rows.Runs {
		if price := at(&rows.Runs[i]); has && holds(&rows.Runs[i]) && (!is || price > best) {
			sum := make(schedule.Vec, len(cfg.Resources))
			for j := range rows.Runs {
				if run := &rows.Runs[j]; holds(run) && at(run) >= price {
					addTo(sum, r.shape(run.Shape).Request)
				}
			}
			for i, total := range r.total() {
				if sum[i] > int64(refScale(uint64(max(0, total)), uint64(cutoff), schedule.Million)) {
					best, is = price, true
				}
			}
		}
	}
	return best, is
}
