package schedule

import (
	"math"
	"slices"
	"sort"
)

// Of many kinds most ask for more than any node has left, and a round that takes each out of
// its queue's heap to find that out pays for what waits, not for what it can do. So where
// nobody could be preempted for a kind it is parked, kept out of the heap, if no node has what
// it asks for of the first two resources: what that is asked by is read in a row.
//
// Room only becomes less in a walk; where victims leave more, who parked begins anew. Only in
// one way does a job that finds no place matter to a round: without a token it ends its queue.
// So a queue that lacks one has its parked kinds back.

// kindAsk is what is read of a kind to park it.
type kindAsk struct {
	// a and b are what its jobs ask of a node of the first two resources; the least number
	// there is where they ask for nothing.
	a, b int64
	// level is at which they run at home. Odd counts the waiting jobs that are not like the
	// others, of gangs or with something of their own, and is one more where they roam.
	level, odd int32
}

func (s *State) askOf(sh *shape) kindAsk {
	ask := kindAsk{a: math.MinInt64, b: math.MinInt64, level: s.cfg.Classes[sh.class].Priority}
	if sh.onNode[0] > 0 {
		ask.a = sh.onNode[0]
	}
	if len(sh.onNode) > 1 && sh.onNode[1] > 0 {
		ask.b = sh.onNode[1]
	}
	if len(sh.away) > 0 {
		ask.odd++
	}
	return ask
}

// countOdd counts a job that waits, or one less, if it is not like the others of its kind.
func (s *State) countOdd(row *jobRow, by int32) {
	if row.gang != none || row.extra {
		k := &s.kinds[row.kind]
		s.queues[k.queue].asks[k.place].odd += by
	}
}

// stairs are the most that nodes have of two resources: from one stair to the next less of
// the first, and more of the second.
type stairs []stair

type stair struct{ a, b int64 }

func (s stair) holds(a, b int64) bool { return s.a >= a && s.b >= b }

// hold says whether a node may have so much of both.
func (s *stairs) hold(a, b int64) bool {
	at := s.over(a)
	return at >= 0 && (*s)[at].b >= b
}

// over is the last stair with so much of the first resource; below zero: there is none.
func (s *stairs) over(a int64) int {
	return sort.Search(len(*s), func(i int) bool { return (*s)[i].a < a }) - 1
}

// add adds what a node has. It says whether that is more than was known.
func (s *stairs) add(a, b int64) bool {
	if s.hold(a, b) {
		return false
	}
	from := sort.Search(len(*s), func(i int) bool { return (*s)[i].a <= a })
	to := from
	for to < len(*s) && (*s)[to].b <= b {
		to++
	}
	*s = slices.Replace(*s, from, to, stair{a, b})
	return true
}

// addList adds what sorted nodes have: of a block that has no more of the second resource
// than a stair above it no node is looked at.
func (s *stairs) addList(list *sortedNodes) {
	most := int64(math.MinInt64)
	for i := len(list.blocks) - 1; i >= 0; i-- {
		b := &list.blocks[i]
		if b.most <= most {
			continue
		}
		for j := len(b.nodes) - 1; j >= 0; j-- {
			if key := &b.nodes[j]; key.b > most {
				most = key.b
				s.add(key.a, key.b)
			}
		}
	}
}

// parking is what kinds are parked by.
type parking struct {
	// most is at least what the nodes of the pool have left.
	most stairs
	// near is the stair by which the newest kind was seen to have a place.
	near stair
	// lays is how many jobs were laid when that was found, and failed counts those that have
	// found no place since.
	lays, failed int
	// off: nothing is parked. Idle: no queue is asked for its next job, and none has any.
	off, idle bool
}

// nodesPerFailed is for how many nodes of the pool one more job finds no place before it is asked again
// what they have left: that looks at most of the blocks in which the pool's nodes stand.
const nodesPerFailed = 128

