package app

import (
	"time"

	"github.com/fairlead-batch/fairlead/services/internal/config"
	"github.com/fairlead-batch/fairlead/services/internal/fault"
)

// Config is what an operator may set on the event API.
type Config struct {
	// Retention is how long events are kept, in whole days. Default 336h, 14 days.
	Retention time.Duration
	// CaughtUpWithin is the longest that a call waits until the rows hold what was
	// acknowledged before it; then it is Unavailable. Default 10s.
	CaughtUpWithin time.Duration
	// WatchBuffer is how much waits in memory for one client that watches and does not
	// read; more, and it is sent from the rows again. Default 1MiB.
	WatchBuffer config.Size
}

// DefaultConfig returns what is used where the operator says nothing.
func DefaultConfig() Config {
	return Config{Retention: 14 * 24 * time.Hour, CaughtUpWithin: 10 * time.Second, WatchBuffer: 1 << 20}
}

// Validate implements config.Validator.
func (c Config) Validate() error {
	var check fault.Check
	if c.Retention < 24*time.Hour || c.Retention > 10*365*24*time.Hour {
		check.Violate("retention", c.Retention, "must be from 24h to 87600h: events are dropped by day")
	}
	if c.CaughtUpWithin <= 0 {
		check.Violate("caughtUpWithin", c.CaughtUpWithin, "must be above 0")
	}
	if c.WatchBuffer < 64<<10 {
		check.Violate("watchBuffer", c.WatchBuffer, "must be at least 64KiB")
	}
	return check.Err()
}
