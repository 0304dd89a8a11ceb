package memlog

import (
	"context"
	"fmt"
	"sync"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
)

// Log is one process' use of a [Broker]. It implements [eventlog.Log], is safe for
// concurrent use and starts no goroutine. Close ends it.
type Log struct {
	broker *Broker
	once   sync.Once
	closed chan struct{}

	mu        sync.Mutex
	appenders []*appender
}

var _ eventlog.Log = (*Log)(nil)

// Open begins a use of the broker by a process that was told to expect so many
// partitions of events. Errors: ErrPartitions.
func (b *Broker) Open(partitions uint32) (*Log, error) {
	if have := b.core.config.Partitions; have != partitions {
		return nil, fmt.Errorf("open log: %w: it has %d and %d are configured", eventlog.ErrPartitions, have, partitions)
	}
	return &Log{broker: b, closed: make(chan struct{})}, nil
}

// Close ends the use of the log at once, as the death of its process does: its
// readers and appenders end, and what is not acknowledged is of unknown outcome.
func (l *Log) Close() {
	l.once.Do(func() { close(l.closed) })
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range l.appenders {
		a.end()
	}
}

// Appender opens an author, as eventlog.Log says.
func (l *Log) Appender(author eventlog.Author) (eventlog.Appender, error) {
	if author.IsZero() {
		return nil, fmt.Errorf("open appender: the author is nobody")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if isDone(l.closed) {
		return nil, fmt.Errorf("open appender: %w", eventlog.ErrClosed)
	}
	l.broker.mu.Lock()
	defer l.broker.mu.Unlock()
	if l.broker.writers[author] {
		return nil, fmt.Errorf("open appender %s: %w", author, eventlog.ErrAuthorTaken)
	}
	l.broker.writers[author] = true
	a := &appender{broker: l.broker, author: author}
	l.appenders = append(l.appenders, a)
	return a, nil
}

// Read opens a reader, as eventlog.Log says.
func (l *Log) Read(_ context.Context, p eventlog.Partition, after eventlog.Position) (eventlog.Reader, error) {
	if isDone(l.closed) {
		return nil, fmt.Errorf("read %s: %w", p, eventlog.ErrClosed)
	}
	r := &reader{broker: l.broker, partition: p, after: after, closed: make(chan struct{}), log: l.closed}
	if _, _, err := r.poll(); err != nil {
		return nil, err
	}
	return r, nil
}

// Bounds are the ends of a partition.
func (l *Log) Bounds(_ context.Context, p eventlog.Partition) (eventlog.Bounds, error) {
	l.broker.mu.Lock()
	defer l.broker.mu.Unlock()
	return l.broker.core.Bounds(p)
}

// Hold keeps what stands after a position, as eventlog.Log says.
func (l *Log) Hold(_ context.Context, consumer string, p eventlog.Partition, after eventlog.Position) error {
	l.broker.mu.Lock()
	defer l.broker.mu.Unlock()
	return l.broker.core.Hold(consumer, p, after)
}

// Release ends the holds of a consumer.
func (l *Log) Release(_ context.Context, consumer string) error {
	l.broker.mu.Lock()
	defer l.broker.mu.Unlock()
	l.broker.core.Release(consumer)
	return nil
}
