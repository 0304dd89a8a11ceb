package schedule

import (
	"cmp"
	"math"
	"slices"
	"sort"
)

// Most jobs that take victims take one. So the preemptible runs of a pool stand in order of
// the room that a node has once that run alone is gone: the best node for such a job is
// among the first that are enough for it. A search passes over those in blocks that are of
// queues of which nothing may go, or that others on their nodes go before. The order is kept
// from round to round; a node that changed moves the few of its runs for which it changed.

// singles are the preemptible runs of each pool by the room that is there when one is gone.
type singles struct {
	built bool
	pools []singleList
	// keys are those that stand in a list of each node, in order.
	keys [][]singleKey
	// dirty are the nodes whose keys may be others, isDirty the same by handle.
	dirty   []int32
	isDirty bitset
	// tried is the search that looked at a node last.
	tried []uint64
	fresh []singleKey
	// sums are what the runs of each queue and level hold that go before another.
	sums []singleSum
}

// singleSum is what runs of a queue and a level hold of the first two resources.
type singleSum struct {
	queue, level int32
	a, b         int64
}

// before is the sum that is most likely of use where a run itself may go: that of its own
// queue, else the one that is most of the first resource; nil: there is none of the level.
func (x *singles) before(r *softRun) (most *singleSum) {
	for i := range x.sums {
		sum := &x.sums[i]
		switch {
		case sum.level != r.level:
		case sum.queue == r.queue:
			return sum
		case most == nil || sum.a > most.a:
			most = sum
		}
	}
	return most
}

// stands says whether a run of the kind and level has a key already that goes before. One is
// enough: where that is no victim since what goes before it is enough, neither is this one.
func (x *singles) stands(r *softRun) bool {
	return slices.ContainsFunc(x.fresh, func(key singleKey) bool { return key.kind == r.kind && key.level == r.level })
}

// count adds a run to the sums, if it can go by itself.
func (x *singles) count(r *softRun, ask Vec) {
	if r.gang {
		return
	}
	i := slices.IndexFunc(x.sums, func(sum singleSum) bool { return sum.queue == r.queue && sum.level == r.level })
	if i < 0 {
		i = len(x.sums)
		x.sums = append(x.sums, singleSum{queue: r.queue, level: r.level})
	}
	x.sums[i].a += ask[0]
	if len(ask) > 1 {
		x.sums[i].b += ask[1]
	}
}

// singleKey is a kind of run on a node: its level, and what the node has of the first two
// resources without one such run.
type singleKey struct {
	level, rank, node, kind, queue int32
	a, b                           int64
	rival
}

// rival is a queue with runs of the level of a key that go before it, and what the node has
// of the first two resources without them: where that is enough and all of them may go, the
// key's is no victim. None: there is no such queue.
type rival struct {
	by       int32
	byA, byB int64
}

// compareSingles is the order of keys: those of a node differ in level or kind.
func compareSingles(x, y *singleKey) int {
	switch {
	case x.level != y.level:
		return cmp.Compare(x.level, y.level)
	case x.a != y.a:
		return cmp.Compare(x.a, y.a)
	case x.b != y.b:
		return cmp.Compare(x.b, y.b)
	case x.rank != y.rank:
		return cmp.Compare(x.rank, y.rank)
	}
	return cmp.Compare(x.kind, y.kind)
}

// singleList is keys in order, in blocks.
type singleList struct{ blocks []singleBlock }

// singleBlock is some keys in a row, and what a search passes over all of them by.
type singleBlock struct {
	keys []singleKey
	// last is the last of them: a search looks at it alone.
	last singleKey
	// summed: the rest is as the keys are.
	summed bool
	// queues are those of the keys, and rival leaves no more than that of any key does; it is
	// none where the keys have not all the same.
	queues queueSet
	rival  rival
}

const singlesMax = 64

// queueSet is a set of queues, a bit for all that are alike in their last bits: it may have
// more of them than were put in.
type queueSet uint64

const anyQueue = ^queueSet(0)

func (s queueSet) with(queue int32) queueSet { return s | 1<<(queue&63) }

func (s queueSet) has(queue int32) bool { return s>>(queue&63)&1 != 0 }

func newSingleBlock(keys []singleKey) singleBlock {
	return singleBlock{keys: append(make([]singleKey, 0, singlesMax+1), keys...), last: keys[len(keys)-1]}
}

// changed notes that the keys are others.
func (b *singleBlock) changed() { b.last, b.summed = b.keys[len(b.keys)-1], false }

// sum finds out what is known of all keys of a block.
func (b *singleBlock) sum() {
	b.summed, b.queues, b.rival = true, 0, b.keys[0].rival
	for i := range b.keys {
		key := &b.keys[i]
		b.queues = b.queues.with(key.queue)
		if key.by != b.rival.by {
			b.rival.by = none
		}
		b.rival.byA, b.rival.byB = min(b.rival.byA, key.byA), min(b.rival.byB, key.byB)
	}
}

