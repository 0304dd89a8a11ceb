package schedule

import (
	"bytes"
	"cmp"
	"slices"
)

// yard is where nodes for a reservation are looked for: the nodes of the pool as they would
// be at another time.
type yard struct {
	// ends are the runs of the pool of which an end is known, the earliest first, and times
	// their ends, each once, where known.
	ends  []leaving
	times []Time
	known bool
	// full: no nodes were left for one that was to get some.
	full bool
	// room is what a node has, pods how many it holds. Lacking: the node that lacks least by
	// what it has sooner is the best, else that on which least is left.
	room, sooner []int64
	pods         []int32
	lacking      bool
	// list are the nodes that could be one for the next member, a heap.
	list []int32
	// placed are the jobs that have a node.
	placed []atNode
	// tree are the members by their groups, where those are bound; nil: they are not.
	tree *gangTree
}

// atNode is a job on a node.
type atNode struct{ job, node int32 }

// leaving is a run that ends.
type leaving struct {
	at      Time
	node    int32
	request Vec
}

// couldHold says whether the pool's nodes could hold the next gang of a queue if nothing
// ran there and nothing was reserved.
func (p *planner) couldHold(q *queueRound, jobs []int32) bool {
	if q.gang == none {
		return p.couldHoldOne(jobs[0])
	}
	p.yard.lacking = false
	return p.inDomains(q, func(in scope) bool {
		p.yard.empty(p)
		_, ok := p.placeAll(jobs, in)
		return ok
	})
}

// couldHoldOne is the same of a job of its own. The first node that could will do.
func (p *planner) couldHoldOne(job int32) bool {
	k := p.seekFor(job, 0, nil)
	return slices.ContainsFunc(p.nodes, func(n int32) bool {
		row := &p.State.nodes[n]
		return row.pool == p.pool && p.index.takes[n] && p.mayTry(&k, n) && !p.tooMany(n, 1) && row.couldHold(k.request)
	})
}

// couldHold says whether a node has room for a request if nothing runs there.
func (n *node) couldHold(request Vec) bool {
	for i, amount := range request {
		if amount > 0 && amount > n.Total[i]-n.Other[i] {
			return false
		}
	}
	return true
}

// inDomains tries the domains of a gang, until one will do: those of the pool, or that in
// which members of it run.
func (p *planner) inDomains(q *queueRound, try func(in scope) bool) bool {
	if q.gang == none || p.gangs[q.gang].bound == none {
		return try(nil)
	}
	b := p.binding(p.gangs[q.gang].bound)
	if chosen := p.chosenDomain(q.gang); chosen != none {
		return try(scope{{b, chosen}})
	}
	for d := range b.domains {
		if in := (scope{{b, int32(d)}}); p.hasNodes(in) && try(in) { //nolint:gosec // at most as many as nodes
			return true
		}
	}
	return false
}

// nodesFor finds nodes for the next gang of a queue and when they have room at the latest;
// nil: there are none beside what is reserved. Of several domains it is that with the
// earliest time, then the first by name.
func (p *planner) nodesFor(q *queueRound, jobs []int32) (best *hold) {
	p.findEnds()
	p.inDomains(q, func(in scope) bool {
		nodes, at, ok := p.earliest(jobs, in)
		if ok && (best == nil || at != 0 && (best.Time == 0 || at < best.Time)) {
			best = p.newHold(q, jobs, nodes, at)
		}
		return false
	})
	return best
}

// newHold is a reservation of nodes for jobs.
func (p *planner) newHold(q *queueRound, jobs, nodes []int32, at Time) *hold {
	h := &hold{Reservation: Reservation{Pool: p.cfg.Pools[p.pool], Time: at}, queue: q.queue, pool: p.pool, class: p.classPriority(jobs[0])}
	order := make([]int, len(jobs))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return bytes.Compare(p.jobIDs.ids[jobs[a]][:], p.jobIDs.ids[jobs[b]][:]) })
	for _, i := range order {
		h.jobs = append(h.jobs, jobs[i])
		h.Members = append(h.Members, Reserved{Job: p.jobIDs.ids[jobs[i]], Node: p.State.nodes[nodes[i]].ID})
	}
	h.Job = h.Members[0].Job
	return h
}

