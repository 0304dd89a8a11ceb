package pglog

import (
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

const (
	// GroupWait is how long an entry waits for others to share a transaction with.
	GroupWait = 2 * time.Millisecond
	// GroupBytes is the size in bytes at which a group waits no longer. A
	// transaction holds at most so much, or one entry.
	GroupBytes = 1 << 20
	// PollInterval is how often a process looks for entries of others by itself, in
	// case a notification was lost.
	PollInterval = time.Second
)

const (
	retentionDefault    = 14 * 24 * time.Hour
	segmentAgeDefault   = 6 * time.Hour
	segmentBytesDefault = 1 << 30
	tailBytesDefault    = 96 << 20
)

// Config says what the log is to be. Partitions is required.
type Config struct {
	// Partitions is the number of partitions of events. It is agreed when the log is
	// made; every later Open has to give the same.
	Partitions uint32

	// Incarnation stands in the positions of a log that is made new; it has to be
	// higher than that of the log it replaces. 0: 1. A log that exists keeps its own.
	Incarnation uint32

	// Retention is how long entries of events are kept at least; those of control
	// are kept for ever. 0: 14 days; -1: for ever.
	Retention time.Duration

	// SegmentAge and SegmentBytes say when a segment of events is full: the sooner of
	// both, as Trim finds it. What is forgotten is forgotten in segments, so an entry
	// may stay for SegmentAge longer than Retention. 0: 6 hours, and 1 GiB.
	SegmentAge   time.Duration
	SegmentBytes int64

	// TailBytesMax is how much a process keeps of the newest entries for its readers,
	// in bytes of all partitions together, each an equal share: two thirds unpacked
	// entries, a third what readers share of the newest of them. 0: 96 MiB; -1: nothing.
	TailBytesMax int
}

// Deps are what a log tells of itself to.
type Deps struct {
	// Log gets what an operator acts on: that the database cannot be reached, and
	// that it can again. nil: nothing is logged.
	Log *zap.Logger
	// Registerer gets the metrics, one log a registerer. nil: they are shown to
	// nobody.
	Registerer prometheus.Registerer
}

// Validate returns every violation of c at once, or nil.
func (c Config) Validate() error {
	var errs []error
	if c.Partitions == 0 || c.Partitions > partitionsMax {
		errs = append(errs, fmt.Errorf("partitions: %d must be 1 to %d", c.Partitions, partitionsMax))
	}
	if c.Retention < -1 {
		errs = append(errs, fmt.Errorf("retention: %s must not be negative", c.Retention))
	}
	if c.SegmentAge < 0 {
		errs = append(errs, fmt.Errorf("segmentAge: %s must not be negative", c.SegmentAge))
	}
	if c.SegmentBytes < 0 {
		errs = append(errs, fmt.Errorf("segmentBytes: %d must not be negative", c.SegmentBytes))
	}
	if c.TailBytesMax < -1 {
		errs = append(errs, fmt.Errorf("tailBytesMax: %d must not be negative", c.TailBytesMax))
	}
	return errors.Join(errs...)
}

// partitionsMax bounds what one notification and one transaction may name.
const partitionsMax = 256

// withDefaults returns c with every zero value replaced, and what "none" is.
func (c Config) withDefaults() Config {
	if c.Incarnation == 0 {
		c.Incarnation = 1
	}
	c.Retention = limit(c.Retention, retentionDefault)
	if c.SegmentAge == 0 {
		c.SegmentAge = segmentAgeDefault
	}
	if c.SegmentBytes == 0 {
		c.SegmentBytes = segmentBytesDefault
	}
	c.TailBytesMax = limit(c.TailBytesMax, tailBytesDefault)
	return c
}

// limit is a configured limit: 0 stands for the default, and -1 for none, which is
// 0 from here on.
func limit[T ~int | ~int64](configured, fallback T) T {
	switch configured {
	case 0:
		return fallback
	case -1:
		return 0
	}
	return configured
}
