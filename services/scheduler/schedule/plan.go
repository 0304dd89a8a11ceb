package schedule

import (
	"bytes"
	"cmp"
	"math"
	"slices"
)

// Plan decides on the state as it is. The content of the state is not changed. The
// plan is the caller's. Where the newest plan decided nothing, nothing changed since
// and it is not time to wake, the answer is that plan again and costs nothing.
func (s *State) Plan(r Round) *Plan {
	if s.newest != nil && s.round.MayReject == r.MayReject && r.Now >= s.round.Now && (s.newest.Wake == 0 || r.Now < s.newest.Wake) {
		again := *s.newest
		again.Shares = slices.Clone(again.Shares)
		return &again
	}
	p := &planner{State: s, round: r, plan: &Plan{Stop: StopDone}, global: s.global.seen, left: map[*queue]*bucket{}, full: map[*shape]bool{}}
	for _, pool := range s.cfg.Pools {
		if p.plan.Stop != StopBudget {
			p.planPool(pool)
		}
	}
	if r.MayReject {
		p.rejectHopeless()
	}
	steps := p.plan.Steps
	p.undoTo(0)
	p.plan.Steps = steps
	s.newest, s.round = nil, r
	if p.plan.Stop != StopBudget && len(p.plan.Starts)+len(p.plan.Preempts)+len(p.plan.Rejects) == 0 {
		newest := *p.plan
		newest.Shares = slices.Clone(newest.Shares)
		s.newest = &newest
	}
	return p.plan
}

// planner is one round. What it starts and takes is laid over the state and taken
// off again at its end.
type planner struct {
	*State
	round Round
	plan  *Plan
	// global and left are what is left after what the round starts.
	global bucket
	left   map[*queue]*bucket
	pool   poolRound
	// full are the shapes for whose single jobs no node has room, free or being
	// released: in a walk room only becomes less, until it ends.
	full map[*shape]bool
	// started counts the gangs started in the round.
	started int
	// undone are what to take back, the newest last.
	undone []func()
}

// poolRound is a round of one pool.
type poolRound struct {
	id     PoolID
	total  Vec
	nodes  []*node
	queues []*queueRound
	// lowest is the lowest class that a preemptible run on its nodes has.
	lowest int32
}

// queueRound is a queue in a round of one pool.
type queueRound struct {
	*queue
	// at is how far the walk has looked, and seen are the gangs it has.
	at        int
	seen      map[GangID]bool
	candidate candidate
	// demand is what it holds and waits for, fair and ideal what it should have: parts
	// of the pool.
	demand, fair, ideal uint64
	// done says that the round looks at the queue no more.
	done bool
	// tokens are what the round leaves of its own.
	tokens *bucket
}

// candidate is the next gang of a queue: its members, one for a single job.
type candidate struct {
	members []*queuedJob
	gang    *Gang
	// before is the queue's weighted share, and cost what it is once it has started.
	before, cost uint64
	// spot is where a single job was found to fit, after so many starts of the round.
	spot  spot
	found int
}

func (c candidate) head() *queuedJob { return c.members[0] }

// planPool starts and preempts in one pool until nothing more can be decided. It walks
// the queues in turn; what failed is not tried again in a walk. A start that took
// victims ends the walk: they may leave room for what failed, and their queues cost
// less now. So does the end of the queues, for what a queue gained in the walk may put
// it above its share. A walk that starts nothing is the last.
func (p *planner) planPool(id PoolID) {
	p.enter(id)
	for p.walk() {
		p.again()
	}
}

// walk walks the queues of the pool. It says whether there is to be another walk.
func (p *planner) walk() (again bool) {
	p.walks++
	clear(p.full)
	for {
		q := p.cheapest()
		if q == nil {
			return again
		}
		if p.round.Steps > 0 && p.plan.Steps >= p.round.Steps {
			p.plan.Stop = StopBudget
			return false
		}
		victims := len(p.plan.Preempts)
		p.start(q)
		again = true
		if len(p.plan.Preempts) > victims {
			return true
		}
	}
}

