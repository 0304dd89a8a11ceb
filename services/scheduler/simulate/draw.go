package simulate

import (
	"math/bits"
	"time"
)

// What a number is drawn for.
const (
	forRuntime uint64 = iota + 1
	forPending
	forResubmit
)

// draw is a number that follows from a seed and what it is drawn for, and looks like
// chance: splitmix64 over the parts.
func draw(seed uint64, parts ...uint64) uint64 {
	x := mix(seed)
	for _, part := range parts {
		x = mix(x ^ part)
	}
	return x
}

func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// of is the value of the spread for a drawn number.
func (s Spread) of(u uint64) time.Duration { return s.Minimum + tail(u, s.TailMean) }

// ln2 is the natural logarithm of 2, in 2^-32.
const ln2 = 2_977_044_472

// tail is mean x -ln(u / 2^64), by integers: Go may compute a floating logarithm in other
// ways on other processors. The mean is at most SpanMax, so nothing overflows.
func tail(u uint64, mean time.Duration) time.Duration {
	if mean <= 0 {
		return 0
	}
	u = max(u, 1)
	// u = 2^(63-zeros) x m, with m from 1 to 2 in 2^-63. Squaring m gives the bits of its
	// logarithm one after the other.
	zeros := bits.LeadingZeros64(u)
	m, log := u<<zeros, uint64(0)
	for range 32 {
		square, _ := bits.Mul64(m, m)
		log <<= 1
		if square>>63 != 0 {
			log++
			m = square
		} else {
			m = square << 1
		}
	}
	minus := uint64(zeros+1)<<32 - log                               //nolint:gosec // zeros are from 0 to 63
	return time.Duration(product(product(minus, ln2), uint64(mean))) //nolint:gosec // see above
}

// product is a x b / 2^32.
func product(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi<<32 | lo>>32
}
