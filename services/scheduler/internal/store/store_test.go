package store_test

import (
	"sync"
	"testing"
	"time"

	"github.com/fairlead-batch/fairlead/services/internal/postgres"
	"github.com/fairlead-batch/fairlead/services/internal/postgres/pgtest"
	"github.com/fairlead-batch/fairlead/services/scheduler/internal/store"
)

// TestTakeEpoch: whoever takes an epoch at the same time gets another one, above
// what the log showed.
func TestTakeEpoch(t *testing.T) {
	t.Parallel()
	s := store.New(pgtest.Schema(t, store.Migrations()), t.Name())
	var mu sync.Mutex
	taken := map[uint64]bool{}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			epoch, err := s.TakeEpoch(t.Context(), 40)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			if taken[epoch] || epoch <= 40 {
				t.Errorf("took epoch %d after %v", epoch, taken)
			}
			taken[epoch] = true
		})
	}
	group.Wait()
}

// TestLock: one holds it, the other waits for its turn, and a lock whose session
// was cut is not held.
func TestLock(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t, store.Migrations())
	s := store.New(pool, t.Name())
	first, err := s.TryLock(t.Context())
	if err != nil || first == nil {
		t.Fatalf("TryLock = %v, %v", first, err)
	}
	if second, err := s.TryLock(t.Context()); err != nil || second != nil {
		t.Fatalf("a second TryLock = %v, %v; want nil", second, err)
	}
	if err := first.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	first.Release(time.Second)
	third, err := s.TryLock(t.Context())
	if err != nil || third == nil {
		t.Fatalf("TryLock after Release = %v, %v", third, err)
	}
	// The server is shared with other tests, which have locks of their own.
	const cut = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND (classid::bigint << 32 | objid::bigint) = $1"
	var done bool
	if err := pool.QueryRow(t.Context(), cut, postgres.LockKey(t.Name(), "leader")).Scan(&done); err != nil || !done {
		t.Fatalf("cut the session: %t, %v", done, err)
	}
	if err := third.Check(t.Context()); err == nil {
		t.Error("a lock whose session was cut is held")
	}
	third.Release(time.Second)
}
