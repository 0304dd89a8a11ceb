package simulate

import "time"

// binsMax is how many points a curve has at most: as many as a plot can show.
const binsMax = 512

// binFirst is how long the first bins are. When a curve is longer than its bins two of
// them become one.
const binFirst = 250 * time.Millisecond

// sharp is how far a share is cut for a curve, so that a sum of it over a bin fits: 2^-16
// is enough to look at.
const sharp = 16

// Curve is a share over time: its mean in each of some spans of equal length.
type Curve struct {
	// sums are share x nanoseconds.
	sums []uint64
	span time.Duration
}

// add adds a share, in units of 2^-32, that was held from a moment to another. Moments
// do not come before those of earlier calls by more than what lies between.
func (c *Curve) add(share int64, from, to time.Duration) {
	if share < 1<<sharp || to <= from {
		return
	}
	c.cover(to)
	for from < to {
		bin := int(from / c.span)
		end := min(to, c.span*time.Duration(bin+1))
		c.sums[bin] += uint64(share>>sharp) * uint64(end-from) //nolint:gosec // neither is negative
		from = end
	}
}

// cover makes the bins reach up to a moment.
func (c *Curve) cover(to time.Duration) {
	if c.span == 0 {
		c.span = binFirst
	}
	for to > binsMax*c.span {
		half := c.sums[:0]
		for i := 0; i < len(c.sums); i += 2 {
			sum := c.sums[i]
			if i+1 < len(c.sums) {
				sum += c.sums[i+1]
			}
			half = append(half, sum)
		}
		c.sums, c.span = half, 2*c.span
	}
	if need := int((to + c.span - 1) / c.span); need > len(c.sums) {
		c.sums = append(c.sums, make([]uint64, need-len(c.sums))...)
	}
}

// Points are the means of each span, in units of 2^-16, up to an end, and how long a span
// is; the last may be shorter, and its mean is over what there is of it.
func (c *Curve) Points(end time.Duration) (points []int64, span time.Duration) {
	grown := Curve{sums: append([]uint64(nil), c.sums...), span: c.span}
	grown.cover(max(end, 1))
	points = make([]int64, len(grown.sums))
	for i, sum := range grown.sums {
		long := min(grown.span, end-time.Duration(i)*grown.span)
		if long > 0 {
			points[i] = int64(sum / uint64(long)) //nolint:gosec // below 2^63: a mean of such
		}
	}
	return points, grown.span
}
