package schedule

import (
	"math"
	"slices"
)

// queueRound is a queue in a round of one pool. What each start asks of every queue stands first,
// so that it is in few lines of the cache.
type queueRound struct {
	// open: it may start something. Else it has a share only.
	open, done bool
	// taken: the first of the sources is the next gang, or was. Parked: kinds of it may be
	// parked.
	taken, parked bool
	// has: there is a next gang, a single job or members of a gang.
	has bool
	// fragile: that it can start is to be asked again after each start. Where it takes
	// victims, spot is where it found some, or whom and where are best; spotted: it did.
	fragile, spotted bool
	// alone: it is a member of an elastic gang that goes by itself.
	alone bool
	// anew: it is to begin another walk. Started: something of it was since the others began
	// their walks. Looser: it weighs otherwise since, or is protected less.
	anew, started, looser bool
	// lossy: its demand is to be reckoned anew, for it was preempted. Above: it may have more
	// than its guard.
	lossy, above bool
	// strays: a run of it on the pool's nodes is on the account of another pool.
	strays                 bool
	leastKnown, floorKnown bool
	job, shape, gang       int32
	// place is where it stands in the heap; none: it is not in it.
	place int32
	// before is the queue's weighted share, and cost what it is once that has started.
	before, cost uint64
	sure         sure
	// missed is what it passed over in its walk.
	missed missed
	spot   choice

	queue  int32
	weight int64
	// sources are the kinds that it may take its next job from, a heap by their first job,
	// and bound the last job within look-back.
	sources []source
	bound   int32
	// dropped counts the sources that were parked since all were looked at.
	dropped int
	members []int32
	// away is which of the ways to be away from home it is to start in; zero: at home.
	away  int32
	class int32
	// bid is what is bid for it, in a market.
	bid int64
	// share is its dominant share and cost of it now weighted by its weight; need is the
	// share of what it holds and waits for, demand the same and at most all of the pool; fair
	// and ideal are what it should have. Guard is up to where nothing is taken from it for a
	// share.
	share, weighted uint64
	need, demand    uint64
	fair, ideal     uint64
	guard           uint64
	// constrained is what the limits of its classes leave of its demand, capped and uncapped
	// what Armada would have it have.
	constrained, capped, uncapped uint64
	// least is the most that it weighs after the loss of one of its runs, where known.
	least uint64
	// seat is its place in the tree, where there is one, and asks what its next gang asks for.
	seat int32
	asks Vec
	// floorShare and floorCost are at least what it has, and weighs, once any node is rid of
	// its runs, where known.
	floorShare, floorCost uint64
	// walk is what its walk marks kinds and gangs by.
	walk uint64
	// claimFrom and claimTo are the depths of the places at which it may take back what it
	// has a guarantee for; none: nowhere.
	claimFrom, claimTo int32
	// young is when the earliest of its runs began that began at this moment or later.
	young Time
}

// size is how many jobs start with the next gang.
func (q *queueRound) size() uint32 {
	if q.gang == none {
		return 1
	}
	return uint32(len(q.members)) //nolint:gosec // members are below 2^31
}

// source is a kind from a job on. What it is sorted by stands in it.
type source struct {
	// class is the level at which its jobs would run, away which of the ways to be away from
	// home that is; zero: at home.
	class, away int32
	priority    uint32
	bid         int64
	when        Time
	job         int32
	kind        int32
	at          cursor
	// a and b are what its jobs ask of a node of the first two resources. Plain: all are alike.
	a, b  int64
	plain bool
}