// findEnds finds which runs of the pool end when.
func (p *planner) findEnds() {
	y := &p.yard
	if y.known {
		return
	}
	y.ends, y.known = y.ends[:0], true
	add := func(n, kind int32, since Time) {
		if p.State.nodes[n].pool != p.pool {
			return
		}
		if sh := &p.shapes[p.kinds[kind].shape]; sh.ends(since, p.round.Now) != never {
			y.ends = append(y.ends, leaving{sh.ends(since, p.round.Now), n, sh.Request})
		}
	}
	for h := range p.runs {
		if r := &p.runs[h]; r.kind != none && p.stays(int32(h)) { //nolint:gosec // below 2^31
			add(r.node, r.kind, r.since)
		}
	}
	for _, l := range p.lays {
		add(l.node, l.kind, p.round.Now)
	}
	slices.SortFunc(y.ends, func(a, b leaving) int { return cmp.Compare(a.at, b.at) })
	y.times = y.times[:0]
	for i := range y.ends {
		if i == 0 || y.ends[i].at != y.ends[i-1].at {
			y.times = append(y.times, y.ends[i].at)
		}
	}
}

// earliest finds nodes on which jobs have room at the first end of a run at which they do,
// or at an unknown time, which is zero; false: never.
func (p *planner) earliest(jobs []int32, in scope) (nodes []int32, at Time, ok bool) {
	times := p.yard.times
	if len(times) > 0 {
		nodes, ok = p.placeAt(times[len(times)-1], jobs, in)
	}
	if !ok {
		p.yard.drained(p)
		nodes, ok = p.placeAll(jobs, in)
		return nodes, 0, ok
	}
	first, last := 0, len(times)-1 // they have room at the last
	for first < last {
		middle := (first + last) / 2
		if found, fits := p.placeAt(times[middle], jobs, in); fits {
			nodes, last = found, middle
		} else {
			first = middle + 1
		}
	}
	return nodes, max(times[last], p.round.Now, 1), true
}

// placeAt places jobs on nodes with room at a time.
func (p *planner) placeAt(at Time, jobs []int32, in scope) (nodes []int32, ok bool) {
	p.yard.at(p, at)
	return p.placeAll(jobs, in)
}

// empty has the nodes be without runs and reservations.
func (y *yard) empty(p *planner) {
	y.room = append(y.room[:0], p.later...)
	y.pods = append(y.pods[:0], p.pods...)
	for _, n := range p.nodes {
		room := p.room(y.room, n)
		copy(room, p.State.nodes[n].Total)
		room.sub(p.State.nodes[n].Other)
		y.pods[n] = 0
	}
	y.lacking = false
}

// at has the nodes be as they are at a time, but for what is reserved.
func (y *yard) at(p *planner, at Time) {
	y.room = append(y.room[:0], p.later...)
	y.pods = append(y.pods[:0], p.pods...)
	for _, n := range p.nodes {
		y.pods[n] -= p.releasing[n]
	}
	for i := range y.ends {
		if y.ends[i].at > at {
			break
		}
		p.room(y.room, y.ends[i].node).add(y.ends[i].request)
		y.pods[y.ends[i].node]--
	}
	y.lessHeld(p, y.room, y.pods)
	y.lacking = false
}

// drained has the nodes be without runs but for what is reserved, and lack what they have
// not when all is gone of which an end is known.
func (y *yard) drained(p *planner) {
	y.at(p, never)
	y.sooner = append(y.sooner[:0], y.room...)
	y.empty(p)
	y.lessHeld(p, y.room, y.pods)
	y.lacking = true
}

func (y *yard) lessHeld(p *planner, room []int64, pods []int32) {
	for n := range p.reserved.nodes { //archcheck:unordered each is another node
		pods[n] += p.lessHeld(n, none, p.room(room, n))
	}
}

// placeAll places jobs, each on the best node; false: one has none.
func (p *planner) placeAll(jobs []int32, in scope) (nodes []int32, ok bool) {
	y := &p.yard
	y.placed = y.placed[:0]
	if y.tree == nil {
		if ok = p.placeSome(jobs, in); ok {
			for _, at := range y.placed {
				nodes = append(nodes, at.node)
			}
		}
		return nodes, ok
	}
	if !p.placeTree(y.tree.root(), in) {
		return nil, false
	}
	on := make(map[int32]int32, len(jobs))
	for _, at := range y.placed {
		on[at.job] = at.node
	}
	for _, j := range jobs {
		nodes = append(nodes, on[j])
	}
	return nodes, true
}

// placeTree places the members of a group and then the groups in it, or nothing of them.
func (p *planner) placeTree(at int32, in scope) bool {
	y := &p.yard
	mark, group := len(y.placed), &y.tree.groups[at]
	if p.placeSome(group.members, in) && !slices.ContainsFunc(group.groups, func(child int32) bool { return !p.placeBound(child, in) }) {
		return true
	}
	for _, at := range y.placed[mark:] {
		y.change(p, at, Vec.add, -1)
	}
	y.placed = y.placed[:mark]
	return false
}

