package schedule

import (
	"bytes"
	"math"
	"slices"
)

// seek is what a node is looked for by.
type seek struct {
	job     int32
	request Vec
	match   bitset
	// avoid are nodes that it may not be, in the domains where it must be.
	avoid []NodeID
	in    scope
	// later: room that is being released counts.
	later bool
	// level is at which it would run there, and away which of the ways it is to be away from
	// home, from one; zero: at home. Limit is how many seconds it runs at most and own its
	// reservation, by which it may be on nodes that are reserved.
	level, away, limit, own int32
}

// seekFor is what a node for a job is looked for by, at home or away.
func (p *planner) seekFor(job, away int32, in scope) seek {
	sh := &p.shapes[p.kinds[p.jobs[job].kind].shape]
	k := seek{job: job, request: sh.onNode, in: in, away: away}
	p.heed(&k, sh, job)
	if away > 0 {
		k.match, k.level = p.matchesOf(sh.matcherIn(p.pool, away)), sh.away[away-1].level
	} else {
		k.match, k.level = p.matches(sh), p.cfg.Classes[sh.class].Priority
	}
	if p.jobs[job].extra {
		k.avoid = p.extras[job].avoid
	}
	return k
}

// mayTry says whether a node that takes jobs is one for a job, whatever room it has.
func (p *planner) mayTry(k *seek, n int32) bool {
	return k.match.has(n) && k.in.has(n) && (len(k.avoid) == 0 || !slices.Contains(k.avoid, p.State.nodes[n].ID))
}

// holds says whether a node has the room that a job asks for, and a place for its pod.
func (p *planner) holds(k *seek, n int32) bool {
	room, pods := p.free, p.pods[n]
	if k.later {
		room, pods = p.later, pods-p.releasing[n]
	}
	row := &p.State.nodes[n]
	return p.room(room, n).holds(k.request) && (row.MaxPods == 0 || pods < row.MaxPods)
}

// list is the nodes of the pool by the room that is looked for, and room what it is.
func (p *planner) list(k *seek) (list *sortedNodes, room []int64) {
	if k.later {
		return &p.index.byLater[p.site], p.later
	}
	return &p.index.byFree[p.site], p.free
}

// second is what is asked of the second resource.
func (k *seek) second() int64 {
	if len(k.request) > 1 {
		return k.request[1]
	}
	return 0
}

// asksMore says whether anything is asked for but of the first two resources.
func (k *seek) asksMore() bool {
	for i := 2; i < len(k.request); i++ {
		if k.request[i] > 0 {
			return true
		}
	}
	return false
}

// firstWins says whether the order of nodes is that of what is left of what is asked for: all
// of the first two resources and nothing else.
func (k *seek) firstWins() bool {
	for i, amount := range k.request {
		if amount > 0 != (i < 2) {
			return false
		}
	}
	return true
}

// tightest is the node on which least is left of what a job asks for; none: none fits.
// Nodes stand by the first resource and then the second, so that the first which fits is
// it, mostly.
func (p *planner) tightest(k *seek) (best int32) {
	list, room := p.list(k)
	if len(k.in) > 0 {
		if few := p.candidates(k.in); len(few)*fewOf <= len(p.nodes) {
			return p.tightestOf(k, few, room)
		}
	}
	best = none
	var at nodeKey
	second := k.second()
	from := 0
	if k.request[0] > 0 {
		least := nodeKey{a: k.request[0], b: second}
		if second == 0 {
			least.b = math.MinInt64 // a node may have less than nothing of what nobody asks for
		}
		from = list.block(&least)
	}
	for i := from; i < len(list.blocks); i++ {
		b := &list.blocks[i]
		if best != none && k.request[0] > 0 && b.nodes[0].a != at.a {
			break
		}
		if second > 0 && b.most < second {
			continue
		}
		for j := range b.nodes {
			key := &b.nodes[j]
			if best != none && k.request[0] > 0 && (key.a != at.a || second > 0 && key.b != at.b) {
				return best
			}
			if second > 0 && key.b < second || k.request[0] > 0 && key.a < k.request[0] || !p.mayTry(k, key.node) || !p.holds(k, key.node) || !p.allowed(k, key.node) {
				continue
			}
			if k.firstWins() {
				return key.node
			}
			if best == none || p.leavesLess(room, key.node, best, k.request) {
				best, at = key.node, *key
			}
		}
	}
	return best
}

// fewOf is how small a part of the pool's nodes is looked at one by one.
const fewOf = 8

// tightestOf is tightest among some nodes.
func (p *planner) tightestOf(k *seek, nodes []int32, room []int64) (best int32) {
	best = none
	for _, n := range nodes {
		if p.fits(k, n) && (best == none || p.leavesLess(room, n, best, k.request)) {
			best = n
		}
	}
	return best
}

