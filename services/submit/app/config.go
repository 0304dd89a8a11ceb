package app

import (
	"time"

	"github.com/fairlead-batch/fairlead/services/internal/fault"
	"github.com/fairlead-batch/fairlead/services/submit/internal/events"
)

// Config is what an operator may set on submit.
type Config struct {
	// Submission is what a job must be, and what it gets where it says nothing.
	Submission Submission
	// Publishing is how jobs get into the log.
	Publishing Publishing
}

// Publishing is how jobs get into the log, and how long is remembered that they did.
type Publishing struct {
	// Installation names this installation in the log for ever. It is used at the very
	// first start; then the log's is in force. Default empty: a name is made.
	Installation string
	// Incarnation is the log's: higher by one where a log was lost and begun anew.
	// Default 1.
	Incarnation uint32
	// PublishTimeout is how long the log may take to store an entry, and how old a
	// request of unknown outcome must be before a repeat of it looks into the log.
	// Default 10s.
	PublishTimeout time.Duration
	// SubmitWithin is how long a submission may take in all. Default 30s.
	SubmitWithin time.Duration
	// Poll is how often somebody else's request with the same client ids is looked at
	// again. Default 20ms.
	Poll time.Duration
	// PositionAge is how old a noted position of the log may be. Default 1s.
	PositionAge time.Duration
	// KeepClientIDs is how long a client id is remembered. Default 168h, 7 days.
	KeepClientIDs time.Duration
	// RipeAfter is how old a request of unknown outcome must be for the janitor to
	// look into the log. It is above PublishTimeout. Default 1m.
	RipeAfter time.Duration
	// TendEvery is how often a process says that it lives. Default 1m.
	TendEvery time.Duration
	// AbandonedAfter is how long a process may say nothing until it counts as dead. A
	// process that was only paused for so long finds out and goes on. Default 24h.
	AbandonedAfter time.Duration
	// RelayEvery is how often changes of queues are looked for that no call relayed.
	// Default 1s.
	RelayEvery time.Duration
	// RelayLease is how long one process may take to relay. Default 30s.
	RelayLease time.Duration
	// SweepEvery is how often the janitor comes. Default 1m.
	SweepEvery time.Duration
	// SweepMax is the most requests, and the most processes, that it settles at a time.
	// Default 100.
	SweepMax int
	// ForgetMax is the most client ids that it forgets in one statement. Default 10000.
	ForgetMax int
}

// DefaultConfig returns what is used where the operator says nothing: for jobs, what
// Armada ships.
func DefaultConfig() Config {
	return Config{
		Submission: defaultSubmission(),
		Publishing: Publishing{
			Incarnation:    1,
			PublishTimeout: 10 * time.Second,
			SubmitWithin:   30 * time.Second,
			Poll:           20 * time.Millisecond,
			PositionAge:    time.Second,
			KeepClientIDs:  7 * 24 * time.Hour,
			RipeAfter:      time.Minute,
			TendEvery:      time.Minute,
			AbandonedAfter: 24 * time.Hour,
			RelayEvery:     time.Second,
			RelayLease:     30 * time.Second,
			SweepEvery:     time.Minute,
			SweepMax:       100,
			ForgetMax:      10_000,
		},
	}
}

// Validate implements config.Validator.
func (p Publishing) Validate() error {
	var check fault.Check
	for _, d := range []struct {
		key   string
		value time.Duration
	}{
		{"publishTimeout", p.PublishTimeout},
		{"submitWithin", p.SubmitWithin},
		{"poll", p.Poll},
		{"keepClientIDs", p.KeepClientIDs},
		{"tendEvery", p.TendEvery},
		{"relayEvery", p.RelayEvery},
		{"relayLease", p.RelayLease},
		{"sweepEvery", p.SweepEvery},
	} {
		if d.value <= 0 {
			check.Violate(d.key, d.value, "must be above 0")
		}
	}
	if p.Incarnation == 0 {
		check.Violate("incarnation", p.Incarnation, "must be at least 1")
	}
	if p.PositionAge < 0 {
		check.Violate("positionAge", p.PositionAge, "must not be negative")
	}
	if p.SubmitWithin <= p.PublishTimeout {
		check.Violate("submitWithin", p.SubmitWithin, "must be above publishTimeout, "+p.PublishTimeout.String()+": a repeat may have to wait for so long first")
	}
	if p.RipeAfter <= p.PublishTimeout {
		check.Violate("ripeAfter", p.RipeAfter, "must be above publishTimeout, "+p.PublishTimeout.String()+": else the janitor ends requests that are on their way")
	}
	if p.AbandonedAfter < 10*p.TendEvery {
		check.Violate("abandonedAfter", p.AbandonedAfter, "must be at least ten times tendEvery, "+p.TendEvery.String())
	}
	if p.SweepMax < 1 {
		check.Violate("sweepMax", p.SweepMax, "must be at least 1")
	}
	if p.ForgetMax < 1 {
		check.Violate("forgetMax", p.ForgetMax, "must be at least 1")
	}
	return check.Err()
}

func (p Publishing) limits(partitions uint32) events.Config {
	return events.Config{
		Partitions: partitions, PublishTimeout: p.PublishTimeout, SubmitWithin: p.SubmitWithin, Poll: p.Poll,
		PositionAge: p.PositionAge, KeepClientIDs: p.KeepClientIDs, RipeAfter: p.RipeAfter, AbandonedAfter: p.AbandonedAfter,
		RelayLease: p.RelayLease, SweepMax: p.SweepMax, ForgetMax: p.ForgetMax,
	}
}
