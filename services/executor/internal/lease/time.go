package lease

import (
	"time"

	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// Time is a moment, as the executor's process sees it.
type Time struct {
	// Mono is the time since some moment before the process began to work. It never
	// goes back; deadlines are on it.
	Mono time.Duration
	// Wall is for people and for the log. It may jump.
	Wall job.Time
}

// Add is the moment d later, if the wall's clock does not jump.
func (t Time) Add(d time.Duration) Time {
	return Time{Mono: t.Mono + d, Wall: t.Wall + job.Time(d)}
}

// within says whether now is at most d after t by either clock. The monotonic
// clock of a machine that slept does not know of it; the wall's may be put back.
func (t Time) within(d time.Duration, now Time) bool {
	return now.Mono-t.Mono <= d && now.Wall-t.Wall <= job.Time(d)
}
