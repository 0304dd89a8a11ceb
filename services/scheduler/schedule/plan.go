package schedule

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
)

// Plan decides on the state as it is. The content of the state is not changed. The plan
// is shared and not to be changed: where the newest plan decided nothing, nothing changed
// since and it is not time to wake, the answer is that plan again and costs nothing.
func (s *State) Plan(r Round) *Plan {
	if s.newest != nil && s.asked.MayReject == r.MayReject && s.asked.KeepShares == r.KeepShares && s.asked.Digest == r.Digest && slices.Equal(s.asked.Pools, r.Pools) && r.Now >= s.asked.Now && (s.newest.Wake == 0 || r.Now < s.newest.Wake) {
		return s.newest
	}
	p := &s.rounds
	p.begin(s, r)
	if r.Digest {
		rows := s.rows(true)
		p.plan.From = rows.digest()
	}
	for p.planPools() {
	}
	p.reserve()
	if r.MayReject {
		p.rejectHopeless()
	}
	p.end()
	s.newest, s.asked = nil, r
	if plan := p.plan; plan.Stop != StopBudget && plan.empty() {
		s.newest = plan
	}
	return p.plan
}

// has says whether a pool is planned in a round.
func (r *Round) has(pool PoolID) bool { return len(r.Pools) == 0 || slices.Contains(r.Pools, pool) }

// empty says whether a plan decides nothing.
func (p *Plan) empty() bool {
	return len(p.Starts)+len(p.Preempts)+len(p.Rejects)+len(p.Reservations)+len(p.Unreserves) == 0
}

// planPools plans the pools in their order, and then what they may have as guests of others. It says whether they are to be planned once
// more: what was decided in one pool may have left room in another, where a gang ran in
// both, or have taken a queue's demand for another and so changed the shares there. At once
// where what was reserved in an earlier pool is free now, as a round that was cut there
// would.
func (p *planner) planPools() (again bool) {
	decided := len(p.plan.Starts)
	for _, v := range p.visits {
		if p.plan.Stop == StopBudget {
			return false
		}
		if !p.round.has(p.cfg.Pools[v.pool]) {
			continue
		}
		if v.site != v.pool && len(p.plan.Starts) > decided {
			return true // nobody is a guest before all that can start at home
		}
		p.planPool(v)
		if p.back {
			p.back = false
			return true
		}
	}
	return len(p.visits) > 1 && len(p.plan.Starts) > decided && p.plan.Stop != StopBudget
}

