package memlog

import (
	"fmt"
	"time"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
)

// Config is what a log is made with.
type Config struct {
	// Partitions is the number of partitions of events, at least 1.
	Partitions uint32
	// Incarnation stands in every position. 0: 1.
	Incarnation uint32
	// Retention is how long an entry of events is kept at least. 0: for ever.
	// Control is always kept for ever.
	Retention time.Duration
}

// Core is the stepped log. One goroutine at a time. Make it with [New].
type Core struct {
	config Config
	// partitions are control and then events by number.
	partitions []partition
	// authors and tags are looked up and never looped over, so their order cannot
	// show.
	authors map[eventlog.Author]*author
	// tags counts the drafts of a tag that are not acknowledged.
	tags  map[tag]int
	holds []hold
}

type tag struct {
	author eventlog.Author
	number uint64
}

// New makes an empty log.
func New(config Config) (*Core, error) {
	if config.Partitions == 0 {
		return nil, fmt.Errorf("make log: %w: a log has at least one partition", eventlog.ErrPartitions)
	}
	config.Incarnation = max(config.Incarnation, 1)
	core := &Core{
		config:     config,
		partitions: make([]partition, 1+config.Partitions),
		authors:    map[eventlog.Author]*author{},
		tags:       map[tag]int{},
	}
	core.partitions[0].name = eventlog.ControlPartition
	for n := range config.Partitions {
		core.partitions[1+n].name = eventlog.Partition{Stream: eventlog.Events, Number: n}
	}
	for i := range core.partitions {
		core.partitions[i].incarnation = config.Incarnation
	}
	return core, nil
}

// Step takes one input and returns what is to be done. An input about a partition
// that does not exist is a mistake of the loop and panics, but for Append, which
// refuses it as every log does.
func (c *Core) Step(now time.Time, in Input) []Output {
	switch in := in.(type) {
	case Append:
		return c.append(in)
	case Deliver:
		return c.deliver(now, in)
	case Resend:
		return c.resend(in)
	case Settle:
		return c.settle(in)
	case Crash:
		c.author(in.Author).crashed = true
		return nil
	case Trim:
		return c.trim(now)
	case Damage:
		return c.put(now, in.Partition, item{entry: eventlog.Entry{Body: in.Bytes, Damage: in.Why}})
	case Newer:
		return c.put(now, in.Partition, item{newer: true})
	}
	panic(fmt.Sprintf("memlog: unknown input %T", in)) // unreachable: the set is closed
}

// Read returns the run behind a position: at most entriesMax entries, and none
// where the partition ends. The zero Position is the beginning. Errors:
// ErrForgotten, ErrAhead, ErrNewer, ErrPartitions.
func (c *Core) Read(p eventlog.Partition, after eventlog.Position, entriesMax int) (eventlog.Run, error) {
	if err := p.Check(c.config.Partitions); err != nil {
		return eventlog.Run{}, fmt.Errorf("read: %w", err)
	}
	run, err := c.at(p).read(after, entriesMax)
	if err != nil {
		return eventlog.Run{}, fmt.Errorf("read %s after %s: %w", p, after, err)
	}
	return run, nil
}

// Bounds are the ends of a partition. Errors: ErrPartitions.
func (c *Core) Bounds(p eventlog.Partition) (eventlog.Bounds, error) {
	if err := p.Check(c.config.Partitions); err != nil {
		return eventlog.Bounds{}, fmt.Errorf("find bounds: %w", err)
	}
	return c.at(p).bounds(), nil
}

// at finds a partition that exists.
func (c *Core) at(p eventlog.Partition) *partition {
	if err := p.Check(c.config.Partitions); err != nil {
		panic("memlog: " + err.Error())
	}
	if p.Stream == eventlog.Control {
		return &c.partitions[0]
	}
	return &c.partitions[1+p.Number]
}

func (c *Core) put(now time.Time, p eventlog.Partition, it item) []Output {
	it.at = now
	return []Output{Stored{Partition: p, To: c.at(p).store(it)}}
}
