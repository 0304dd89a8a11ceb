package memlog

import (
	"fmt"
	"slices"
	"time"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
)

// partition is what is stored. Its entries are numbered from 1.
type partition struct {
	name        eventlog.Partition
	incarnation uint32
	// forgotten is the number of the last entry that is not kept any more.
	forgotten uint64
	// items[i] has the number forgotten+1+i.
	items []item
}

type item struct {
	entry eventlog.Entry
	// newer says that it stands for an entry of an unknown format.
	newer bool
	// at is when it was stored.
	at time.Time
}

// position is that of a number; the number 0 stands before everything.
func (p *partition) position(number uint64) eventlog.Position {
	if number == 0 {
		return eventlog.Position{}
	}
	return eventlog.Position{Incarnation: p.incarnation, Entry: number}
}

func (p *partition) newest() uint64 { return p.forgotten + uint64(len(p.items)) }

func (p *partition) bounds() eventlog.Bounds {
	return eventlog.Bounds{Oldest: p.position(p.forgotten), Newest: p.position(p.newest())}
}

func (p *partition) store(it item) eventlog.Position {
	it.entry.At = p.position(p.newest() + 1)
	p.items = append(p.items, it)
	return it.entry.At
}

// number is that of a position behind which reading can begin.
func (p *partition) number(after eventlog.Position) (uint64, error) {
	switch {
	case after.Compare(p.position(p.newest())) > 0:
		return 0, fmt.Errorf("%w: at %s", eventlog.ErrAhead, p.position(p.newest()))
	case after.Before(p.position(p.forgotten)), !after.IsZero() && after.Incarnation != p.incarnation:
		return 0, fmt.Errorf("%w: it begins behind %s", eventlog.ErrForgotten, p.position(p.forgotten))
	}
	return after.Entry, nil
}

func (p *partition) read(after eventlog.Position, entriesMax int) (eventlog.Run, error) {
	from, err := p.number(after)
	if err != nil {
		return eventlog.Run{}, err
	}
	run := eventlog.Run{Partition: p.name, From: after, To: after}
	bytes := 0
	for _, it := range p.items[from-p.forgotten:] {
		bytes += len(it.entry.Body)
		if len(run.Entries) == entriesMax || len(run.Entries) > 0 && (it.newer || bytes > eventlog.RunBytesMax) {
			break
		}
		if it.newer {
			return eventlog.Run{}, fmt.Errorf("%w: at %s", eventlog.ErrNewer, it.entry.At)
		}
		run.Entries = append(run.Entries, it.entry)
		run.To = it.entry.At
	}
	return run, nil
}

// hold keeps what stands behind a number of a partition.
type hold struct {
	consumer  string
	partition eventlog.Partition
	after     uint64
}

// Hold keeps what stands after a position for a consumer, whatever the retention;
// a later call moves it. Errors: ErrForgotten, ErrAhead, ErrPartitions.
func (c *Core) Hold(consumer string, p eventlog.Partition, after eventlog.Position) error {
	if err := p.Check(c.config.Partitions); err != nil {
		return fmt.Errorf("hold: %w", err)
	}
	number, err := c.at(p).number(after)
	if err != nil {
		return fmt.Errorf("hold %s after %s for %s: %w", p, after, consumer, err)
	}
	kept := hold{consumer: consumer, partition: p, after: number}
	i := slices.IndexFunc(c.holds, func(h hold) bool { return h.consumer == consumer && h.partition == p })
	if i < 0 {
		c.holds = append(c.holds, kept)
		return nil
	}
	c.holds[i] = kept
	return nil
}

// Release ends the holds of a consumer.
func (c *Core) Release(consumer string) {
	c.holds = slices.DeleteFunc(c.holds, func(h hold) bool { return h.consumer == consumer })
}

// trim forgets the beginning of every partition of events, each entry only with
// all before it.
func (c *Core) trim(now time.Time) (out []Output) {
	if c.config.Retention == 0 {
		return nil
	}
	for i := range c.partitions {
		p := &c.partitions[i]
		if p.name.Stream == eventlog.Control {
			continue
		}
		n := 0
		for n < len(p.items) && !p.items[n].at.Add(c.config.Retention).After(now) && !c.isHeld(p.name, p.forgotten+1+uint64(n)) {
			n++
		}
		if n == 0 {
			continue
		}
		p.items = slices.Clone(p.items[n:]) // lets go of the bodies
		p.forgotten += uint64(n)
		out = append(out, Forgot{Partition: p.name, Oldest: p.position(p.forgotten)})
	}
	return out
}

func (c *Core) isHeld(p eventlog.Partition, number uint64) bool {
	return slices.ContainsFunc(c.holds, func(h hold) bool { return h.partition == p && h.after < number })
}
