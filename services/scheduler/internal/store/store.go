// Package store is what the scheduler keeps in Postgres: the leader's epoch and the
// lock that says who may take one; the newest snapshot of the state, and the entries in
// which its jobs were submitted.
//
// # Model
//
// A snapshot is a row for each partition of the log, with the position and the gate up to
// which it is true, and a blob. All rows are of one state and move in one transaction,
// never back. The entries of its jobs are rows of their own, so that a snapshot of a
// million jobs does not carry their pod specs each time: a new snapshot adds those that
// came since the one before and drops those whose last job settled.
//
// # Guarantees
//
//   - The rows of entries are those that have jobs in the stored snapshot, no other.
//   - Who writes does not matter: any replica that read at least as far replaces what
//     another wrote.
//   - An epoch is taken once: the row moves by compare-and-set, in one statement.
//   - A process that holds the lock and stands still loses it within LockIdleMax.
//   - At most one process holds the lock. That a process believes to hold it proves
//     nothing later: the log's own order does (package eventlog, Gate). The lock only
//     keeps two from deposing each other in turn.
//
// When Postgres is away nobody new can lead, and a leader that cannot check its
// lock within the time it is given steps down.
package store

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fairlead-batch/fairlead/services/internal/postgres"
)

//go:embed migrations/*.sql
var files embed.FS

// Migrations are the files of the scheduler's schema.
func Migrations() fs.FS {
	sub, err := fs.Sub(files, "migrations")
	if err != nil {
		panic(err) // unreachable: the folder is embedded above
	}
	return sub
}

// ErrNotHeld says that the lock is not held, or cannot be checked.
var ErrNotHeld = errors.New("the leader lock is not held")

// Store is the scheduler's schema in Postgres. It is safe for concurrent use.
type Store struct {
	pool  *pgxpool.Pool
	key   int64
	codec codec
}

// New makes a store on a pool whose schema is migrated. The caller keeps the pool.
func New(pool *pgxpool.Pool, schema string) *Store {
	return &Store{pool: pool, key: postgres.LockKey(schema, "leader"), codec: newCodec()}
}

const takeEpoch = `-- name: TakeEpoch
UPDATE leader SET epoch = greatest(epoch, $1) + 1 RETURNING epoch`

// TakeEpoch takes an epoch above every one taken before and above this.
func (s *Store) TakeEpoch(ctx context.Context, above uint64) (uint64, error) {
	var epoch int64
	if err := s.pool.QueryRow(ctx, takeEpoch, int64(above)).Scan(&epoch); err != nil { //nolint:gosec // counts leaderships
		return 0, fmt.Errorf("take epoch above %d: %w", above, err)
	}
	return uint64(epoch), nil //nolint:gosec // the column is not negative
}

// LockIdleMax is how long the holder of the lock may not ask for it before the server
// ends its session, and with it the lock: a process that stands still, or a machine that
// is gone without a word, would hold it for as long as TCP hopes, which is hours.
const LockIdleMax = 15 * time.Second

// Lock is a held leader lock. One goroutine. Whoever holds it checks it more often than
// every LockIdleMax.
type Lock struct {
	conn *pgxpool.Conn
	key  int64
}

const (
	tryLock  = `-- name: TryLeaderLock` + "\nSELECT pg_try_advisory_lock($1)"
	holdLock = `-- name: CheckLeaderLock` + "\nSELECT true"
	unlock   = `-- name: ReleaseLeaderLock` + "\nSELECT pg_advisory_unlock($1)"
	setIdle  = `-- name: BoundLeaderSession` + "\nSELECT set_config('idle_session_timeout', $1, false)"
)

// TryLock takes the leader lock if nobody holds it; nil when somebody does. The
// lock lives as long as its connection: the caller releases it.
func (s *Store) TryLock(ctx context.Context) (*Lock, error) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("take leader lock: %w", err)
	}
	var got bool
	if err := conn.QueryRow(ctx, tryLock, s.key).Scan(&got); err != nil {
		conn.Release()
		return nil, fmt.Errorf("take leader lock: %w", err)
	}
	if !got {
		conn.Release()
		return nil, nil
	}
	lock := &Lock{conn: conn, key: s.key}
	if err := lock.endWhenIdle(ctx, LockIdleMax); err != nil {
		lock.Release(time.Second) //nolint:contextcheck // ctx may be why it failed
		return nil, fmt.Errorf("take leader lock: %w", err)
	}
	return lock, nil
}

// endWhenIdle sets after how long the server ends the session; 0: never.
func (l *Lock) endWhenIdle(ctx context.Context, after time.Duration) error {
	_, err := l.conn.Exec(ctx, setIdle, strconv.FormatInt(after.Milliseconds(), 10))
	return err
}

// Check says whether the lock was still held when it was called. An error wraps
// ErrNotHeld.
func (l *Lock) Check(ctx context.Context) error {
	var held bool
	if err := l.conn.QueryRow(ctx, holdLock).Scan(&held); err != nil {
		return fmt.Errorf("%w: %w", ErrNotHeld, err)
	}
	return nil
}

// Release gives the lock up, within a time. The connection is closed where the
// server cannot be asked, which ends the lock too.
func (l *Lock) Release(within time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	var done bool
	err := l.conn.QueryRow(ctx, unlock, l.key).Scan(&done)
	if err == nil {
		err = l.endWhenIdle(ctx, 0) // as the pool's others
	}
	if err != nil {
		_ = l.conn.Conn().Close(ctx) // the lock ends with the session
	}
	l.conn.Release()
}
