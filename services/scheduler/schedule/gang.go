package schedule

import (
	"bytes"
	"cmp"
	"math"
	"slices"
)

// gangTree is the members of a gang that start, by the groups that they are in.
type gangTree struct {
	gang *gang
	at   int32
	// groups are those of the gang by their handles, and the gang itself last.
	groups []treeGroup
}

// treeGroup is a group, or the gang itself, with what starts of it.
type treeGroup struct {
	bound int32
	// members are its own, in the order of the queue; groups those in it with members, by
	// name.
	members []int32
	groups  []int32
	// all counts its members and those of the groups in it, who ask for request; kind is
	// theirs where they are all of one, and alike says that they are, that none avoids nodes
	// and that no group in it is bound.
	all     int64
	request Vec
	kind    int32
	alike   bool
}

// placeGang lays all members of a gang over the state, or none. Those that are bound to a
// domain choose the one with the fewest victims, then that where least is left, then the
// first by name; groups choose within that of their parents, by name.
func (p *planner) placeGang(q *queueRound) bool {
	t := p.gangTree(q)
	domain := ""
	return p.placeGroup(q, t, t.root(), nil, &domain)
}

func (t *gangTree) root() int32 { return int32(len(t.groups) - 1) } //nolint:gosec // below 2^31

// gangTree sorts the members of a gang that start by their groups.
func (p *planner) gangTree(q *queueRound) *gangTree {
	g := &p.gangs[q.gang]
	t := &gangTree{gang: g, at: q.gang, groups: make([]treeGroup, len(g.groups)+1)}
	for i := range t.groups {
		t.groups[i] = treeGroup{bound: g.bound, kind: none, alike: true, request: make(Vec, len(p.total))}
		if i < len(g.groups) {
			t.groups[i].bound = g.groups[i].bound
		}
	}
	for _, j := range q.members {
		at := p.jobs[j].group
		if at == noGroup {
			at = t.root()
		}
		group := &t.groups[at]
		group.members = append(group.members, j)
		kind := p.jobs[j].kind
		group.join(kind, q.away == 0 && !p.avoids(j))
		group.all++
		group.request.add(p.onNode(kind))
	}
	// A group stands behind its parent, so that from the end on each is complete.
	for i := len(g.groups) - 1; i >= 0; i-- {
		group, parent := &t.groups[i], g.groups[i].parent
		if group.all == 0 {
			continue
		}
		if parent == noGroup {
			parent = t.root()
		}
		slices.SortFunc(group.groups, func(a, b int32) int { return cmp.Compare(g.groups[a].ID, g.groups[b].ID) })
		of := &t.groups[parent]
		of.groups = append(of.groups, int32(i)) //nolint:gosec // below 2^31
		of.join(group.kind, group.alike && group.bound == none)
		of.all += group.all
		of.request.add(group.request)
	}
	slices.SortFunc(t.groups[t.root()].groups, func(a, b int32) int { return cmp.Compare(g.groups[a].ID, g.groups[b].ID) })
	return t
}

// join notes that somebody of a kind is in a group.
func (g *treeGroup) join(kind int32, alike bool) {
	g.alike = g.alike && alike && (g.kind == none || g.kind == kind)
	g.kind = kind
}

// placeGroup places a group of a gang within domains, or nothing of it. The domain of the
// gang itself is noted.
func (p *planner) placeGroup(q *queueRound, t *gangTree, at int32, in scope, domain *string) bool {
	group := &t.groups[at]
	if group.bound == none {
		return p.placeMembers(q, t, at, in, domain)
	}
	b := p.binding(group.bound)
	chosen := p.domainOfMates(t, at, b)
	if chosen == none {
		chosen = p.bestDomain(q, t, at, b, in)
	}
	if chosen == none {
		return false
	}
	if at == t.root() {
		*domain = b.domains[chosen].name
	}
	return p.placeMembers(q, t, at, append(slices.Clip(in), inDomain{b, chosen}), domain)
}

// placeMembers places the members of a group and then the groups in it, or nothing.
func (p *planner) placeMembers(q *queueRound, t *gangTree, at int32, in scope, domain *string) bool {
	m := p.mark()
	for _, j := range t.groups[at].members {
		if !p.settle(q, j, in, *domain) {
			p.undoTo(m)
			return false
		}
	}
	for _, group := range t.groups[at].groups {
		if !p.placeGroup(q, t, group, in, domain) {
			p.undoTo(m)
			return false
		}
	}
	p.putBack(m)
	return true
}

// domainOfMates is the domain in which members of a group run, or of the groups in it, that
// were not given back; none: nobody does. Of several the one with the smallest id decides.
func (p *planner) domainOfMates(t *gangTree, at int32, b *binding) (domain int32) {
	domain = none
	var least RunID
	consider := func(id RunID, n int32, group int32) {
		if d := b.of[n]; d != none && t.within(group, at) && (domain == none || bytes.Compare(id[:], least[:]) < 0) {
			least, domain = id, d
		}
	}
	for _, r := range t.gang.runs {
		if row := &p.runs[r]; row.phase != Releasing && !p.gone.has(r) && p.State.nodes[row.node].known {
			consider(p.runIDs.ids[r], row.node, p.groupOfRun(r))
		}
	}
	if t.gang.round != p.number || t.gang.laid == 0 {
		return domain
	}
	for _, l := range p.lays {
		if l.gang == t.at {
			consider(p.jobIDs.ids[l.job], l.node, p.jobs[l.job].group)
		}
	}
	return domain
}

