package memlog

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
)

// appender writes as one author.
type appender struct {
	broker *Broker
	author eventlog.Author
	buffer eventlog.Buffer

	// mu is taken before the broker's.
	mu     sync.Mutex
	closed bool
	tags   uint64
}

// call is one Append that is not settled.
type call struct {
	receipt *eventlog.Receipt
	buffer  *eventlog.Buffer
	bytes   int
}

func (c *call) settle(err error) {
	c.buffer.Give(c.bytes)
	c.receipt.Settle(err)
}

func (a *appender) Append(ctx context.Context, drafts ...eventlog.Draft) (*eventlog.Receipt, error) {
	size, err := a.measure(drafts)
	if err != nil {
		return nil, err
	}
	if err := a.buffer.Take(ctx, size); err != nil {
		return nil, fmt.Errorf("append as %s: %w", a.author, err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		a.buffer.Give(size)
		return nil, fmt.Errorf("append as %s: %w", a.author, eventlog.ErrClosed)
	}
	a.tags++
	c := &call{receipt: eventlog.NewReceipt(), buffer: &a.buffer, bytes: size}
	a.broker.append(Append{Author: a.author, Tag: a.tags, Drafts: drafts}, c)
	return c.receipt, nil
}

// measure checks drafts and sums up their bodies.
func (a *appender) measure(drafts []eventlog.Draft) (size int, err error) {
	for _, d := range drafts {
		if err := d.Check(a.broker.core.config.Partitions); err != nil {
			return 0, err
		}
		size += len(d.Body)
		if len(d.Body) <= smallBytes {
			continue
		}
		if _, err := a.broker.codec.Encode(d.Header(a.author, 1), d.Body); err != nil {
			return 0, fmt.Errorf("append to %s: %w", d.Partition, err)
		}
	}
	return size, nil
}

// smallBytes is a size of bodies that fit a frame whatever compression makes of
// them, so that nothing is compressed only to be measured.
const smallBytes = eventlog.FrameBytesMax / 2

func (a *appender) Close(ctx context.Context) error {
	a.mu.Lock()
	closed := a.closed
	a.closed = true
	a.mu.Unlock()
	a.buffer.Close()
	var err error
	for _, receipt := range a.broker.open(a.author) {
		err = errors.Join(err, receipt.Wait(ctx))
	}
	if !closed {
		a.end()
	}
	if err != nil {
		return fmt.Errorf("close appender %s: %w", a.author, err)
	}
	return nil
}

// end is what the death of the process does to an appender.
func (a *appender) end() {
	a.mu.Lock()
	a.closed = true
	a.mu.Unlock()
	a.buffer.Close()
	a.broker.crash(a.author)
}
