package schedule_test

import (
	"cmp"
	"slices"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// refPlace is a queue in the tree of a pool's round: the root, a queue with others below it,
// or a leaf, which has jobs. A queue that is both has a leaf of weight 1 below its place.
type refPlace struct {
	id     schedule.QueueID
	weight int64
	parent *refPlace
	below  []*refPlace
	leaf   *refQueue

	fair, ideal uint64
	// before and after are what it weighs without the gang that is being placed, and with it.
	before, after uint64
	// claimed: that gang may take back there what it has a guarantee for.
	claimed bool
}

// settings are those of a queue: of one that nobody defined, weight 1.
func (r *ref) settings(id schedule.QueueID) (schedule.Queue, bool) {
	if i := slices.IndexFunc(r.rows.Queues, func(q schedule.Queue) bool { return q.ID == id }); i >= 0 {
		return r.rows.Queues[i], true
	}
	return schedule.Queue{ID: id, Weight: schedule.Million}, false
}

// above are the queues that a queue is part of, the nearest first.
func (r *ref) above(id schedule.QueueID) (out []schedule.Queue) {
	for q, _ := r.settings(id); q.Parent != ""; {
		q, _ = r.settings(q.Parent)
		out = append(out, q)
	}
	return out
}

// plant makes the tree of the pool's queues.
func (r *ref) plant() {
	r.root = &refPlace{}
	places := map[schedule.QueueID]*refPlace{"": r.root}
	if r.isMarket() { // the tree has no part in it
		for _, q := range r.queues {
			q.place = r.root.add(q.Queue, q.Weight)
			q.place.leaf = q
		}
		return
	}
	for _, q := range r.queues {
		for _, up := range slices.Backward(r.above(q.ID)) {
			if places[up.ID] == nil {
				places[up.ID] = places[up.Parent].add(up, r.weightOf(up))
			}
		}
	}
	for _, row := range r.rows.Queues { // what keeps something of its guarantee
		quota, _ := r.quotaOf(row.ID)
		if r.queueOf(row.ID) != nil || !slices.ContainsFunc(r.cfg.Resources, func(name string) bool { return refKept(quota, name) > 0 }) {
			continue
		}
		for _, up := range slices.Backward(append([]schedule.Queue{row}, r.above(row.ID)...)) {
			if places[up.ID] == nil {
				places[up.ID] = places[up.Parent].add(up, r.weightOf(up))
			}
		}
	}
	for _, q := range r.queues {
		parent, weight := q.Parent, q.Weight
		if places[q.ID] != nil {
			parent, weight = q.ID, schedule.Million
		}
		q.place = places[parent].add(q.Queue, weight)
		q.place.leaf = q
	}
}

// weightOf is the weight of a queue in the pool.
func (r *ref) weightOf(q schedule.Queue) int64 {
	if w, is := r.cfg.Weights[r.pool][q.ID]; is {
		return w
	}
	return q.Weight
}

func (n *refPlace) add(q schedule.Queue, weight int64) *refPlace {
	n.below = append(n.below, &refPlace{id: q.ID, weight: weight, parent: n})
	return n.below[len(n.below)-1]
}

// leaves are the queues with jobs at and below a place.
func (n *refPlace) leaves() (out []*refQueue) {
	if n.leaf != nil {
		return []*refQueue{n.leaf}
	}
	for _, b := range n.below {
		out = append(out, b.leaves()...)
	}
	return out
}

// holds is what is held of the pool at and below a place, and some more.
func (r *ref) holdsBelow(n *refPlace, more ...schedule.Vec) schedule.Vec {
	sum := make(schedule.Vec, len(r.cfg.Resources))
	for _, q := range n.leaves() {
		addTo(sum, r.held(q.ID))
	}
	for _, v := range more {
		addTo(sum, v)
	}
	return sum
}

// asks is what the next gang of a queue asks for.
func (r *ref) asks(q *refQueue) schedule.Vec {
	sum := make(schedule.Vec, len(r.cfg.Resources))
	for _, j := range q.next {
		addTo(sum, r.shape(j.Shape).Request)
	}
	return sum
}

// goesFirst is the queue whose gang goes next of those at and below a place, among gangs
// that are ready: at each level that of the place which goes before the others.
func (r *ref) goesFirst(n *refPlace, ready func(*refQueue) bool) (first *refQueue) {
	if n.leaf != nil {
		if ready(n.leaf) {
			return n.leaf
		}
		return nil
	}
	var from *refPlace
	for _, b := range n.below {
		if q := r.goesFirst(b, ready); q != nil && (first == nil || r.goesBefore(b, q, from, first)) {
			from, first = b, q
		}
	}
	return first
}

// goesBefore says whether of two places with the gangs that would start at each the first
// goes first: by whether it is within a guarantee, by class, by what the place weighs then, by name.
func (r *ref) goesBefore(a *refPlace, aq *refQueue, b *refPlace, bq *refQueue) bool {
	if claims := r.claims(a, aq); claims != r.claims(b, bq) {
		return claims
	}
	cost := func(n *refPlace, q *refQueue) uint64 {
		return refWeigh(r.share(r.holdsBelow(n, r.chargedBelow(n), r.asks(q))), n.weight)
	}
	return cmp.Or(cmp.Compare(r.level(bq), r.level(aq)), cmp.Compare(r.bidFor(bq), r.bidFor(aq)),
		cmp.Compare(cost(a, aq), cost(b, bq)), cmp.Compare(a.id, b.id)) < 0
}

// stand reckons what the places of a queue weigh without and with its next gang, which is
// to be placed.
func (r *ref) stand(q *refQueue) {
	for n := q.place; n != r.root; n = n.parent {
		n.before = refWeigh(r.share(r.holdsBelow(n, r.chargedBelow(n))), n.weight)
		n.after = refWeigh(r.share(r.holdsBelow(n, r.chargedBelow(n), r.asks(q))), n.weight)
		n.claimed = r.claims(n, q) && r.takesBack(n, q)
	}
}

// path is the places from a queue's up to below the root.
func (r *ref) path(q *refQueue) (out []*refPlace) {
	for n := q.place; n != r.root; n = n.parent {
		out = append(out, n)
	}
	return out
}

// sides are the places at which two queues part: those that stand below the same one.
func (r *ref) sides(a, b *refQueue) (*refPlace, *refPlace) {
	for _, x := range r.path(a) {
		for _, y := range r.path(b) {
			if x.parent == y.parent {
				return x, y
			}
		}
	}
	return nil, nil
}

// reportShares puts the shares into the plan: of a queue with parts with all that is part of
// it, Armada's figures as the sums of those of its parts and no more than it wants.
func (r *ref) reportShares() {
	r.reportBelow(r.root)
	slices.SortFunc(r.plan.Shares, func(a, b schedule.Share) int {
		return cmp.Or(cmp.Compare(slices.Index(r.cfg.Pools, a.Pool), slices.Index(r.cfg.Pools, b.Pool)), cmp.Compare(a.Queue, b.Queue))
	})
}

func (r *ref) reportBelow(n *refPlace) {
	for _, b := range n.below {
		if b.id == n.id {
			continue
		}
		r.reportBelow(b)
		if b.leaf == nil && r.share(r.wantsBelow(b)) == 0 {
			continue
		}
		demand, constrained, uncapped := min(r.share(r.wantsBelow(b)), 1<<32), uint64(0), uint64(0)
		for _, q := range b.leaves() {
			constrained, uncapped = constrained+q.constrained, uncapped+q.uncapped
		}
		s := schedule.Share{
			Pool: r.pool, Queue: b.id, Actual: r.share(r.holdsBelow(b)), Ideal: b.ideal, Fair: b.fair, Demand: demand,
			Constrained: min(constrained, demand), DemandCapped: r.cappedBelow(b), Uncapped: min(uncapped, 1<<32),
		}
		r.plan.Shares = append(r.plan.Shares, s)
	}
}

// cappedBelow is Armada's figure for the queues at and below a place, no more than they want.
func (r *ref) cappedBelow(n *refPlace) (sum uint64) {
	constrained := uint64(0)
	for _, q := range n.leaves() {
		sum, constrained = sum+q.capped, constrained+q.constrained
	}
	return min(sum, constrained, r.share(r.wantsBelow(n)), 1<<32)
}
