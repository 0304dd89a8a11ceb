package events

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/fairlead-batch/fairlead/services/eventapi/internal/stream"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/fault"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/internal/project"
	"github.com/fairlead-batch/fairlead/services/internal/run"
)

// Load reads the states of unfinished jobs, and the places that they belong to.
// begin is called for each attempt and gives what takes the jobs.
type Load = func(ctx context.Context, begin func() func(number uint32, id job.ID, kept []byte)) ([]project.Place, error)

// LiveDeps are what a Live works with.
type LiveDeps struct {
	Source eventlog.Log
	// Partitions is how many the events stream has.
	Partitions uint32
	Load       Load
	// BufferBytes bounds what waits for one watcher, as the sum of messages.
	BufferBytes int
	Log         *zap.Logger
	// Registerer gets the metrics. Nil: they are shown to nobody.
	Registerer prometheus.Registerer
}

// Live delivers what comes to those who watch. Make it with [NewLive], run its
// part. It is safe for concurrent use.
type Live struct {
	deps    LiveDeps
	metrics *liveMetrics
	parts   []*part
}

// part is one partition.
type part struct {
	name eventlog.Partition

	mu   sync.Mutex
	core *stream.Live
	// wake has, for each watcher, room for one: that there is something to drain.
	wake map[stream.Watcher]chan struct{}
	// down says why nobody can watch; nil: they can.
	down error
	// loaded is closed when down was nil for the first time.
	loaded chan struct{}
}

var errLoading = errors.New("its state is being loaded")

// NewLive makes a Live that nobody can watch before its part runs.
func NewLive(deps LiveDeps) *Live {
	l := &Live{deps: deps, metrics: newLiveMetrics(deps.Registerer), parts: make([]*part, deps.Partitions)}
	for n := range deps.Partitions {
		l.parts[n] = &part{
			name: eventlog.Partition{Stream: eventlog.Events, Number: n}, core: stream.NewLive(deps.BufferBytes),
			wake: map[stream.Watcher]chan struct{}{}, down: errLoading, loaded: make(chan struct{}),
		}
	}
	return l
}

// Part is the live tail as a part of a process.
func (l *Live) Part() run.Part { return run.Part{Name: "live", Run: l.Run, Ready: l.Ready} }

// Ready is nil when every partition can be watched.
func (l *Live) Ready() error {
	var errs []error
	for _, p := range l.parts {
		if err := p.isDown(); err != nil {
			errs = append(errs, fmt.Errorf("%s cannot be watched: %w", p.name, err))
		}
	}
	return errors.Join(errs...)
}

// Run tails the log until ctx is done.
func (l *Live) Run(ctx context.Context) error {
	loaded, err := l.load(ctx)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, p := range l.parts {
		place := l.begin(p, loaded)
		group.Go(func() error { return l.tail(ctx, p, place) })
	}
	return group.Wait()
}

// loaded is what the rows hold at one moment.
type loaded struct {
	books  []*stream.Book
	places []project.Place
}

// load reads it, as often as it takes.
func (l *Live) load(ctx context.Context) (loaded, error) {
	var got loaded
	for wait := project.RetryFirst; ; wait = min(2*wait, project.RetryMax) {
		places, err := l.deps.Load(ctx, func() func(uint32, job.ID, []byte) {
			got.books = make([]*stream.Book, len(l.parts))
			for n := range got.books {
				got.books[n] = stream.NewBook()
			}
			return func(number uint32, id job.ID, kept []byte) { got.books[number].Load(id, kept) }
		})
		if err == nil && len(places) != len(l.parts) {
			err = fmt.Errorf("%d of %d partitions have a position row yet", len(places), len(l.parts))
		}
		if err == nil {
			got.places = places
			return got, nil
		}
		if ctx.Err() != nil {
			return loaded{}, context.Cause(ctx)
		}
		l.deps.Log.Info("jobs cannot be loaded yet", zap.Duration("wait", wait), zap.Error(err))
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return loaded{}, context.Cause(ctx)
		}
	}
}