// enter computes the totals, shares and queues of a pool, on its own nodes or a host's.
func (p *planner) enter(at visit) {
	pool := at.pool
	p.pool, p.site, p.survey.known = pool, at.site, false
	p.off, p.dominants = p.offIn[pool], p.dominantsIn[pool]
	p.keeps = p.round.KeepShares || p.off.FairShare
	p.nodeLog, p.queueLog = p.nodeLog[:0], p.queueLog[:0]
	p.total = append(p.total[:0], make(Vec, len(p.cfg.Resources))...)
	p.nodes = p.nodes[:0]
	for _, n := range p.index.order {
		row := &p.State.nodes[n]
		if row.pool == at.site {
			p.nodes = append(p.nodes, n)
		}
		if row.pool == pool {
			p.total.add(row.Total)
			p.total.sub(row.Other)
		}
	}
	p.addHostsNow()
	p.addFloating()
	p.findPeriodLimit()
	p.tree.quotas.on = p.anyQuota() // then also who holds only what counts in no share has a part
	old := p.queues
	p.queues, p.wants, p.filling.vectors, p.filling.stop = p.queues[:0], p.wants[:0], p.filling.vectors[:0], -1
	p.at = append(p.at[:0], make([]int32, len(p.State.queues))...)
	for _, h := range p.byName {
		row := &p.State.queues[h]
		q := queueRound{queue: h, weight: p.weightIn(row), open: row.known && !row.Cordoned, bound: none, gang: none, young: math.MaxInt64, place: none}
		p.at[h] = none
		if n := len(p.queues); n < cap(old) { // its lists are used again
			prev := &old[:n+1][n]
			q.sources, q.spot.victims = prev.sources[:0], prev.spot.victims[:0]
		}
		if p.join(q) {
			p.at[h] = int32(len(p.queues) - 1) //nolint:gosec // queues are few
		}
	}
	p.openMarket()
	p.plant()
	p.addCharges()
	p.hunt.enter(len(p.queues), len(p.kinds))
	width := len(p.total)
	p.leastAsked = slices.Grow(p.leastAsked[:0], len(p.queues)*width)[:len(p.queues)*width]
	p.findLimits()
	for i := range p.queues {
		q := &p.queues[i]
		if q.open {
			q.bound = p.lookback(q.queue)
		}
		p.weighQueue(q)
		q.missed.request = p.leastAsked[i*width : i*width : (i+1)*width]
	}
	p.shares++
	p.dropOverLimit(none)
	p.share()
	p.restart()
	if p.told>>pool&1 == 0 { // the shares are those when the round first came to it
		p.told |= 1 << pool
		p.reportShares()
	}
}

// join has a queue take part in the pool if it wants anything.
func (p *planner) join(q queueRound) bool {
	at := int32(len(p.queues)) //nolint:gosec // queues are few
	p.queues = append(p.queues, q)
	wants, vectors := len(p.wants), len(p.filling.vectors)
	p.wants = append(p.wants, make([]int64, len(p.cfg.Classes)*len(p.cfg.Resources))...)
	p.filling.vectors = append(p.filling.vectors, make([]uint64, len(p.dominants))...)
	waits := p.demand(q.queue, p.wants[wants:])
	if p.vectorize(at); p.queues[at].demand > 0 || waits > 0 || p.tree.quotas.on && slices.Max(p.heldIn(&p.queues[at])) > 0 {
		return true
	}
	p.queues, p.wants, p.filling.vectors = p.queues[:at], p.wants[:wants], p.filling.vectors[:vectors]
	return false
}

// reportShares puts the shares into the plan.
func (p *planner) reportShares() {
	p.fillArmada()
	if p.tree.on {
		p.reportTree()
		return
	}
	for i := range p.queues {
		q := &p.queues[i]
		p.plan.Shares = append(p.plan.Shares, Share{
			Pool: p.cfg.Pools[p.pool], Queue: p.State.queues[q.queue].ID, Actual: q.share, Ideal: q.ideal, Fair: q.fair,
			DemandCapped: q.capped, Uncapped: q.uncapped, Demand: q.demand, Constrained: q.constrained,
		})
	}
}

// share computes the fair and ideal shares of all queues.
func (p *planner) share() {
	if p.tree.on {
		p.shareTree()
		return
	}
	f := &p.filling
	if p.cfg.PreemptionRule != ArmadaOrder && f.isSteady(p.queues) {
		return
	}
	f.before = f.before[:0]
	for i := range p.queues {
		f.before = append(f.before, p.queues[i].guard)
	}
	fairShares(p.queues, 1<<32)
	p.fillIdeal()
	if p.cfg.PreemptionRule == ArmadaOrder {
		p.fillArmada()
	}
	protected := p.protectedPart()
	for i := range p.queues {
		q := &p.queues[i]
		guard := q.right()
		if p.cfg.PreemptionRule == ArmadaOrder {
			guard = max(q.capped, q.fair)
		}
		q.guard = scale(guard, protected, Million)
		if q.guard < f.before[i] && q.share > q.guard {
			p.queueLog = append(p.queueLog, int32(i))       //nolint:gosec // queues are few
			p.hunt.looser = append(p.hunt.looser, int32(i)) //nolint:gosec // queues are few
		}
	}
}

