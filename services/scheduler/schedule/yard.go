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
}

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
	for i, j := range jobs {
		k := p.seekFor(j, 0, in)
		if i == 0 || p.jobs[j].kind != p.jobs[jobs[i-1]].kind || len(k.avoid) > 0 || p.avoids(jobs[i-1]) {
			y.listFor(p, &k)
		}
		if len(y.list) == 0 {
			return nil, false
		}
		n := y.list[0]
		nodes = append(nodes, n)
		p.room(y.room, n).sub(k.request)
		y.pods[n]++
		if y.lacking {
			p.room(y.sooner, n).sub(k.request)
		}
		if !y.fits(p, &k, n) {
			last := len(y.list) - 1
			y.list[0] = y.list[last]
			y.list = y.list[:last]
		}
		y.sift(p, &k, 0)
	}
	return nodes, true
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
	x, z := p.room(y.room, a), p.room(y.room, b)
	if y.lacking {
		x, z = p.room(y.sooner, a), p.room(y.sooner, b)
	}
	for i, amount := range k.request {
		switch {
		case amount == 0:
		case y.lacking && max(0, amount-x[i]) != max(0, amount-z[i]):
			return amount-x[i] < amount-z[i]
		case !y.lacking && x[i] != z[i]:
			return x[i] < z[i]
		}
	}
	return p.index.rank[a] < p.index.rank[b]
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
