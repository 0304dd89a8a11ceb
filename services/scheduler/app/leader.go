package app

import (
	"context"
	"fmt"
	"io/fs"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fairlead-batch/fairlead/services/internal/postgres"
	"github.com/fairlead-batch/fairlead/services/scheduler/internal/store"
)

// The waits around the leader lock.
const (
	// lockEvery is how often a follower tries to take it: the most that a takeover
	// waits for after the leader's session ended.
	lockEvery = 250 * time.Millisecond
	// lockCheckWithin is how long a check may take before the lock counts as lost.
	lockCheckWithin = 5 * time.Second
	// lockTouchEvery is how often a holder shows that it lives. The server ends the session
	// of one that does not within store.LockIdleMax, several times as long.
	lockTouchEvery = 3 * time.Second
	// lockReleaseWithin is how long giving it up may take.
	lockReleaseWithin = time.Second
)

// PostgresLeader decides by an advisory lock in the scheduler's database.
type PostgresLeader struct {
	store *store.Store
}

// NewPostgresLeader makes it on a pool whose schema is migrated with [Migrations].
func NewPostgresLeader(pool *pgxpool.Pool, schema string) *PostgresLeader {
	return &PostgresLeader{store: store.New(pool, schema)}
}

// TakeEpoch implements [Leader].
func (l *PostgresLeader) TakeEpoch(ctx context.Context, above uint64) (uint64, error) {
	return l.store.TakeEpoch(ctx, above)
}

// Lock implements [Leader]. While the database is away it waits for it too: a follower
// keeps what it has read, and nobody leads without the database.
func (l *PostgresLeader) Lock(ctx context.Context) (Lock, error) {
	tick := time.NewTicker(lockEvery)
	defer tick.Stop()
	for {
		lock, err := l.store.TryLock(ctx)
		if err != nil && !postgres.Unavailable(err) {
			return nil, err
		}
		if lock != nil {
			return heldLock{lock}, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for the leader lock: %w", context.Cause(ctx))
		case <-tick.C:
		}
	}
}

type heldLock struct{ lock *store.Lock }

func (l heldLock) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lockCheckWithin)
	defer cancel()
	return l.lock.Check(ctx)
}

func (l heldLock) Release() { l.lock.Release(lockReleaseWithin) }

// Migrations are the files of the scheduler's schema.
func Migrations() fs.FS { return store.Migrations() }
