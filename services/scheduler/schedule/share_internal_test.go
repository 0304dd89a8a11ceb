package schedule

import (
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

func anyAmount(t *rapid.T, name string) uint64 {
	return rapid.OneOf(rapid.Uint64Range(0, 9), rapid.Uint64(), rapid.Uint64Range(1<<62-2, 1<<64-1)).Draw(t, name)
}

// floor is floor(value x times / by) in big numbers, at most the largest uint64.
func floor(value, times, by uint64) uint64 {
	n := new(big.Int).Mul(new(big.Int).SetUint64(value), new(big.Int).SetUint64(times))
	n.Div(n, new(big.Int).SetUint64(by))
	if !n.IsUint64() {
		return ^uint64(0)
	}
	return n.Uint64()
}

// TestScale: what is computed in 128 bits is what big numbers give, saturated.
func TestScale(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		value, times, by := anyAmount(t, "value"), anyAmount(t, "times"), max(1, anyAmount(t, "by"))
		if got, want := scale(value, times, by), floor(value, times, by); got != want {
			t.Errorf("scale(%d, %d, %d) = %d, want %d", value, times, by, got, want)
		}
		amount, total := int64(value), int64(by) //nolint:gosec // negative ones too
		want := uint64(0)
		if amount > 0 && total > 0 {
			want = floor(uint64(amount), 1<<32, uint64(total))
		}
		if got := ratio(amount, total); got != want {
			t.Errorf("ratio(%d, %d) = %d, want %d", amount, total, got, want)
		}
	})
}

// TestTimes: sums of what waits end at sumMax and do not overflow.
func TestTimes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n, amount := rapid.Int64Range(0, 1<<40).Draw(t, "n"), rapid.Int64Range(0, AmountMax).Draw(t, "amount")
		if got, want := times(n, amount), min(floor(uint64(n), uint64(amount), 1), sumMax); uint64(got) != want {
			t.Errorf("times(%d, %d) = %d, want %d", n, amount, got, want)
		}
		if most := times(1<<40, AmountMax); most+most < 0 {
			t.Error("two of the largest overflow")
		}
	})
}

// TestFairShares: the shares are those of exact water filling in rational numbers,
// short by less than a unit for each turn, and never more than there is.
func TestFairShares(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var rounds []queueRound
		for range rapid.IntRange(0, 6).Draw(t, "queues") {
			q := queueRound{weight: rapid.OneOf(rapid.Int64Range(1, 5), rapid.Int64Range(1, AmountMax)).Draw(t, "weight")}
			q.demand = rapid.OneOf(rapid.Just(uint64(0)), rapid.Uint64Range(0, 1<<32)).Draw(t, "demand")
			rounds = append(rounds, q)
		}
		fairShares(rounds)
		var queues []*queueRound
		for i := range rounds {
			queues = append(queues, &rounds[i])
		}
		wantFair, wantIdeal := exactShares(queues)
		var sum uint64
		for _, q := range queues {
			sum += q.ideal
			checkShort(t, "fair", q.fair, wantFair[q], 1)
			checkShort(t, "ideal", q.ideal, wantIdeal[q], int64(len(queues)*len(queues))+1)
			if q.ideal > q.demand {
				t.Errorf("ideal %d of a demand of %d", q.ideal, q.demand)
			}
		}
		if sum > 1<<32 {
			t.Errorf("ideal shares sum up to %d of %d", sum, uint64(1)<<32)
		}
	})
}

// checkShort wants a figure that is near an exact one by less than some units.
func checkShort(t *rapid.T, name string, got uint64, want *big.Rat, units int64) {
	t.Helper()
	off := new(big.Rat).Sub(want, new(big.Rat).SetInt(new(big.Int).SetUint64(got)))
	if off.Abs(off).Cmp(new(big.Rat).SetInt64(units)) >= 0 {
		t.Errorf("%s %d, want %s", name, got, want.FloatString(3))
	}
}

// exactShares is water filling by its definition: the level at which all of the pool
// is used, where each queue has the smaller of its demand and level x weight.
func exactShares(queues []*queueRound) (fair, ideal map[*queueRound]*big.Rat) {
	fair, ideal = map[*queueRound]*big.Rat{}, map[*queueRound]*big.Rat{}
	weights := new(big.Rat)
	for _, q := range queues {
		fair[q], ideal[q] = new(big.Rat), new(big.Rat)
		if q.demand > 0 {
			weights.Add(weights, new(big.Rat).SetInt64(q.weight))
		}
	}
	all := new(big.Rat).SetInt64(1 << 32)
	used := func(level *big.Rat) *big.Rat {
		sum := new(big.Rat)
		for _, q := range queues {
			ideal[q] = new(big.Rat).Mul(level, new(big.Rat).SetInt64(q.weight))
			if need := new(big.Rat).SetInt(new(big.Int).SetUint64(q.demand)); ideal[q].Cmp(need) > 0 {
				ideal[q] = need
			}
			sum.Add(sum, ideal[q])
		}
		return sum
	}
	// The level is at a queue's demand over its weight, or between two of these: the
	// highest of them that does not use too much, then the rest by the weights left.
	level := new(big.Rat)
	for _, q := range queues {
		if q.demand > 0 {
			fair[q].Mul(all, new(big.Rat).SetInt64(q.weight)).Quo(fair[q], weights)
		}
		at := new(big.Rat).Quo(new(big.Rat).SetInt(new(big.Int).SetUint64(q.demand)), new(big.Rat).SetInt64(q.weight))
		if used(at).Cmp(all) <= 0 && at.Cmp(level) > 0 {
			level = at
		}
	}
	left := new(big.Rat).Sub(all, used(level))
	open := new(big.Rat)
	for _, q := range queues {
		if ideal[q].Cmp(new(big.Rat).SetInt(new(big.Int).SetUint64(q.demand))) < 0 {
			open.Add(open, new(big.Rat).SetInt64(q.weight))
		}
	}
	if open.Sign() > 0 {
		used(level.Add(level, left.Quo(left, open)))
	}
	return fair, ideal
}
