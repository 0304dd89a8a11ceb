package store

import "time"

// daysAhead is for how many days to come there is a table: so long may the job
// that makes them not run.
const daysAhead = 2

// window are the days that there are tables for, both ends among them.
type window struct {
	oldest, newest int32
}

// windowAt is the window that there should be, at a time.
func windowAt(now time.Time, retention time.Duration) window {
	return window{oldest: dayAt(now.Add(-retention)), newest: dayAt(now) + daysAhead}
}

func dayAt(t time.Time) int32 {
	const day = 24 * 60 * 60
	return int32(t.Unix() / day) //nolint:gosec // thousands of years
}

// clamp is the day of the window that is nearest: facts of a log that is replayed
// may be older than what is kept, and those of a wrong clock may be of any time.
// The oldest table is left alone: a replica whose clock is ahead may just drop it.
func (w window) clamp(day int32) int32 { return min(max(day, w.oldest+1), w.newest) }
