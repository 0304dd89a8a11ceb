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

// TestIdleLock: a holder that stands still loses the lock, and one that asks keeps it. A
// connection that was given back to the pool is bounded no more.
func TestIdleLock(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t, store.Migrations())
	s := store.New(pool, t.Name())
	lock, err := s.TryLock(t.Context())
	if err != nil || lock == nil {
		t.Fatalf("TryLock = %v, %v", lock, err)
	}
	if got, want := lock.IdleTimeout(t), "15s"; got != want {
		t.Errorf("the holder's session ends after %s without a word, want %s", got, want)
	}
	lock.EndWhenIdle(t, 100*time.Millisecond)
	other := store.New(pool, t.Name())
	late := time.After(30 * time.Second)
	for {
		taken, err := other.TryLock(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if taken != nil {
			taken.Release(time.Second)
			break
		}
		select {
		case <-late:
			t.Fatal("a holder that stands still keeps the lock")
		case <-time.After(10 * time.Millisecond):
		}
	}
	if err := lock.Check(t.Context()); err == nil {
		t.Error("the holder believes that it has the lock")
	}
	lock.Release(time.Second)
	var timeout string
	if err := pool.QueryRow(t.Context(), "SELECT current_setting('idle_session_timeout')").Scan(&timeout); err != nil || timeout != "0" {
		t.Errorf("a connection of the pool ends after %s without a word, %v; want never", timeout, err)
	}
}
