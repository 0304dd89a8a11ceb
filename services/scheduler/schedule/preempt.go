package schedule

import (
	"cmp"
	"math"
)

// hunt is the memory of the search for victims.
type hunt struct {
	// at is where in the pool's nodes victims were last found.
	at int
	// fragile counts the queues whose next gang is to be asked for again after each start.
	fragile int
	after   Vec
	change  Vec
	vector  []uint64
	rest    Vec
	// owner is whose runs surelyOn counted on.
	owner int32
	// asks is the queue that anyVictim was asked for, where quotas are.
	asks   int32
	ranked []int32
	units  []unit
	// spare are the runs on the node that may go alone, of elastic gangs.
	spare []int32
	taken []int32
	room  Vec
	// largest and single are what mayHold has met: the most of each resource that a run
	// holds, and the least that is left when one run goes; empty: none is enough.
	largest, single Vec
	found           choice
	best            choice
	// lossOf are the queues that lost something on a node, lost what, by queue.
	lossOf []int32
	lost   []int64
	// number counts the searches, fair are those in which something of a queue may go for a
	// share, and without what the queue of a kind weighs after the loss of one of its runs,
	// where those may go; zero: none may.
	number  uint64
	fair    []uint64
	without []uint64
	// hopeful: the last search had runs to look at that may go.
	hopeful bool
	// before is what the queue weighs that is searched for, and bid what it bids.
	before uint64
	bid    int64
	// gains are the nodes that a start with victims left more room on, looser the queues
	// that may lose what they might not before it.
	gains, looser []int32
	// logged is how much of the log of queues there was when the queues began their walks.
	logged int
	// reopened: a shape that had no room has some on these nodes.
	reopened bool
}

// victim is a run that is preempted, and by which rule.
type victim struct {
	run  int32
	rule Rule
}

// choice is a node and whom a job would preempt there.
type choice struct {
	node    int32
	victims []victim
	// bid is the highest of those for them, in a market.
	bid int64
	// lost is the work that is lost with them, where that decides.
	lost int64
	// left is what the node has for the job when they are gone.
	left Vec
	// lowest: the victims are of the lowest class that may be preempted in the pool.
	lowest bool
}

func (c *choice) copyOf(from *choice) {
	c.node, c.bid, c.lost = from.node, from.bid, from.lost
	c.victims = append(c.victims[:0], from.victims...)
	c.left = append(c.left[:0], from.left...)
}

// victimsAnywhere says whether a job fits on some node by preemption, and leaves that node
// in the queue's spot.
func (p *planner) victimsAnywhere(q *queueRound, k *seek) bool {
	level := k.level
	if p.hunt.hopeful = p.tree.quotas.on || len(p.visits) > len(p.cfg.Pools) || level > p.lowestLevel && !p.off.Urgency || !p.keeps && p.isHeavier(q.cost); !p.hunt.hopeful {
		return false // and nothing need be looked at
	}
	p.look()
	if p.hunt.hopeful = p.anyVictim(q, level); !p.hunt.hopeful {
		return false
	}
	// Any node will do, so the search goes on where the last one found some.
	for i := range p.nodes {
		at := p.hunt.at + i
		if at >= len(p.nodes) {
			at -= len(p.nodes)
		}
		if n := p.nodes[at]; p.mayHold(k, n, level) && (p.surelyOn(q, k.request, level, n) || p.victimsOn(q, k, n)) {
			q.spot.node, p.hunt.at = n, at
			return true
		}
	}
	return false
}

// recentMax is how many changes a verdict is looked through for; beyond, a new search is as
// cheap.
const recentMax = 64

// stillNone says whether a job has no victims still, by the verdict on its kind and what
// changed since. Where it has some now, it leaves the node in the queue's spot.
func (p *planner) stillNone(q *queueRound, k *seek) bool {
	v := &p.kinds[p.jobs[k.job].kind].verdict
	if p.tree.on || p.market || v.shares != p.shares || v.before != q.before || v.cost != q.cost || q.right() > v.right || !p.survey.known ||
		len(p.nodeLog)-v.nodes > recentMax || len(p.queueLog)-v.queues > recentMax {
		return false
	}
	if !p.keeps {
		for _, at := range p.queueLog[v.queues:] {
			if p.mayFair(q, &p.queues[at]) {
				return false
			}
		}
	}
	level, asked := k.level, false
	for _, n := range p.nodeLog[v.nodes:] {
		if !p.index.takes[n] || !p.enough(k, p.room(p.later, n), p.softOn(n)) {
			continue
		}
		if !asked && !p.anyVictim(q, level) {
			return true
		}
		asked = true
		if p.mayHold(k, n, level) && p.victimsOn(q, k, n) {
			q.spot.node, q.spotted = n, true
			return true
		}
	}
	return true
}

// mayFair says whether something of a queue may be taken for the share of another.
func (p *planner) mayFair(q, other *queueRound) bool {
	return other != q && p.mayLose(other, q, other.share) && (p.leastOf(other) >= q.before || p.cfg.PreemptionRule == ArmadaOrder && other.least > 0)
}

