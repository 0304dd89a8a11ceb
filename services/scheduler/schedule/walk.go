package schedule

// ready finds the next gang of a queue, which is the first that can start as things
// are: what cannot counts for nothing in the order of the queues. So a round needs no
// memory of what it tried, and goes on after a cut as if there had been none.
func (p *planner) ready(q *queueRound) bool {
	for !q.done {
		if !q.has && !p.next(q) {
			q.done = true
			break
		}
		if p.canStart(q) {
			return true
		}
		p.drop(q)
	}
	p.drop(q)
	return false
}

// drop forgets the next gang of a queue.
func (p *planner) drop(q *queueRound) {
	if !q.has {
		return
	}
	q.has = false
	p.shapes[q.shape].next--
	p.setFragile(q, false)
}

func (p *planner) setFragile(q *queueRound, fragile bool) { //nolint:revive // a setter
	if q.fragile != fragile {
		q.fragile = fragile
		if fragile {
			p.hunt.fragile++
		} else {
			p.hunt.fragile--
		}
	}
}

// next finds the next gang of a queue that is worth a try, among as many jobs as the
// round looks at. Those that start in it are still in the list, and are passed over.
func (p *planner) next(q *queueRound) bool {
	if q.taken {
		q.taken = false
		last := q.sources[0]
		p.goOn(q)
		if q.parked && p.lacksTokens(q, 1) {
			p.unpark(q, &last)
		}
	}
	for len(q.sources) > 0 {
		src := &q.sources[0]
		if src.plain && !p.parking.near.holds(src.a, src.b) && p.parkFirst(q) {
			continue
		}
		job := src.job
		if q.bound != none && job != q.bound && p.beyond(job, q.bound) {
			p.dropSource(q) // what stands behind it is beyond, too
			continue
		}
		k := &p.kinds[src.kind]
		row := &p.jobs[job]
		if p.laid.has(job) || row.gang == none && k.failedIn(q.walk, src.away) && p.holder(job) == none {
			p.goOn(q)
			continue
		}
		members, alone := []int32(nil), false
		if row.gang != none {
			if members, alone = p.goesOf(q, job, src.away); members == nil {
				if p.gangs[row.gang].isElastic() {
					q.missed.missOver() // who of it goes depends on what the queue holds
				}
				p.step(q)
				continue
			}
		}
		if !p.mayUse(members) || !p.mayBe(job, members, src.away) || p.tooEarly(job, members) {
			p.step(q)
			continue
		}
		q.taken = true
		p.setNext(q, job, src.away, members)
		q.alone = alone
		return true
	}
	return false
}

// goOn goes on from the first job of a queue's sources. Where a job of its kind found no
// place, nothing of it is worth a try in this walk but gangs.
func (p *planner) goOn(q *queueRound) {
	if src := &q.sources[0]; p.kinds[src.kind].gangs == 0 && p.kinds[src.kind].failedIn(q.walk, src.away) && p.owners(&p.kinds[src.kind]) == 0 {
		p.dropSource(q)
		return
	}
	p.step(q)
}

// mayUse says whether every member of a gang may run in the pool.
func (p *planner) mayUse(members []int32) bool {
	for _, j := range members {
		if !p.shapes[p.kinds[p.jobs[j].kind].shape].mayUse(p.pool) {
			return false
		}
	}
	return true
}

// tooEarly says whether the time of a job, or of a member, has not come.
func (p *planner) tooEarly(job int32, members []int32) bool {
	ready := p.notBefore(job)
	for _, j := range members {
		ready = max(ready, p.notBefore(j))
	}
	if ready <= p.round.Now {
		return false
	}
	p.wakeAt(ready)
	return true
}

func (p *planner) notBefore(job int32) Time {
	if !p.jobs[job].extra {
		return 0
	}
	return max(0, p.extras[job].notBefore)
}

// setNext has a gang be the next, and reckons what its start would cost its queue.
func (p *planner) setNext(q *queueRound, job, away int32, members []int32) {
	q.has, q.job, q.away, q.gang, q.members, q.alone = true, job, away, p.jobs[job].gang, members, false
	first := job
	if q.gang != none {
		first = members[0]
	}
	kind := p.jobs[first].kind
	q.shape, q.class = p.kinds[kind].shape, p.levelOf(kind, away)
	sh := &p.shapes[q.shape]
	if sh.next++; !sh.active {
		sh.active = true
		p.active = append(p.active, q.shape)
	}
	q.spotted, q.bid = false, p.bidOf(job, members)
	p.most = max(p.most, q.size())
	q.before = q.weighted
	after := p.hunt.after[:0]
	after = append(after, p.heldIn(q)...)
	if p.surcharged {
		after.add(p.surcharge(p.at[q.queue]))
		q.before = p.weigh(after, q.weight)
	}
	if q.gang == none {
		after.add(sh.Request)
	}
	for _, j := range members {
		after.add(p.request(p.jobs[j].kind))
	}
	p.hunt.after = after
	q.cost = p.weigh(after, q.weight)
	if p.tree.on {
		q.asks = p.asks(q)
	}
}

