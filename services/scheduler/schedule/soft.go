package schedule

import (
	"math"
	"slices"
)

// softNodes is what the preemptible runs hold, node by node, as the facts have it: a search
// for victims reads the runs of a node in a row, where their rows are all over the memory.
// Facts mark the nodes that they changed, and the next round that asks reads those anew.
type softNodes struct {
	// all: every node is to be read. Else those of unread, which isUnread has by handle.
	all      bool
	unread   []int32
	isUnread []bool
	nodes    []softNode
	// none: no run is preemptible, as of the newest reading.
	none bool
	// held is what preemptible runs hold of each node, a resource an element.
	held []int64
}

// softNode is the preemptible runs of a node.
type softNode struct {
	runs []softRun
	// asks is what each of them holds, a resource an element.
	asks []int64
	// ranked: they stand by rank, the best first.
	ranked bool
	// gangs: a run of the node is of a gang. Strays: a run is on the account of another pool
	// than the node's.
	gangs, strays bool
	// mixed: the level of a run is not that of its class.
	mixed bool
	// lowest is the lowest level of a run, youngest when the last of them began.
	lowest   int32
	youngest Time
}

// softRun is a preemptible run, as a search for victims looks at it. That of a guest has the
// level that it has for its host.
type softRun struct {
	run, kind, queue, level int32
	since                   Time
	gang                    bool
}

// marked notes that the runs of a node may be others.
func (x *softNodes) marked(n int32) {
	if x.all || int(n) >= len(x.isUnread) || x.isUnread[n] {
		return
	}
	x.isUnread[n] = true
	x.unread = append(x.unread, n)
}

// read reads the nodes that facts have changed.
func (x *softNodes) read(s *State, known int) {
	width := len(s.cfg.Resources)
	from := min(known, len(x.nodes)) // the nodes beyond are names in runs, of which nobody notes changes
	if x.all {
		from, x.all, s.index.singles.built = 0, false, false
		x.nodes = make([]softNode, 0, len(s.nodes))
		x.isUnread = make([]bool, len(s.nodes))
		x.unread = x.unread[:0]
		pods := 0
		for n := range s.nodes {
			pods += int(s.nodes[n].pods)
		}
		runs, asks := make([]softRun, pods), make([]int64, pods*width)
		for n := range s.nodes {
			pods := int(s.nodes[n].pods)
			x.nodes = append(x.nodes, softNode{runs: runs[:0:pods], asks: asks[: 0 : pods*width]})
			runs, asks = runs[pods:], asks[pods*width:]
		}
		x.held = make([]int64, len(s.nodes)*width)
	}
	for len(x.nodes) < len(s.nodes) {
		x.nodes = append(x.nodes, softNode{})
		x.held = append(x.held, make([]int64, width)...)
	}
	none := s.soft == 0
	if none && x.none && from == known { // what changed is read when it may matter
		return
	}
	x.none = none
	for n := from; n < len(s.nodes); n++ {
		x.readNode(s, int32(n)) //nolint:gosec // nodes are below 2^31
	}
	for _, n := range x.unread {
		x.isUnread[n] = false
		x.readNode(s, n)
	}
	x.unread = x.unread[:0]
}

func (x *softNodes) readNode(s *State, n int32) {
	s.index.singles.mark(n)
	row, held, pool := &x.nodes[n], s.room(x.held, n), s.nodes[n].pool
	*row = softNode{runs: row.runs[:0], asks: row.asks[:0], lowest: math.MaxInt32, youngest: math.MinInt64}
	clear(held)
	if x.none {
		return
	}
	for h := s.nodes[n].first; h != none; h = s.runs[h].next {
		r := &s.runs[h]
		row.gangs = row.gangs || r.gang != none
		if r.phase == Releasing || !s.classOfKind(r.kind).Preemptible {
			continue
		}
		level := r.level
		if s.isGuest(r) {
			level = guestLevel
		}
		row.runs = append(row.runs, softRun{run: h, kind: r.kind, queue: s.kinds[r.kind].queue, level: level, since: r.since, gang: r.gang != none})
		request := s.request(r.kind)
		row.asks = append(row.asks, request...)
		held.add(request)
		row.mixed = row.mixed || r.level != s.classOfKind(r.kind).Priority
		row.strays = row.strays || r.pool != pool
		row.lowest, row.youngest = min(row.lowest, level), max(row.youngest, r.since)
	}
}

// countSoft counts a run that may be preempted, or one less. Where there is none, nobody needs to
// read what runs node by node.
func (s *State) countSoft(kind int32, by int) {
	if s.classOfKind(kind).Preemptible {
		s.soft += by
	}
}

// rank puts the runs of a node in order, the best first.
func (x *softNodes) rank(s *State, n int32) {
	row := &x.nodes[n]
	if row.ranked {
		return
	}
	row.ranked = true
	slices.SortFunc(row.runs, func(a, b softRun) int { return s.compareRank(a.run, b.run) })
	row.asks = row.asks[:0]
	for i := range row.runs {
		row.asks = append(row.asks, s.request(row.runs[i].kind)...)
	}
}
