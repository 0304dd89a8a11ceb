package schedule_test

import (
	"math/big"
	"slices"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// refShares is what a queue should have of a pool, by each figure.
type refShares struct {
	demand, constrained, fair, ideal, capped, uncapped uint64
}

// weighShares reckons what each queue of the pool's round wants, and what it should have.
func (r *ref) weighShares() {
	for _, q := range r.queues {
		q.demand, q.constrained = min(r.share(r.wants(q)), 1<<32), min(r.share(r.constrained(q)), 1<<32)
	}
	var all []*big.Int // of each resource, in shares of 2^-32 times vectors of 2^-31
	for range r.dominants() {
		all = append(all, new(big.Int).Lsh(big.NewInt(1), 63))
	}
	r.root.fair = 1 << 32
	r.shareBelow(r.root, all)
	for _, q := range r.queues {
		q.fair, q.ideal, q.capped, q.uncapped = q.place.fair, q.place.ideal, 0, 0
		if q.demand > 0 {
			q.capped = r.fillFor(q, q.constrained)
			q.uncapped = r.fillFor(q, 1<<32)
		}
	}
}

// wants is what a queue holds and waits for that a node of the pool could ever hold.
func (r *ref) wants(q *refQueue) schedule.Vec {
	sum := make(schedule.Vec, len(r.cfg.Resources))
	for _, c := range r.cfg.Classes {
		addTo(sum, r.wantsBy(q, c.ID))
	}
	return sum
}

func (r *ref) wantsBy(q *refQueue, class schedule.ClassID) schedule.Vec {
	sum := r.heldBy(q.ID, class)
	for _, j := range q.queued {
		could := func(n schedule.Node) bool {
			return (n.Pool == r.pool || slices.Contains(r.cfg.AwayPools[r.pool], n.Pool)) && r.couldEverIn(j.Shape, &n, r.pool) == ""
		}
		if r.shape(j.Shape).Class == class && !r.laid[j.ID] && slices.ContainsFunc(r.nodes, could) {
			addTo(sum, r.shape(j.Shape).Request)
		}
	}
	return sum
}

// constrained is what the limits of its classes leave of what a queue wants.
func (r *ref) constrained(q *refQueue) schedule.Vec {
	sum, total := make(schedule.Vec, len(r.cfg.Resources)), r.total()
	for _, c := range r.cfg.Classes {
		want, limit := r.wantsBy(q, c.ID), r.limitOf(q, c)
		for i, name := range r.cfg.Resources {
			if part, limited := limit[name]; limited {
				want[i] = min(want[i], int64(min(refScale(uint64(max(0, total[i])), uint64(part), schedule.Million), 1<<62)))
			}
		}
		addTo(sum, want)
	}
	return sum
}

// shareBelow divides among the places below one what there is left for them: by weight, and
// by a level that rises. What one is given is divided among those below it.
func (r *ref) shareBelow(n *refPlace, left []*big.Int) {
	weights := new(big.Int)
	for _, b := range n.below {
		if r.share(r.wantsBelow(b)) > 0 {
			weights.Add(weights, big.NewInt(b.weight))
		}
	}
	for _, b := range n.below {
		if b.fair = 0; r.share(r.wantsBelow(b)) > 0 {
			b.fair = refScale(n.fair, uint64(b.weight), weights.Uint64())
		}
	}
	r.fillIdeal(n, left)
	for _, b := range n.below {
		var given []*big.Int // its share along its vector, rounded up
		for _, part := range r.vectorOf(b).parts {
			if part.Cmp(big.NewInt(1<<31)) < 0 {
				part = new(big.Int).Add(part, big.NewInt(1))
			}
			part = new(big.Int).Mul(part, new(big.Int).SetUint64(b.ideal))
			if most := new(big.Int).Lsh(big.NewInt(1), 63); part.Cmp(most) > 0 {
				part = most
			}
			given = append(given, part)
		}
		r.shareBelow(b, given)
	}
}

// wantsBelow is what is wanted at and below a place.
func (r *ref) wantsBelow(n *refPlace) schedule.Vec {
	sum := make(schedule.Vec, len(r.cfg.Resources))
	for _, q := range n.leaves() {
		addTo(sum, r.wants(q))
	}
	return sum
}

// refVector is a place whose ideal share is not known yet: its whole demand, in dominant
// share, and how much of each dominant resource goes with one of that, in 2^-31.
type refVector struct {
	place *refPlace
	need  *big.Int
	parts []*big.Int
}

func (r *ref) vectorOf(n *refPlace) refVector {
	want, total := r.wantsBelow(n), r.total()
	need := r.share(want)
	v := refVector{place: n, need: new(big.Int).SetUint64(need)}
	for _, name := range r.dominants() {
		part := uint64(0)
		if i := slices.Index(r.cfg.Resources, name); want[i] > 0 && total[i] > 0 && need > 0 {
			part = refScale(refScale(uint64(want[i]), 1<<32, uint64(total[i])), 1<<31, need)
		}
		v.parts = append(v.parts, new(big.Int).SetUint64(part))
	}
	return v
}

// fillIdeal raises a level over the places below one along their demand vectors until one
// has all that it wants or nothing is left of a resource; then on for those that this does
// not stop.
func (r *ref) fillIdeal(n *refPlace, left []*big.Int) {
	var open []refVector
	for _, b := range n.below {
		b.ideal = 0
		if v := r.vectorOf(b); v.need.Sign() > 0 {
			open = append(open, v)
		}
	}
	for len(open) > 0 {
		open = riseOnce(open, left)
	}
}

// riseOnce raises the level to where it stops next. It returns those for whom it goes on.
func riseOnce(open []refVector, left []*big.Int) (rest []refVector) {
	resource, level := -1, (*big.Rat)(nil) // where the first resource is used up
	for i := range left {
		rate := new(big.Int)
		for _, v := range open {
			rate.Add(rate, new(big.Int).Mul(big.NewInt(v.place.weight), v.parts[i]))
		}
		if rate.Sign() == 0 {
			continue
		}
		if at := new(big.Rat).SetFrac(left[i], rate); level == nil || at.Cmp(level) < 0 {
			resource, level = i, at
		}
	}
	has := func(v refVector, share *big.Int) {
		v.place.ideal = share.Uint64()
		for i := range left {
			left[i].Sub(left[i], new(big.Int).Mul(share, v.parts[i]))
		}
	}
	for i, v := range open {
		if new(big.Rat).SetFrac(v.need, big.NewInt(v.place.weight)).Cmp(level) <= 0 {
			has(v, v.need)
			return slices.Delete(open, i, i+1)
		}
	}
	for _, v := range open {
		if v.parts[resource].Sign() == 0 {
			rest = append(rest, v)
			continue
		}
		share := new(big.Rat).Mul(level, new(big.Rat).SetInt64(v.place.weight))
		has(v, new(big.Int).Quo(share.Num(), share.Denom()))
	}
	return rest
}

// fillFor is a queue's share by water filling of one number, by weight, if it wants so much
// and each other what its limits leave of its demand.
func (r *ref) fillFor(queue *refQueue, want uint64) uint64 {
	wants := func(q *refQueue) uint64 {
		if q == queue {
			return want
		}
		return q.constrained
	}
	open := slices.DeleteFunc(slices.Clone(r.queues), func(q *refQueue) bool { return q.demand == 0 })
	for left := uint64(1 << 32); ; {
		weights := uint64(0)
		for _, q := range open {
			weights += uint64(q.place.weight)
		}
		met := slices.IndexFunc(open, func(q *refQueue) bool { return wants(q) <= refScale(left, uint64(q.place.weight), weights) })
		switch {
		case met < 0:
			return refScale(left, uint64(queue.place.weight), weights)
		case open[met] == queue:
			return want
		}
		left -= wants(open[met])
		open = slices.Delete(open, met, met+1)
	}
}
