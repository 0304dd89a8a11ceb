package postgres_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fairlead-batch/fairlead/services/internal/postgres"
	"github.com/fairlead-batch/fairlead/services/internal/postgres/pgtest"
)

func TestUnderLockIsOneAtATime(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t, nil)
	var inside, most atomic.Int32
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			err := postgres.UnderLock(t.Context(), pool, "job", func(ctx context.Context, conn *pgx.Conn) error {
				most.Store(max(most.Load(), inside.Add(1)))
				defer inside.Add(-1)
				_, err := conn.Exec(ctx, "SELECT pg_sleep(0.05)")
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if most.Load() != 1 {
		t.Errorf("%d were under the lock at once", most.Load())
	}
}

func TestUnderLockWaitsAsLongAsItsContext(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t, nil)
	err := postgres.UnderLock(t.Context(), pool, "job", func(ctx context.Context, _ *pgx.Conn) error {
		ctx, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
		defer cancel()
		return postgres.UnderLock(ctx, pool, "job", func(context.Context, *pgx.Conn) error {
			t.Error("two are under the lock")
			return nil
		})
	})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("UnderLock() = %v, want the end of its context", err)
	}
}

func TestLocksOfOtherNamesAndSchemasAreOthers(t *testing.T) {
	t.Parallel()
	pool, other := pgtest.Schema(t, nil), pgtest.Schema(t, nil)
	nothing := func(context.Context, *pgx.Conn) error { return nil }
	err := postgres.UnderLock(t.Context(), pool, "job", func(ctx context.Context, _ *pgx.Conn) error {
		return errors.Join(postgres.UnderLock(ctx, pool, "other", nothing), postgres.UnderLock(ctx, other, "job", nothing))
	})
	if err != nil {
		t.Error(err)
	}
}

func TestUnderLockReturnsTheErrorAndFreesTheLock(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t, nil)
	errOurs := errors.New("ours")
	for range 2 {
		err := postgres.UnderLock(t.Context(), pool, "job", func(context.Context, *pgx.Conn) error { return errOurs })
		if !errors.Is(err, errOurs) {
			t.Errorf("UnderLock() = %v, want ours", err)
		}
	}
}

func TestLockKeyIsStable(t *testing.T) {
	t.Parallel()
	// Replicas of two releases must mean the same lock.
	if got, want := postgres.LockKey("submit", "migrations"), int64(-3913411100573858394); got != want {
		t.Errorf("LockKey() = %d, want %d", got, want)
	}
	if postgres.LockKey("a", "bc") == postgres.LockKey("ab", "c") {
		t.Error("LockKey() does not separate schema and name")
	}
}