// enter computes the totals, shares and queues of a pool.
func (p *planner) enter(id PoolID) {
	p.pool = poolRound{id: id, total: make(Vec, len(p.cfg.Resources)), lowest: math.MaxInt32}
	for _, n := range p.nodesInOrder() {
		if n.Pool == id {
			p.pool.nodes = append(p.pool.nodes, n)
			p.pool.total.add(n.Total)
			p.pool.total.sub(n.Other)
			for _, r := range n.runs {
				if r.Phase != Releasing && r.shape.class.Preemptible {
					p.pool.lowest = min(p.pool.lowest, r.Level)
				}
			}
		}
	}
	for _, q := range p.queues { //archcheck:unordered sorted below
		if p.left[q] == nil {
			tokens := q.tokens.seen
			p.left[q] = &tokens
		}
		r := &queueRound{queue: q, seen: map[GangID]bool{}, done: !q.known || q.Cordoned, tokens: p.left[q]}
		if r.demand = p.demand(q); r.demand > 0 || q.waits() {
			p.pool.queues = append(p.pool.queues, r)
		}
	}
	slices.SortFunc(p.pool.queues, func(a, b *queueRound) int { return cmp.Compare(a.ID, b.ID) })
	fairShares(p.pool.queues)
	for _, q := range p.pool.queues {
		p.plan.Shares = append(p.plan.Shares, Share{Pool: id, Queue: q.ID, Actual: p.dominant(q.held[id], p.pool.total), Ideal: q.ideal, Fair: q.fair})
	}
}

// again readies the queues of the pool for another walk. Who was preempted is wanted
// no more, so the shares may be others.
func (p *planner) again() {
	for _, q := range p.pool.queues {
		q.at, q.candidate, q.done = 0, candidate{}, !q.known || q.Cordoned
		clear(q.seen)
		q.demand = p.demand(q.queue)
	}
	fairShares(p.pool.queues)
}

// cheapest is the queue whose next gang goes first; nil when none is left.
func (p *planner) cheapest() (best *queueRound) {
	for _, q := range p.pool.queues {
		if p.ready(q) && (best == nil || p.before(q, best)) {
			best = q
		}
	}
	return best
}

// ready finds the next gang of a queue, which is the first that can start as things
// are: what cannot counts for nothing in the order of the queues. So a round needs no
// memory of what it tried, and goes on after a cut as if there had been none.
func (p *planner) ready(q *queueRound) bool {
	for !q.done {
		if q.candidate.members == nil && !p.next(q) {
			q.done = true
			break
		}
		if p.canStart(q) {
			return true
		}
		q.candidate = candidate{}
	}
	return false
}

func (p *planner) before(a, b *queueRound) bool {
	return cmp.Or(
		cmp.Compare(b.candidate.head().shape.class.Priority, a.candidate.head().shape.class.Priority),
		cmp.Compare(a.candidate.cost, b.candidate.cost),
		cmp.Compare(a.ID, b.ID)) < 0
}

// next finds the next gang of a queue that is worth a try, among as many jobs as the
// round looks at. Those that start in it are still in the list, and are passed over.
func (p *planner) next(q *queueRound) bool {
	for ; q.at < len(q.queued) && q.at < p.cfg.Lookback; q.at++ {
		j := q.queued[q.at]
		if j.laid || j.gang == nil && j.kind.failed == p.walks {
			continue
		}
		members := q.queued[q.at : q.at+1]
		if j.gang != nil {
			g := q.gangs[j.gang.ID]
			// A gang stands where its last member does, and is looked at once.
			if q.seen[j.gang.ID] || !g.whole() || j != g.queued[len(g.queued)-1] {
				continue
			}
			q.seen[j.gang.ID] = true
			members = g.queued
		}
		if !p.mayUse(members) || p.tooEarly(members) {
			continue
		}
		q.at++
		q.candidate = p.candidateOf(q, members)
		return true
	}
	return false
}

// candidateOf reckons what the start of a gang would cost its queue.
func (p *planner) candidateOf(q *queueRound, members []*queuedJob) candidate {
	held := p.heldIn(q.queue, p.pool.id)
	c := candidate{members: members, gang: members[0].gang, before: p.weigh(held, q.Weight)}
	after := slices.Clone(held)
	for _, j := range members {
		after.add(j.shape.Request)
	}
	c.cost = p.weigh(after, q.Weight)
	return c
}

// weigh is the weighted share of amounts.
func (p *planner) weigh(amounts Vec, weight int64) uint64 {
	return weighted(p.dominant(amounts, p.pool.total), weight)
}

// mayUse says whether every member may run in the pool.
func (p *planner) mayUse(members []*queuedJob) bool {
	for _, j := range members {
		if len(j.shape.Pools) > 0 && !slices.Contains(j.shape.Pools, p.pool.id) {
			return false
		}
	}
	return true
}

// tooEarly says whether the time of a member has not come.
func (p *planner) tooEarly(members []*queuedJob) bool {
	var ready Time
	for _, j := range members {
		ready = max(ready, j.NotBefore)
	}
	if ready <= p.round.Now {
		return false
	}
	p.wakeAt(ready)
	return true
}

func (p *planner) wakeAt(at Time) {
	if at > p.round.Now && (p.plan.Wake == 0 || at < p.plan.Wake) {
		p.plan.Wake = at
	}
}

