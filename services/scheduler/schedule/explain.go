package schedule

import (
	"cmp"
	"slices"
)

// Why says why a queued job waits, at a moment; false where it does not wait. It tries the
// job with the rules of the round, so it says what they say. It costs about a look at each
// node and each queue, and nothing where nobody asks.
func (s *State) Why(id JobID, now Time) (Why, bool) {
	h := s.jobIDs.find((*[16]byte)(&id))
	if h == none || !s.jobs[h].waits {
		return Why{}, false
	}
	p := &s.rounds
	p.begin(s, Round{Now: now})
	p.parking.idle = true
	defer p.end()
	t := p.trialOf(h)
	q := &s.queues[t.queue]
	w := Why{Job: id, Queue: q.ID, Position: s.positionOf(h), Queued: q.n, Blocks: p.blocks(t, now)}
	if t.gang != none {
		g := &s.gangs[t.gang]
		w.Gang, w.Waiting, w.Members, w.Cardinality = g.ID, len(g.queued), g.members(), int(g.Cardinality)
		w.Min = int(g.Min)
	}
	w.Reservation, _ = s.Reservation(id)
	found := changes{asked: t, blocks: w.Blocks, planner: p}
	for _, at := range p.visits {
		if p.mayUseAll(t, at.pool) {
			w.Pools = append(w.Pools, p.whyIn(t, at, &found))
		}
	}
	for i := range w.Pools {
		w.Starts = w.Starts || w.Pools[i].Starts && len(w.Blocks) == 0
	}
	if !w.Starts {
		found.otherPools()
		w.Changes = found.list
		slices.SortStableFunc(w.Changes, func(a, b Change) int { return cmp.Compare(a.Kind, b.Kind) })
	}
	return w, true
}

// mayUseAll says whether a job, or every member of its gang that waits, may use a pool.
func (p *planner) mayUseAll(t *asked, pool int32) bool {
	for _, j := range t.all() {
		if !p.shapes[p.kinds[p.jobs[j].kind].shape].mayUse(pool) {
			return false
		}
	}
	return true
}

// whyIn says why a job does not start in a pool, at home or as a guest, and finds what would let
// it.
func (p *planner) whyIn(t *asked, at visit, found *changes) PoolWhy {
	p.plan.Wake = 0
	q := p.ask(t, at)
	w := PoolWhy{Pool: p.cfg.Pools[p.pool], Share: q.share, Ideal: q.ideal, Fair: q.fair, Nodes: len(p.nodes)}
	if !p.home() {
		w.Host = p.cfg.Pools[p.site]
	}
	after := append(Vec(nil), p.heldIn(q)...)
	for _, j := range t.all() {
		after.add(p.request(p.jobs[j].kind))
	}
	w.After = p.dominant(after, p.total)
	w.Blocks = slices.Concat(p.limitBlocks(q), p.floatingBlocks(t), p.periodBlocks(q))
	over := len(w.Blocks) > 0
	w.Blocks = append(w.Blocks, p.quotaBlocks(t)...)
	p.countReasons(t, &w)
	w.Placed = p.placed(t, &w)
	can := p.canStartAnywhere(q)
	if can || !over {
		w.Preemption = p.preemption(t, q, can, w.Placed)
	}
	w.Starts = can
	p.drop(q)
	if can && len(found.blocks) == 0 {
		return w
	}
	if !can && len(w.Blocks) == 0 && w.Placed == len(t.all()) && p.plainGang(t) && len(found.blocks) == 0 {
		w.Blocks = append(w.Blocks, Block{Rule: OtherRule})
	}
	found.inPool(&w)
	return w
}

