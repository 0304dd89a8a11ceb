package pulsarlog

import (
	"context"
	"fmt"

	"github.com/apache/pulsar-client-go/pulsar"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
)

// queueMessages is how many entries a reader has fetched and not handed out. As
// stored they are at most 4 MiB each; what is usual is a hundredth of that.
const queueMessages = 64

// reader reads one partition.
type reader struct {
	log       *Log
	partition eventlog.Partition
	ctx       context.Context //nolint:containedctx // the reader's own, not a caller's
	stop      context.CancelFunc
	// messages come from the goroutine that fetches. When it ends for another reason
	// than ctx, failed has why.
	messages chan pulsar.Message
	failed   chan error

	// The rest is Next's. after is where the next run begins.
	after eventlog.Position
	// ahead is an entry that the last run had no room for.
	ahead *eventlog.Entry
	// err ends the reader.
	err error
}

// Read opens a reader, as eventlog.Log says. Whether the log has the position shows
// at the first Next.
func (l *Log) Read(_ context.Context, p eventlog.Partition, after eventlog.Position) (eventlog.Reader, error) {
	if err := p.Check(l.config.Partitions); err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	r := &reader{
		log: l, partition: p, after: after,
		messages: make(chan pulsar.Message, queueMessages), failed: make(chan error, 1),
	}
	r.ctx, r.stop = context.WithCancel(l.ctx)
	if err := l.begin(func() { r.fetch(after) }); err != nil {
		r.stop()
		return nil, fmt.Errorf("read %s: %w", p, err)
	}
	return r, nil
}

func (r *reader) Close() { r.stop() }

// fetch hands messages over until the reader is closed. Where the client's reader
// ends by itself it opens another, behind what was handed over.
func (r *reader) fetch(after eventlog.Position) {
	defer r.stop() // not before failed was taken: it stands for a reader that was closed
	if err := r.log.checkPosition(r.ctx, r.partition, after); err != nil {
		if r.ctx.Err() == nil {
			r.failed <- err
			<-r.ctx.Done()
		}
		return
	}
	for r.ctx.Err() == nil {
		source, err := r.open(after)
		if err != nil {
			return // closed
		}
		after = r.pump(source, after)
		source.Close()
	}
}

// open makes the client's reader, which gives the entry at the position first. The
// error is that our reader was closed.
func (r *reader) open(after eventlog.Position) (source pulsar.Reader, err error) {
	start := pulsar.EarliestMessageID()
	if !after.IsZero() {
		from := behind(after)
		start = pulsar.NewMessageID(from.Ledger, max(0, from.Entry-1), -1, int32(r.partition.Number)) //nolint:gosec // at most partitionsMax
	}
	err = r.log.patiently(r.ctx, func() error {
		source, err = r.log.client.CreateReader(pulsar.ReaderOptions{
			Topic: r.log.topic(r.partition), StartMessageID: start, StartMessageIDInclusive: true,
			ReceiverQueueSize: queueMessages, BackoffPolicyFunc: reconnects,
		})
		return err
	})
	return source, err
}

// pump hands over until the source or the reader ends, and says to where.
func (r *reader) pump(source pulsar.Reader, after eventlog.Position) eventlog.Position {
	for {
		message, err := source.Next(r.ctx)
		if err != nil {
			return after
		}
		select {
		case r.messages <- message:
			after = r.position(message)
		case <-r.ctx.Done():
			return after
		}
	}
}

func (r *reader) position(m pulsar.Message) eventlog.Position {
	return ends{incarnation: r.log.config.Incarnation}.position(messageID{Ledger: m.ID().LedgerID(), Entry: m.ID().EntryID()})
}

// Next gives the next run, as eventlog.Reader says. While Pulsar is away it waits.
func (r *reader) Next(ctx context.Context) (eventlog.Run, error) {
	run, err := r.next(ctx)
	if err != nil {
		return eventlog.Run{}, fmt.Errorf("read %s after %s: %w", r.partition, r.after, err)
	}
	r.after = run.To
	return run, nil
}

func (r *reader) next(ctx context.Context) (eventlog.Run, error) {
	run := eventlog.Run{Partition: r.partition, From: r.after, To: r.after}
	bytes := 0
	for len(run.Entries) < eventlog.RunEntriesMax {
		entry, err := r.take(ctx, run)
		switch {
		case entry == nil && len(run.Entries) > 0:
			return run, nil // an error is met again
		case err != nil:
			return run, err
		}
		bytes += len(entry.Body)
		if len(run.Entries) > 0 && bytes > eventlog.RunBytesMax {
			r.ahead = entry
			break
		}
		run.Entries, run.To = append(run.Entries, *entry), entry.At
	}
	return run, nil
}

// take gives the entry behind run. It waits for one when the run is empty; else it
// gives nil where there is none yet.
func (r *reader) take(ctx context.Context, run eventlog.Run) (*eventlog.Entry, error) {
	for {
		if r.ctx.Err() != nil {
			return nil, eventlog.ErrClosed
		}
		if r.ahead != nil {
			entry := r.ahead
			r.ahead = nil
			return entry, nil
		}
		if r.err != nil {
			return nil, r.err
		}
		message, err := r.message(ctx, len(run.Entries) == 0)
		if message == nil {
			return nil, err
		}
		at := r.position(message)
		if at.Compare(run.To) <= 0 {
			continue // the one that the reader was opened at, or sent again by the broker
		}
		if err := r.follows(run.To, at); err != nil {
			r.err = err
			return nil, err
		}
		entry, err := r.log.codec.Decode(message.Payload(), at)
		if err != nil {
			r.err = err
			return nil, err
		}
		return &entry, nil
	}
}

// message gives a message, or nil.
func (r *reader) message(ctx context.Context, waits bool) (pulsar.Message, error) { //nolint:revive // both ways share the closing
	if !waits {
		select {
		case m := <-r.messages:
			return m, nil
		default:
			return nil, nil
		}
	}
	select {
	case m := <-r.messages:
		return m, nil
	case err := <-r.failed:
		r.err = err
		return nil, err
	case <-r.ctx.Done():
		return nil, eventlog.ErrClosed
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// follows refuses an entry that cannot be shown to be the one behind at. Within a
// ledger the next number is; from one ledger to another the broker is asked.
func (r *reader) follows(at, next eventlog.Position) error {
	if next.Ledger == at.Ledger && next.Entry == at.Entry+1 {
		return nil
	}
	e, err := r.log.ends(r.ctx, r.partition)
	if err != nil {
		return err
	}
	if !e.follows(at, next) {
		return fmt.Errorf("%w: the next entry is at %s, and there was something before it", eventlog.ErrForgotten, next)
	}
	return nil
}