// asks is what the next gang of a queue asks for.
func (p *planner) asks(q *queueRound) Vec {
	if q.gang == none {
		return p.shapes[q.shape].Request
	}
	sum := make(Vec, len(p.total))
	for _, j := range q.members {
		sum.add(p.request(p.jobs[j].kind))
	}
	return sum
}

// heldIn is what a queue holds of the pool.
func (p *planner) heldIn(q *queueRound) Vec { return p.room(p.held, p.heldAt(q.queue, p.pool)) }

// weighQueue reckons a queue's share, which has changed.
func (p *planner) weighQueue(q *queueRound) {
	q.share = p.dominant(p.heldIn(q), p.total)
	q.weighted = weighted(q.share, q.weight)
	q.leastKnown, q.floorKnown = false, false
	p.heaviest = max(p.heaviest, q.weighted)
	if !q.above && q.share > q.guard {
		q.above = true
		p.above = append(p.above, p.at[q.queue])
	}
	p.queueLog = append(p.queueLog, p.at[q.queue])
	if p.tree.on {
		p.climb(q)
	}
}

// weigh is the weighted share of amounts.
func (p *planner) weigh(amounts Vec, weight int64) uint64 {
	return weighted(p.dominant(amounts, p.total), weight)
}

// canStart says whether the limits and the nodes let the next gang of a queue start.
// Where they do not it notes that: a single job's shape is not tried again in this
// walk. Mixed gangs prove nothing of their shapes, nor does a job that avoids nodes.
func (p *planner) canStart(q *queueRound) bool {
	if p.aboveGangMax(q.gang) || !p.inPeriod(q) {
		return false
	}
	n := q.size()
	if ok, ready := p.global.has(p.cfg.Rate, n, p.round.Now); !ok {
		p.limited(q, ready, n, p.cfg.Rate)
		return false
	}
	if ok, ready := p.tokens[q.queue].has(p.cfg.QueueRate, n, p.round.Now); !ok {
		p.limited(q, ready, n, p.cfg.QueueRate)
		return false
	}
	if p.tree.on {
		p.stand(q)
	}
	over := p.overLimit(q) || p.shortOfFloating(q) || p.aboveAPeriod(q)
	if !over && p.hasPlace(q) {
		return true
	}
	if over {
		q.missed.missOver()
	} else {
		p.noteFailed()
		p.miss(q)
		if !q.alone {
			p.wakeForProtected(q)
			p.wakeForYoung(q)
		}
	}
	if q.alone {
		p.failMember(q)
	}
	if q.gang == none && !p.alone(q.job) {
		p.kinds[p.jobs[q.job].kind].fail(q.walk, q.away)
	}
	return false
}

// avoids says whether a job is kept off nodes of its own.
func (p *planner) avoids(job int32) bool {
	return p.jobs[job].extra && len(p.extras[job].avoid) > 0
}

// alone says whether a job is not as the others of its kind: it is kept off nodes, or has
// some of its own.
func (p *planner) alone(job int32) bool { return p.avoids(job) || p.holder(job) != none }

// owners counts the jobs of a kind that had a reservation when the round began.
func (p *planner) owners(k *kind) int32 {
	if k.round != p.number {
		return 0
	}
	return k.owners
}

// limited ends the queue for this round; a gang above the burst waits for ever and
// ends nothing.
func (p *planner) limited(q *queueRound, ready Time, n uint32, rate Rate) {
	if n > rate.Burst {
		return
	}
	p.endQueue(q, ready)
}

// endQueue ends a queue for this round, for something is used up until a moment.
func (p *planner) endQueue(q *queueRound, ready Time) {
	q.done = true
	p.wakeAt(ready)
	if p.plan.Stop == StopDone {
		p.plan.Stop = StopLimit
	}
}

// aboveGangMax says whether a gang is larger than any may be: it waits, and holds up nobody.
func (p *planner) aboveGangMax(gang int32) bool {
	return p.cfg.GangMax > 0 && gang != none && p.gangs[gang].Cardinality > p.cfg.GangMax
}

