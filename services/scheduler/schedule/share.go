package schedule

import (
	"math/bits"
)

// Shares are in units of 2^-32: floor(amount << 32 / total), by 128-bit arithmetic.
//
// Fair-share preemption by queue A, at weighted cost a and a' after its gang, of B,
// at b and b' after losing the victim, needs
//
//	a' < b,  B above protected x max(ideal, fair) before the victim,  and b' > a,
//	or b' = a with a' at most A's max(ideal, fair).
//
// With b' > a every step raises the sorted vector of shares, so two queues never
// take from each other in turn.
//
// By the rule ArmadaOrder it needs
//
//	a' < b, or a' = b with A before B by name, and
//	B above protected x max(demand-capped, fair) before the victim.
//
// Armada evicts all that B may lose and starts anew in the order of the queues: A's gang, at
// a' with it, goes before B's last run, at b with it. What B gets back there it keeps here.
// But Armada asks once whether B is protected, of all that it has, and may leave it with
// less. By this rule two queues can take from each other in turn, a job each time that such
// preemption is considered, where one has large jobs and the other small ones.

// ratio is floor(amount << 32 / total), at most the largest uint64. A total of zero
// costs nothing.
func ratio(amount, total int64) uint64 {
	if amount <= 0 || total <= 0 {
		return 0
	}
	hi, lo := uint64(amount)>>32, uint64(amount)<<32
	return divide(hi, lo, uint64(total))
}

// scale is floor(value x times / by).
func scale(value, times, by uint64) uint64 {
	hi, lo := bits.Mul64(value, times)
	return divide(hi, lo, by)
}

// sumMax is where sums of what waits end: two of them do not overflow.
const sumMax = 1<<62 - 1

// times is n amounts, at most sumMax.
func times(n, amount int64) int64 {
	return int64(min(scale(uint64(n), uint64(amount), 1), sumMax))
}

func divide(hi, lo, by uint64) uint64 {
	if hi >= by {
		return ^uint64(0)
	}
	q, _ := bits.Div64(hi, lo, by)
	return q
}

// dominant is the largest share of total that amounts take, each times what its resource
// counts for.
func (p *planner) dominant(amounts, total Vec) (share uint64) {
	for _, r := range p.dominants {
		part := ratio(amounts[r], total[r])
		if p.multipliers != nil {
			part = scale(part, p.multipliers[r], Million)
		}
		share = max(share, part)
	}
	return share
}

// weighted is a share over a weight: what queues are compared by.
func weighted(share uint64, weight int64) uint64 { return scale(share, Million, uint64(weight)) }

// wantOf is what a queue of the pool wants of it by a class.
func (p *planner) wantOf(at int32, class int) Vec {
	return p.room(p.wants, at*int32(len(p.cfg.Classes))+int32(class)) //nolint:gosec // few
}

// demand sums, by class, what a queue holds of a pool and what it waits for that a node of
// the pool could ever hold. It returns how many jobs wait that do not start in the round
// under way.
func (p *planner) demand(queue int32, want Vec) (waits int) {
	n := int32(len(p.cfg.Classes) * len(p.cfg.Resources)) //nolint:gosec // few
	from := p.heldAt(queue, p.pool) * n
	copy(want, p.byClass[from:from+n])
	for _, h := range p.State.queues[queue].kinds {
		k := &p.kinds[h]
		n := k.n - p.ofKind(h).laid
		if n == 0 {
			continue
		}
		waits += int(n)
		if sh := &p.shapes[k.shape]; p.could(sh)>>p.pool&1 != 0 {
			byClass := want[int(sh.class)*len(p.total):][:len(p.total)]
			for i, amount := range sh.Request {
				byClass[i] = min(byClass[i]+times(int64(n), amount), sumMax)
			}
		}
	}
	return waits
}

// weightIn is the weight of a queue in the pool.
func (p *planner) weightIn(q *queue) int64 {
	if w, is := p.cfg.Weights[p.cfg.Pools[p.pool]][q.ID]; is {
		return w
	}
	return q.Weight
}

// protectedPart is the part of its share up to which a queue loses nothing in the pool.
func (p *planner) protectedPart() uint64 {
	if part, is := p.cfg.ProtectedIn[p.cfg.Pools[p.pool]]; is {
		return uint64(part) //nolint:gosec // not negative
	}
	return uint64(p.cfg.Protected) //nolint:gosec // not negative
}

// fairShares computes the queues' parts by weight of what there is for all of them.
func fairShares(queues []queueRound, whole uint64) {
	weights := uint64(0)
	for i := range queues {
		if q := &queues[i]; q.demand > 0 {
			weights += uint64(q.weight) //nolint:gosec // above zero
		}
	}
	for i := range queues {
		q := &queues[i]
		if q.fair = 0; q.demand > 0 {
			q.fair = scale(whole, uint64(q.weight), weights) //nolint:gosec // above zero
		}
	}
}