// groupOfRun is the group of a run's job.
func (p *planner) groupOfRun(run int32) int32 {
	if m, is := p.away[p.runs[run].job]; is && m.run == p.runIDs.ids[run] {
		return m.group
	}
	return noGroup
}

// within says whether a group is another or in it.
func (t *gangTree) within(group, other int32) bool {
	if other == t.root() {
		return true
	}
	for ; group != noGroup; group = t.gang.groups[group].parent {
		if group == other {
			return true
		}
	}
	return false
}

// found is what is known of a domain once a group has a place there.
type found struct {
	domain  int32
	victims int
	// left is what its nodes have in all, when what is releasing is gone.
	left Vec
}

// better says whether a domain is to be chosen before another whose name is smaller.
func (f *found) better(than *found, request Vec) bool {
	return f.victims < than.victims || f.victims == than.victims && tighter(f.left, than.left, request)
}

// bestDomain is the domain for a group; none: there is none. Members that are alike need no
// trial where nobody must go: a domain holds as many of them as its nodes do one by one, and
// what is left of it there is what it has without them.
func (p *planner) bestDomain(q *queueRound, t *gangTree, at int32, b *binding, in scope) int32 {
	group := &t.groups[at]
	best := found{domain: none}
	alike := group.alike && len(p.reserved.list) == 0 && // what is reserved is no room for all
		(!p.tree.quotas.on || p.mayHoldMore(q, p.asks(q))) // nor is what the queue may not have
	if alike {
		p.roomiest(group, b, in, &best)
		if best.domain != none || q.alone || !p.mayPreempt(q, group) {
			return best.domain
		}
	}
	for d := range b.domains {
		inner := append(slices.Clip(in), inDomain{b, int32(d)}) //nolint:gosec // at most as many as nodes
		if !p.hasNodes(inner) || alike && p.capacity(group, inner, p.index.soft.held) < group.all {
			continue
		}
		preempts := len(p.plan.Preempts)
		p.trial(func() bool {
			var domain string
			if !p.placeMembers(q, t, at, inner, &domain) {
				return false
			}
			here := found{int32(d), len(p.plan.Preempts) - preempts, p.leftIn(inner)} //nolint:gosec // at most as many as nodes
			if best.domain == none || here.better(&best, group.request) {
				best = here
			}
			return true
		})
	}
	return best.domain
}

// mayPreempt says whether there may be a victim for members of a group that are alike.
func (p *planner) mayPreempt(q *queueRound, group *treeGroup) bool {
	p.look()
	return p.anyVictim(q, p.classOfKind(group.kind).Priority)
}

// roomiest finds the best domain that holds members that are alike, and nobody goes.
func (p *planner) roomiest(group *treeGroup, b *binding, in scope, best *found) {
	inner := append(slices.Clip(in), inDomain{b, none})
	left := make(Vec, len(p.total))
	for d := range b.domains {
		inner[len(in)].domain = int32(d) //nolint:gosec // at most as many as nodes
		if p.capacity(group, inner, nil) < group.all {
			continue
		}
		p.sumLeft(left, inner)
		if here := (found{domain: int32(d), left: left}); best.domain == none || here.better(best, group.request) { //nolint:gosec // the same
			left, *best = make(Vec, len(p.total)), here
		}
	}
}

// hasNodes says whether a node of the pool is in a scope.
func (p *planner) hasNodes(in scope) bool {
	return slices.ContainsFunc(p.candidates(in), func(n int32) bool { return p.inPool(n, in) })
}

func (p *planner) inPool(n int32, in scope) bool {
	return p.State.nodes[n].pool == p.site && in.has(n)
}

// leftIn sums what the nodes of the pool in a scope have.
func (p *planner) leftIn(in scope) Vec {
	sum := make(Vec, len(p.total))
	p.sumLeft(sum, in)
	return sum
}

// sumLeft sums what the nodes of the pool in a scope have.
func (p *planner) sumLeft(sum Vec, in scope) {
	clear(sum)
	for _, n := range p.candidates(in) {
		if p.inPool(n, in) {
			sum.add(p.room(p.later, n))
		}
	}
}

// capacity is how many members of a kind the nodes in a scope hold, at most all of a group:
// on the room that they have or get, and on more than that.
func (p *planner) capacity(group *treeGroup, in scope, more []int64) (n int64) {
	sh := &p.shapes[p.kinds[group.kind].shape]
	k := seek{request: sh.onNode, match: p.matches(sh), in: in}
	for _, node := range p.candidates(in) {
		if !p.index.takes[node] || p.State.nodes[node].pool != p.site || !p.mayTry(&k, node) {
			continue
		}
		if n += p.capacityOf(node, sh.onNode, more); n >= group.all {
			return group.all
		}
	}
	return n
}

// capacityOf is how many jobs with a request a node holds. Where there is to be more room
// than it has, any number of pods may go.
func (p *planner) capacityOf(node int32, request Vec, more []int64) int64 {
	holds := int64(math.MaxInt32)
	if most := p.State.nodes[node].MaxPods; most > 0 && more == nil {
		holds = int64(most - p.pods[node] + p.releasing[node])
	}
	room := p.room(p.later, node)
	for i, amount := range request {
		have := room[i]
		if more != nil {
			have += p.room(more, node)[i]
		}
		if amount > 0 {
			holds = min(holds, have/amount)
		}
	}
	return max(0, holds)
}
