package pglog

import (
	"context"
	"errors"
	"fmt"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
)

// appender writes as one author. The queue's lock guards what is not constant.
type appender struct {
	log    *Log
	author eventlog.Author
	buffer eventlog.Buffer

	// numbered are the sequences given last, by index of the partition.
	numbered []uint64
	// open are the calls that are not settled.
	open   map[*call]bool
	closed bool
	// failed is why nothing can be stored any more; nil: it can.
	failed error
}

// Appender opens an author, as eventlog.Log says. That it was opened by another
// process shows when it is first appended to: then the receipts, and everything
// after them, fail with ErrAuthorTaken, and nothing was stored.
func (l *Log) Appender(author eventlog.Author) (eventlog.Appender, error) {
	if author.IsZero() {
		return nil, errors.New("open appender: the author is nobody")
	}
	if l.isClosed() {
		return nil, fmt.Errorf("open appender: %w", eventlog.ErrClosed)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.authors[author] {
		return nil, fmt.Errorf("open appender %s: %w", author, eventlog.ErrAuthorTaken)
	}
	l.authors[author] = true
	return &appender{log: l, author: author, numbered: make([]uint64, len(l.tails)), open: map[*call]bool{}}, nil
}

func (a *appender) Append(ctx context.Context, drafts ...eventlog.Draft) (*eventlog.Receipt, error) {
	c := &call{receipt: eventlog.NewReceipt(), left: len(drafts)}
	for _, d := range drafts { // cheap checks of all before the first is compressed
		if err := d.Check(a.log.config.Partitions); err != nil {
			return nil, err
		}
		c.bytes += len(d.Body)
	}
	if len(drafts) == 0 {
		c.receipt.Settle(nil)
		return c.receipt, nil
	}
	// First the room, then the frames: who waits holds no more than its bodies.
	if err := a.buffer.Take(ctx, c.bytes); err != nil {
		return nil, fmt.Errorf("append as %s: %w", a.author, err)
	}
	entries, err := a.frame(drafts, c)
	if err != nil {
		a.buffer.Give(c.bytes)
		return nil, err
	}
	if err := a.log.queue.add(a, entries, c); err != nil {
		a.buffer.Give(c.bytes)
		return nil, fmt.Errorf("append as %s: %w", a.author, err)
	}
	return c.receipt, nil
}

// frame compresses drafts, in the caller's goroutine and under no lock.
func (a *appender) frame(drafts []eventlog.Draft, c *call) ([]*pending, error) {
	entries := make([]*pending, len(drafts))
	for i, d := range drafts {
		header := d.Header(a.author, 1) // numbered when it is queued
		frame, err := a.log.codec.Encode(header, d.Body)
		if err != nil {
			return nil, fmt.Errorf("append to %s: %w", d.Partition, err)
		}
		entries[i] = &pending{
			appender: a, call: c, partition: index(d.Partition), frame: frame,
			entry: eventlog.Entry{Header: header, Body: d.Body},
		}
	}
	return entries, nil
}

// finish settles a call, once. It needs the queue's lock.
func (a *appender) finish(c *call, err error) {
	if !a.open[c] {
		return // it was given up while its entries were being stored
	}
	delete(a.open, c)
	a.buffer.Give(c.bytes)
	c.receipt.Settle(err)
}

func (a *appender) Close(ctx context.Context) error {
	a.buffer.Close()
	var err error
	for _, receipt := range a.closing() {
		err = errors.Join(err, receipt.Wait(ctx))
	}
	a.log.queue.giveUp(a)
	if err != nil {
		return fmt.Errorf("close appender %s: %w", a.author, err)
	}
	return nil
}

// closing takes no more appends and gives the receipts that are open.
func (a *appender) closing() (open []*eventlog.Receipt) {
	a.log.queue.mu.Lock()
	defer a.log.queue.mu.Unlock()
	a.closed = true
	for c := range a.open {
		open = append(open, c.receipt)
	}
	return open
}
