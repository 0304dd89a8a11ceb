package schedule

import (
	"bytes"
	"slices"
)

// With rounds in quick succession a cpu that becomes free goes at once to the smallest job
// that waits, and what needs much room never finds it. So after a round has started all that
// it can, nodes are reserved for what it could not:
//
//   - for the first in line of a queue: the first gang or job in its order that tokens and
//     limits let start and that the pool's nodes could hold if nothing ran there;
//   - if it is large: a gang, or a job that would not fit either if any one run ended;
//   - if it has waited for ReserveAfter, since its last member was submitted or may start.
//
// The queues come in the order in which they would start, until there are ReservationsMax of
// the pool, or for one no nodes are left beside what is reserved for others. A round that
// keeps the shares reserves nothing: the next that does not may preempt.
//
// The time of a reservation is the first end of a run at which the nodes have room for all,
// found by halving among the ends that are known; then each member gets the node on which
// least is left. Where there is no such time, each gets the node that lacks least once all is
// gone of which an end is known, and whatever runs there drains. Where groups of a gang are bound,
// its own members come first and then its groups by name, each in the first domain that
// can hold it of those on which least is left, or which lack least.
//
// Other jobs start on a reserved node only if they end by their limit before its time, or fit
// beside what it needs then, or are of a higher class. They preempt nobody there but in the
// first and the last case. The jobs that it is for start anywhere, as soon as they can.

// reserve reserves nodes in each pool.
func (p *planner) reserve() {
	if p.cfg.ReserveAfter > 0 && !p.round.KeepShares && p.plan.Stop != StopBudget {
		p.parking.off = true // who is in line has no place
		for pool := range p.cfg.Pools {
			if !p.round.has(p.cfg.Pools[pool]) {
				continue
			}
			if len(p.cfg.Pools) > 1 {
				p.enter(homeOf(pool))
			} else {
				p.restart()
			}
			p.reserveIn()
			for i := range p.queues {
				p.drop(&p.queues[i])
			}
		}
		p.wakeForHolds()
	}
	slices.SortFunc(p.plan.Unreserves, func(a, b JobID) int { return bytes.Compare(a[:], b[:]) })
	slices.SortFunc(p.plan.Reservations, compareReservations)
}

// wakeForHolds has the round wake when jobs that wait would no longer end before a reservation
// begins: where one loses nodes so, others may be reserved for it.
func (p *planner) wakeForHolds() {
	for i := range p.reserved.list {
		h := &p.reserved.list[i]
		if h.over || h.Time == 0 {
			continue
		}
		for k := range p.kinds {
			if row := &p.kinds[k]; row.n > 0 && p.shapes[row.shape].Limit > 0 {
				p.wakeAt(lastStart(h.Time, p.shapes[row.shape].Limit) + 1)
			}
		}
	}
}

// lastStart is when what may run for so many seconds is to start to end by a time.
func lastStart(by Time, limit int32) Time { return by - Time(limit)*1e9 }

// reserveIn reserves nodes of the pool.
func (p *planner) reserveIn() {
	left := p.cfg.ReservationsMax
	for i := range p.reserved.list {
		if h := &p.reserved.list[i]; !h.over && h.pool == p.pool {
			left--
		}
	}
	if left <= 0 {
		return
	}
	p.heap = p.heap[:0]
	for i := range p.queues {
		p.queues[i].place = none
		if p.inLine(&p.queues[i]) {
			p.push(int32(i)) //nolint:gosec // queues are few
		}
	}
	p.yard.known, p.yard.full = false, false
	for left > 0 {
		first := p.first()
		if first == none {
			return
		}
		q := &p.queues[first]
		made, next := p.reserveFor(q)
		switch {
		case next:
			p.skip(q)
			p.restand(q, p.inLine(q))
			continue
		case made:
			left--
		case p.yard.full:
			return
		}
		p.drop(q)
		p.restand(q, false)
	}
}

// inLine finds the next gang of a queue that tokens and limits let start.
func (p *planner) inLine(q *queueRound) bool {
	for !q.done && p.next(q) {
		switch {
		case q.away > 0: // nodes are reserved at home only
		case q.alone: // its gang is whole without it
		case p.aboveGangMax(q.gang):
		case !p.mayStartNow(q):
		case !p.overLimit(q) && !p.shortOfFloating(q) && !p.aboveAPeriod(q) && p.withinQuotas(q):
			return true
		}
		p.skip(q)
	}
	p.drop(q)
	return false
}