// fits says whether a node takes jobs of the pool, and this one has room there.
func (p *planner) fits(k *seek, n int32) bool {
	return p.index.takes[n] && p.State.nodes[n].pool == p.site && p.mayTry(k, n) && p.holds(k, n) && p.allowed(k, n)
}

// leavesLess says whether of two nodes with room the first is to be chosen.
func (p *planner) leavesLess(room []int64, a, b int32, request Vec) bool {
	x, y := p.room(room, a), p.room(room, b)
	if tighter(x, y, request) {
		return true
	}
	return !tighter(y, x, request) && p.index.rank[a] < p.index.rank[b]
}

// anyNode is some node with room, one with much of it: what starts meanwhile takes the
// tightest. None: none fits.
func (p *planner) anyNode(k *seek) int32 {
	list, _ := p.list(k)
	second := k.second()
	for i := len(list.blocks) - 1; i >= 0; i-- {
		b := &list.blocks[i]
		if last := &b.nodes[len(b.nodes)-1]; k.request[0] > 0 && last.a < k.request[0] {
			return none
		}
		if second > 0 && b.most < second {
			continue
		}
		for j := len(b.nodes) - 1; j >= 0; j-- {
			if key := &b.nodes[j]; (second == 0 || key.b >= second) && p.mayTry(k, key.node) && p.holds(k, key.node) && p.allowed(k, key.node) {
				return key.node
			}
		}
	}
	return none
}

// roomFor is the tightest node with free room for a job, else the tightest with room
// that is being released.
func (p *planner) roomFor(k *seek) int32 {
	k.later = false
	n := p.tightest(k)
	if n == none {
		k.later = true
		n = p.tightest(k)
	}
	return n
}

// hasRoom says whether some node has room for jobs of a shape, free or being released, but
// for nodes that a job avoids. In a walk room only becomes less, until it ends.
func (p *planner) hasRoom(h int32) bool {
	sh := &p.shapes[h]
	if sh.full == p.began {
		return false
	}
	k := seek{job: none, request: sh.onNode, match: p.matches(sh), later: true}
	p.heed(&k, sh, none)
	if sh.witnessAt == p.began && p.holds(&k, sh.witness) && p.allowed(&k, sh.witness) {
		return true
	}
	k.later = false
	n := p.anyNode(&k)
	if n == none {
		k.later = true
		n = p.anyNode(&k)
	}
	if n == none {
		sh.full = p.began
		p.fulls = append(p.fulls, h)
		return false
	}
	sh.witness, sh.witnessAt = n, p.began
	return true
}

// hasPlace says whether nodes have room for the next gang of a queue, or victims.
func (p *planner) hasPlace(q *queueRound) bool {
	if q.gang != none {
		p.setFragile(q, true)
		return p.trial(func() bool { return p.placeGang(q) })
	}
	if p.odd(q) {
		return p.hasOddPlace(q)
	}
	p.setFragile(q, p.tree.quotas.on && p.tree.quotas.shared)
	if p.mayHoldMore(q, p.shapes[q.shape].Request) && p.hasRoom(q.shape) {
		return true
	}
	k := p.seekFor(q.job, 0, nil)
	p.setFragile(q, true)
	if q.spotted && p.victimsOn(q, &k, q.spot.node) {
		return true
	}
	// Which victims are the best is asked when it starts.
	v := &p.kinds[p.jobs[q.job].kind].verdict
	hopeful := v.hopeful
	q.spotted = false
	if !p.stillNone(q, &k) {
		q.spotted = p.victimsAnywhere(q, &k)
		hopeful = p.hunt.hopeful
	}
	if !q.spotted {
		*v = verdict{
			shares: p.shares, before: q.before, cost: q.cost, right: q.right(), hopeful: hopeful,
			nodes: len(p.nodeLog), queues: len(p.queueLog),
		}
	}
	return q.spotted
}

// place lays the next gang of a queue over the state, which can start.
func (p *planner) place(q *queueRound) {
	if q.gang != none {
		p.placeGang(q)
		return
	}
	if p.odd(q) {
		p.settle(q, q.job, nil, "")
		return
	}
	k := p.seekFor(q.job, 0, nil)
	if p.shapes[q.shape].full != p.began && p.mayHoldMore(q, p.shapes[q.shape].Request) {
		if n := p.roomFor(&k); n != none {
			p.lay(q, &k, n, "")
			return
		}
	}
	p.preemptFor(q, &k)
	p.displace(q, &k, &q.spot, "")
}

// displace takes the victims of a job and lays it on its node.
func (p *planner) displace(q *queueRound, k *seek, at *choice, domain string) {
	for _, v := range at.victims {
		p.plan.Preempts = append(p.plan.Preempts, Preempt{Run: p.runIDs.ids[v.run], For: p.jobIDs.ids[k.job], Rule: v.rule, Lost: p.lostWith(v.run)})
		p.take(v.run, at.node)
	}
	p.lay(q, k, at.node, domain)
}

