package simulate

import (
	"slices"
	"time"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// account is what queues hold, and what that comes to over time.
type account struct {
	// dominants are the dominant resources of pools that name none of their own, whose use is
	// told of every pool.
	dominants []int
	// multipliers are how often each resource counts.
	multipliers []int64
	pools       []poolAccount
	poolOf      map[schedule.PoolID]int32
	queueOf     map[schedule.QueueID]int32
	queues      int
	// parts are the queues' parts of each pool, pool by pool.
	parts []part
	// waiting counts the jobs that wait, in all and over time: a job is a share.
	waiting  int64
	changed  time.Duration
	waitings Curve
}

// poolAccount is a pool as a whole.
type poolAccount struct {
	id          schedule.PoolID
	total, used schedule.Vec
	// dominants are the resources that shares of it are counted in.
	dominants []int
	// held is each resource's use over time, curves the same of the dominant ones as part
	// of the total.
	held   []area
	curves []Curve
	since  time.Duration
}

// part is a queue in a pool.
type part struct {
	used schedule.Vec
	// actual is its dominant share now, ideal and fair what the newest round said.
	actual, ideal, fair int64
	since               time.Duration
	// below is by how much it had less than its ideal share, held what it had, over time.
	below, held     area
	actuals, ideals Curve
	// running, started and preempted count runs: now, and since the newest row.
	running, started, preempted uint32
	// told is the newest row, and seen the round that named the queue.
	told ShareRow
	seen uint64
}

func newAccount(w *World) *account {
	a := &account{poolOf: map[schedule.PoolID]int32{}, queueOf: map[schedule.QueueID]int32{}, queues: len(w.Queues)}
	a.dominants = w.dominants(w.Rules.Dominant)
	for _, name := range w.Rules.Resources {
		times, is := w.Rules.Multipliers[name]
		if !is {
			times = schedule.Million
		}
		a.multipliers = append(a.multipliers, times)
	}
	for i, q := range w.Queues {
		a.queueOf[q.ID] = int32(i) //nolint:gosec // queues are few
	}
	for i, id := range w.Rules.Pools {
		a.poolOf[id] = int32(i) //nolint:gosec // pools are few
		n := len(w.Rules.Resources)
		dominants := a.dominants
		if own, has := w.Rules.DominantIn[id]; has {
			dominants = w.dominants(own)
		}
		a.pools = append(a.pools, poolAccount{
			id: id, dominants: dominants, total: make(schedule.Vec, n), used: make(schedule.Vec, n), held: make([]area, n), curves: make([]Curve, len(a.dominants)),
		})
		for range w.Queues {
			a.parts = append(a.parts, part{used: make(schedule.Vec, n)})
		}
	}
	a.addTotals(w)
	return a
}

// addTotals counts what the pools have. One with away pools has all of theirs beside its own, of
// which a round counts what nobody else holds.
func (a *account) addTotals(w *World) {
	for i := range w.Nodes {
		node := &w.Nodes[i]
		for p := range a.pools {
			if id := a.pools[p].id; node.Pool != id && !slices.Contains(w.Rules.AwayPools[id], node.Pool) {
				continue
			}
			for r := range node.Total {
				a.pools[p].total[r] += node.Total[r]
				if r < len(node.Other) {
					a.pools[p].total[r] -= node.Other[r]
				}
			}
		}
	}
	for _, f := range w.Rules.Floating {
		r := slices.Index(w.Rules.Resources, f.Resource)
		for i := range a.pools {
			a.pools[i].total[r] = f.Pools[a.pools[i].id]
		}
	}
}

// dominants are resources by their names.
func (w *World) dominants(names []string) (at []int) {
	for _, name := range names {
		at = append(at, slices.Index(w.Rules.Resources, name))
	}
	return at
}

func (a *account) part(pool, queue int32) *part { return &a.parts[int(pool)*a.queues+int(queue)] }

// move gives a queue so many times an amount, or takes it.
func (a *account) move(now time.Duration, pool, queue int32, request schedule.Vec, times int64) {
	p, part := &a.pools[pool], a.part(pool, queue)
	a.flushPool(p, now)
	part.flush(now)
	for r := range request {
		p.used[r] += times * request[r]
		part.used[r] += times * request[r]
	}
	part.actual = 0
	for _, r := range p.dominants {
		one := ratio(part.used[r], p.total[r])
		if a.multipliers[r] != schedule.Million {
			one = multiplied(one, a.multipliers[r])
		}
		part.actual = max(part.actual, one)
	}
}

// flushPool notes what a pool held up to now.
func (a *account) flushPool(p *poolAccount, now time.Duration) {
	if now == p.since {
		return
	}
	for r := range p.used {
		p.held[r].add(p.used[r], now-p.since)
	}
	for i, r := range a.dominants {
		p.curves[i].add(ratio(p.used[r], p.total[r]), p.since, now)
	}
	p.since = now
}

// flush notes what the queue had up to now.
func (p *part) flush(now time.Duration) {
	if now == p.since {
		return
	}
	p.below.add(p.ideal-p.actual, now-p.since)
	p.held.add(p.actual, now-p.since)
	p.actuals.add(p.actual, p.since, now)
	p.ideals.add(p.ideal, p.since, now)
	p.since = now
}

// wait counts jobs that begin to wait, or do so no more.
func (a *account) wait(now time.Duration, jobs int64) {
	a.waitings.add(a.waiting<<sharp, a.changed, now)
	a.waiting, a.changed = a.waiting+jobs, now
}

// close notes everything up to now.
func (a *account) close(now time.Duration) {
	for i := range a.pools {
		a.flushPool(&a.pools[i], now)
	}
	for i := range a.parts {
		a.parts[i].flush(now)
	}
	a.wait(now, 0)
}

// shares takes the shares of a round, and gives the rows of the queues of which something
// changed, in the order of pools and queues.
func (a *account) shares(now time.Duration, round uint64, shares []schedule.Share, rows []ShareRow) []ShareRow {
	for i := range shares {
		share := &shares[i]
		part := a.part(a.poolOf[share.Pool], a.queueOf[share.Queue])
		part.flush(now)
		part.ideal, part.fair, part.seen = int64(share.Ideal), int64(share.Fair), round //nolint:gosec // at most 2^32
	}
	for i := range a.parts {
		part := &a.parts[i]
		if part.seen != round && part.ideal+part.fair > 0 {
			part.flush(now)
			part.ideal, part.fair = 0, 0
		}
		row := ShareRow{
			At: now, Round: round, Pool: int32(i / a.queues), Queue: int32(i % a.queues), //nolint:gosec // few
			Actual: part.actual, Ideal: part.ideal, Fair: part.fair,
			Running: part.running, Started: part.started, Preempted: part.preempted,
		}
		if row.same(part.told) {
			continue
		}
		part.told, part.started, part.preempted = row, 0, 0
		rows = append(rows, row)
	}
	return rows
}

// same says whether nothing changed since a row.
func (r ShareRow) same(o ShareRow) bool {
	return r.Actual == o.Actual && r.Ideal == o.Ideal && r.Fair == o.Fair && r.Running == o.Running && r.Started == 0 && r.Preempted == 0
}
