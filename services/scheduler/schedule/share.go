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

// dominant is the largest share of total that amounts take.
func (s *State) dominant(amounts, total Vec) (share uint64) {
	for _, r := range s.dominants {
		share = max(share, ratio(amounts[r], total[r]))
	}
	return share
}

// weighted is a share over a weight: what queues are compared by.
func weighted(share uint64, weight int64) uint64 { return scale(share, Million, uint64(weight)) }

// demand is what a queue holds of a pool and what it waits for that a node of the pool
// could ever hold, at most all there is of anything; and how many jobs wait that do not
// start in the round under way.
func (p *planner) demand(queue int32) (demand uint64, waits int) {
	want := append(p.hunt.after[:0], p.room(p.held, p.heldAt(queue, p.pool))...)
	p.hunt.after = want
	for _, h := range p.State.queues[queue].kinds {
		k := &p.kinds[h]
		n := k.n - p.ofKind(h).laid
		if n == 0 {
			continue
		}
		waits += int(n)
		if sh := &p.shapes[k.shape]; p.could(sh)>>p.pool&1 != 0 {
			for i, amount := range sh.Request {
				want[i] = min(want[i]+times(int64(n), amount), sumMax)
			}
		}
	}
	return min(p.dominant(want, p.total), 1<<32), waits
}

// fairShares computes the queues' shares of a pool: by weight, and by water filling,
// where what a queue has no demand for goes to the others.
func fairShares(queues []queueRound) {
	open := make([]*queueRound, 0, len(queues))
	for i := range queues {
		q := &queues[i]
		q.fair, q.ideal = 0, 0
		if q.demand > 0 {
			open = append(open, q)
		}
	}
	weights := weightOf(open)
	for _, q := range open {
		q.fair = scale(1<<32, uint64(q.weight), weights)
	}
	// Each turn gives the open queues the rest by weight and closes those whose
	// demand is met, so there are at most as many turns as queues.
	for left := uint64(1 << 32); len(open) > 0; {
		weights := weightOf(open)
		var next []*queueRound
		given := uint64(0)
		for _, q := range open {
			if scale(left, uint64(q.weight), weights) < q.demand {
				next = append(next, q)
				continue
			}
			q.ideal = q.demand
			given += q.demand
		}
		if len(next) == len(open) {
			for _, q := range open {
				q.ideal = scale(left, uint64(q.weight), weights)
			}
			return
		}
		open, left = next, left-given
	}
}

func weightOf(queues []*queueRound) (sum uint64) {
	for _, q := range queues {
		sum += uint64(q.weight)
	}
	return sum
}
