package pglog

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
)

// pending is an entry that is not known to be stored.
type pending struct {
	appender *appender
	call     *call
	// partition is its index.
	partition int32
	entry     eventlog.Entry
	frame     []byte
	// tried says that a transaction with it had an unknown outcome, so finding it
	// stored is no surprise.
	tried bool
}

// call is one Append that is not settled. The queue's lock guards it.
type call struct {
	receipt *eventlog.Receipt
	// bytes are of the appender's buffer.
	bytes int
	// left are its entries that are not stored.
	left int
}

// queue holds what is to be stored, of all appenders of the process, in the order
// in which it was numbered.
type queue struct {
	// due fires when the oldest entry has waited for GroupWait.
	due *time.Timer
	// full has a token when GroupBytes are waiting.
	full chan struct{}

	mu      sync.Mutex
	waiting []*pending
	bytes   int
	// group is what is being stored; its entries are not in waiting.
	group []*pending
	// closed is why nothing is taken any more; nil: it is.
	closed error
}

func (q *queue) init() {
	q.due = time.NewTimer(time.Hour)
	q.due.Stop()
	q.full = make(chan struct{}, 1)
}

// add numbers the entries of one call and puts them at the end. The bodies are
// framed already. When it fails nothing was taken.
func (q *queue) add(a *appender, entries []*pending, c *call) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case a.failed != nil:
		return a.failed
	case a.closed, q.closed != nil:
		return eventlog.ErrClosed
	}
	if len(q.waiting) == 0 {
		q.due.Reset(GroupWait)
	}
	for _, e := range entries {
		a.numbered[e.partition]++
		e.entry.Author, e.entry.Sequence = a.author, a.numbered[e.partition]
		eventlog.Number(e.frame, e.entry.Sequence)
		q.bytes += len(e.frame)
	}
	q.waiting = append(q.waiting, entries...)
	a.open[c] = true
	if q.bytes >= GroupBytes {
		select {
		case q.full <- struct{}{}:
		default:
		}
	}
	return nil
}

// take begins the next group: from the oldest entry on up to GroupBytes, at least
// one if there is any. What stays behind is due at once.
func (q *queue) take() []*pending {
	q.mu.Lock()
	defer q.mu.Unlock()
	select {
	case <-q.full:
	default:
	}
	n, bytes := 0, 0
	for n < len(q.waiting) && (n == 0 || bytes+len(q.waiting[n].frame) <= GroupBytes) {
		bytes += len(q.waiting[n].frame)
		n++
	}
	q.group = slices.Clone(q.waiting[:n])
	clear(q.waiting[:n])
	q.waiting = q.waiting[n:]
	q.bytes -= bytes
	if len(q.waiting) == 0 {
		q.waiting = nil
		q.due.Stop()
	} else {
		q.due.Reset(0)
	}
	return q.group
}

// stored settles entries of the group.
func (q *queue) stored(entries []*pending) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, e := range entries {
		e.call.left--
		if e.call.left == 0 {
			e.appender.finish(e.call, nil)
		}
	}
	q.group = nil
}

// living leaves out the entries of appenders that failed.
func (q *queue) living(group []*pending) (alive []*pending) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, e := range group {
		if e.appender.failed == nil {
			alive = append(alive, e)
		}
	}
	return alive
}

// fail ends an appender that can store nothing any more, and takes its entries
// out.
func (q *queue) fail(a *appender, why error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if a.failed == nil {
		a.failed = why
	}
	q.drop(a, why)
}

// giveUp ends an appender that was closed with entries not stored.
func (q *queue) giveUp(a *appender) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.drop(a, fmt.Errorf("append as %s: %w: the appender was closed", a.author, eventlog.ErrUnknown))
}

// drop settles all that an appender has open. It needs the lock. What is in the
// group may be stored yet.
func (q *queue) drop(a *appender, why error) {
	kept := q.waiting[:0]
	for _, e := range q.waiting {
		if e.appender == a {
			q.bytes -= len(e.frame)
			continue
		}
		kept = append(kept, e)
	}
	clear(q.waiting[len(kept):])
	q.waiting = kept
	for c := range a.open {
		a.finish(c, why)
	}
}

// close settles everything with an error and takes nothing any more.
func (q *queue) close(why error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = why
	q.due.Stop()
	for _, e := range slices.Concat(q.group, q.waiting) {
		q.drop(e.appender, why)
	}
	q.group, q.waiting = nil, nil
}