// planner is one round, and the memory that the next one uses again. What it starts and
// takes is laid over copies of what is free and held.
type planner struct {
	*State
	round Round
	plan  *Plan
	// walk counts the walks of all rounds, and number is the first of this round: what a
	// walk or a round notes on a row is its own.
	walk, number uint64
	// began is the walk in which all queues of the pool began anew: what it notes on a shape
	// is its own, and fulls are the shapes that it found no room for.
	began uint64
	fulls []int32
	// spare is memory for the queues' sources.
	spare []source
	// spareIDs is memory for the lists of runs that jobs wait for.
	spareIDs []RunID
	// leastAsked is the memory of what the queues missed.
	leastAsked []int64
	// free, later, held, byClass, pods and releasing are the state's with the round's
	// decisions.
	free, later, held, byClass []int64
	pods, releasing            []int32
	// floatingNow is floatingHeld with what the round starts.
	floatingNow []int64
	// laid are the jobs that start, and gone the runs that go, lays and takes the same in
	// their order.
	laid, gone bitset
	lays       []lay
	takes      []int32
	moved      []int32
	isMoved    bitset
	// global and tokens are what is left after what the round starts.
	global bucket
	tokens []bucket
	// started is what was started in each pool in the period, with what the round starts, and
	// periodEnd when that ends. Of the pool periodMost is what may start in it, and mostAsked at
	// least what any next gang has asked for.
	// PeriodShort: after the newest start some may be above it.
	started, periodMost, mostAsked Vec
	periodShort                    bool
	periodEnd                      []Time
	// byName are the queues by name.
	byName []int32

	// told are the pools whose shares are in the plan, a bit each.
	told uint64
	// back says that a start has ended a reservation in an earlier pool.
	back bool
	// site is the pool whose nodes are planned, on the account of pool.
	pool, site int32
	total      Vec
	dominants  []int   // the resources that shares of the pool are counted in
	nodes      []int32 // of the site, by name
	limits     []int64 // what a queue may hold of the pool by each class
	queues     []queueRound
	// wants are what each of them wants by each class.
	wants   []int64
	filling filling
	// surcharges are what counts in the cost of each beside what it holds, where surcharged.
	surcharges []int64
	surcharged bool
	// off is what is switched off in the pool; keeps: nothing is preempted for a share there.
	off   Switches
	keeps bool
	// market: the pool is one, and prices are what is bid for each kind.
	market bool
	prices []int64
	used   []wide
	// at is where each queue stands in queues; none: it has no part in the pool.
	at   []int32
	heap []int32
	tree tree
	// active are the shapes of which some queue's next job is, or was.
	active []int32
	// most is how many members the largest gang has had that was next, young the queues with
	// runs that began at this moment or later.
	most  uint32
	young []int32
	// heaviest is at least what any queue weighs, and above are at least the queues that have more
	// than their guards.
	heaviest uint64
	above    []int32
	// nodeLog and queueLog are the nodes and queues of the pool in the order in which they
	// changed, and shares counts the times that a pool was entered.
	nodeLog, queueLog []int32
	shares            uint64
	survey            survey
	parking           parking
	hunt              hunt
	reserved          holds
	yard              yard
}

// lay is a job on a node.
type lay struct {
	job, node, kind, gang int32
	queue                 *queueRound
}

// roundShape is what a walk knows of a shape.
type roundShape struct {
	// full is the walk in which no node had room for it, free or being released.
	full uint64
	// witness is a node that has, as of a walk.
	witness   int32
	witnessAt uint64
	// next counts the queues whose next job is of it.
	next   int32
	active bool
}

// roundKind is what a round knows of a kind.
type roundKind struct {
	// failed is the walk in which a job of it found no place.
	failed uint64
	// failedAway are the same for each of the ways to be away from home.
	failedAway []uint64
	// from is where its jobs begin that do not start, as of a round, and laid how many do.
	from  cursor
	laid  int32
	round uint64
	// owners counts those of its jobs that have a reservation.
	owners int32
	verdict
}

// verdict is that a job of a kind has no victims, as of so much of the logs and of the
// shares, for a queue that weighed so much before and after it. It holds on as long as
// nothing changed that it depends on: each queue's part in what a node could be rid of is
// its own, so what a later search must look at is the nodes that changed, and all nodes if
// a queue changed of which something may be taken now.
type verdict struct {
	shares       uint64
	before, cost uint64
	right        uint64
	hopeful      bool
	nodes        int
	queues       int
}

// roundGang is what a round knows of a gang.
type roundGang struct {
	// seen is the walk that has come to it, seenAway the last way to be away from home in it, and
	// laid how many members start as of a round.
	seen     uint64
	seenAway int32
	laid     int32
	round    uint64
	gangCounts
}