// placeBound places a group in one domain within others, if it is bound.
func (p *planner) placeBound(at int32, in scope) bool {
	group := &p.yard.tree.groups[at]
	if group.bound == none {
		return p.placeTree(at, in)
	}
	b := p.binding(group.bound)
	if chosen := p.domainOfMates(p.yard.tree, at, b); chosen != none {
		return p.placeTree(at, append(slices.Clip(in), inDomain{b, chosen}))
	}
	for _, d := range p.yard.domainsFor(p, group, b, in) {
		if p.placeTree(at, append(slices.Clip(in), inDomain{b, d})) {
			return true
		}
	}
	return false
}

// domainsFor are the domains in which a group could be, the best first: by the rule that chooses
// the node of a job, by what their nodes have together. It costs a look at each node.
func (y *yard) domainsFor(p *planner, group *treeGroup, b *binding, in scope) (list []int32) {
	from := y.room
	if y.lacking {
		from = y.sooner
	}
	sums, most := make([]int64, len(b.domains)*len(p.total)), make(Vec, len(p.total))
	inner := append(slices.Clip(in), inDomain{b, none})
	for d := range int32(len(b.domains)) { //nolint:gosec // at most as many as nodes
		inner[len(in)].domain = d
		clear(most)
		for _, n := range b.domains[d].nodes {
			if !p.inPool(n, inner) {
				continue
			}
			p.room(sums, d).add(p.room(from, n))
			for i, amount := range p.room(y.room, n) {
				most[i] += max(0, amount) // a node may have less than nothing
			}
		}
		if most.holds(group.request) { // else they have too little even together
			list = append(list, d)
		}
	}
	slices.SortStableFunc(list, func(d, e int32) int { return y.compare(group.request, p.room(sums, d), p.room(sums, e)) }) // they stand by name
	return list
}

// placeSome places jobs, each on the best node. It says whether each has one.
func (p *planner) placeSome(jobs []int32, in scope) bool {
	y := &p.yard
	for i, j := range jobs {
		k := p.seekFor(j, 0, in)
		if i == 0 || p.jobs[j].kind != p.jobs[jobs[i-1]].kind || len(k.avoid) > 0 || p.avoids(jobs[i-1]) {
			y.listFor(p, &k)
		}
		if len(y.list) == 0 {
			return false
		}
		n := y.list[0]
		y.placed = append(y.placed, atNode{j, n})
		y.change(p, atNode{j, n}, Vec.sub, 1)
		if !y.fits(p, &k, n) {
			last := len(y.list) - 1
			y.list[0] = y.list[last]
			y.list = y.list[:last]
		}
		y.sift(p, &k, 0)
	}
	return true
}

// change changes the room on a node by what a job asks for, and how many pods it holds.
func (y *yard) change(p *planner, at atNode, by func(Vec, Vec), pods int32) {
	request := p.onNode(p.jobs[at.job].kind)
	by(p.room(y.room, at.node), request)
	if y.lacking {
		by(p.room(y.sooner, at.node), request)
	}
	y.pods[at.node] += pods
}

// listFor finds the nodes that could be one for a job.
func (y *yard) listFor(p *planner, k *seek) {
	y.list = y.list[:0]
	for _, n := range p.candidates(k.in) {
		if p.State.nodes[n].pool == p.pool && p.index.takes[n] && y.fits(p, k, n) && p.mayTry(k, n) {
			y.list = append(y.list, n)
		}
	}
	for i := len(y.list)/2 - 1; i >= 0; i-- {
		y.sift(p, k, i)
	}
}

func (y *yard) fits(p *planner, k *seek, n int32) bool {
	return p.room(y.room, n).holds(k.request) && !p.tooMany(n, y.pods[n]+1)
}

// better says which of two nodes a job gets.
func (y *yard) better(p *planner, k *seek, a, b int32) bool {
	from := y.room
	if y.lacking {
		from = y.sooner
	}
	order := y.compare(k.request, p.room(from, a), p.room(from, b))
	return order < 0 || order == 0 && p.index.rank[a] < p.index.rank[b]
}

// compare is the order of amounts of room for a request: that first of which least is left, or
// that lacks least.
func (y *yard) compare(request, x, z Vec) int {
	for i, amount := range request {
		order := cmp.Compare(x[i], z[i])
		if y.lacking {
			order = cmp.Compare(max(0, amount-x[i]), max(0, amount-z[i]))
		}
		if amount > 0 && order != 0 {
			return order
		}
	}
	return 0
}

func (y *yard) sift(p *planner, k *seek, i int) {
	list := y.list
	for {
		least := 2*i + 1
		if least >= len(list) {
			return
		}
		if least+1 < len(list) && y.better(p, k, list[least+1], list[least]) {
			least++
		}
		if !y.better(p, k, list[least], list[i]) {
			return
		}
		list[i], list[least] = list[least], list[i]
		i = least
	}
}
