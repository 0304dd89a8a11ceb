package schedule

import (
	"cmp"
	"slices"
)

// tree is the queues of a round of one pool as they are part of each other. The first place
// is the root, under which stand the queues that are part of none. Where no queue is part of
// another there is no tree, and the queues are a heap of their own.
//
// At each level the place goes first whose next gang is of the highest class, then the one
// that weighs least with all that is below it once that gang has started, then the name; the
// next gang of a place is that of the place below it that goes first. So each place has a
// heap of those below it that have a next gang, and a start costs as many sifts as its queue
// is deep.
type tree struct {
	on     bool
	places []place
	// at is the place that a queue's parts stand below, by its handle; none: no part of it
	// has a share in the round.
	at []int32
	// held is what is held of the pool at and below each place, want that and what waits.
	held, want []int64
	// surcharges are what counts in the cost of each beside what it holds, where there is some.
	surcharges []int64
	quotas     quotas
	// vectors are the demand vectors of the places, and filling the memory of their shares.
	vectors []uint64
	filling filling
}

// place is a queue in the tree: a leaf, which has jobs, or one with others below it. A queue
// that is both has a leaf of its own below its place, of weight 1.
type place struct {
	queue, parent int32
	// leaf is the queue of the round whose jobs these are, else none.
	leaf   int32
	depth  int32
	weight int64
	below  []int32
	// ready are the places below that have a next gang, a heap, and at is where this one
	// stands in that of its parent; none: nowhere.
	ready []int32
	at    int32
	// next is the leaf whose gang goes next of all below, else none; class and cost are of
	// that gang, and of the place once it has started.
	next  int32
	class int32
	cost  uint64
	// guaranteed: it has a guarantee. Fits: the next gang is within every guarantee at and
	// below it; claims: and there is one.
	guaranteed, fits, claims bool
	// exposed is where it stands among the leaves that are not within their guarantee.
	exposed int32
	// The same as in queueRound, with all that is below.
	share, weighted, guard uint64
	need, fair, ideal      uint64

	constrained, capped, uncapped uint64
	// before and after are what it weighs without the gang that is being placed, and with it.
	before, after uint64
}

const root int32 = 0

// plant makes the tree of the pool's queues.
func (p *planner) plant() {
	t := &p.tree
	t.on, t.places = !p.market && (t.quotas.on || p.hasTree()), t.places[:0]
	if !t.on {
		return
	}
	t.at = append(t.at[:0], make([]int32, len(p.State.queues))...)
	for i := range t.at {
		t.at[i] = none
	}
	p.addPlace(none, none, Million)
	for i := range p.queues {
		p.addAbove(p.State.queues[p.queues[i].queue].parent)
	}
	if t.quotas.on {
		p.addKeepers()
	}
	for i := range p.queues {
		q := &p.queues[i]
		row := &p.State.queues[q.queue]
		parent := root
		switch {
		case t.at[q.queue] != none: // it has parts, and its own jobs are as in one more
			parent, q.weight = t.at[q.queue], Million
		case row.parent != none:
			parent = t.at[row.parent]
		}
		q.open = q.open && !p.cordoned(q.queue)
		q.seat = p.addPlace(q.queue, parent, q.weight)
		t.places[q.seat].leaf = int32(i) //nolint:gosec // queues are few
	}
	size := len(t.places) * len(p.total)
	t.held = append(t.held[:0], make([]int64, size)...)
	t.want = append(t.want[:0], make([]int64, size)...)
	t.quotas.lost, t.quotas.losers = t.quotas.lost[:0], t.quotas.losers[:0]
	if t.quotas.on {
		p.readQuotas()
	}
}

// hasTree says whether some queue of the round is part of another.
func (p *planner) hasTree() bool {
	if p.nested == 0 {
		return false
	}
	for i := range p.queues {
		if p.State.queues[p.queues[i].queue].parent != none {
			return true
		}
	}
	return false
}