func (l *singleList) build(keys []singleKey) {
	slices.SortFunc(keys, func(x, y singleKey) int { return compareSingles(&x, &y) })
	l.blocks = l.blocks[:0]
	for chunk := range slices.Chunk(keys, singlesMax/2) {
		l.blocks = append(l.blocks, newSingleBlock(chunk))
	}
}

// find is the block and the place in it of a key, or where it belongs.
func (l *singleList) find(key *singleKey) (block, at int) {
	block = sort.Search(len(l.blocks), func(i int) bool {
		return compareSingles(&l.blocks[i].last, key) >= 0
	})
	if block == len(l.blocks) {
		return block, 0
	}
	keys := l.blocks[block].keys
	return block, sort.Search(len(keys), func(i int) bool { return compareSingles(&keys[i], key) >= 0 })
}

func (l *singleList) insert(key *singleKey) {
	block, at := l.find(key)
	if block == len(l.blocks) {
		if block == 0 {
			l.blocks = append(l.blocks, newSingleBlock([]singleKey{*key}))
			return
		}
		block--
		at = len(l.blocks[block].keys)
	}
	b := &l.blocks[block]
	b.keys = slices.Insert(b.keys, at, *key)
	if len(b.keys) <= singlesMax {
		b.changed()
		return
	}
	half := len(b.keys) / 2
	more := newSingleBlock(b.keys[half:])
	b.keys = b.keys[:half]
	b.changed()
	l.blocks = slices.Insert(l.blocks, block+1, more)
}

func (l *singleList) remove(key *singleKey) {
	block, at := l.find(key)
	b := &l.blocks[block]
	if b.keys = slices.Delete(b.keys, at, at+1); len(b.keys) == 0 {
		l.blocks = slices.Delete(l.blocks, block, block+1)
		return
	}
	b.changed()
}

// replace has a key stand in the place of one that it stands level with.
func (l *singleList) replace(key *singleKey) {
	block, at := l.find(key)
	b := &l.blocks[block]
	b.keys[at] = *key
	b.changed()
}

// mark notes that the keys of a node may be others.
func (x *singles) mark(n int32) {
	if x.built && int(n) < len(x.keys) && !x.isDirty.has(n) {
		x.isDirty.set(n)
		x.dirty = append(x.dirty, n)
	}
}

// sortSingles has the runs stand where the round has them.
func (p *planner) sortSingles() {
	x := &p.index.singles
	if !x.built {
		p.buildSingles()
	}
	for _, n := range x.dirty {
		x.isDirty.drop(n)
		p.moveSingles(n)
	}
	x.dirty = x.dirty[:0]
}

func (p *planner) buildSingles() {
	x, nodes := &p.index.singles, len(p.State.nodes)
	x.built, x.dirty, x.isDirty = true, x.dirty[:0], make(bitset, (nodes+63)/64)
	x.pools, x.keys, x.tried = make([]singleList, len(p.cfg.Pools)), make([][]singleKey, nodes), make([]uint64, nodes)
	all := make([][]singleKey, len(p.cfg.Pools))
	for n := range int32(nodes) { //nolint:gosec // nodes are below 2^31
		x.keys[n] = slices.Clone(p.singlesOf(n))
		if pool := p.State.nodes[n].pool; pool != none {
			all[pool] = append(all[pool], x.keys[n]...)
		}
	}
	for pool := range all {
		x.pools[pool].build(all[pool])
	}
}

// singlesOf are the keys of a node as it is in the round, in order.
func (p *planner) singlesOf(n int32) []singleKey {
	x := &p.index.singles
	x.fresh = x.fresh[:0]
	if !p.index.takes[n] {
		return nil
	}
	p.index.soft.rank(p.State, n)
	row, later, width := &p.index.soft.nodes[n], p.room(p.later, n), len(p.total)
	x.sums = x.sums[:0]
	for i := len(row.runs) - 1; i >= 0; i-- { // who goes first
		r, ask := &row.runs[i], Vec(row.asks[i*width:(i+1)*width])
		if p.gone.has(r.run) {
			continue
		}
		if x.stands(r) {
			x.count(r, ask)
			continue
		}
		key := singleKey{level: r.level, rank: p.index.rank[n], node: n, kind: r.kind, queue: r.queue, rival: rival{by: none}, a: later[0] + ask[0]}
		if width > 1 {
			key.b = later[1] + ask[1]
		}
		if by := x.before(r); by != nil && !row.gangs { // with a run of a gang others go elsewhere
			key.by, key.byA, key.byB = by.queue, later[0]+by.a, by.b
			if width > 1 {
				key.byB += later[1]
			}
		}
		x.fresh = append(x.fresh, key)
		x.count(r, ask)
	}
	slices.SortFunc(x.fresh, func(x, y singleKey) int { return compareSingles(&x, &y) })
	return x.fresh
}