// preemptFor finds the node on which a job fits at the least cost to others: the
// lowest class of a victim, then the fewest, then the tightest, then the name. It is left
// in the queue's spot.
func (p *planner) preemptFor(q *queueRound, k *seek) bool {
	p.look()
	level := k.level
	if !p.anyVictim(q, level) {
		return false
	}
	best := &p.hunt.best
	best.node, best.lowest = none, false
	if len(k.in) == 0 && p.bestSingle(q, k, level) {
		q.spot.copyOf(best)
		return true
	}
	for _, n := range p.candidates(k.in) {
		// Where the best has victims of the lowest class there is, a better one has fewer, or
		// as many and less that is left.
		if best.lowest && len(best.victims) == 1 && !p.mayLeaveLess(best, k, n) || !p.mayHold(k, n, level) {
			continue
		}
		if best.lowest && !p.mayBeat(best, k, n) {
			continue
		}
		if p.victimsOn(q, k, n) && (best.node == none || p.cheaper(&p.hunt.found, best, k.request)) {
			best.copyOf(&p.hunt.found)
			// Where work decides, that holds good only of one with which none is lost.
			best.lowest = p.highest(best) <= p.survey.lowest && best.lost == 0 && !p.market
		}
	}
	if best.node == none {
		return false
	}
	q.spot.copyOf(best)
	return true
}

// mayLeaveLess says whether less than on the best may be left on a node: not where what it
// has already, or what is asked for, is as much.
func (p *planner) mayLeaveLess(best *choice, k *seek, n int32) bool {
	later := p.room(p.later, n)
	for i, amount := range k.request {
		if least := max(amount, later[i]); amount > 0 && least != best.left[i] {
			return least < best.left[i]
		}
	}
	return false
}

// mayBeat says whether fewer victims than the best has may do on a node that mayHold has
// looked at, or as many leave less.
func (p *planner) mayBeat(best *choice, k *seek, n int32) bool {
	if len(best.victims) == 1 {
		return len(p.hunt.single) > 0 && tighter(p.hunt.single, best.left, k.request)
	}
	fewest := p.fewest(k, n)
	return fewest < len(best.victims) || fewest == len(best.victims) && p.mayLeaveLess(best, k, n)
}

// fewest is how many runs must go from a node at least, each as large as the largest that
// mayHold has met there.
func (p *planner) fewest(k *seek, n int32) (fewest int) {
	later, largest := p.room(p.later, n), p.hunt.largest
	for i, amount := range k.request {
		if short := amount - later[i]; amount > 0 && short > 0 {
			fewest = max(fewest, int((short+largest[i]-1)/largest[i]))
		}
	}
	return fewest
}

// mayHold says whether a node that is one for a job could hold it if all went that may go
// for it by themselves.
func (p *planner) mayHold(k *seek, n, level int32) bool {
	if !p.index.takes[n] || !p.enough(k, p.room(p.later, n), p.softOn(n)) || !p.mayTry(k, n) || p.shut(k, n) || p.State.nodes[n].pool != p.site {
		return false
	}
	sum := append(p.hunt.after[:0], make(Vec, len(p.total))...)
	p.hunt.after = sum
	largest := append(p.hunt.largest[:0], sum...)
	p.hunt.largest, p.hunt.single = largest, p.hunt.single[:0]
	later, some := p.room(p.later, n), false
	row, width := &p.index.soft.nodes[n], len(p.total)
	for j := range row.runs {
		r := &row.runs[j]
		if !p.mayGoFor(r, level) || p.gone.has(r.run) || p.shielded(r) {
			continue
		}
		some = true
		request := Vec(row.asks[j*width : (j+1)*width : (j+1)*width])
		for i, amount := range request {
			sum[i] += amount
			largest[i] = max(largest[i], amount)
		}
		if p.enough(k, later, request) {
			p.noteSingle(k, later, request)
		}
	}
	return some && p.enough(k, later, sum)
}

// noteSingle notes what is left of a node when one run goes, if that is less than when
// another does.
func (p *planner) noteSingle(k *seek, later, request Vec) {
	single := p.hunt.single
	for i, amount := range k.request {
		if amount == 0 || len(single) > 0 && later[i]+request[i] == single[i] {
			continue
		}
		if len(single) > 0 && later[i]+request[i] > single[i] {
			return
		}
		single = append(single[:0], later...)
		single.add(request)
		break
	}
	p.hunt.single = single
}

// enough says whether two amounts are enough for a job.
func (p *planner) enough(k *seek, room, more Vec) bool {
	for i, amount := range k.request {
		if amount > 0 && amount > room[i]+more[i] {
			return false
		}
	}
	return true
}