// limitBlocks are the limits of classes that a queue's next gang would go over.
func (p *planner) limitBlocks(q *queueRound) (out []Block) {
	members := q.members
	if q.gang == none {
		members = []int32{q.job}
	}
	for c := range p.cfg.Classes {
		more, some := make(Vec, len(p.total)), false
		for _, j := range members {
			if sh := &p.shapes[p.kinds[p.jobs[j].kind].shape]; int(sh.class) == c {
				more.add(sh.Request)
				some = true
			}
		}
		if !some || !p.over(q, int32(c), more) { //nolint:gosec // classes are few
			continue
		}
		held := p.room(p.byClass, p.classAt(q.queue, p.pool, int32(c)))             //nolint:gosec // few
		limit := p.room(p.limits, p.at[q.queue]*int32(len(p.cfg.Classes))+int32(c)) //nolint:gosec // few
		for i, name := range p.cfg.Resources {
			if held[i]+more[i] > limit[i] {
				out = append(out, Block{Rule: AboveLimit, Class: p.cfg.Classes[c].ID, Resource: name, Have: limit[i], Need: held[i] + more[i]})
			}
		}
	}
	return out
}

// floatingBlocks are the floating resources of which the pool has too little left.
func (p *planner) floatingBlocks(t *asked) (out []Block) {
	for r, is := range p.isFloating {
		need := int64(0)
		for _, j := range t.all() {
			need += p.request(p.jobs[j].kind)[r]
		}
		if left := p.floatingLeft(p.floatingNow, p.pool, r); is && need > 0 && need > left {
			out = append(out, Block{Rule: ShortOfFloating, Resource: p.cfg.Resources[r], Have: left, Need: need})
		}
	}
	return out
}

// tally counts the nodes of a pool by reason: by a resource, or by a text.
type tally struct {
	small, full []int
	plain       [NodeReserved + 1]int
	texts       map[NodeCount]int
}

// countReasons counts the nodes by why a job does not start there, and finds the nearest.
func (p *planner) countReasons(t *asked, w *PoolWhy) {
	k := p.seekFor(t.job, 0, nil)
	k.later = true
	sum := tally{small: make([]int, len(p.total)), full: make([]int, len(p.total)), texts: map[NodeCount]int{}}
	best := shortage{node: none}
	for _, n := range p.nodes {
		reason, at := p.reasonOf(&k, n)
		switch reason {
		case NodeTaint, NodeUnmatched:
			sum.texts[NodeCount{Reason: reason, Detail: p.mismatch(&k, n)}]++
		case NodeReserved:
			sum.texts[NodeCount{Reason: reason, Detail: p.reservedFor(&k, n)}]++
		case NodeTooSmall:
			sum.small[at]++
		case NodeFull:
			sum.full[at]++
			best.consider(p, &k, n)
		case NodePods:
			sum.plain[reason]++
			best.consider(p, &k, n)
		default:
			sum.plain[reason]++
		}
	}
	w.Reasons = sum.counts(p.cfg.Resources)
	if best.node == none || sum.plain[NodeFits] > 0 {
		return
	}
	w.Nearest = p.State.nodes[best.node].ID
	for i, amount := range k.request {
		if short := amount - p.room(p.later, best.node)[i]; amount > 0 && short > 0 {
			w.Lacks = append(w.Lacks, Amounts{p.cfg.Resources[i], short})
		}
	}
}

// counts are the counts that are not zero, the most frequent first.
func (t *tally) counts(resources []string) (out []NodeCount) {
	for i, name := range resources {
		out = append(out, NodeCount{NodeTooSmall, name, t.small[i]}, NodeCount{NodeFull, name, t.full[i]})
	}
	for reason, n := range t.plain {
		out = append(out, NodeCount{Reason: NodeReason(reason), Nodes: n}) //nolint:gosec // few
	}
	for c, n := range t.texts { //archcheck:sorted below
		c.Nodes = n
		out = append(out, c)
	}
	out = slices.DeleteFunc(out, func(c NodeCount) bool { return c.Nodes == 0 })
	slices.SortFunc(out, func(a, b NodeCount) int {
		return cmp.Or(b.Nodes-a.Nodes, cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Detail, b.Detail))
	})
	return out
}

