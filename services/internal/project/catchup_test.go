package project_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/project"
)

// slowBounds is a log whose look-up takes a second, and counts them.
type slowBounds struct {
	eventlog.Log
	lookups atomic.Int64
	newest  atomic.Uint64
}

func (s *slowBounds) Bounds(context.Context, eventlog.Partition) (eventlog.Bounds, error) {
	s.lookups.Add(1)
	found := at(s.newest.Load())
	time.Sleep(time.Second) //nolint:forbidigo // in a bubble
	return eventlog.Bounds{Newest: found}, nil
}

// TestNewestIsShared: a hundred calls during one look-up share the next one, and
// none gets an answer from before its call.
func TestNewestIsShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := &slowBounds{}
		log.newest.Store(1)
		catchup := startCatchup(t, log, openMemory(t))
		var calls sync.WaitGroup
		calls.Go(func() {
			if newest, err := catchup.Newest(t.Context(), p(0)); err != nil || newest != at(1) {
				t.Errorf("first: %s, %v", newest, err)
			}
		})
		synctest.Wait() // its look-up is under way and has seen 1
		log.newest.Store(2)
		for range 100 {
			calls.Go(func() {
				if newest, err := catchup.Newest(t.Context(), p(0)); err != nil || newest != at(2) {
					t.Errorf("later: %s, %v; want what was appended before the call", newest, err)
				}
			})
		}
		calls.Wait()
		if n := log.lookups.Load(); n != 2 {
			t.Errorf("%d look-ups, want 2", n)
		}
		if _, err := catchup.Newest(t.Context(), p(9)); !errors.Is(err, eventlog.ErrPartitions) {
			t.Errorf("a partition that is not: %v", err)
		}
	})
}

func TestReached(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := openMemory(t)
		if err := db.store.Prepare(t.Context(), []eventlog.Partition{p(0)}); err != nil {
			t.Fatal(err)
		}
		catchup := startCatchup(t, nil, db)
		projection, list := project.New(db.store, db.write), entries("a1 a2")
		wait := func(to uint64) error {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			return catchup.Reached(ctx, p(0), at(to))
		}
		if err := wait(1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("nothing was applied: %v, want the end of patience", err)
		}
		advance(t, projection, cut(0, list, 0, 1))
		if err := wait(1); err != nil {
			t.Errorf("what is applied: %v", err)
		}
		began := time.Now()
		go func() {
			time.Sleep(10 * time.Second) //nolint:forbidigo // in a bubble
			advance(t, projection, cut(0, list, 1, 2))
		}()
		if err := wait(2); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took > 10*time.Second+2*project.CatchupInterval {
			t.Errorf("it was seen after %s", took)
		}
	})
}

// startCatchup runs a catchup until the test ends.
func startCatchup(t *testing.T, log eventlog.Log, db database[*project.MemoryTx]) *project.Catchup {
	t.Helper()
	catchup := project.NewCatchup(log, db.store.Places, []eventlog.Partition{p(0)})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = catchup.Part("catchup").Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return catchup
}
