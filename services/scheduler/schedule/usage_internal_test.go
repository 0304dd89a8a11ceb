package schedule

import (
	"math/big"
	"testing"
)

// TestDecayTable: each weight is the root that it says, rounded down, also where the table is
// long; nothing that is older weighs more.
func TestDecayTable(t *testing.T) {
	t.Parallel()
	for _, steps := range []int64{1, 2, 7, 120, 2880} {
		table := decayTable(steps * usageEpoch)
		if table[0] != weightAll || table[steps] != weightAll/2 {
			t.Fatalf("%d steps: from %d to %d, want 2^32 and half of it", steps, table[0], table[steps])
		}
		for i := int64(1); i < steps; i += max(1, steps/7) {
			// weight^steps <= 2^(32 steps - i) < (weight + 1)^steps
			want := new(big.Int).Lsh(big.NewInt(1), uint(32*steps-i))
			power := func(weight uint64) *big.Int {
				return new(big.Int).Exp(new(big.Int).SetUint64(weight), big.NewInt(steps), nil)
			}
			if power(table[i]).Cmp(want) > 0 || power(table[i]+1).Cmp(want) <= 0 {
				t.Errorf("%d steps: weight %d of age %d is not the root", steps, table[i], i)
			}
			if table[i] > table[i-1] {
				t.Errorf("%d steps: older time weighs more at %d", steps, i)
			}
		}
	}
}

// TestWeightOfRun: a run weighs what its parts weigh together, and no more than all time.
func TestWeightOfRun(t *testing.T) {
	t.Parallel()
	s := &State{decay: decayTable(7 * usageEpoch)}
	const second = 1_000_000_000
	at := Time(1000 * usageEpoch)
	for _, since := range []Time{0, 17 * second, at - 400*second, at - 3*second, at + 5} {
		for _, until := range []Time{since, since + 11*second, since + 500*second, at, 1 << 62} {
			whole, middle := s.weightOfRun(since, until, at), since+7*second
			if until < middle {
				continue
			}
			if parts := s.weightOfRun(since, middle, at) + s.weightOfRun(middle, until, at); parts != whole || whole > weightAll {
				t.Errorf("from %d to %d: %d, its parts %d", since, until, whole, parts)
			}
		}
	}
	if w := s.weightOfRun(at-7*usageEpoch, at, at); w != weightAll/2 {
		t.Errorf("the last half-life weighs %d, want half of all", w)
	}
	if w := s.weightOfRun(-1<<63, 1<<63-1, at); w != weightAll {
		t.Errorf("all time weighs %d", w)
	}
}