// trial does something and takes back what it laid over the state.
func (p *planner) trial(try func() bool) bool {
	m := p.mark()
	ok := try()
	p.undoTo(m)
	return ok
}

// undo takes off what was laid and taken since a mark.
func (p *planner) undo(lays, takes int) {
	for len(p.lays) > lays {
		last := p.lays[len(p.lays)-1]
		p.lays = p.lays[:len(p.lays)-1]
		p.unlay(last)
	}
	for len(p.takes) > takes {
		last := p.takes[len(p.takes)-1]
		p.takes = p.takes[:len(p.takes)-1]
		p.untake(last)
	}
}

// tighter says whether less is left on a than on b of what is asked for, the first
// resource that differs deciding.
func tighter(a, b, request Vec) bool {
	for i, amount := range request {
		if amount > 0 && a[i] != b[i] {
			return a[i] < b[i]
		}
	}
	return false
}

// lay starts a job on a node for the rest of the round.
func (p *planner) lay(q *queueRound, by *seek, n int32, domain string) {
	job := by.job
	row := &p.jobs[job]
	sh := &p.shapes[p.kinds[row.kind].shape]
	start := Start{
		Job: p.jobIDs.ids[job], Pool: p.cfg.Pools[p.pool], Node: p.State.nodes[n].ID,
		Level: by.level, Domain: domain, Tolerate: p.tolerated(by),
	}
	if row.gang != none {
		start.Gang = p.gangs[row.gang].ID
	}
	if k := (seek{request: sh.onNode}); !p.holds(&k, n) {
		start.After = p.releasingOn(n)
	}
	p.plan.Starts = append(p.plan.Starts, start)
	p.lays = append(p.lays, lay{job: job, node: n, kind: row.kind, gang: row.gang, queue: q})
	p.laid.set(job)
	p.ofKind(row.kind).laid++
	if row.gang != none {
		g := &p.gangs[row.gang]
		if g.round != p.number {
			g.round, g.laid = p.number, 0
		}
		g.laid++
		p.countMore(row.gang, row.group, 1)
	}
	p.room(p.free, n).sub(sh.Request)
	p.room(p.later, n).sub(sh.Request)
	p.pods[n]++
	if sh.floats {
		p.room(p.floatingNow, p.pool).add(sh.Request)
	}
	p.move(n)
	p.heldLaid(n, row.kind)
	p.heldIn(q).add(sh.Request)
	p.room(p.byClass, p.classAt(q.queue, p.pool, sh.class)).add(sh.Request)
	p.weighQueue(q)
}

// unlay takes a job off its node again.
func (p *planner) unlay(l lay) {
	sh := &p.shapes[p.kinds[l.kind].shape]
	p.laid.drop(l.job)
	p.ofKind(l.kind).laid--
	if l.gang != none {
		p.gangs[l.gang].laid--
		p.countMore(l.gang, p.jobs[l.job].group, -1)
	}
	p.room(p.free, l.node).add(sh.Request)
	p.room(p.later, l.node).add(sh.Request)
	p.pods[l.node]--
	if sh.floats {
		p.room(p.floatingNow, p.pool).sub(sh.Request)
	}
	p.move(l.node)
	p.heldUnlaid(l.node)
	p.heldIn(l.queue).sub(sh.Request)
	p.room(p.byClass, p.classAt(l.queue.queue, p.pool, sh.class)).sub(sh.Request)
	p.weighQueue(l.queue)
}

// idsTogether is how many ids of runs stand in one piece of memory: the plan has one list of them
// for each job that is to wait for victims.
const idsTogether = 256

// releasingOn are the runs of a node that are going, by id.
func (p *planner) releasingOn(n int32) []RunID {
	size := int(p.releasing[n])
	if size == 0 {
		return nil
	}
	if len(p.spareIDs) < size {
		p.spareIDs = make([]RunID, max(size, idsTogether))
	}
	out := p.spareIDs[:0:size]
	for r := p.State.nodes[n].first; r != none; r = p.runs[r].next {
		if p.runs[r].phase == Releasing || p.gone.has(r) {
			out = append(out, p.runIDs.ids[r])
		}
	}
	p.spareIDs = p.spareIDs[len(out):]
	slices.SortFunc(out, func(a, b RunID) int { return bytes.Compare(a[:], b[:]) })
	return out
}

// move has the index find a node by the room it has in this round.
func (p *planner) move(n int32) {
	p.index.move(p.State, n, p.free, p.later, p.releasing[n])
	p.nodeLog = append(p.nodeLog, n)
	p.index.singles.mark(n)
	p.heldChanged(n)
	if !p.isMoved.has(n) {
		p.isMoved.set(n)
		p.moved = append(p.moved, n)
	}
}