func (p *planner) begin(s *State, r Round) {
	p.State, p.round, p.plan = s, r, &Plan{Stop: StopDone}
	s.index.sync(s)
	p.walk++
	p.number = p.walk
	p.free, p.later = append(p.free[:0], s.free...), append(p.later[:0], s.later...)
	p.held, p.byClass = append(p.held[:0], s.held...), append(p.byClass[:0], s.byClass...)
	p.beginPeriods()
	p.floatingNow = append(p.floatingNow[:0], s.floatingHeld...)
	p.pods, p.releasing = p.pods[:0], p.releasing[:0]
	for i := range s.nodes {
		p.pods, p.releasing = append(p.pods, s.nodes[i].pods), append(p.releasing, s.nodes[i].releasing)
	}
	p.laid, p.gone, p.isMoved = p.laid.emptied(len(s.jobs)), p.gone.emptied(len(s.runs)), p.isMoved.emptied(len(s.nodes))
	p.told, p.back, p.parking.off, p.parking.idle = 0, false, false, false
	p.lays, p.takes, p.moved, p.active = p.lays[:0], p.takes[:0], p.moved[:0], p.active[:0]
	p.global, p.tokens = s.global.seen, p.tokens[:0]
	for i := range s.queues {
		p.tokens = append(p.tokens, s.queues[i].tokens.seen)
	}
	if len(p.byName) != len(s.queues) { // queues are never forgotten
		p.byName = p.byName[:0]
		for i := range s.queues {
			p.byName = append(p.byName, int32(i)) //nolint:gosec // queues are few
		}
		slices.SortFunc(p.byName, func(a, b int32) int { return cmp.Compare(s.queues[a].ID, s.queues[b].ID) })
	}
	p.hold()
}

// end has the next round find the nodes where the state has them.
func (p *planner) end() {
	for _, n := range p.moved {
		p.index.touch(n)
	}
	for _, sh := range p.active {
		p.shapes[sh].next, p.shapes[sh].active = 0, false
	}
}

// planPool starts and preempts in one pool, at home or as guests of another, until nothing more can be decided. It walks
// the queues in turn; what failed is not tried again in a walk. A start that took
// victims ends the walk: they may leave room for what failed, and their queues cost
// less now. So does one that ends a reservation, and the end of the queues, for what a
// queue gained in the walk may put it above its share. A walk that starts nothing is the
// last.
func (p *planner) planPool(at visit) {
	p.enter(at)
	for p.walkQueues() && !p.back {
		p.reckon()
		p.restart()
	}
	for i := range p.queues {
		p.drop(&p.queues[i])
	}
}

// walkQueues walks the queues of the pool. It says whether there is to be another walk.
func (p *planner) walkQueues() (again bool) {
	p.most = 0
	p.heap = p.heap[:0]
	for i := range p.queues {
		p.queues[i].place = none
		if p.ready(&p.queues[i]) {
			p.push(int32(i)) //nolint:gosec // queues are few
		}
	}
	for {
		first := p.first()
		if first == none {
			if !again || !p.another() {
				return again
			}
			again = false
			continue
		}
		if p.round.Steps > 0 && p.plan.Steps >= p.round.Steps {
			p.plan.Stop = StopBudget
			return false
		}
		q := &p.queues[first]
		m, job := p.mark(), q.job
		p.start(q)
		again = true
		core, ended := p.startedCore(q), p.released(q.queue, job)
		if core && p.mayGoEarlier(q.gang) {
			p.back, ended = true, true // its other members may start in an earlier pool
		}
		if ended {
			return true
		}
		if len(p.takes) == m.takes {
			if core {
				p.rewind(q) // they may stand before it
			}
			p.recheck(q, m.lays)
			continue
		}
		if !p.resume(q, m) {
			return true
		}
		again = false // this is another walk
	}
}

// recheck finds out, after a start of a queue, whose next gang cannot start any more.
func (p *planner) recheck(q *queueRound, from int) {
	took := p.took(from)
	p.refresh(q)
	if took == (taken{}) && p.hunt.fragile == 0 {
		return
	}
	for i := range p.queues {
		if other := &p.queues[i]; other != q && p.shaken(other, took) {
			p.refresh(other)
		}
	}
}

// taken is what a start may have taken that others need: full, the last node with room for
// a shape that is some queue's next; short, tokens; scarce, floating resources.
type taken struct{ full, short, scarce bool }

// took is what was taken by what was laid since a mark.
func (p *planner) took(from int) taken {
	return taken{full: p.recheckShapes(from), short: p.short(), scarce: p.tookFloating(from)}
}

// shaken says whether the next gang of a queue is to be asked again whether it can start.
func (p *planner) shaken(q *queueRound, by taken) bool {
	return q.has && (by.short || q.fragile && !p.spotHolds(q) || by.full && p.shapes[q.shape].full == p.began || by.scarce && p.asksFloating(q))
}