// addAbove makes the place of a queue with parts, and of those that it is part of.
func (p *planner) addAbove(h int32) {
	if h == none || p.tree.at[h] != none {
		return
	}
	row, parent := &p.State.queues[h], root
	if row.parent != none {
		p.addAbove(row.parent)
		parent = p.tree.at[row.parent]
	}
	p.tree.at[h] = p.addPlace(h, parent, p.weightIn(row))
}

func (p *planner) addPlace(queue, parent int32, weight int64) int32 {
	t := &p.tree
	n := len(t.places)
	row := place{queue: queue, parent: parent, leaf: none, weight: weight, at: none, next: none}
	if n < cap(t.places) { // its lists are used again
		prev := &t.places[:n+1][n]
		row.below, row.ready = prev.below[:0], prev.ready[:0]
	}
	at := int32(n) //nolint:gosec // queues are few
	if parent != none {
		row.depth = t.places[parent].depth + 1
		t.places[parent].below = append(t.places[parent].below, at)
	}
	t.places = append(t.places[:n], row)
	return at
}

// heldBelow is what is held of the pool at and below a place.
func (p *planner) heldBelow(n int32) Vec { return p.room(p.tree.held, n) }

// climb brings the places of a queue up to date with what it holds.
func (p *planner) climb(q *queueRound) {
	t := &p.tree
	change := append(p.hunt.change[:0], p.heldIn(q)...)
	p.hunt.change = change
	change.sub(p.heldBelow(q.seat))
	for n := q.seat; n != none; n = t.places[n].parent {
		held, row := p.heldBelow(n), &t.places[n]
		held.add(change)
		row.share = p.dominant(held, p.total)
		if n != root {
			row.weighted = weighted(row.share, row.weight)
		}
	}
	if t.quotas.on {
		p.use(q.seat, change)
	}
}

// reseat puts a queue, and all that it is part of, where they stand among the others now.
func (p *planner) reseat(q *queueRound) {
	t := &p.tree
	for n := q.seat; n != root; n = t.places[n].parent {
		p.renew(n)
		row := &t.places[n]
		up := &t.places[row.parent]
		switch {
		case row.next == none && row.at != none:
			p.takeOut(up, row.at)
			row.at = none
		case row.next != none && row.at == none:
			row.at = int32(len(up.ready)) //nolint:gosec // queues are few
			up.ready = append(up.ready, n)
			p.raise(up, row.at)
		case row.next != none:
			p.sink(up, p.raise(up, row.at))
		}
	}
}

// renew finds the next gang of a place: that of the place below it that goes first.
func (p *planner) renew(n int32) {
	row := &p.tree.places[n]
	if row.leaf != none {
		q := &p.queues[row.leaf]
		row.next, row.class, row.cost = none, q.class, q.cost
		if q.has {
			row.next = row.leaf
			row.claims = p.tree.quotas.on && p.within(n, q.asks)
			row.fits = row.claims || !row.guaranteed
		}
		return
	}
	row.next = none
	if len(row.ready) > 0 {
		first := &p.tree.places[row.ready[0]]
		row.next, row.class = first.next, first.class
		asks := p.queues[first.next].asks
		row.cost = p.weighWith(n, asks)
		if p.tree.quotas.on {
			row.fits = first.fits && (!row.guaranteed || p.within(n, asks))
			row.claims = row.fits && (first.claims || row.guaranteed)
		}
	}
}

// weighWith is what a place weighs with so much more.
func (p *planner) weighWith(n int32, more Vec) uint64 {
	held := append(p.hunt.change[:0], p.heldBelow(n)...)
	p.hunt.change = held
	if more != nil {
		held.add(more)
	}
	if p.surcharged {
		held.add(p.room(p.tree.surcharges, n))
	}
	return p.weigh(held, p.tree.places[n].weight)
}

// first is the queue whose gang goes next of all; none: there is no gang.
func (t *tree) first() int32 {
	if ready := t.places[root].ready; len(ready) > 0 {
		return t.places[ready[0]].next
	}
	return none
}

