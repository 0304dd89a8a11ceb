package schedule

import (
	"slices"
	"sort"
)

// Armada's figures of fair share, exact: water filling on a single number, the dominant
// share of what a queue wants, as far as the limits of its classes let it have that.
// Armada fills in at most ten turns and until less than a hundredth is left.

// constrain reckons how much of its demand a queue may have by the limits of its classes.
func (p *planner) constrain(at int32) {
	q, sum := &p.queues[at], append(p.hunt.after[:0], make(Vec, len(p.cfg.Resources))...)
	p.hunt.after = sum
	for c := range p.cfg.Classes {
		limit := p.room(p.limits, at*int32(len(p.cfg.Classes))+int32(c)) //nolint:gosec // few
		for i, amount := range p.wantOf(at, c) {
			sum[i] = min(sum[i]+min(amount, limit[i]), sumMax)
		}
	}
	q.constrained = min(p.dominant(sum, p.total), 1<<32)
}

// fillArmada computes Armada's figures for the queues of the pool.
func (p *planner) fillArmada() {
	open := make([]*queueRound, 0, len(p.queues))
	for i := range p.queues {
		p.constrain(int32(i)) //nolint:gosec // queues are few
		q := &p.queues[i]
		q.capped, q.uncapped = 0, 0
		if q.demand > 0 {
			open = append(open, q)
		}
	}
	fillCapped(open)
}

// fillCapped computes the shares by water filling, where what a queue may not have or does
// not want goes to the others by weight, and those that each would have if it alone wanted
// everything. It puts the queues in another order.
func fillCapped(queues []*queueRound) {
	slices.SortFunc(queues, func(a, b *queueRound) int {
		return product(a.constrained, uint64(b.weight)).compare(product(b.constrained, uint64(a.weight))) //nolint:gosec // above zero
	})
	c := capping{queues: queues, given: make([]uint64, len(queues)+1), weights: make([]uint64, len(queues)+1)}
	for i, q := range queues {
		c.given[i+1] = c.given[i] + q.constrained
	}
	for i, q := range slices.Backward(queues) {
		c.weights[i] = c.weights[i+1] + uint64(q.weight) //nolint:gosec // above zero
	}
	met := sort.Search(len(queues), func(i int) bool { return !c.meets(i, 0, 0) })
	for i, q := range queues {
		if i >= met {
			q.capped = c.share(met, 0, 0, q)
			q.uncapped = q.capped
			continue
		}
		q.capped = q.constrained
		// It wants everything: among those whose wants are met it is none, and its weight
		// counts on. Those before it are met all the same.
		own := uint64(q.weight) //nolint:gosec // above zero
		most := i + 1 + sort.Search(len(queues)-i-1, func(j int) bool { return !c.meets(i+1+j, q.constrained, own) })
		q.uncapped = c.share(most, q.constrained, own, q)
	}
}

// capping is queues by the level at which they have all that they want, with the sums of
// what those before each have, and of the weights from each on.
type capping struct {
	queues         []*queueRound
	given, weights []uint64
}

// meets says whether the pool has enough for the level of the queue at a place, if those
// before it have less than it says and those from it on weigh more.
func (c *capping) meets(place int, less, more uint64) bool {
	q := c.queues[place]
	need := product(c.given[place]-less, uint64(q.weight)).plus(product(q.constrained, c.weights[place]+more)) //nolint:gosec // above zero
	return need.compare(product(1<<32, uint64(q.weight))) <= 0                                                 //nolint:gosec // above zero
}

// share is a queue's part of what those before a place leave.
func (c *capping) share(place int, less, more uint64, q *queueRound) uint64 {
	return scale(1<<32-(c.given[place]-less), uint64(q.weight), c.weights[place]+more) //nolint:gosec // above zero
}