// reckon reckons the shares: who was preempted is wanted no more, so they may be others.
func (p *planner) reckon() {
	lossy := false
	for i := range p.queues {
		q := &p.queues[i]
		if q.lossy {
			q.lossy = false
			p.demand(q.queue, p.wants[i*len(p.cfg.Classes)*len(p.cfg.Resources):])
			lossy = p.vectorize(int32(i)) || lossy || p.tree.on //nolint:gosec // queues are few
		}
	}
	if lossy {
		p.share()
	}
}

// restart has each queue begin at its first job.
func (p *planner) restart() {
	p.unmark()
	p.tree.clear()
	p.findHeaviest()
	p.forgetLooser()
	if p.parking.idle {
		return
	}
	p.findMostLeft()
	for i := range p.queues {
		p.rewind(&p.queues[i])
	}
}

// unmark forgets what walks have noted on shapes, kinds and gangs.
func (p *planner) unmark() {
	p.walk++
	p.began, p.fulls = p.walk, p.fulls[:0]
	for i := range p.queues {
		p.queues[i].walk = p.walk
	}
}

// findHeaviest finds the queues that may lose anything, and what the heaviest of them weighs.
func (p *planner) findHeaviest() {
	p.heaviest, p.above = 0, p.above[:0]
	for i := range p.queues {
		q := &p.queues[i]
		if q.above = q.share > q.guard; q.above {
			p.heaviest = max(p.heaviest, q.weighted)
			p.above = append(p.above, int32(i)) //nolint:gosec // queues are few
		}
	}
}

// rewind has a queue begin at its first job.
func (p *planner) rewind(q *queueRound) {
	p.drop(q)
	p.walk++
	q.walk = p.walk
	q.missed.forget()
	q.done, q.taken, q.parked, q.dropped = !q.open, false, false, 0
	q.sources = q.sources[:0]
	if q.done {
		return
	}
	kinds := p.State.queues[q.queue].kinds
	if cap(q.sources) < len(kinds) {
		q.sources = p.sourcesFor(len(kinds))
	}
	asks := p.State.queues[q.queue].asks
	level, parks := p.parks(q)
	for i, k := range kinds {
		switch {
		case parks && p.mayPark(&asks[i], k, level):
			q.parked = true
		case p.mayLookAt(k):
			p.addSource(q, k, &asks[i])
		}
	}
	p.heapSources(q)
}

// mayLookAt says whether a kind has jobs that may start where the pool is planned.
func (p *planner) mayLookAt(k int32) bool {
	row := &p.kinds[k]
	return row.n > 0 && p.shapes[row.shape].mayUse(p.pool) && (p.home() || p.classOfKind(k).Preemptible || row.gangs > 0)
}

// heapSources makes a heap of a queue's sources.
func (p *planner) heapSources(q *queueRound) {
	for i := len(q.sources)/2 - 1; i >= 0; i-- {
		p.siftSource(q, i)
	}
}

// sourcesFor is memory for so many sources.
func (p *planner) sourcesFor(n int) []source {
	const most = 4096
	if len(p.spare) < n {
		p.spare = make([]source, max(n, most))
	}
	sources := p.spare[:0:n]
	p.spare = p.spare[n:]
	return sources
}

// addSource adds what does not start of a kind to the sources of a queue.
func (p *planner) addSource(q *queueRound, k int32, ask *kindAsk) {
	row := p.ofKind(k)
	job := p.kinds[k].waiting.job(row.from)
	for job != none && p.laid.has(job) {
		row.from = p.kinds[k].waiting.step(row.from)
		job = p.kinds[k].waiting.job(row.from)
	}
	if job != none {
		for away := range 1 + p.waysOf(job) {
			if away == 0 && !p.off.Home || away > 0 && !p.off.Away && p.mayGoAway(job, nil, away) {
				src := p.source(k, away, row.from, job)
				src.a, src.b, src.plain = ask.a, ask.b, p.isPlain(ask, k)
				q.sources = append(q.sources, src)
			}
		}
	}
}

func (p *planner) source(k, away int32, at cursor, job int32) source {
	row := &p.jobs[job]
	bid := int64(0)
	if p.market {
		bid = p.priceOf(k)
	}
	return source{class: p.levelOf(k, away), away: away, bid: bid, priority: row.priority, when: row.submitted, job: job, kind: k, at: at}
}

// ofKind is what this round knows of a kind.
func (p *planner) ofKind(k int32) *roundKind {
	row := &p.kinds[k].roundKind
	if row.round != p.number {
		row.round, row.from, row.laid, row.owners = p.number, cursor{}, 0, 0
	}
	return row
}

