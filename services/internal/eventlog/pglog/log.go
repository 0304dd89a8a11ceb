package pglog

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/postgres"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are the log's tables. Open applies them; tests may want them sooner.
func Migrations() fs.FS {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		panic(err) // the name is valid
	}
	return files
}

// Log is the log in Postgres. Make it with [Open] and run it with Run. It is safe
// for concurrent use.
type Log struct {
	pool        *pgxpool.Pool
	config      Config
	incarnation uint32
	// channel is where its writers notify its readers in other processes.
	channel string
	codec   *eventlog.Codec
	log     *zap.Logger
	metrics metrics

	queue queue
	// tails are by index of the partition.
	tails []*tail
	// committer is the process id of the server's side of the connection that
	// commits here: its notifications are news to nobody in this process.
	committer atomic.Uint32
	// trouble is why the database cannot be used; nil or the zero value: it can.
	trouble atomic.Pointer[error]
	// closed is closed when Run has ended.
	closed chan struct{}

	mu      sync.Mutex
	authors map[eventlog.Author]bool
}

var _ eventlog.Log = (*Log)(nil)

// Open opens the log in the pool's schema, and makes it if there is none. The pool
// is of postgres.Open with a schema that nobody else uses; it stays the caller's,
// and has to live until Run has returned. Beside the pool's connections the log
// takes two of its own while it runs. The caller runs the log; before that nothing
// is stored. Errors: what Config.Validate gives, ErrPartitions, what
// postgres.Migrate gives.
func Open(ctx context.Context, pool *pgxpool.Pool, config Config, deps Deps) (*Log, error) {
	if err := config.Validate(); err != nil {
		return nil, fmt.Errorf("check log configuration: %w", err)
	}
	if deps.Log == nil {
		deps.Log = zap.NewNop()
	}
	if _, err := postgres.Migrate(ctx, pool, Migrations()); err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	metrics, err := newMetrics(deps.Registerer)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	codec, err := eventlog.NewCodec()
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	l := &Log{
		pool: pool, config: config.withDefaults(), codec: codec, log: deps.Log, metrics: metrics,
		closed: make(chan struct{}), authors: map[eventlog.Author]bool{},
	}
	l.queue.init()
	share := l.config.TailBytesMax / int(1+config.Partitions)
	for range 1 + config.Partitions {
		l.tails = append(l.tails, newTail(share))
	}
	if err := l.found(ctx); err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	return l, nil
}

// found finds the log, or founds it.
func (l *Log) found(ctx context.Context) error {
	return postgres.ReadCommitted(ctx, l.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "INSERT INTO log (incarnation, partitions) VALUES ($1, $2) ON CONFLICT DO NOTHING",
			l.config.Incarnation, l.config.Partitions); err != nil {
			return fmt.Errorf("write what the log is: %w", err)
		}
		var partitions uint32
		row := tx.QueryRow(ctx, "SELECT incarnation, partitions, current_schema() FROM log FOR UPDATE")
		if err := row.Scan(&l.incarnation, &partitions, &l.channel); err != nil {
			return fmt.Errorf("read what the log is: %w", err)
		}
		if partitions != l.config.Partitions {
			return fmt.Errorf("%w: it has %d and %d are configured", eventlog.ErrPartitions, partitions, l.config.Partitions)
		}
		l.channel += ".entries"
		return l.foundSegments(ctx, tx)
	})
}

// Run stores what is appended and watches for what others store, until ctx is
// done: a part (package run). It returns nil then, and never earlier. When it has
// returned, readers and appenders are closed, and what was appended and is not
// known to be stored is of unknown outcome: whoever wants to know closes its
// appenders first. It is called once.
func (l *Log) Run(ctx context.Context) error {
	var group errgroup.Group
	group.Go(func() error { l.commitGroups(ctx); return nil })
	group.Go(func() error { l.watch(ctx); return nil })
	err := group.Wait()
	close(l.closed)
	l.queue.close(fmt.Errorf("%w: the log was stopped", eventlog.ErrUnknown))
	return err // the codec is left to the collector: a reader may be decoding
}

// Ready returns nil when the database could be used when it was used last, else
// why not. It is for readiness; appends and reads wait and go on by themselves.
func (l *Log) Ready() error {
	if err := l.trouble.Load(); err != nil {
		return *err
	}
	return nil
}

// setTrouble notes and logs when the database stops or begins to be usable.
func (l *Log) setTrouble(err error) {
	if err == nil {
		if before := l.trouble.Swap(nil); before != nil {
			l.log.Info("the log's database can be used again")
		}
		return
	}
	if before := l.trouble.Swap(&err); before == nil {
		l.log.Warn("the log's database cannot be used; trying until it can", zap.Error(err))
	}
}

// Bounds are the ends of a partition, as eventlog.Log says. While the database is
// away it waits, as long as ctx allows.
func (l *Log) Bounds(ctx context.Context, p eventlog.Partition) (eventlog.Bounds, error) {
	if err := p.Check(l.config.Partitions); err != nil {
		return eventlog.Bounds{}, fmt.Errorf("find bounds: %w", err)
	}
	ends, err := patiently(ctx, l, func() (ends, error) { return l.ends(ctx, l.pool, p) })
	if err != nil {
		return eventlog.Bounds{}, fmt.Errorf("find bounds of %s: %w", p, err)
	}
	return eventlog.Bounds{Oldest: l.position(ends.oldest), Newest: l.position(ends.newest)}, nil
}

// index is the partition in SQL: 0 is control, n+1 is events/n.
func index(p eventlog.Partition) int32 {
	if p.Stream == eventlog.Control {
		return 0
	}
	return int32(p.Number) + 1 //nolint:gosec // at most partitionsMax
}

// position is that of a number; the number 0 stands before everything.
func (l *Log) position(number uint64) eventlog.Position {
	if number == 0 {
		return eventlog.Position{}
	}
	return eventlog.Position{Incarnation: l.incarnation, Entry: number}
}

// number is that of a position behind which reading can begin, given the ends of
// the partition.
func (l *Log) number(after eventlog.Position, e ends) (uint64, error) {
	switch {
	case after.Compare(l.position(e.newest)) > 0:
		return 0, fmt.Errorf("%w: at %s", eventlog.ErrAhead, l.position(e.newest))
	case after.Before(l.position(e.oldest)), !after.IsZero() && after.Incarnation != l.incarnation:
		return 0, fmt.Errorf("%w: it begins behind %s", eventlog.ErrForgotten, l.position(e.oldest))
	}
	return after.Entry, nil
}

// isClosed says whether Run has ended.
func (l *Log) isClosed() bool {
	select {
	case <-l.closed:
		return true
	default:
		return false
	}
}

// patiently calls a query of one statement until the database can be reached, ctx
// is done or the log is closed.
func patiently[T any](ctx context.Context, l *Log, query func() (T, error)) (T, error) {
	for wait := retryWaitMin; ; wait = min(2*wait, retryWaitMax) {
		result, err := query()
		if err == nil || ctx.Err() != nil || !postgres.Unavailable(err) {
			return result, err
		}
		if err := sleep(ctx, l.closed, wait); err != nil {
			return result, err
		}
	}
}

var errLogClosed = fmt.Errorf("log: %w", eventlog.ErrClosed)