// overLimit says whether the next gang would take its queue above the limit of a class.
func (p *planner) overLimit(q *queueRound) bool {
	if q.gang == none {
		return p.over(q, p.shapes[q.shape].class, p.shapes[q.shape].Request)
	}
	return p.overAny(q, q.members)
}

// overAny says whether jobs would take their queue above the limit of a class.
func (p *planner) overAny(q *queueRound, jobs []int32) bool {
	for c := range p.cfg.Classes {
		sum, some := make(Vec, len(p.total)), false
		for _, j := range jobs {
			if sh := &p.shapes[p.kinds[p.jobs[j].kind].shape]; sh.class == int32(c) { //nolint:gosec // classes are few
				sum.add(sh.Request)
				some = true
			}
		}
		if some && p.over(q, int32(c), sum) { //nolint:gosec // classes are few
			return true
		}
	}
	return false
}

// over says whether so much more takes a queue above the limit of a class.
func (p *planner) over(q *queueRound, class int32, more Vec) bool {
	held := p.room(p.byClass, p.classAt(q.queue, p.pool, class))
	limit := p.room(p.limits, p.at[q.queue]*int32(len(p.cfg.Classes))+class) //nolint:gosec // few
	for i := range more {
		if held[i]+more[i] > limit[i] {
			return true
		}
	}
	return false
}

// wakeForYoung has the round wake when what began at this moment may lose to the next gang
// of a queue, which has no place.
func (p *planner) wakeForYoung(q *queueRound) {
	if p.keeps && !p.tree.quotas.on {
		return
	}
	p.look()
	for _, i := range p.young {
		owner := &p.queues[i]
		if p.market || owner != q && p.mayLoseLater(owner, q) { // what is young may be outbid
			p.wakeAt(owner.young + 1)
		}
	}
}

// mayLoseLater says whether a queue may lose to the next gang of another what began at this
// moment.
func (p *planner) mayLoseLater(owner, to *queueRound) bool {
	switch {
	case p.tree.quotas.on:
		return !p.guarded(owner, to)
	case p.tree.on:
		return p.mayFairIn(to, owner)
	}
	return p.mayLose(owner, to, owner.share)
}

// refresh asks again whether the next gang of a queue can start, and puts the queue where
// it stands among the others now.
func (p *planner) refresh(q *queueRound) {
	p.restand(q, p.ready(q))
}

// restand puts a queue where it stands among the others, or out of them where it is not
// ready any more.
func (p *planner) restand(q *queueRound, ready bool) {
	at := int(q.place)
	switch {
	case p.tree.on:
		p.reseat(q)
		return
	case ready && at < 0:
		p.push(p.at[q.queue])
		return
	case ready:
		p.sift(p.siftUp(int(q.place)))
		return
	case at < 0:
		return
	}
	last := len(p.heap) - 1
	p.swap(at, last)
	p.heap, q.place = p.heap[:last], none
	if at < last {
		p.sift(p.siftUp(at))
	}
}

// before says which queue's next gang goes first.
func (p *planner) before(i, j int32) bool {
	a, b := &p.queues[i], &p.queues[j]
	switch {
	case a.class != b.class:
		return a.class > b.class
	case a.bid != b.bid:
		return a.bid > b.bid
	case a.cost != b.cost:
		return a.cost < b.cost
	}
	return i < j // they stand by name
}

// first is the queue whose gang goes next of all; none: there is no gang.
func (p *planner) first() int32 {
	if p.tree.on {
		return p.tree.first()
	}
	if len(p.heap) == 0 {
		return none
	}
	return p.heap[0]
}

func (p *planner) push(i int32) {
	if p.tree.on {
		p.reseat(&p.queues[i])
		return
	}
	p.heap = append(p.heap, i)
	p.queues[i].place = int32(len(p.heap) - 1) //nolint:gosec // queues are few
	p.siftUp(len(p.heap) - 1)
}

func (p *planner) swap(i, j int) {
	p.heap[i], p.heap[j] = p.heap[j], p.heap[i]
	p.queues[p.heap[i]].place, p.queues[p.heap[j]].place = int32(i), int32(j) //nolint:gosec // queues are few
}

func (p *planner) siftUp(i int) int {
	for i > 0 {
		parent := (i - 1) / 2
		if !p.before(p.heap[i], p.heap[parent]) {
			break
		}
		p.swap(i, parent)
		i = parent
	}
	return i
}

func (p *planner) sift(i int) {
	for {
		least := 2*i + 1
		if least >= len(p.heap) {
			return
		}
		if least+1 < len(p.heap) && p.before(p.heap[least+1], p.heap[least]) {
			least++
		}
		if !p.before(p.heap[least], p.heap[i]) {
			return
		}
		p.swap(i, least)
		i = least
	}
}