// step moves the first source of a queue to its next job.
func (p *planner) step(q *queueRound) {
	src := &q.sources[0]
	list := &p.kinds[src.kind].waiting
	at := list.step(src.at)
	if job := list.job(at); job != none {
		a, b, plain := src.a, src.b, src.plain
		*src = p.source(src.kind, src.away, at, job)
		src.a, src.b, src.plain = a, b, plain
		p.siftSource(q, 0)
		return
	}
	p.dropSource(q)
}

// dropSource forgets the first source of a queue.
func (p *planner) dropSource(q *queueRound) {
	last := len(q.sources) - 1
	q.sources[0] = q.sources[last]
	q.sources = q.sources[:last]
	if last > 0 {
		p.siftSource(q, 0)
	}
}

func (p *planner) sourceBefore(a, b *source) bool {
	switch {
	case a.class != b.class:
		return a.class > b.class
	case a.bid != b.bid:
		return a.bid > b.bid
	case a.priority != b.priority:
		return a.priority < b.priority
	case a.when != b.when:
		return a.when < b.when
	}
	return slices.Compare(p.jobIDs.ids[a.job][:], p.jobIDs.ids[b.job][:]) < 0
}

func (p *planner) siftSource(q *queueRound, i int) {
	list := q.sources
	for {
		least := 2*i + 1
		if least >= len(list) {
			return
		}
		if least+1 < len(list) && p.sourceBefore(&list[least+1], &list[least]) {
			least++
		}
		if !p.sourceBefore(&list[least], &list[i]) {
			return
		}
		list[i], list[least] = list[least], list[i]
		i = least
	}
}

// lookback is the last job of a queue within look-back; none: all of them are.
func (p *planner) lookback(h int32) int32 {
	row := &p.State.queues[h]
	if row.n <= p.cfg.Lookback {
		return none
	}
	if row.boundKnown && !p.market {
		return row.bound
	}
	q := p.allSources(h)
	for range p.cfg.Lookback - 1 {
		p.step(q)
	}
	if p.market { // the order is this pool's own
		return q.sources[0].job
	}
	row.bound, row.boundKnown = q.sources[0].job, true
	return row.bound
}

// allSources are all kinds of a queue from their first job on.
func (p *planner) allSources(h int32) *queueRound {
	q := &queueRound{queue: h}
	for _, k := range p.State.queues[h].kinds {
		if job := p.kinds[k].waiting.job(cursor{}); job != none {
			q.sources = append(q.sources, p.source(k, 0, cursor{}, job))
		}
	}
	p.heapSources(q)
	return q
}

// findLimits finds what each queue may hold of the pool by each class.
func (p *planner) findLimits() {
	resources := len(p.cfg.Resources)
	p.limits = p.limits[:0]
	for i := range p.queues {
		row := &p.State.queues[p.queues[i].queue]
		for c := range p.cfg.Classes {
			if i > 0 && len(row.Limits) == 0 && len(p.State.queues[p.queues[0].queue].Limits) == 0 {
				p.limits = append(p.limits, p.limits[c*resources:(c+1)*resources]...) // as the first queue's
				continue
			}
			limit := p.limit(row, p.cfg.Classes[c].ID)
			for r, name := range p.cfg.Resources {
				most := int64(math.MaxInt64)
				if part, limited := limit[name]; limited {
					most = int64(min(scale(uint64(max(0, p.total[r])), uint64(part), Million), math.MaxInt64)) //nolint:gosec // not negative
				}
				p.limits = append(p.limits, most)
			}
		}
	}
}

// limit is the limit of a class in a queue: the pool's own, else the queue's, else
// the class's of the pool, else the class's.
func (p *planner) limit(q *queue, class ClassID) map[string]int64 {
	for _, pool := range []PoolID{p.cfg.Pools[p.pool], ""} {
		for _, l := range q.Limits {
			if l.Class == class && l.Pool == pool {
				return l.Limit
			}
		}
	}
	c := &p.cfg.Classes[p.classOf[class]]
	if own, has := c.LimitIn[p.cfg.Pools[p.pool]]; has {
		return own
	}
	return c.Limit
}

// mayUse says whether a shape's jobs may run in a pool.
func (sh *shape) mayUse(pool int32) bool { return sh.pools>>pool&1 != 0 }
