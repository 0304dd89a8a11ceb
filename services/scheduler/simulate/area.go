package simulate

import (
	"math/bits"
	"time"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// area is an amount over time: amount x nanoseconds, exactly.
type area struct{ hi, lo uint64 }

// add adds an amount, not below nothing, that was held for so long.
func (a *area) add(amount int64, long time.Duration) {
	if amount <= 0 || long <= 0 {
		return
	}
	hi, lo := bits.Mul64(uint64(amount), uint64(long))
	var carry uint64
	a.lo, carry = bits.Add64(a.lo, lo, 0)
	a.hi, _ = bits.Add64(a.hi, hi, carry)
}

// plus is both together.
func (a *area) plus(b area) area {
	lo, carry := bits.Add64(a.lo, b.lo, 0)
	hi, _ := bits.Add64(a.hi, b.hi, carry)
	return area{hi: hi, lo: lo}
}

// times is it so many times.
func (a *area) times(n int64) area {
	if n <= 0 {
		return area{}
	}
	hi, lo := bits.Mul64(a.lo, uint64(n))
	return area{hi: hi + a.hi*uint64(n), lo: lo}
}

// through is how long an amount takes to come to it; nothing, where there is none.
func (a *area) through(amount int64) time.Duration {
	return time.Duration(a.over(time.Duration(amount)))
}

// over is the amount that would have had to be held for so long; zero over nothing.
func (a *area) over(long time.Duration) int64 {
	if long <= 0 || a.hi >= uint64(long) {
		return 0
	}
	q, _ := bits.Div64(a.hi, a.lo, uint64(long))
	return int64(q & (1<<63 - 1)) //nolint:gosec // masked
}

// Whole is the share that is everything: shares are in units of 2^-32.
const Whole = 1 << 32

// ratio is floor(amount << 32 / total); of a total of nothing it is nothing.
func ratio(amount, total int64) int64 {
	if amount <= 0 || total <= 0 {
		return 0
	}
	hi, lo := uint64(amount)>>32, uint64(amount)<<32
	if hi >= uint64(total) {
		return 1<<63 - 1
	}
	q, _ := bits.Div64(hi, lo, uint64(total))
	return int64(q & (1<<63 - 1)) //nolint:gosec // masked
}

// multiplied is a share so many millionths of times.
func multiplied(share, millionths int64) int64 {
	hi, lo := bits.Mul64(uint64(max(share, 0)), uint64(max(millionths, 0)))
	if hi >= schedule.Million {
		return 1<<63 - 1
	}
	q, _ := bits.Div64(hi, lo, schedule.Million)
	return int64(q & (1<<63 - 1)) //nolint:gosec // masked
}