// mayStartNow says whether the period and tokens let the next gang of a queue start. Where they do not
// the round has stopped for that already, or nothing can start anyway: it is not noted again.
func (p *planner) mayStartNow(q *queueRound) bool {
	wake, stop := p.plan.Wake, p.plan.Stop
	may := p.inPeriod(q) && p.hasTokens(q)
	p.plan.Wake, p.plan.Stop = wake, stop
	return may
}

// hasTokens says whether there are tokens for the next gang of a queue. Where they are to
// come the queue is done.
func (p *planner) hasTokens(q *queueRound) bool {
	for _, of := range []struct {
		bucket *bucket
		rate   Rate
	}{{&p.global, p.cfg.Rate}, {&p.tokens[q.queue], p.cfg.QueueRate}} {
		if ok, _ := of.bucket.has(of.rate, q.size(), p.round.Now); !ok {
			q.done = q.size() <= of.rate.Burst
			return false
		}
	}
	return true
}

// withinQuotas says whether the quotas let a queue have all of its next gang.
func (p *planner) withinQuotas(q *queueRound) bool {
	if !p.tree.quotas.on || q.gang == none {
		return p.mayHoldMore(q, p.shapes[q.shape].Request)
	}
	more := make(Vec, len(p.total))
	for _, j := range q.members {
		more.add(p.request(p.jobs[j].kind))
	}
	return p.mayHoldMore(q, more)
}

// skip passes over the next gang of a queue, and over all jobs of its kind with it.
func (p *planner) skip(q *queueRound) {
	if q.gang == none && !p.alone(q.job) {
		p.kinds[p.jobs[q.job].kind].fail(q.walk, q.away)
	}
	p.drop(q)
}

// reserveFor reserves nodes for the next gang of a queue. It says whether it did, and
// whether the queue is to go on with the next one, for the pool cannot hold this one at all.
func (p *planner) reserveFor(q *queueRound) (made, next bool) {
	jobs := q.members
	if q.gang == none {
		jobs = []int32{q.job}
	}
	if p.holder(jobs[0]) != none {
		return false, false
	}
	if len(jobs) > ReservationJobsMax {
		return false, false // too many for one fact
	}
	if p.yard.tree = nil; q.gang != none && p.bindsGroups(q.gang) {
		p.yard.tree = p.gangTree(q)
	}
	if !p.couldHold(q, jobs) {
		return false, true
	}
	if q.gang == none && !p.isLarge(q.job) {
		return false, false
	}
	since := Time(0)
	for _, j := range jobs {
		since = max(since, p.jobs[j].submitted, p.notBefore(j))
	}
	due := since + Time(p.cfg.ReserveAfter)
	if due < since {
		due = never
	}
	if due > p.round.Now {
		p.wakeAt(due)
		return false, false
	}
	h := p.nodesFor(q, jobs)
	if h == nil {
		p.yard.full = true
		return false, false
	}
	p.plan.Reservations = append(p.plan.Reservations, h.Reservation)
	p.addHold(*h)
	return true, false
}

// isLarge says whether a job would not fit on any node either if one run ended there.
func (p *planner) isLarge(job int32) bool {
	k := p.seekFor(job, 0, nil)
	for _, n := range p.nodes {
		if !p.index.takes[n] || !p.mayTry(&k, n) || p.shut(&k, n) {
			continue
		}
		later := p.room(p.later, n)
		for r := p.State.nodes[n].first; r != none; r = p.runs[r].next {
			if p.stays(r) && p.enough(&k, later, p.request(p.runs[r].kind)) && !p.tooMany(n, p.pods[n]-p.releasing[n]) {
				return false
			}
		}
	}
	return !slices.ContainsFunc(p.lays, func(l lay) bool {
		n := l.node
		return p.State.nodes[n].pool == p.pool && p.mayTry(&k, n) && !p.shut(&k, n) &&
			p.enough(&k, p.room(p.later, n), p.request(l.kind)) && !p.tooMany(n, p.pods[n]-p.releasing[n])
	})
}
