package project_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog/memlog"
	"github.com/fairlead-batch/fairlead/services/internal/project"
)

// These tests run in a synctest bubble: time passes when everybody waits, and
// synctest.Wait comes back when the loop has nothing left to do at this moment.

// world is a log, a database in memory, and the loops that were started.
type world struct {
	t      *testing.T
	broker *memlog.Broker
	log    *memlog.Log
	writer eventlog.Appender
	db     database[*project.MemoryTx]
}

func newWorld(t *testing.T) *world {
	t.Helper()
	broker, err := memlog.NewBroker(memlog.Config{Partitions: 2, Retention: time.Millisecond}, memlog.SettleFirst, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	log, err := broker.Open(2)
	if err != nil {
		t.Fatal(err)
	}
	writer, err := log.Appender(eventlog.Author{1})
	if err != nil {
		t.Fatal(err)
	}
	return &world{t: t, broker: broker, log: log, writer: writer, db: openMemory(t)}
}

func (w *world) append(number uint32, bodies ...[]byte) {
	w.t.Helper()
	for _, body := range bodies {
		if err := eventlog.Append(w.t.Context(), w.writer, eventlog.Draft{Partition: p(number), Kind: eventlog.Facts, Body: body}); err != nil {
			w.t.Fatal(err)
		}
	}
}

// replica is a loop that runs.
type replica struct {
	loop *project.Loop
	stop func()
}

func (w *world) start(holder string, advancer project.Advancer, change func(*project.Deps)) replica {
	w.t.Helper()
	deps := project.Deps{
		Name: "test", Holder: holder, Partitions: []eventlog.Partition{p(0), p(1)}, Source: w.log, Keeper: w.db.store,
		Now: time.Now, Log: zap.NewNop(), Registerer: prometheus.NewRegistry(),
	}
	if change != nil {
		change(&deps)
	}
	loop, err := project.NewLoop(advancer, deps)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan error, 1)
	go func() { done <- loop.Part().Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("loop of %s: %v", holder, err)
		}
	})
	w.t.Cleanup(stop)
	return replica{loop: loop, stop: stop}
}

func (w *world) projection() *project.Projection[*project.MemoryTx] {
	return project.New(w.db.store, w.db.write)
}

// want waits until the loops are idle and compares the names of the rows.
func (w *world) want(names ...string) {
	w.t.Helper()
	pass(2 * project.GatherInterval)
	var got []string
	for _, row := range w.db.rows(w.t) {
		_, name, _ := strings.Cut(row, ":")
		got = append(got, name)
	}
	if diff := cmp.Diff(sorted(names), sorted(got), cmpopts.EquateEmpty()); diff != "" {
		w.t.Errorf("rows (-want +got):\n%s", diff)
	}
}

func TestLoopFollowsTheLog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.append(0, fact("before"))
		first := w.start("a", w.projection(), nil)
		w.want("before")
		w.append(1, fact("other"), []byte("poison"), fact("behind"))
		w.want("before", "other", "behind")
		first.stop()
		w.append(0, fact("while down"))
		w.start("b", w.projection(), nil)
		w.want("before", "other", "behind", "while down")
	})
}

// TestLoopGathers: under a steady flow there is a transaction each interval, and
// after quiet there is no wait.
func TestLoopGathers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		counting := &faulty{Advancer: w.projection()}
		w.start("a", counting, nil)
		pass(time.Second)
		w.append(0, fact("first"))
		synctest.Wait()
		if calls := counting.count(); calls != 1 {
			t.Errorf("%d transactions at once after quiet, want 1", calls)
		}
		const flow = time.Second
		for range flow / time.Millisecond {
			w.append(0, fact("x"))
			pass(time.Millisecond)
		}
		if calls, most := counting.count(), 2+int(flow/project.GatherInterval); calls > most {
			t.Errorf("%d transactions in %s, want at most %d", calls, flow, most)
		}
	})
}

func TestLoopLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		a, b := &faulty{Advancer: w.projection()}, &faulty{Advancer: w.projection()}
		first := w.start("a", a, nil)
		synctest.Wait()
		w.start("b", b, nil)
		w.append(0, fact("1"))
		w.want("1")
		pass(3 * project.LeaseTime)
		w.append(0, fact("2"))
		w.want("1", "2")
		if b.count() > 0 {
			t.Error("b moved rows while a renewed its lease")
		}
		first.stop()
		pass(project.LeaseTime)
		w.append(0, fact("3"))
		w.want("1", "2", "3")
		if b.count() == 0 {
			t.Error("b did not take over")
		}
	})
}

// TestLoopReopensOnGap: the database crashed and lost its newest commit.
func TestLoopReopensOnGap(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		losing := &faulty{Advancer: w.projection()}
		w.start("a", losing, nil)
		w.append(0, fact("1"))
		w.want("1")
		losing.loseNext()
		w.append(0, fact("2"))
		w.want("1") // "committed", and lost
		w.append(0, fact("3"))
		w.want("1", "2", "3")
	})
}

func TestLoopTriesAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		away := &faulty{Advancer: w.projection()}
		replica := w.start("a", away, nil)
		synctest.Wait()
		away.fail(errors.New("the database is away"))
		w.append(0, fact("1"))
		w.want()
		pass(5 * time.Minute)
		if err := replica.loop.Ready(); err == nil || !strings.Contains(err.Error(), "away") {
			t.Errorf("ready: %v, want what is wrong", err)
		}
		if calls := away.count(); calls < 30 || calls > 60 {
			t.Errorf("%d attempts in 5 minutes, want waits of at most %s", calls, project.RetryMax)
		}
		away.fail(nil)
		pass(project.RetryMax)
		w.want("1")
		if err := replica.loop.Ready(); err != nil {
			t.Errorf("ready: %v", err)
		}
	})
}

