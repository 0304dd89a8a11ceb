package events_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/fairlead-batch/fairlead/services/eventapi/internal/events"
	"github.com/fairlead-batch/fairlead/services/eventapi/internal/stream"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog/memlog"
	"github.com/fairlead-batch/fairlead/services/internal/eventwire"
	"github.com/fairlead-batch/fairlead/services/internal/fault"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/internal/project"
)

var (
	part = eventlog.Partition{Stream: eventlog.Events}
	set  = stream.Set{Queue: "q", JobSet: "s"}
)

// world is a log of one partition whose readers can be broken, and a live tail.
type world struct {
	eventlog.Log
	t      *testing.T
	writer eventlog.Appender
	live   *events.Live

	mu sync.Mutex
	// broken is what every reader says.
	broken error
	// place is what Load gives, and away its error.
	place project.Place
	away  error
}

func newWorld(t *testing.T) *world {
	t.Helper()
	broker, err := memlog.NewBroker(memlog.Config{Partitions: 1}, memlog.SettleFirst, time.Now)
	must(t, err)
	t.Cleanup(broker.Close)
	log, err := broker.Open(1)
	must(t, err)
	writer, err := log.Appender(eventlog.Author{1})
	must(t, err)
	w := &world{Log: log, t: t, writer: writer, place: project.Place{Partition: part}}
	w.live = events.NewLive(events.LiveDeps{Source: w, Partitions: 1, Load: w.load, BufferBytes: 1 << 20, Log: zap.NewNop()})
	return w
}

func (w *world) start() {
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = w.live.Part().Run(ctx)
	}()
	w.t.Cleanup(func() {
		cancel()
		<-done
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) set(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}

// load is what the rows hold: a place, and no unfinished job.
func (w *world) load(_ context.Context, begin func() func(uint32, job.ID, []byte)) ([]project.Place, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.away != nil {
		return nil, w.away
	}
	begin()
	return []project.Place{w.place}, nil
}

// Read gives a reader that says what is broken instead of the next run.
func (w *world) Read(ctx context.Context, p eventlog.Partition, after eventlog.Position) (eventlog.Reader, error) {
	r, err := w.Log.Read(ctx, p, after)
	return &breaking{Reader: r, world: w}, err
}

type breaking struct {
	eventlog.Reader
	world *world
}

func (b *breaking) Next(ctx context.Context) (eventlog.Run, error) {
	run, err := b.Reader.Next(ctx)
	b.world.mu.Lock()
	defer b.world.mu.Unlock()
	if b.world.broken != nil {
		return eventlog.Run{}, b.world.broken
	}
	return run, err
}

func (w *world) submit(n byte) {
	w.t.Helper()
	body, err := eventwire.Encode(eventwire.Body{Batches: []job.Batch{{Queue: set.Queue, JobSet: set.JobSet, Events: []job.Event{
		job.SubmittedEvent{Head: job.Head{Job: job.ID{n}, Time: 1}, Spec: &job.PodSpec{}, Shape: &job.Shape{}},
	}}}})
	must(w.t, err)
	must(w.t, eventlog.Append(w.t.Context(), w.writer, eventlog.Draft{Partition: part, Kind: eventlog.Facts, Body: body}))
}

// TestLoadsAgain: the log has forgotten what comes next. The partition is loaded
// from the rows, its watchers are behind, and new ones watch from there.
func TestLoadsAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.start()
		w.submit(1)
		synctest.Wait()
		watcher, _, err := w.live.Watch(t.Context(), set)
		must(t, err)
		defer watcher.Close()
		w.set(func() {
			w.broken = fmt.Errorf("a test: %w", eventlog.ErrForgotten)
			w.place.At = eventlog.Position{Incarnation: 1, Entry: 2}
		})
		w.submit(2)
		synctest.Wait()
		if _, err := watcher.Next(t.Context()); !errors.Is(err, stream.ErrBehind) {
			t.Errorf("the watcher: %v, want ErrBehind", err)
		}
		w.set(func() { w.broken = nil })
		time.Sleep(2 * project.RetryMax) //nolint:forbidigo // in a bubble
		again, at, err := w.live.Watch(t.Context(), set)
		must(t, err)
		defer again.Close()
		if at.Entry != 2 {
			t.Errorf("it watches from %s, want where the rows are", at)
		}
		w.submit(3)
		told, err := again.Next(t.Context())
		if err != nil || len(told) != 1 || told[0].At.Entry != 3 {
			t.Errorf("told %+v, %v", told, err)
		}
	})
}

// TestWaitsForTheRows: who comes while the database is away waits, as long as it will.
func TestWaitsForTheRows(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.set(func() { w.away = errors.New("away") })
		w.start()
		bounded, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, _, err := w.live.Watch(bounded, set); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("watch: %v", err)
		}
		if w.live.Ready() == nil {
			t.Error("it is ready")
		}
		w.set(func() { w.away = nil })
		watcher, _, err := w.live.Watch(t.Context(), set)
		must(t, err)
		watcher.Close()
		must(t, w.live.Ready())
	})
}

// TestStops: a jump ends the partition, after what was before it was told.
func TestStops(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.start()
		watcher, _, err := w.live.Watch(t.Context(), set)
		must(t, err)
		w.submit(1)
		synctest.Wait()
		w.set(func() { w.broken = fmt.Errorf("a test: %w", eventlog.ErrJump) })
		w.submit(2)
		synctest.Wait()
		if told, err := watcher.Next(t.Context()); err != nil || len(told) != 1 {
			t.Errorf("told %+v, %v", told, err)
		}
		if _, err := watcher.Next(t.Context()); fault.KindOf(err) != fault.Unavailable {
			t.Errorf("then: %v, want Unavailable", err)
		}
		watcher.Close()
		watcher.Close()
		if _, _, err := w.live.Watch(t.Context(), set); fault.KindOf(err) != fault.Unavailable {
			t.Errorf("who comes later: %v, want Unavailable", err)
		}
		if err := w.live.Ready(); !errors.Is(err, eventlog.ErrJump) {
			t.Errorf("ready: %v", err)
		}
	})
}