// findMostLeft finds what the nodes of the pool have left.
func (p *planner) findMostLeft() {
	p.parking.most = p.parking.most[:0]
	p.parking.most.addList(&p.index.byFree[p.site])
	p.parking.most.addList(&p.index.byLater[p.site])
	p.parking.near, p.parking.lays, p.parking.failed = stair{math.MinInt64, math.MinInt64}, len(p.lays), 0
}

// noteFailed notes that a job has found no place.
func (p *planner) noteFailed() {
	if p.parking.failed++; p.parking.failed > len(p.nodes)/nodesPerFailed && len(p.lays) != p.parking.lays {
		p.findMostLeft()
	}
}

// parks says whether kinds of a queue may be parked, and up to which level: nobody may be
// preempted for them, nor will be once what runs has been there for longer. Where starts are
// counted by period or as quotas more than tokens may end a queue, or wake the round.
func (p *planner) parks(q *queueRound) (level int32, may bool) {
	if p.parking.off || p.market || p.tree.quotas.on || p.limitsStarts(p.pool) || !p.keeps && p.soft > 0 || p.lacksTokens(q, 1) {
		return 0, false
	}
	return p.parkLevel(), true
}

// parkLevel is a level such that nobody may be preempted for who runs at it or below.
func (p *planner) parkLevel() int32 {
	if p.soft == 0 {
		return math.MaxInt32
	}
	if len(p.visits) > len(p.cfg.Pools) { // guests are below all
		p.look()
		return p.survey.lowest
	}
	if p.survey.known {
		return max(p.lowestLevel, p.survey.lowest)
	}
	return p.lowestLevel
}

// isPlain says whether all waiting jobs of a kind are alike, and none has a reservation.
func (p *planner) isPlain(ask *kindAsk, k int32) bool {
	return ask.odd == 0 && (len(p.reserved.list) == 0 || p.owners(&p.kinds[k]) == 0)
}

// mayPark says whether a kind has no place, by what is read of it.
func (p *planner) mayPark(ask *kindAsk, k, level int32) bool {
	return ask.level <= level && !p.parking.most.hold(ask.a, ask.b) && p.isPlain(ask, k)
}

// hasNoPlace is mayPark of a source.
func (p *planner) hasNoPlace(src *source, level int32) bool {
	if !src.plain || src.class > level {
		return false
	}
	at := p.parking.most.over(src.a)
	if at < 0 || p.parking.most[at].b < src.b {
		return true
	}
	p.parking.near = p.parking.most[at]
	return false
}

// parkFirst parks the kind of a queue's first source if it has no place, and says whether it
// did. After some of them all others are looked at, which is less work than to take out one
// after the other.
func (p *planner) parkFirst(q *queueRound) bool {
	level, parks := p.parks(q)
	if !parks || !p.hasNoPlace(&q.sources[0], level) {
		return false
	}
	q.parked = true
	if q.dropped++; q.dropped*8 < len(q.sources) {
		p.dropSource(q)
		return true
	}
	q.dropped = 0
	q.sources = slices.DeleteFunc(q.sources, func(src source) bool { return p.hasNoPlace(&src, level) })
	p.heapSources(q)
	return true
}

// unpark has a queue look at its parked kinds too, behind the source that it came to last.
// What stands before has found no place. Some may be there already, which does no harm: the first
// that is tried ends the queue.
func (p *planner) unpark(q *queueRound, last *source) {
	q.parked = false
	row, level := &p.State.queues[q.queue], p.parkLevel()
	for i, k := range row.kinds {
		if !p.mayPark(&row.asks[i], k, level) || !p.mayLookAt(k) {
			continue
		}
		n := len(q.sources)
		p.addSource(q, k, &row.asks[i])
		if len(q.sources) > n && p.sourceBefore(&q.sources[n], last) {
			q.sources = q.sources[:n]
		}
	}
	p.heapSources(q)
}

// raiseMost notes that nodes gained room. It says whether more than any had.
func (p *planner) raiseMost() (some bool) {
	for _, n := range p.hunt.gains {
		later := p.room(p.later, n)
		b := int64(0)
		if len(later) > 1 {
			b = later[1]
		}
		some = p.parking.most.add(later[0], b) || some
	}
	return some
}
