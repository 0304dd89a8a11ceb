package schedule

import (
	"math/big"
	"slices"
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

// TestFillCapped: the shares are those of exact water filling in rational numbers, rounded
// down, and what a queue would have if it wanted everything is what it has when it does.
func TestFillCapped(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var rounds []queueRound
		for range rapid.IntRange(1, 6).Draw(t, "queues") {
			q := queueRound{weight: rapid.OneOf(rapid.Int64Range(1, 5), rapid.Int64Range(1, AmountMax)).Draw(t, "weight"), demand: 1}
			q.constrained = rapid.OneOf(rapid.Just(uint64(0)), rapid.Uint64Range(0, 1<<32)).Draw(t, "demand")
			rounds = append(rounds, q)
		}
		fill := func() (queues []*queueRound) {
			for i := range rounds {
				queues = append(queues, &rounds[i])
			}
			fillCapped(slices.Clone(queues))
			return queues
		}
		queues := fill()
		sum := uint64(0)
		for i, want := range exactCapped(queues) {
			sum += queues[i].capped
			checkShort(t, "capped", queues[i].capped, want, 1)
		}
		if sum > 1<<32 {
			t.Errorf("shares sum up to %d of %d", sum, uint64(1)<<32)
		}
		i := rapid.IntRange(0, len(rounds)-1).Draw(t, "greedy")
		uncapped := rounds[i].uncapped
		rounds[i].constrained = 1 << 32
		if fill(); rounds[i].capped != uncapped {
			t.Errorf("uncapped %d, and %d where it wants everything", uncapped, rounds[i].capped)
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

// exactCapped is water filling by its definition: the level at which all of the pool
// is used, where each queue has the smaller of its demand and level x weight.
func exactCapped(queues []*queueRound) []*big.Rat {
	shares, all := make([]*big.Rat, len(queues)), new(big.Rat).SetInt64(1<<32)
	used := func(level *big.Rat) *big.Rat {
		sum := new(big.Rat)
		for i, q := range queues {
			shares[i] = new(big.Rat).Mul(level, new(big.Rat).SetInt64(q.weight))
			if need := new(big.Rat).SetInt(new(big.Int).SetUint64(q.constrained)); shares[i].Cmp(need) > 0 {
				shares[i] = need
			}
			sum.Add(sum, shares[i])
		}
		return sum
	}
	// The level is at a queue's demand over its weight, or between two of these: the
	// highest of them that does not use too much, then the rest by the weights left.
	level := new(big.Rat)
	for _, q := range queues {
		at := new(big.Rat).Quo(new(big.Rat).SetInt(new(big.Int).SetUint64(q.constrained)), new(big.Rat).SetInt64(q.weight))
		if used(at).Cmp(all) <= 0 && at.Cmp(level) > 0 {
			level = at
		}
	}
	left, open := new(big.Rat).Sub(all, used(level)), new(big.Rat)
	for i, q := range queues {
		if shares[i].Cmp(new(big.Rat).SetInt(new(big.Int).SetUint64(q.constrained))) < 0 {
			open.Add(open, new(big.Rat).SetInt64(q.weight))
		}
	}
	if open.Sign() > 0 {
		used(level.Add(level, left.Quo(left, open)))
	}
	return shares
}

// TestQuotient: the quotient of two numbers of 128 bits, and the order of products of 192,
// are those of big numbers.
func TestQuotient(t *testing.T) {
	t.Parallel()
	big128 := func(w wide) *big.Int {
		n := new(big.Int).SetUint64(w.hi)
		return n.Lsh(n, 64).Add(n, new(big.Int).SetUint64(w.lo))
	}
	rapid.Check(t, func(t *rapid.T) {
		a := wide{anyAmount(t, "hi"), anyAmount(t, "lo")}
		b := wide{anyAmount(t, "by hi"), max(1, anyAmount(t, "by lo"))}
		if want := new(big.Int).Quo(big128(a), big128(b)); want.IsUint64() && a.quotient(b) != want.Uint64() {
			t.Errorf("%v / %v = %d, want %s", a, b, a.quotient(b), want)
		}
		x, y := anyAmount(t, "x"), anyAmount(t, "y")
		left := new(big.Int).Mul(big128(a), new(big.Int).SetUint64(x))
		if want := left.Cmp(new(big.Int).Mul(big128(b), new(big.Int).SetUint64(y))); a.compareTimes(x, b, y) != want {
			t.Errorf("%v x %d against %v x %d is %d, want %d", a, x, b, y, a.compareTimes(x, b, y), want)
		}
	})
}