// clear forgets all next gangs.
func (t *tree) clear() {
	for i := range t.places {
		row := &t.places[i]
		row.ready, row.at, row.next = row.ready[:0], none, none
	}
}

// sooner says which of two places below one goes first.
func (p *planner) sooner(a, b int32) bool {
	x, y := &p.tree.places[a], &p.tree.places[b]
	switch {
	case x.claims != y.claims:
		return x.claims
	case x.class != y.class:
		return x.class > y.class
	case x.cost != y.cost:
		return x.cost < y.cost
	}
	return p.State.queues[x.queue].ID < p.State.queues[y.queue].ID
}

func (p *planner) exchange(up *place, i, j int32) {
	up.ready[i], up.ready[j] = up.ready[j], up.ready[i]
	p.tree.places[up.ready[i]].at, p.tree.places[up.ready[j]].at = i, j
}

// raise moves a place up in the heap of its parent, and says where it stands then.
func (p *planner) raise(up *place, i int32) int32 {
	for i > 0 && p.sooner(up.ready[i], up.ready[(i-1)/2]) {
		p.exchange(up, i, (i-1)/2)
		i = (i - 1) / 2
	}
	return i
}

// sink moves a place down in the heap of its parent.
func (p *planner) sink(up *place, i int32) {
	for n := int32(len(up.ready)); ; { //nolint:gosec // queues are few
		least := 2*i + 1
		if least >= n {
			return
		}
		if least+1 < n && p.sooner(up.ready[least+1], up.ready[least]) {
			least++
		}
		if !p.sooner(up.ready[least], up.ready[i]) {
			return
		}
		p.exchange(up, i, least)
		i = least
	}
}

func (p *planner) takeOut(up *place, i int32) {
	last := int32(len(up.ready) - 1) //nolint:gosec // queues are few
	p.exchange(up, i, last)
	up.ready = up.ready[:last]
	if i < last {
		p.sink(up, p.raise(up, i))
	}
}

// stand reckons what the places of a queue weigh before and after its next gang, which is
// to be placed: while it is, its members are among what is held.
func (p *planner) stand(q *queueRound) {
	for n := q.seat; n != root; n = p.tree.places[n].parent {
		row := &p.tree.places[n]
		row.before, row.after = row.weighted, p.weighWith(n, q.asks)
		if p.surcharged {
			row.before = p.weighWith(n, nil)
		}
	}
	if p.tree.quotas.on {
		p.standQuota(q)
	}
}

// sides are the places of two queues that stand below one: there the queues part.
func (t *tree) sides(a, b int32) (int32, int32) {
	for t.places[a].depth > t.places[b].depth {
		a = t.places[a].parent
	}
	for t.places[b].depth > t.places[a].depth {
		b = t.places[b].parent
	}
	for t.places[a].parent != t.places[b].parent {
		a, b = t.places[a].parent, t.places[b].parent
	}
	return a, b
}

// mayLoseTo says whether a place that has a share may lose of it to the gang that is placed
// at another.
func (p *planner) mayLoseTo(y, x *place, share uint64) bool {
	if share <= y.guard {
		return false
	}
	weight := weighted(share, y.weight)
	return x.after < weight || x.after == weight && p.cfg.PreemptionRule == ArmadaOrder &&
		p.State.queues[x.queue].ID < p.State.queues[y.queue].ID
}

// loseAt notes what the queue of a unit, and all that it is part of, lose with it to the gang
// that is being placed, or regain where it is kept after all.
func (p *planner) loseAt(q *queueRound, u *unit, kept bool) { //nolint:revive // there and back
	x := &p.tree.quotas
	x.losers, x.lost = append(x.losers, q.seat), append(x.lost, make([]int64, len(p.total))...)
	amounts := Vec(x.lost[len(x.lost)-len(p.total):])
	p.addHeld(u, amounts)
	for i := range amounts {
		if !kept {
			amounts[i] = -amounts[i]
		}
	}
	p.holdAt(q.seat, amounts)
}

