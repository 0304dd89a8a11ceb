package cli

import (
	"context"
	"time"
)

// For tests of what takes a watch minutes.
const (
	ReconnectFor = reconnectFor
	OutageGap    = outageGap
)

// NewOutage returns the func that a watch calls for each failed attempt.
func NewOutage(now func() time.Time, giveUp context.CancelCauseFunc) func(error) {
	o := &outage{now: now, giveUp: giveUp}
	return o.again
}