// anyVictim says whether there may be a victim for a job of a queue at all: one of a lower
// class, or one in a queue that costs more than its own would, is not protected, and with
// the least of its runs gone still weighs as much as its own does now. It marks the queues
// of which a run may go. It spares most jobs of a full pool the search of its nodes.
func (p *planner) anyVictim(q *queueRound, level int32) (some bool) {
	p.hunt.number++
	urgent := p.mayUrge(level)
	switch {
	case p.tree.quotas.on:
		return p.anyVictimByQuota(q, level)
	case p.keeps:
		return urgent
	case p.market:
		return p.anyOutbid(q) || urgent
	case p.tree.on:
		return p.anyFairIn(q) || urgent
	case !p.isHeavier(q.cost):
		return urgent
	}
	for _, at := range p.above {
		if p.mayFair(q, &p.queues[at]) {
			some = true
			p.hunt.fair[at] = p.hunt.number
		}
	}
	p.hunt.before = q.before
	return some || urgent
}

// mayUrge says whether some run on the nodes may be of a lower level, or a guest.
func (p *planner) mayUrge(level int32) bool {
	return p.survey.lowest < level && (!p.off.Urgency || p.survey.lowest == guestLevel)
}

// isHeavier says whether some queue that may lose anything may weigh enough to lose it to one
// that weighs so much.
func (p *planner) isHeavier(than uint64) bool {
	return p.tree.on || p.market || p.heaviest > than || p.heaviest == than && p.cfg.PreemptionRule == ArmadaOrder
}

// mayGoFor says whether a run may go for a job of a level of the queue that anyVictim was
// asked for, if it goes alone. What began at this moment goes for no share and no quota, as
// in mayTake: just after a large round that is all there is.
func (p *planner) mayGoFor(r *softRun, level int32) bool {
	at := p.softLevel(r)
	switch {
	case at == guestLevel:
		return true
	case !p.home() && p.runs[r.run].pool != p.pool:
		return false
	}
	return p.mayGoHere(r, at, level)
}

func (p *planner) mayGoHere(r *softRun, its, level int32) bool {
	if !p.tree.quotas.on {
		return its < level || r.since < p.round.Now && p.mayGo(r)
	}
	at := p.at[r.queue]
	if at == none || at == p.hunt.asks {
		return its < level
	}
	return r.since < p.round.Now && p.hunt.fair[at] == p.hunt.number
}

// mayGo says whether a run may go for the share of the queue that anyVictim was asked for,
// if it goes alone and first of its queue.
func (p *planner) mayGo(r *softRun) bool {
	return p.kindMayGo(r.queue, r.kind)
}

// kindMayGo says whether a run of a queue and kind may.
func (p *planner) kindMayGo(queue, kind int32) bool {
	at, least := p.at[queue], p.hunt.before
	switch {
	case p.market:
		return p.priceOf(kind) < p.hunt.bid
	case p.tree.on:
		least = 0
	case p.cfg.PreemptionRule == ArmadaOrder:
		least = 1
	}
	return at != none && p.hunt.fair[at] == p.hunt.number && p.hunt.without[kind] >= least
}

// leastOf is the most that a queue weighs after the loss of one of its preemptible runs;
// zero: it has none.
func (p *planner) leastOf(q *queueRound) uint64 {
	if q.leastKnown {
		return q.least
	}
	q.least, q.leastKnown = 0, true
	if q.strays {
		q.least = q.weighted
	}
	for _, h := range p.State.queues[q.queue].kinds {
		k := &p.kinds[h]
		if k.runs == 0 || !p.classOfKind(h).Preemptible {
			p.hunt.without[h] = 0
			continue
		}
		after := append(p.hunt.after[:0], p.heldIn(q)...)
		after.sub(p.shapes[k.shape].Request)
		p.hunt.after = after
		weight := max(1, p.weigh(after, q.weight))
		if q.least = max(q.least, weight); q.strays {
			weight = math.MaxUint64 // it may be on another account
		}
		p.hunt.without[h] = weight
	}
	return q.least
}

// mayLose says whether a queue that has a share may lose of it to the next gang of
// another.
func (p *planner) mayLose(q, to *queueRound, share uint64) bool {
	if share <= q.guard {
		return false
	}
	weight := q.weighted
	if share != q.share {
		weight = weighted(share, q.weight)
	}
	return to.cost < weight || to.cost == weight && p.cfg.PreemptionRule == ArmadaOrder && p.at[to.queue] < p.at[q.queue]
}

func (p *planner) cheaper(c, than *choice, request Vec) bool {
	order := cmp.Or(cmp.Compare(p.highest(c), p.highest(than)), cmp.Compare(c.bid, than.bid), cmp.Compare(c.lost, than.lost), cmp.Compare(len(c.victims), len(than.victims)))
	return order < 0 || order == 0 && tighter(c.left, than.left, request)
}

// highest is the highest level of the victims of a choice.
func (p *planner) highest(c *choice) (level int32) {
	level = p.levelIn(&p.runs[c.victims[0].run])
	for _, v := range c.victims {
		level = max(level, p.levelIn(&p.runs[v.run]))
	}
	return level
}

// enter readies the marks of the queues and kinds of a pool.
func (h *hunt) enter(queues, kinds int) {
	h.at = 0
	if len(h.fair) < queues {
		h.fair = make([]uint64, queues)
	}
	if len(h.without) < kinds {
		h.without = make([]uint64, kinds+kinds/4)
	}
}