// holdAt changes what is held at a leaf and above.
func (p *planner) holdAt(leaf int32, change Vec) {
	for n := leaf; n != none; n = p.tree.places[n].parent {
		p.heldBelow(n).add(change)
	}
	if p.tree.quotas.on {
		p.use(leaf, change)
	}
}

// clearLost has nothing be lost any more.
func (p *planner) clearLost() {
	x := &p.tree.quotas
	for i, leaf := range x.losers {
		amounts := p.room(x.lost, int32(i)) //nolint:gosec // runs of a node
		for r := range amounts {
			amounts[r] = -amounts[r]
		}
		p.holdAt(leaf, amounts)
	}
	x.losers, x.lost = x.losers[:0], x.lost[:0]
}

// mayFairIn says whether something of a queue may be taken for the share of another, in a
// tree, before anything is.
func (p *planner) mayFairIn(q, other *queueRound) bool {
	if other == q {
		return false
	}
	a, b := p.tree.sides(q.seat, other.seat)
	x, y := &p.tree.places[a], &p.tree.places[b]
	return p.mayLoseTo(y, x, y.share)
}

// anyFairIn says whether there may be a victim for the share of a queue in a tree, and marks
// the queues of which a run may go.
func (p *planner) anyFairIn(q *queueRound) (some bool) {
	for i := range p.queues {
		other := &p.queues[i]
		if !p.mayFairIn(q, other) {
			continue
		}
		for _, h := range p.State.queues[other.queue].kinds {
			if p.classOfKind(h).Preemptible {
				p.hunt.fair[i] = p.hunt.number
				some = true
				break
			}
		}
	}
	return some
}

// mayShareIn is the rule of fair-share preemption in a tree: it compares the places at which
// the two queues part.
func (p *planner) mayShareIn(q *queueRound, u *unit, owner *queueRound) bool {
	a, b := p.tree.sides(q.seat, owner.seat)
	x, y := &p.tree.places[a], &p.tree.places[b]
	held := append(p.hunt.after[:0], p.heldBelow(b)...)
	p.hunt.after = held
	if !p.mayLoseTo(y, x, p.dominant(held, p.total)) {
		return false
	}
	if p.cfg.PreemptionRule == ArmadaOrder {
		return true
	}
	sum := append(p.hunt.change[:0], make(Vec, len(held))...)
	p.hunt.change = sum
	p.addHeld(u, sum)
	held.sub(sum)
	after := p.weigh(held, y.weight)
	return after > x.before || after == x.before && x.after <= weighted(max(x.ideal, x.fair), x.weight)
}

// shareTree gives all places their shares: below the root the level rises over the places
// along what is wanted at and below each, and so on below each place in what that was given.
func (p *planner) shareTree() {
	t := &p.tree
	p.sumWants()
	vectors := len(p.dominants)
	t.vectors = append(t.vectors[:0], make([]uint64, len(t.places)*vectors)...)
	for i := range t.places {
		row := &t.places[i]
		row.need, _ = p.vector(p.room(t.want, int32(i)), t.vectors[i*vectors:(i+1)*vectors]) //nolint:gosec // queues are few
	}
	top := &t.places[root]
	top.fair = 1 << 32
	t.filling.left = t.filling.left[:0]
	for range p.dominants {
		t.filling.left = append(t.filling.left, vectorAll)
	}
	p.shareBelow(root)
	if p.cfg.PreemptionRule == ArmadaOrder {
		p.fillArmada()
		p.sumArmada()
	}
	protected := p.protectedPart()
	for i := range t.places {
		row := &t.places[i]
		guard := max(row.ideal, row.fair)
		if p.cfg.PreemptionRule == ArmadaOrder {
			guard = max(row.capped, row.fair)
		}
		row.guard = scale(guard, protected, Million)
		if row.leaf != none {
			q := &p.queues[row.leaf]
			q.fair, q.ideal = row.fair, row.ideal
		}
	}
}

