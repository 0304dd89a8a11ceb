package schedule

import (
	"cmp"
	"maps"
	"slices"
	"sort"
)

// nodeIndex is what is worked out of the nodes: their order, where they stand by room, and
// who may run where. Facts only mark what they changed; the next plan puts it right.
type nodeIndex struct {
	// stale: nodes came, went, or take jobs or not; all is to be worked out again.
	stale bool
	// changes counts the changes of what nodes are, but for what runs there.
	changes uint64
	// order is the known nodes by name, rank where each stands in it, takes whether it
	// takes jobs of a pool that is planned.
	order []int32
	rank  []int32
	takes []bool
	// touched are the nodes whose room changed, isTouched the same by handle.
	touched   []int32
	isTouched []bool
	// soft are the runs of each node that may be preempted.
	soft    softNodes
	singles singles
	// byFree are the nodes of each pool by what is free; byLater those with releasing runs
	// by what will be.
	byFree, byLater []sortedNodes
	// atFree and atLater are where each node stands in them.
	atFree, atLater []nodeKey
}

// nodeKey is where a node stands among others: least of the first resource, then of the
// second, then by name.
type nodeKey struct {
	a, b int64
	rank int32
	node int32
	// there is false for a node that stands nowhere.
	there bool
}

func compareKeys(x, y *nodeKey) int {
	switch {
	case x.a != y.a:
		return cmp.Compare(x.a, y.a)
	case x.b != y.b:
		return cmp.Compare(x.b, y.b)
	}
	return cmp.Compare(x.rank, y.rank)
}

// sortedNodes is a sorted list of nodes in blocks, each with the most that one of its
// nodes has of the second resource: a search skips blocks that have too little. A change
// is two binary searches and a move of at most a block, some 200 ns.
type sortedNodes struct {
	blocks []nodeBlock
	// spare is the memory of blocks that are no more.
	spare [][]nodeKey
}

type nodeBlock struct {
	nodes []nodeKey
	most  int64
}

// blockMax is how many nodes a block holds.
const blockMax = 64

func (l *sortedNodes) build(keys []nodeKey) {
	slices.SortFunc(keys, func(x, y nodeKey) int { return compareKeys(&x, &y) })
	l.blocks, l.spare = l.blocks[:0], nil
	const half, room = blockMax / 2, blockMax + 1
	all := make([]nodeKey, (len(keys)+half-1)/half*room)
	for chunk := range slices.Chunk(keys, half) {
		b := nodeBlock{nodes: append(all[:0:room], chunk...)}
		all = all[room:]
		b.measure()
		l.blocks = append(l.blocks, b)
	}
}

// empty is a block without nodes.
func (l *sortedNodes) empty() []nodeKey {
	last := len(l.spare) - 1
	if last < 0 {
		return make([]nodeKey, 0, blockMax+1)
	}
	nodes := l.spare[last]
	l.spare = l.spare[:last]
	return nodes
}

func (b *nodeBlock) measure() {
	b.most = b.nodes[0].b
	for i := range b.nodes {
		b.most = max(b.most, b.nodes[i].b)
	}
}

// block is the first whose last node is not before a key.
func (l *sortedNodes) block(key *nodeKey) int {
	return sort.Search(len(l.blocks), func(i int) bool {
		nodes := l.blocks[i].nodes
		return compareKeys(&nodes[len(nodes)-1], key) >= 0
	})
}

func (b *nodeBlock) find(key *nodeKey) int {
	return sort.Search(len(b.nodes), func(i int) bool { return compareKeys(&b.nodes[i], key) >= 0 })
}

func (l *sortedNodes) insert(key nodeKey) {
	if len(l.blocks) == 0 {
		l.blocks = append(l.blocks, nodeBlock{nodes: append(l.empty(), key), most: key.b})
		return
	}
	i := min(l.block(&key), len(l.blocks)-1)
	b := &l.blocks[i]
	b.nodes = slices.Insert(b.nodes, b.find(&key), key)
	b.most = max(b.most, key.b)
	if len(b.nodes) > blockMax {
		half := len(b.nodes) / 2
		upper := nodeBlock{nodes: append(l.empty(), b.nodes[half:]...)}
		b.nodes = b.nodes[:half]
		b.measure()
		upper.measure()
		l.blocks = slices.Insert(l.blocks, i+1, upper)
	}
}

