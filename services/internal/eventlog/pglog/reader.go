package pglog

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/postgres"
)

// reader reads one partition: from the tail that the process shares, and from the
// database what that does not hold.
type reader struct {
	log       *Log
	partition eventlog.Partition
	tail      *tail
	once      sync.Once
	closed    chan struct{}

	// after is where the next run begins, and number the same as a number.
	after  eventlog.Position
	number uint64
	// checked says that the log has what follows.
	checked bool
	// fetched is what was read from the database and not handed out: frames are
	// smaller than what they hold, so one query is good for several runs.
	fetched []storedFrame
}

// storedFrame is an entry as its table holds it.
type storedFrame struct {
	Number uint64
	Frame  []byte
}

// Read opens a reader, as eventlog.Log says. It asks the database nothing yet, so
// whether the log has the position shows at the first Next.
func (l *Log) Read(_ context.Context, p eventlog.Partition, after eventlog.Position) (eventlog.Reader, error) {
	if err := p.Check(l.config.Partitions); err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	if l.isClosed() {
		return nil, fmt.Errorf("read %s: %w", p, eventlog.ErrClosed)
	}
	return &reader{log: l, partition: p, tail: l.tails[index(p)], after: after, closed: make(chan struct{})}, nil
}

func (r *reader) Close() { r.once.Do(func() { close(r.closed) }) }

// Next gives the next run, as eventlog.Reader says. While the database is away it
// waits.
func (r *reader) Next(ctx context.Context) (eventlog.Run, error) {
	run, err := r.next(ctx)
	if err != nil {
		return eventlog.Run{}, fmt.Errorf("read %s after %s: %w", r.partition, r.after, err)
	}
	r.after, r.number = run.To, run.To.Entry
	return run, nil
}

func (r *reader) next(ctx context.Context) (eventlog.Run, error) {
	wait := retryWaitMin
	for {
		if err := r.ended(); err != nil {
			return eventlog.Run{}, err
		}
		entries, changed, err := r.look(ctx)
		switch {
		case len(entries) > 0:
			return eventlog.Run{Partition: r.partition, From: r.after, Entries: entries, To: entries[len(entries)-1].At}, nil
		case err == nil:
			if err := r.await(ctx, changed); err != nil {
				return eventlog.Run{}, err
			}
		case ctx.Err() != nil:
			return eventlog.Run{}, context.Cause(ctx)
		case !postgres.Unavailable(err):
			return eventlog.Run{}, err
		default:
			_ = sleep(ctx, r.closed, wait) // why it ended is found at the top
			wait = min(2*wait, retryWaitMax)
		}
	}
}

// ended says whether the reader or its log was closed.
func (r *reader) ended() error {
	select {
	case <-r.closed:
		return eventlog.ErrClosed
	case <-r.log.closed:
		return eventlog.ErrClosed
	default:
		return nil
	}
}

// await waits for the partition to grow.
func (r *reader) await(ctx context.Context, changed <-chan struct{}) error {
	select {
	case <-changed:
		return nil
	case <-r.closed:
		return eventlog.ErrClosed
	case <-r.log.closed:
		return eventlog.ErrClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// look gives what follows, or what will be closed when there is something.
func (r *reader) look(ctx context.Context) ([]eventlog.Entry, <-chan struct{}, error) {
	if !r.checked {
		if err := r.check(ctx); err != nil {
			return nil, nil, err
		}
	}
	s := r.tail.after(r.number)
	if len(s.entries) > 0 || s.newest <= r.number {
		return s.entries, s.changed, nil
	}
	if s.newest-r.number > eventlog.RunEntriesMax { // far behind, where nobody else is
		entries, err := r.fetch(ctx)
		return entries, nil, err
	}
	select {
	case r.tail.fetching <- struct{}{}:
		defer func() { <-r.tail.fetching }()
	case <-r.closed:
		return nil, nil, eventlog.ErrClosed
	case <-ctx.Done():
		return nil, nil, context.Cause(ctx)
	}
	if s := r.tail.after(r.number); len(s.entries) > 0 {
		return s.entries, nil, nil
	}
	entries, err := r.fetch(ctx)
	if len(entries) > 0 {
		r.tail.publish(r.number, entries)
	}
	return entries, nil, err
}

// check asks once whether the log has what follows the position.
func (r *reader) check(ctx context.Context) error {
	ends, err := r.log.ends(ctx, r.log.pool, r.partition)
	if err != nil {
		return err
	}
	number, err := r.log.number(r.after, ends)
	if err != nil {
		return err
	}
	r.number, r.checked = number, true
	r.tail.saw(ends.newest)
	return nil
}

// fetch reads one run from the database, where there is something.
func (r *reader) fetch(ctx context.Context) ([]eventlog.Entry, error) {
	if len(r.fetched) == 0 || r.fetched[0].Number != r.number+1 {
		if err := r.query(ctx); err != nil {
			return nil, err
		}
	}
	return r.decode()
}

// query fills fetched.
func (r *reader) query(ctx context.Context) error {
	for {
		segment, err := r.log.segmentAfter(ctx, r.partition, r.number)
		if err != nil {
			return err
		}
		rows, err := r.log.pool.Query(ctx, readEntries(segment), index(r.partition), r.number, eventlog.RunEntriesMax, eventlog.RunBytesMax)
		if err == nil {
			r.fetched, err = pgx.CollectRows(rows, pgx.RowToStructByPos[storedFrame])
		}
		var said *pgconn.PgError
		switch {
		case errors.As(err, &said) && said.Code == undefinedTable:
			continue // dropped in between: the next look at the segments says so
		case err != nil:
			return fmt.Errorf("query entries: %w", err)
		case len(r.fetched) == 0:
			return fmt.Errorf("%w: entry %d is missing", errTables, r.number+1)
		}
		return nil
	}
}

// undefinedTable is the SQLSTATE of a table that is not there.
const undefinedTable = "42P01"

// decode makes a run of what was fetched, and leaves what is too much for it to the
// next. What this program cannot decode ends the run, and is its error where it is
// the first.
func (r *reader) decode() (entries []eventlog.Entry, err error) {
	bytes := 0
	for _, stored := range r.fetched {
		if want := r.number + uint64(len(entries)) + 1; stored.Number != want {
			return nil, fmt.Errorf("%w: entry %d follows where %d should", errTables, stored.Number, want)
		}
		entry, failed := r.log.codec.Decode(stored.Frame, r.log.position(stored.Number))
		bytes += len(entry.Body)
		if failed != nil || len(entries) > 0 && bytes > eventlog.RunBytesMax {
			err = failed
			break
		}
		entries = append(entries, entry)
	}
	if len(entries) == 0 {
		return nil, err
	}
	r.fetched = r.fetched[len(entries):]
	return entries, nil // an error is met again where the next run begins
}

// queryer is a pool, a connection or a transaction.
type queryer interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}