// reasonOf is why a job does not start on a node of the pool, and of which resource it has
// too little.
func (p *planner) reasonOf(k *seek, n int32) (NodeReason, int) {
	if !k.match.has(n) {
		return NodeTaint, 0 // or another mismatch
	}
	if p.off.Home || !p.mayBeGuests(k.job, nil) {
		return NodeUnmatched, 0
	}
	later := p.room(p.later, n)
	short := -1
	for i, amount := range k.request {
		if amount > 0 && amount > later[i] {
			short = i
			break
		}
	}
	row := &p.State.nodes[n]
	if short >= 0 {
		for i, amount := range k.request {
			if amount > row.Total[i] {
				return NodeTooSmall, i
			}
		}
	}
	switch {
	case row.Unschedulable:
		return NodeUnschedulable, 0
	case !p.index.takes[n]:
		return NodeLost, 0
	case len(k.avoid) > 0 && slices.Contains(k.avoid, row.ID):
		return NodeTried, 0
	case row.MaxPods > 0 && p.pods[n]-p.releasing[n] >= row.MaxPods:
		return NodePods, 0
	case short >= 0:
		return NodeFull, short
	case !p.allowed(k, n):
		return NodeReserved, 0
	}
	return NodeFits, 0
}

// mismatch says why a job may not run on a node.
func (p *planner) mismatch(k *seek, n int32) string {
	sh := &p.shapes[p.kinds[p.jobs[k.job].kind].shape]
	why := p.matchers[sh.matcherIn(p.pool, 0)].Mismatch(&p.State.nodes[n].Node)
	switch {
	case why != "":
		return why
	case p.off.Home:
		return homeOff
	case !p.mayBeGuests(k.job, nil):
		return noGuest
	}
	return ""
}

// shortage is the node that lacks least: of the fewest resources, then the smallest part of
// what is asked for, then the name.
type shortage struct {
	node  int32
	lacks int
	part  uint64
}

func (s *shortage) consider(p *planner, k *seek, n int32) {
	here := shortage{node: n}
	later := p.room(p.later, n)
	for i, amount := range k.request {
		if short := amount - later[i]; amount > 0 && short > 0 {
			here.lacks++
			here.part = max(here.part, ratio(short, amount))
		}
	}
	if s.node == none || here.lacks < s.lacks || here.lacks == s.lacks && here.part < s.part {
		*s = here // nodes come by name
	}
}

// placed is how many jobs of a gang would find room as it is, were there no domains and
// nobody to be preempted.
func (p *planner) placed(t *asked, w *PoolWhy) int {
	if t.gang == none {
		for _, c := range w.Reasons {
			if c.Reason == NodeFits {
				return 1
			}
		}
		return 0
	}
	n := 0
	p.trial(func() bool {
		q := &p.queues[p.at[t.queue]]
		for _, j := range t.members {
			k := p.seekFor(j, 0, nil)
			if at := p.roomFor(&k); at != none {
				p.lay(q, &k, at, "")
				n++
			}
		}
		return false
	})
	return n
}

// plainGang says that a job is no gang, or one that may start anywhere.
func (p *planner) plainGang(t *asked) bool {
	return t.gang == none || p.gangs[t.gang].bound == none && !p.bindsGroups(t.gang)
}

// preemption says what came of looking for victims of a job.
func (p *planner) preemption(t *asked, q *queueRound, can bool, placed int) Preemption { //nolint:revive // what came of it
	if placed == len(t.all()) {
		return NotLooked
	}
	if can {
		return VictimsFound
	}
	if t.alone {
		return MemberAlone
	}
	if !slices.ContainsFunc(p.kinds, func(k kind) bool { return k.runs > 0 && p.cfg.Classes[p.shapes[k.shape].class].Preemptible }) {
		return NothingPreemptible
	}
	p.look()
	if !p.anyVictim(q, p.classPriority(t.job)) {
		return NothingMayGo
	}
	return NotEnoughMayGo
}