func (l *sortedNodes) remove(key *nodeKey) {
	i := l.block(key)
	b := &l.blocks[i]
	at := b.find(key)
	b.nodes = slices.Delete(b.nodes, at, at+1)
	if len(b.nodes) == 0 {
		l.spare = append(l.spare, b.nodes)
		l.blocks = slices.Delete(l.blocks, i, i+1)
		return
	}
	if key.b == b.most {
		b.measure()
	}
}

func (x *nodeIndex) init(s *State) {
	x.stale, x.changes, x.soft.all = true, 1, true
	x.byFree, x.byLater = make([]sortedNodes, len(s.cfg.Pools)), make([]sortedNodes, len(s.cfg.Pools))
}

// touch notes that the room of a node changed.
func (x *nodeIndex) touch(n int32) {
	x.soft.marked(n)
	if x.stale || int(n) >= len(x.isTouched) || x.isTouched[n] {
		return
	}
	x.isTouched[n] = true
	x.touched = append(x.touched, n)
}

// changed notes that a node is another than before.
func (x *nodeIndex) changed(s *State, n int32, was bool, before *Node) {
	now := &s.nodes[n]
	same := was && now.known && before.Executor == now.Executor && before.Pool == now.Pool && before.Unschedulable == now.Unschedulable &&
		slices.Equal(before.Total, now.Total) && maps.Equal(before.Labels, now.Labels) && slices.Equal(before.Taints, now.Taints)
	if same {
		x.touch(n)
		return
	}
	x.stale = true
	x.changes++
}

// sync puts the index right for a plan.
func (x *nodeIndex) sync(s *State) {
	if x.stale {
		x.rebuild(s)
		return
	}
	for _, n := range x.touched {
		x.isTouched[n] = false
		x.move(s, n, s.free, s.later, s.nodes[n].releasing)
	}
	x.touched = x.touched[:0]
}

func (x *nodeIndex) rebuild(s *State) {
	x.order = x.order[:0]
	for n := range s.nodes {
		if s.nodes[n].known {
			x.order = append(x.order, int32(n)) //nolint:gosec // nodes are below 2^31
		}
	}
	slices.SortFunc(x.order, func(a, b int32) int { return cmp.Compare(s.nodes[a].ID, s.nodes[b].ID) })
	x.rank, x.takes = make([]int32, len(s.nodes)), make([]bool, len(s.nodes))
	x.atFree, x.atLater = make([]nodeKey, len(s.nodes)), make([]nodeKey, len(s.nodes))
	x.touched, x.isTouched = x.touched[:0], make([]bool, len(s.nodes))
	x.soft.all = true
	free, later := make([][]nodeKey, len(s.cfg.Pools)), make([][]nodeKey, len(s.cfg.Pools))
	for i, n := range x.order {
		row := &s.nodes[n]
		x.rank[n] = int32(i) //nolint:gosec // nodes are below 2^31
		if row.pool == none || row.Unschedulable || s.lost[row.Executor] {
			continue
		}
		x.takes[n] = true
		x.atFree[n] = x.key(n, s.room(s.free, n))
		free[row.pool] = append(free[row.pool], x.atFree[n])
		if row.releasing > 0 {
			x.atLater[n] = x.key(n, s.room(s.later, n))
			later[row.pool] = append(later[row.pool], x.atLater[n])
		}
	}
	for pool := range s.cfg.Pools {
		x.byFree[pool].build(free[pool])
		x.byLater[pool].build(later[pool])
	}
	x.stale = false
}

func (x *nodeIndex) key(n int32, room Vec) nodeKey {
	k := nodeKey{a: room[0], rank: x.rank[n], node: n, there: true}
	if len(room) > 1 {
		k.b = room[1]
	}
	return k
}

// move puts a node where its room has it stand.
func (x *nodeIndex) move(s *State, n int32, free, later []int64, releasing int32) {
	if int(n) >= len(x.takes) || !x.takes[n] { // a node that only runs know may be new
		return
	}
	pool := s.nodes[n].pool
	if key := x.key(n, s.room(free, n)); key != x.atFree[n] {
		x.byFree[pool].remove(&x.atFree[n])
		x.byFree[pool].insert(key)
		x.atFree[n] = key
	}
	key := nodeKey{}
	if releasing > 0 {
		key = x.key(n, s.room(later, n))
	}
	if key == x.atLater[n] {
		return
	}
	if x.atLater[n].there {
		x.byLater[pool].remove(&x.atLater[n])
	}
	if key.there {
		x.byLater[pool].insert(key)
	}
	x.atLater[n] = key
}