// moveSingles puts the keys of a node where they belong now.
func (p *planner) moveSingles(n int32) {
	x, pool := &p.index.singles, p.State.nodes[n].pool
	fresh, old := p.singlesOf(n), x.keys[n]
	if pool == none {
		return
	}
	list := &x.pools[pool]
	for i, j := 0, 0; i < len(old) || j < len(fresh); {
		order := 0
		switch {
		case i == len(old):
			order = 1
		case j == len(fresh):
			order = -1
		default:
			order = compareSingles(&old[i], &fresh[j])
		}
		switch {
		case order < 0:
			list.remove(&old[i])
			i++
		case order > 0:
			list.insert(&fresh[j])
			j++
		default:
			if old[i].rival != fresh[j].rival {
				list.replace(&fresh[j])
			}
			i, j = i+1, j+1
		}
	}
	x.keys[n] = append(old[:0], fresh...)
}

// singleTries bounds the nodes that are looked at for one victim; then all are.
const singleTries = 1000

// bestSingle finds the best node for a job among those where it takes one victim, of the
// lowest class that there is. It says whether there is one: no other is better then.
func (p *planner) bestSingle(q *queueRound, k *seek, level int32) bool {
	lowest := p.survey.lowest
	if !p.home() || p.cfg.LeastLostWork || p.off.Urgency || p.market || p.tree.quotas.on || k.request[0] == 0 || lowest > level {
		return false
	}
	p.sortSingles()
	x, best := &p.index.singles, &p.hunt.best
	list, second := &x.pools[p.site], k.second()
	tries, may := 0, anyQueue
	if level == lowest {
		may = p.queuesThatMayLose()
	}
	block, at := list.find(&singleKey{level: lowest, rank: none, a: k.request[0], b: -1 << 62})
	for ; block < len(list.blocks); block, at = block+1, 0 {
		b := &list.blocks[block]
		if !b.summed {
			b.sum()
		}
		if b.queues&may == 0 || p.isBehind(q, k, &b.rival) {
			continue
		}
		for ; at < len(b.keys); at++ {
			key := &b.keys[at]
			if key.level != lowest || best.node != none && !p.mayBeTighter(k, key, best) {
				return best.node != none
			}
			if second > 0 && key.b < second || x.tried[key.node] == p.hunt.number || !may.has(key.queue) || level == lowest && !p.kindMayGo(key.queue, key.kind) || p.isBehind(q, k, &key.rival) || !p.mayTry(k, key.node) || p.shut(k, key.node) {
				continue
			}
			x.tried[key.node] = p.hunt.number
			if tries++; tries > singleTries {
				best.node = none
				return false
			}
			if !p.victimsOn(q, k, key.node) || len(p.hunt.found.victims) != 1 || p.highest(&p.hunt.found) != lowest {
				continue
			}
			if best.node == none || p.isTighter(&p.hunt.found, best, k.request) {
				best.copyOf(&p.hunt.found)
			}
			if best.node == key.node && k.firstWins() && best.left[0] == key.a && (len(best.left) == 1 || best.left[1] == key.b) {
				return true
			}
		}
	}
	return best.node != none
}

// queuesThatMayLose are those that something may go of for the share of the queue that
// anyVictim was asked for.
func (p *planner) queuesThatMayLose() (some queueSet) {
	if p.tree.on {
		return anyQueue
	}
	for _, at := range p.above {
		if p.hunt.fair[at] == p.hunt.number {
			some = some.with(p.queues[at].queue)
		}
	}
	return some
}

// isBehind says whether the runs of a rival surely leave enough.
func (p *planner) isBehind(q *queueRound, k *seek, r *rival) bool {
	if r.by == none || p.at[r.by] == none || k.request[0] > r.byA || k.second() > 0 && k.second() > r.byB || k.asksMore() {
		return false
	}
	by := &p.queues[p.at[r.by]]
	return by.young == math.MaxInt64 && p.generous(by, q)
}

// mayBeTighter says whether a key, or one after it, may be of a better node than the best.
func (p *planner) mayBeTighter(k *seek, key *singleKey, best *choice) bool {
	if key.a != best.left[0] {
		return key.a < best.left[0]
	}
	return k.second() == 0 || key.b <= best.left[1]
}

// isTighter says whether of two nodes with one victim the first is to be chosen.
func (p *planner) isTighter(a, b *choice, request Vec) bool {
	if tighter(a.left, b.left, request) {
		return true
	}
	return !tighter(b.left, a.left, request) && p.index.rank[a.node] < p.index.rank[b.node]
}