func TestLoopStopsOnePartition(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		trouble func(w *world)
		want    error
	}{
		"a newer body":  {func(w *world) { w.append(0, []byte{0x08, 99}) }, eventlog.ErrNewer},
		"a newer frame": {func(w *world) { must(w.t, w.broker.Put(p(0), []byte{200})) }, eventlog.ErrNewer},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				replica := w.start("a", w.projection(), nil)
				w.append(0, fact("1"))
				test.trouble(w)
				w.append(0, fact("behind"))
				w.append(1, fact("2"))
				w.want("1", "2")
				w.append(1, fact("3"))
				w.want("1", "2", "3")
				if err := replica.loop.Ready(); !errors.Is(err, test.want) {
					t.Errorf("ready: %v, want %v", err, test.want)
				}
			})
		})
	}
}

// TestLoopForgotten: nobody held the log while the projection was away.
func TestLoopForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		first := w.start("a", w.projection(), nil)
		w.append(0, fact("1"))
		w.want("1")
		first.stop()
		must(t, w.log.Release(t.Context(), "test"))
		w.append(0, fact("2"))
		pass(2 * time.Minute)
		w.append(0, fact("3"))
		w.broker.Trim()
		replica := w.start("a", w.projection(), nil)
		w.append(1, fact("4"))
		w.want("1", "4")
		if err := replica.loop.Ready(); !errors.Is(err, eventlog.ErrForgotten) {
			t.Errorf("ready: %v, want ErrForgotten", err)
		}
	})
}

// TestLoopHolds: the hold follows what is committed, and only as far as a renewal
// of the lease has put it on disk.
func TestLoopHolds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.start("a", w.projection(), nil)
		pass(project.LeaseTime/3 + time.Second) // the first renewal is over, the next a second away
		w.append(0, fact("1"), fact("2"))
		w.want("1", "2")
		w.broker.Trim()
		if kept := w.kept(); kept != 2 {
			t.Errorf("the log keeps %d entries after the commit, want 2: the commit may be lost", kept)
		}
		pass(project.LeaseTime / 3)
		w.broker.Trim()
		if kept := w.kept(); kept != 0 {
			t.Errorf("the log keeps %d entries after a renewal, want 0", kept)
		}
	})
}

// kept is how many entries the log has.
func (w *world) kept() uint64 {
	w.t.Helper()
	bounds, err := w.log.Bounds(w.t.Context(), p(0))
	if err != nil {
		w.t.Fatal(err)
	}
	return bounds.Newest.Entry - bounds.Oldest.Entry
}

// pass lets time pass and the loops come to rest.
func pass(d time.Duration) {
	time.Sleep(d) //nolint:forbidigo // in a bubble
	synctest.Wait()
}

// faulty stands between a loop and its projection.
type faulty struct {
	project.Advancer
	mu    sync.Mutex
	calls int
	err   error
	lose  bool
}

func (f *faulty) Advance(ctx context.Context, now time.Time, runs []eventlog.Run) ([]project.Advanced, error) {
	f.mu.Lock()
	f.calls++
	err, lose := f.err, f.lose
	f.lose = false
	f.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if lose {
		var done []project.Advanced
		for _, run := range runs {
			done = append(done, project.Advanced{Place: project.Place{Partition: run.Partition, At: run.To}, Applied: len(run.Entries)})
		}
		return done, nil
	}
	return f.Advancer.Advance(ctx, now, runs)
}

func (f *faulty) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls
}

func (f *faulty) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

func (f *faulty) loseNext() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lose = true
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestFollow: a consumer in memory gets what counts, through troubles of the log,
// and hears why it ends.
func TestFollow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		flaky := &flakyLog{Log: w.log, refuse: 3}
		w.append(0, fact("1"), []byte("poison"), fact("2"), []byte{0x08, 99}, fact("behind"))
		var got []string
		var parked int
		err := project.Follow(t.Context(), flaky, project.Place{Partition: p(0)}, zap.NewNop(), func(run project.Judged) error {
			got = append(got, lines([]project.Judged{run})...)
			parked += len(run.Parked)
			return nil
		})
		if !errors.Is(err, eventlog.ErrNewer) {
			t.Errorf("it ended with %v, want ErrNewer", err)
		}
		if want := []string{"0@1:1", "0@3:2"}; !slices.Equal(got, want) || parked != 1 {
			t.Errorf("got %v and %d parked, want %v and 1", got, parked, want)
		}
		enough := errors.New("enough")
		if err := project.Follow(t.Context(), flaky, project.Place{Partition: p(0)}, zap.NewNop(), func(project.Judged) error { return enough }); !errors.Is(err, enough) {
			t.Errorf("it ended with %v, want the error of take", err)
		}
	})
}

// flakyLog refuses to open readers for a while.
type flakyLog struct {
	eventlog.Log
	refuse int
}

func (f *flakyLog) Read(ctx context.Context, p eventlog.Partition, after eventlog.Position) (eventlog.Reader, error) {
	if f.refuse > 0 {
		f.refuse--
		return nil, fmt.Errorf("connection refused")
	}
	return f.Log.Read(ctx, p, after)
}