// begin puts a partition where the rows stand.
func (l *Live) begin(p *part, from loaded) project.Place {
	place := from.places[p.name.Number] // in ascending order, all of them
	p.mu.Lock()
	defer p.mu.Unlock()
	behind := p.core.Reset(place.At, from.books[p.name.Number])
	l.metrics.behind.Add(float64(len(behind)))
	p.wakeUp(behind)
	if p.down != nil {
		p.down = nil
		close(p.loaded)
	}
	return place
}

// tail follows one partition.
func (l *Live) tail(ctx context.Context, p *part, from project.Place) error {
	for {
		err := project.Follow(ctx, l.deps.Source, from, l.deps.Log, func(j project.Judged) error { return l.take(p, j) })
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, eventlog.ErrForgotten), errors.Is(err, eventlog.ErrAhead):
			l.deps.Log.Warn("loading a partition again", zap.Stringer("partition", p.name), zap.Error(err))
		default:
			p.stop(err)
			l.deps.Log.Error("partition stopped for watchers", zap.Stringer("partition", p.name), zap.Error(err))
			<-ctx.Done()
			return context.Cause(ctx)
		}
		again, err := l.load(ctx)
		if err != nil {
			return err
		}
		was := from.At
		if from = l.begin(p, again); was.Before(from.At) {
			continue
		}
		select { // the rows are no further: the projection has stopped there too
		case <-time.After(project.RetryMax):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (l *Live) take(p *part, j project.Judged) error {
	entries := make([]stream.Entry, 0, len(j.Entries))
	for _, e := range j.Entries {
		if len(e.Body.Batches) > 0 {
			entries = append(entries, stream.Entry{At: e.At, Batches: e.Body.Batches})
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	took, err := p.core.Take(entries, j.To)
	p.wakeUp(took.Woken)
	l.metrics.refused.Add(float64(took.Refused))
	l.metrics.behind.Add(float64(took.Behind))
	return err
}

// wakeUp tells watchers that there is something to drain. It needs the lock.
func (p *part) wakeUp(who []stream.Watcher) {
	for _, id := range who {
		select {
		case p.wake[id] <- struct{}{}:
		default: // told before; nil when it has left
		}
	}
}

func (p *part) isDown() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.down
}

func (p *part) stop(why error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = why
	for _, wake := range p.wake { // all of them, so the order cannot show
		select {
		case wake <- struct{}{}:
		default:
		}
	}
}

// Watcher gets what one job set is told from some position on. One goroutine.
type Watcher struct {
	live *Live
	part *part
	id   stream.Watcher
	wake <-chan struct{}
}

// Watch begins to watch a job set, and says behind which position. The caller
// closes the watcher. At the start of the process it waits until states are loaded.
// Errors: Unavailable, when its partition stopped; the cause of ctx.
func (l *Live) Watch(ctx context.Context, set stream.Set) (*Watcher, eventlog.Position, error) {
	p := l.parts[set.Partition(l.deps.Partitions).Number]
	select {
	case <-p.loaded:
	case <-ctx.Done():
		return nil, eventlog.Position{}, context.Cause(ctx)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down != nil {
		return nil, eventlog.Position{}, unavailable(p.down)
	}
	id, at := p.core.Watch(set)
	wake := make(chan struct{}, 1)
	p.wake[id] = wake
	l.metrics.watchers.Inc()
	return &Watcher{live: l, part: p, id: id, wake: wake}, at, nil
}

func unavailable(why error) error {
	return fault.NewUnavailable("events cannot be watched now, try again").Because(why)
}

// Next waits for messages. Errors: stream.ErrBehind, when more came than its buffer
// holds; Unavailable, when the partition stopped; the cause of ctx.
func (w *Watcher) Next(ctx context.Context) ([]stream.Told, error) {
	for {
		w.part.mu.Lock()
		told, err := w.part.core.Drain(w.id)
		down := w.part.down
		w.part.mu.Unlock()
		switch {
		case err != nil:
			return nil, err
		case len(told) > 0:
			return told, nil
		case down != nil:
			return nil, unavailable(down)
		}
		select {
		case <-w.wake:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// Close ends the watcher. It may be called twice.
func (w *Watcher) Close() {
	w.part.mu.Lock()
	defer w.part.mu.Unlock()
	if _, open := w.part.wake[w.id]; !open {
		return
	}
	w.part.core.Leave(w.id)
	delete(w.part.wake, w.id)
	w.live.metrics.watchers.Dec()
}