// sumWants sums what is wanted at and below each place.
func (p *planner) sumWants() {
	t := &p.tree
	clear(t.want)
	for i := range p.queues {
		for n := p.queues[i].seat; n != none; n = t.places[n].parent {
			sum := p.room(t.want, n)
			for c := range p.cfg.Classes {
				for r, amount := range p.wantOf(int32(i), c) { //nolint:gosec // queues are few
					sum[r] = min(sum[r]+amount, sumMax)
				}
			}
		}
	}
}

// shareBelow divides among the places below one what is left in the filling.
func (p *planner) shareBelow(n int32) {
	t := &p.tree
	f, row, vectors := &t.filling, &t.places[n], len(p.dominants)
	f.queues, f.vectors = f.queues[:0], f.vectors[:0]
	for _, b := range row.below {
		need := t.places[b].need
		f.queues = append(f.queues, queueRound{weight: t.places[b].weight, need: need, demand: min(need, 1<<32)})
		f.vectors = append(f.vectors, t.vectors[int(b)*vectors:(int(b)+1)*vectors]...)
	}
	fairShares(f.queues, row.fair)
	f.fill()
	for i, b := range row.below {
		t.places[b].fair, t.places[b].ideal = f.queues[i].fair, f.queues[i].ideal
	}
	for _, b := range row.below {
		if t.places[b].leaf == none {
			p.giveTo(b)
			p.shareBelow(b)
		}
	}
}

// giveTo leaves in the filling what a place was given: its ideal share along its demand
// vector, which is rounded up here, for those below it may be all that use a resource.
func (p *planner) giveTo(n int32) {
	t := &p.tree
	ideal, f := t.places[n].ideal, &t.filling
	f.left = f.left[:0]
	for r := range p.dominants {
		vector := t.vectors[int(n)*len(p.dominants)+r]
		left := ideal * vector
		if vector < vectorOne {
			left = min(left+ideal, vectorAll)
		}
		f.left = append(f.left, left)
	}
}

// sumArmada sums Armada's figures, which know no parts: those of a queue with parts are the
// sums of theirs, and no more than it wants.
func (p *planner) sumArmada() {
	t := &p.tree
	for i := range t.places {
		row := &t.places[i]
		row.constrained, row.capped, row.uncapped = 0, 0, 0
	}
	for i := range p.queues {
		q := &p.queues[i]
		for n := q.seat; n != none; n = t.places[n].parent {
			row := &t.places[n]
			row.constrained, row.capped, row.uncapped = row.constrained+q.constrained, row.capped+q.capped, row.uncapped+q.uncapped
		}
	}
	for i := range t.places {
		row := &t.places[i]
		row.constrained, row.uncapped = min(row.constrained, row.need, 1<<32), min(row.uncapped, 1<<32)
		row.capped = min(row.capped, row.constrained)
	}
}

// reportTree puts the shares into the plan: of a queue with parts with all that is part of
// it.
func (p *planner) reportTree() {
	t, from := &p.tree, len(p.plan.Shares)
	p.sumArmada()
	for i := range t.places {
		n := &t.places[i]
		if int32(i) == root || n.leaf != none && t.at[n.queue] != none || n.leaf == none && n.need == 0 { //nolint:gosec // queues are few
			continue // what stands for it is another, or there is nothing
		}
		p.plan.Shares = append(p.plan.Shares, Share{
			Pool: p.cfg.Pools[p.pool], Queue: p.State.queues[n.queue].ID, Actual: n.share, Ideal: n.ideal, Fair: n.fair,
			DemandCapped: n.capped, Uncapped: n.uncapped, Demand: min(n.need, 1<<32), Constrained: n.constrained,
		})
	}
	slices.SortFunc(p.plan.Shares[from:], func(a, b Share) int { return cmp.Compare(a.Queue, b.Queue) })
}
