package pulsarlog

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
)

// appender writes as one author.
type appender struct {
	log    *Log
	author eventlog.Author
	buffer eventlog.Buffer
	// ctx ends with the appender; it is that of its lines.
	ctx  context.Context //nolint:containedctx // the appender's own, not a caller's
	stop context.CancelFunc

	// mu guards the rest, and the lines' queues: what one call appends is numbered in
	// all its partitions before the next.
	mu    sync.Mutex
	lines map[eventlog.Partition]*line
	// open are the calls that are not settled.
	open map[*call]bool
	// ended is why nothing is taken any more; nil: it is.
	ended error
}

// call is one Append that is not settled.
type call struct {
	receipt *eventlog.Receipt
	// bytes are of the appender's buffer.
	bytes int
	// left are its entries that are not stored.
	left int
}

// Appender opens an author, as eventlog.Log says. That it was opened by another
// process is not found out.
func (l *Log) Appender(author eventlog.Author) (eventlog.Appender, error) {
	if author.IsZero() {
		return nil, errors.New("open appender: the author is nobody")
	}
	a := &appender{log: l, author: author, lines: map[eventlog.Partition]*line{}, open: map[*call]bool{}}
	a.ctx, a.stop = context.WithCancel(l.ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		a.stop()
		return nil, fmt.Errorf("open appender: %w", eventlog.ErrClosed)
	case l.authors[author]:
		a.stop()
		return nil, fmt.Errorf("open appender %s: %w", author, eventlog.ErrAuthorTaken)
	}
	l.authors[author] = true
	// A log that ends ends its appenders.
	l.working.Go(func() {
		<-a.ctx.Done()
		a.end(fmt.Errorf("append as %s: %w: it was closed", a.author, eventlog.ErrUnknown))
	})
	return a, nil
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
	frames := make([][]byte, len(drafts))
	for i, d := range drafts { // under no lock
		frame, err := a.log.codec.Encode(d.Header(a.author, 1), d.Body)
		if err != nil {
			a.buffer.Give(c.bytes)
			return nil, fmt.Errorf("append to %s: %w", d.Partition, err)
		}
		frames[i] = frame
	}
	if err := a.queue(drafts, frames, c); err != nil {
		a.buffer.Give(c.bytes)
		return nil, fmt.Errorf("append as %s: %w", a.author, err)
	}
	return c.receipt, nil
}

// queue numbers the frames of a call and puts them at the ends of their lines. When
// it fails nothing was taken.
func (a *appender) queue(drafts []eventlog.Draft, frames [][]byte, c *call) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, d := range drafts {
		if a.ended != nil {
			return a.ended
		}
		if a.lines[d.Partition] == nil {
			made, err := a.startLine(d.Partition)
			if err != nil {
				return err
			}
			a.lines[d.Partition] = made
		}
	}
	for i, d := range drafts {
		a.lines[d.Partition].add(frames[i], c)
	}
	a.open[c] = true
	return nil
}

// settle ends a call, once. It needs the lock.
func (a *appender) settle(c *call, err error) {
	if !a.open[c] {
		return
	}
	delete(a.open, c)
	a.buffer.Give(c.bytes)
	c.receipt.Settle(err)
}

// end settles all that is open and takes nothing any more.
func (a *appender) end(why error) {
	a.buffer.Close()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ended == nil {
		a.ended = eventlog.ErrClosed
	}
	for c := range a.open {
		a.settle(c, why)
	}
}

// fail ends an appender whose next entry cannot be stored.
func (a *appender) fail(why error) {
	why = fmt.Errorf("append as %s: %w: %w", a.author, eventlog.ErrUnknown, why)
	a.mu.Lock()
	if a.ended == nil {
		a.ended = why
	}
	a.mu.Unlock()
	a.end(why)
	a.stop()
}

func (a *appender) Close(ctx context.Context) error {
	a.buffer.Close()
	var err error
	for _, receipt := range a.closing() {
		err = errors.Join(err, receipt.Wait(ctx))
	}
	a.end(fmt.Errorf("append as %s: %w: the appender was closed", a.author, eventlog.ErrUnknown))
	a.stop() // the lines end behind us: a broker that is away must not keep the caller
	if err != nil {
		return fmt.Errorf("close appender %s: %w", a.author, err)
	}
	return nil
}

// closing takes no more appends and gives the receipts that are open.
func (a *appender) closing() (open []*eventlog.Receipt) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ended == nil {
		a.ended = eventlog.ErrClosed
	}
	for c := range a.open {
		open = append(open, c.receipt)
	}
	return open
}