// short says whether there may be too few tokens in all for some queue's next gang, or too
// little left that may start in the period.
func (p *planner) short() bool {
	if p.periodShort || p.cfg.Rate.Burst == 0 {
		return p.periodShort
	}
	ok, _ := p.global.has(p.cfg.Rate, p.most, p.round.Now)
	return !ok
}

// recheckShapes finds, for the shapes of which some queue's next job is, another node with
// room where the lays since a mark took it. It says whether there is one without.
func (p *planner) recheckShapes(from int) (full bool) {
	kept := p.active[:0]
	for _, h := range p.active {
		sh := &p.shapes[h]
		if sh.next == 0 {
			sh.active = false
			continue
		}
		kept = append(kept, h)
		if sh.full == p.began || !slices.ContainsFunc(p.lays[from:], func(l lay) bool { return l.node == sh.witness }) {
			continue
		}
		if !p.hasRoom(h) {
			full = true
		}
	}
	p.active = kept
	return full
}

// start starts the next gang of a queue, which can.
func (p *planner) start(q *queueRound) {
	lays, victims := len(p.lays), len(p.takes)
	if p.tree.on {
		p.stand(q)
	}
	p.place(q)
	q.started = true
	p.periodShort = p.countStarts(lays)
	for range q.size() {
		p.global.take(p.cfg.Rate, p.round.Now)
		p.tokens[q.queue].take(p.cfg.QueueRate, p.round.Now)
	}
	p.plan.Steps += 1 + uint64(len(p.takes)-victims)
	p.drop(q)
}

func (p *planner) wakeAt(at Time) {
	if at > p.round.Now && (p.plan.Wake == 0 || at < p.plan.Wake) {
		p.plan.Wake = at
	}
}

// rejectHopeless rejects jobs that no known node could ever hold, by id: the ids of shapes are
// the caller's, and may be others at another one.
func (p *planner) rejectHopeless() {
	for _, sh := range p.hopelessShapes() {
		reason := p.whyHopeless(&p.shapes[sh])
		for i := range p.State.queues {
			if k, is := p.kindOf[uint64(i)<<32|uint64(sh)]; is { //nolint:gosec // handles are not negative
				p.kinds[k].waiting.all(func(job int32) {
					p.plan.Rejects = append(p.plan.Rejects, Reject{Job: p.jobIDs.ids[job], Reason: reason})
				})
			}
		}
	}
	for _, job := range p.triedEverywhere() {
		p.plan.Rejects = append(p.plan.Rejects, Reject{Job: p.jobIDs.ids[job], Reason: TriedEverywhere(len(p.extras[job].avoid))})
	}
	slices.SortFunc(p.plan.Rejects, func(a, b Reject) int { return bytes.Compare(a.Job[:], b.Job[:]) })
}

// TriedEverywhere is why a job is rejected that was tried so many times and avoids every
// node that could ever hold it. The text is Armada's, which somebody may match.
func TriedEverywhere(times int) string {
	return fmt.Sprintf("Job was attempted %d times, and has been tried once on all nodes it can run on - this job will no longer be retried", times)
}

// triedEverywhere is the jobs that avoid every node that could ever hold them, and there are
// some.
func (p *planner) triedEverywhere() (jobs []int32) {
	for job, extra := range p.extras { //archcheck:sorted by rejectHopeless
		if len(extra.avoid) == 0 || !p.jobs[job].waits || len(p.index.order) == 0 {
			continue
		}
		sh := &p.shapes[p.kinds[p.jobs[job].kind].shape]
		if p.could(sh) != 0 && !slices.ContainsFunc(p.index.order, func(n int32) bool {
			row := &p.State.nodes[n]
			return row.pool != none && !slices.Contains(extra.avoid, row.ID) && p.couldEver(sh, row) == ""
		}) {
			jobs = append(jobs, job)
		}
	}
	return jobs
}