// canStart says whether the limits and the nodes let the candidate of a queue start.
// Where they do not it notes that: a single job's shape is not tried again in this
// walk. Mixed gangs prove nothing of their shapes, nor does a job that avoids nodes.
func (p *planner) canStart(q *queueRound) bool {
	c, n := &q.candidate, uint32(len(q.candidate.members))
	if ok, ready := p.global.has(p.cfg.Rate, n, p.round.Now); !ok {
		p.limited(q, ready, n, p.cfg.Rate)
		return false
	}
	if ok, ready := q.tokens.has(p.cfg.QueueRate, n, p.round.Now); !ok {
		p.limited(q, ready, n, p.cfg.QueueRate)
		return false
	}
	limited := p.overLimit(q)
	if !limited && p.hasPlace(q) {
		return true
	}
	if !limited {
		p.wakeForYoung(q)
	}
	if c.gang == nil && len(c.head().Avoid) == 0 {
		c.head().kind.failed = p.walks
	}
	return false
}

// wakeForYoung has the round wake when what began at this moment may lose to the candidate
// of a queue, which has no place.
func (p *planner) wakeForYoung(q *queueRound) {
	for _, r := range p.runs { //archcheck:unordered the earliest of them
		if r.Pool != p.pool.id || r.Phase == Releasing || r.Since < p.round.Now || !r.shape.class.Preemptible {
			continue
		}
		owner := p.roundOf(r.queue)
		if owner != nil && owner != q && owner.mayLose(q, p.dominant(p.heldIn(owner.queue, p.pool.id), p.pool.total), p.cfg.Protected) {
			p.wakeAt(r.Since + 1)
		}
	}
}

// start starts the candidate of a queue, which can.
func (p *planner) start(q *queueRound) {
	n := uint32(len(q.candidate.members))
	p.place(q)
	for range n {
		p.global.take(p.cfg.Rate, p.round.Now)
		q.tokens.take(p.cfg.QueueRate, p.round.Now)
	}
	p.plan.Steps++
	p.started++
	q.candidate = candidate{}
}

// limited ends the queue for this round; a gang above the burst waits for ever and
// ends nothing.
func (p *planner) limited(q *queueRound, ready Time, n uint32, rate Rate) {
	if n > rate.Burst {
		return
	}
	q.done = true
	p.wakeAt(ready)
	if p.plan.Stop == StopDone {
		p.plan.Stop = StopLimit
	}
}

// overLimit says whether the candidate would take its queue above the limit of a class.
func (p *planner) overLimit(q *queueRound) bool {
	sums := map[ClassID]Vec{}
	for _, m := range q.candidate.members {
		if sums[m.shape.Class] == nil {
			sums[m.shape.Class] = slices.Clone(p.classIn(q.queue, p.pool.id, m.shape.Class))
		}
		sums[m.shape.Class].add(m.shape.Request)
	}
	for class, sum := range sums { //archcheck:unordered any of them
		for name, limit := range p.limit(q.queue, class) { //archcheck:unordered any of them
			i, known := p.resources[name]
			if known && uint64(sum[i]) > scale(uint64(max(0, p.pool.total[i])), uint64(limit), Million) {
				return true
			}
		}
	}
	return false
}

// limit is the limit of a class in a queue: the pool's own, else the queue's, else
// the class's.
func (p *planner) limit(q *queue, class ClassID) map[string]int64 {
	for _, pool := range []PoolID{p.pool.id, ""} {
		for _, l := range q.Limits {
			if l.Class == class && l.Pool == pool {
				return l.Limit
			}
		}
	}
	return p.classes[class].Limit
}

// do lays a start or a loss over the state for the rest of the round.
func (p *planner) do(undo func()) { p.undone = append(p.undone, undo) }

// undoTo takes off what the round laid over the state since a mark.
func (p *planner) undoTo(mark int) {
	for i := len(p.undone) - 1; i >= mark; i-- {
		p.undone[i]()
	}
	p.undone = p.undone[:mark]
}

// rejectHopeless rejects jobs that no known node could ever hold.
func (p *planner) rejectHopeless() {
	for _, shape := range p.hopelessShapes() {
		reason := p.whyHopeless(shape)
		var jobs []JobID
		for id, j := range p.jobs { //archcheck:unordered sorted below
			if j.shape == shape {
				jobs = append(jobs, id)
			}
		}
		slices.SortFunc(jobs, func(a, b JobID) int { return bytes.Compare(a[:], b[:]) })
		for _, id := range jobs {
			p.plan.Rejects = append(p.plan.Rejects, Reject{Job: id, Reason: reason})
		}
	}
}
