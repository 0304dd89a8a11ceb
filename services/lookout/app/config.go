package app

import (
	"time"

	"github.com/fairlead-batch/fairlead/services/internal/fault"
)

// Config is what an operator may set on lookout.
type Config struct {
	// QueryItemsMax is how many ids of jobs or runs a request may have. Default 500.
	QueryItemsMax int
	// CaughtUpWithin is the longest that a call waits until the rows hold what was
	// acknowledged before it; then it is Unavailable. Default 10s.
	CaughtUpWithin time.Duration
}

// DefaultConfig returns what is used where the operator says nothing.
func DefaultConfig() Config {
	return Config{QueryItemsMax: 500, CaughtUpWithin: 10 * time.Second}
}

// Validate implements config.Validator.
func (c Config) Validate() error {
	var check fault.Check
	if c.QueryItemsMax < 1 || c.QueryItemsMax > 10_000 {
		check.Violate("queryItemsMax", c.QueryItemsMax, "must be from 1 to 10000")
	}
	if c.CaughtUpWithin <= 0 {
		check.Violate("caughtUpWithin", c.CaughtUpWithin, "must be above 0")
	}
	return check.Err()
}
