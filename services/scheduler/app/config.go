package app

import (
	"time"

	"github.com/fairlead-batch/fairlead/services/internal/fault"
	"github.com/fairlead-batch/fairlead/services/scheduler/internal/lead"
	"github.com/fairlead-batch/fairlead/services/scheduler/policy"
)

// Config is what an operator may set on a scheduler.
type Config struct {
	// ExecutorTimeout is how long an executor may be silent before its runs are given
	// up. It must be above StartWindow. Default 10m.
	ExecutorTimeout time.Duration
	// StartWindow is how long an executor may go on making pods after the newest
	// heartbeat that a leader answered; it must be what the executors are told. Default 30s.
	StartWindow time.Duration
	// PublishTimeout is how long an own entry may stay unread before the leader steps
	// down. Default 30s.
	PublishTimeout time.Duration
	// MinInterval is the least time between two scheduling rounds. Default 100ms.
	MinInterval time.Duration
	// PreemptionInterval is how often at most a round preempts for fair shares, which is the
	// dear part of one; preemption by priority class is never put off. Default 1s.
	PreemptionInterval time.Duration
	// SettleAfter is how long after its takeover a leader rejects no job, so that
	// executors can connect first. Default 30s.
	SettleAfter time.Duration
	// AttemptsMax is how often a job is tried in all when executors give it back.
	// Default 4: a first try and Armada's three retries.
	AttemptsMax uint32
	// RetryBackoff is how long a job waits that an executor gave back before it is tried again,
	// on another node. Default: 1s, twice as long each time, at most 1m.
	RetryBackoff Backoff
	// RoundStepsMax is the budget of one round: gangs started and victims taken. What
	// is left goes on in the next round. A start takes a microsecond and a victim up to
	// 0.7 ms, with 10,000 nodes, in which the leader does nothing else. Default 2000.
	RoundStepsMax uint64
	// SnapshotEvents is how many events the log may hold behind the stored snapshot of the
	// state before a follower replaces it; without a follower the leader does so at twice
	// as many. It bounds what a start has to read. Default 100000: about a second.
	SnapshotEvents uint64
	// SnapshotInterval is how old the stored snapshot may be while there are any events
	// behind it; a leader adds half of it. Default 10m.
	SnapshotInterval time.Duration
	// AcceptForgotten lets a scheduler without a stored snapshot begin where the log
	// begins, though the log has forgotten what stood before. Jobs that stood there are
	// never run or ended. It is for one start after a loss. Default false.
	AcceptForgotten bool
	// Questions is how much may be asked of a replica.
	Questions Questions
	// Scheduling is the rules of the round.
	Scheduling policy.Scheduling
}

// Backoff is a wait that doubles.
type Backoff struct {
	// Initial is the first wait. Zero: there is none.
	Initial time.Duration
	// Max is the longest.
	Max time.Duration
}

// backoffMax bounds retryBackoff.max.
const backoffMax = 24 * time.Hour

// DefaultConfig returns what is used where the operator says nothing.
func DefaultConfig() Config {
	return Config{
		ExecutorTimeout:    10 * time.Minute,
		StartWindow:        30 * time.Second,
		PublishTimeout:     30 * time.Second,
		MinInterval:        100 * time.Millisecond,
		PreemptionInterval: time.Second,
		SettleAfter:        30 * time.Second,
		AttemptsMax:        4,
		RetryBackoff:       Backoff{Initial: time.Second, Max: time.Minute},
		RoundStepsMax:      2_000,
		SnapshotEvents:     100_000,
		SnapshotInterval:   10 * time.Minute,
		Questions:          Questions{JobsPerSecond: 20, WhatIfsMax: 1},
		Scheduling:         policy.Default(),
	}
}

// Validate implements config.Validator.
func (c Config) Validate() error {
	var check fault.Check
	if c.StartWindow <= 0 {
		check.Violate("startWindow", c.StartWindow, "must be above 0")
	}
	if c.ExecutorTimeout <= c.StartWindow {
		check.Violate("executorTimeout", c.ExecutorTimeout, "must be above startWindow, "+c.StartWindow.String()+": else a run could be leased again while its pod is being made")
	}
	if c.PublishTimeout <= 0 {
		check.Violate("publishTimeout", c.PublishTimeout, "must be above 0")
	}
	if c.MinInterval < 0 {
		check.Violate("minInterval", c.MinInterval, "must not be negative")
	}
	if c.PreemptionInterval < 0 {
		check.Violate("preemptionInterval", c.PreemptionInterval, "must not be negative")
	}
	if c.SettleAfter < 0 {
		check.Violate("settleAfter", c.SettleAfter, "must not be negative")
	}
	if c.AttemptsMax == 0 {
		check.Violate("attemptsMax", c.AttemptsMax, "must be at least 1")
	}
	if b := c.RetryBackoff; b.Max < 0 || b.Max > backoffMax {
		check.Violate("retryBackoff.max", b.Max, "must be from 0 to "+backoffMax.String())
	}
	if b := c.RetryBackoff; b.Initial < 0 || b.Initial > b.Max {
		check.Violate("retryBackoff.initial", b.Initial, "must be from 0 to retryBackoff.max, "+b.Max.String())
	}
	if c.SnapshotEvents == 0 {
		check.Violate("snapshotEvents", c.SnapshotEvents, "must be at least 1")
	}
	if c.SnapshotInterval <= 0 {
		check.Violate("snapshotInterval", c.SnapshotInterval, "must be above 0")
	}
	if q := c.Questions.JobsPerSecond; !(q > 0 && q <= 1000) { // NaN is neither
		check.Violate("questions.jobsPerSecond", q, "must be above 0 and at most 1000")
	}
	if q := c.Questions.WhatIfsMax; q < 1 || q > 16 {
		check.Violate("questions.whatIfsMax", q, "must be from 1 to 16")
	}
	if c.RoundStepsMax == 0 {
		check.Violate("roundStepsMax", c.RoundStepsMax, "must be at least 1")
	}
	return check.Err()
}

// entryEventsMax keeps an entry below the log's limit: an event of the scheduler
// is at most some 2 KiB, messages of failures included, but for reservations. Those are few,
// and of at most some 80 bytes for each of schedule.ReservationJobsMax jobs.
const entryEventsMax = 1000

func (c Config) lead() lead.Config {
	return lead.Config{
		ExecutorTimeout: c.ExecutorTimeout, PublishTimeout: c.PublishTimeout, MinInterval: c.MinInterval, PreemptionInterval: c.PreemptionInterval,
		SettleAfter: c.SettleAfter, AttemptsMax: c.AttemptsMax, RetryBackoff: lead.Backoff(c.RetryBackoff), StartsMax: c.RoundStepsMax, EntryEventsMax: entryEventsMax,
		SnapshotEvents: c.SnapshotEvents, SnapshotInterval: c.SnapshotInterval,
	}
}
