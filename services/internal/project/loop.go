package project

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/run"
)

const (
	// GatherInterval spaces transactions: one begins no sooner than this after the
	// one before it began. After quiet there is no wait.
	GatherInterval = 50 * time.Millisecond
	// GatherBytesMax is how much is gathered at most, as the sum of bodies in bytes;
	// then the transaction begins at once and the readers wait.
	GatherBytesMax = 8 << 20
	// LeaseTime is how long a replica that is silent keeps the lease: for so long, and a third
	// more, nothing moves after it was killed. It is renewed three times as often, at a wait
	// for the disk each. One that is silent for longer and goes on does no harm.
	LeaseTime = 6 * time.Second
	// forgetEvery is how often gates are made to forget, in renewals of the lease.
	forgetEvery = 300
	// yieldWithin bounds what is done about the lease at the end.
	yieldWithin = 2 * time.Second
)

// Advancer is what the loop drives: a [Projection] of any store.
type Advancer interface {
	Advance(ctx context.Context, now time.Time, runs []eventlog.Run) ([]Advanced, error)
	Forget(ctx context.Context, oldest map[eventlog.Partition]eventlog.Position) error
}

// Deps are what a loop works with.
type Deps struct {
	// Name is the projection's: also the name of its hold on the log, so unique in an
	// installation, such as "eventapi.events".
	Name string
	// Holder names this process: a ULID, or anything that no other has.
	Holder string
	// Partitions are all that are read.
	Partitions []eventlog.Partition
	Source     eventlog.Log
	Keeper     Keeper
	// Moved is called after a commit, in the loop's goroutine: [Catchup.Moved]. Nil:
	// nobody is told.
	Moved func()
	Now   func() time.Time
	Log   *zap.Logger
	// Registerer gets the metrics. Nil: they are shown to nobody.
	Registerer prometheus.Registerer
}

// Loop keeps a projection moving: while it holds the lease it reads every
// partition, gathers runs and advances. Make it with [NewLoop], run it as a part.
type Loop struct {
	deps       Deps
	projection Advancer
	metrics    metrics

	mu sync.Mutex
	// committed are the places this replica moved or found; of the partitions that
	// are read.
	committed map[eventlog.Partition]eventlog.Position
	stopped   map[eventlog.Partition]error
	failing   error
}

var errPreparing = errors.New("position rows are not made yet")

// NewLoop makes a loop.
func NewLoop(projection Advancer, deps Deps) (*Loop, error) {
	metrics, err := newMetrics(deps.Registerer)
	if err != nil {
		return nil, err
	}
	deps.Log = deps.Log.With(zap.String("projection", deps.Name))
	return &Loop{deps: deps, projection: projection, metrics: metrics, stopped: map[eventlog.Partition]error{}, failing: errPreparing}, nil
}

// Part is the loop as a part of a process.
func (l *Loop) Part() run.Part {
	return run.Part{Name: "projection " + l.deps.Name, Run: l.Run, Ready: l.Ready}
}

// Ready is nil once there are position rows, unless a partition stopped or the
// database refuses what is written. A replica without the lease is ready.
func (l *Loop) Ready() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	errs := []error{l.failing}
	for _, p := range l.deps.Partitions {
		if err := l.stopped[p]; err != nil {
			errs = append(errs, fmt.Errorf("%s stopped: %w", p, err))
		}
	}
	return errors.Join(errs...)
}

var errLeaseLost = errors.New("another replica holds the lease")

// Run moves the projection until ctx is done. It fails only where the rows are of
// a log with other partitions.
func (l *Loop) Run(ctx context.Context) error {
	if err := l.untilDone(ctx, "position rows cannot be made", func() error { return l.deps.Keeper.Prepare(ctx, l.deps.Partitions) }); err != nil {
		return err
	}
	defer l.yield(ctx)
	for ctx.Err() == nil {
		now := l.deps.Now()
		held, err := l.deps.Keeper.Lease(ctx, l.deps.Holder, now, now.Add(LeaseTime))
		if err == nil && held {
			err = l.serve(ctx)
		}
		if err != nil && !errors.Is(err, errLeaseLost) && ctx.Err() == nil {
			l.deps.Log.Warn("projection does not move", zap.Error(err))
		}
		if err := pause(ctx, LeaseTime/3); err != nil {
			return nil
		}
	}
	return nil
}

// untilDone tries again what the world refused.
func (l *Loop) untilDone(ctx context.Context, trouble string, do func() error) error {
	for wait := RetryFirst; ; wait = min(2*wait, RetryMax) {
		err := do()
		l.setFailing(err)
		switch {
		case err == nil, stops(err):
			return err
		case ctx.Err() != nil:
			return context.Cause(ctx)
		}
		l.metrics.events.WithLabelValues(l.deps.Name, "failure").Inc()
		l.deps.Log.Warn(trouble, zap.Duration("wait", wait), zap.Error(err))
		if err := pause(ctx, wait); err != nil {
			return err
		}
	}
}

func (l *Loop) setFailing(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failing = err
}

// yield gives the lease up at a clean stop.
func (l *Loop) yield(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), yieldWithin)
	defer cancel()
	if err := l.deps.Keeper.Yield(ctx, l.deps.Holder); err != nil {
		l.deps.Log.Warn("lease was not yielded, it will run out", zap.Error(err))
	}
}

// pumped is what a reader's goroutine hands over: a run, or why it ended.
type pumped struct {
	pump *pump
	run  eventlog.Run
	err  error
}

// pump is the goroutine that reads one partition. There is one a partition; what a
// cancelled one still hands over is ignored.
type pump struct {
	partition eventlog.Partition
	cancel    context.CancelFunc
}

// serving is the state of the loop while it holds the lease.
type serving struct {
	*Loop
	group *errgroup.Group
	in    chan pumped
	pumps map[eventlog.Partition]*pump
}

// serve reads and advances until the lease is lost or ctx is done.
func (l *Loop) serve(ctx context.Context) error {
	places, err := l.deps.Keeper.Places(ctx)
	if err != nil {
		return err
	}
	l.metrics.holding.WithLabelValues(l.deps.Name).Set(1)
	defer l.metrics.holding.WithLabelValues(l.deps.Name).Set(0)
	l.begin(places)
	l.deps.Log.Info("projection moves here")
	group, ctx := errgroup.WithContext(ctx)
	s := &serving{Loop: l, group: group, in: make(chan pumped), pumps: map[eventlog.Partition]*pump{}}
	for _, place := range places {
		if err := l.hold(ctx, place.Partition, place.At); err != nil {
			if !stops(err) {
				return err
			}
			s.stop(place.Partition, err)
			continue
		}
		s.open(ctx, place)
	}
	group.Go(func() error { return l.keepLease(ctx) })
	group.Go(func() error { return s.advance(ctx) })
	return group.Wait()
}

func (l *Loop) begin(places []Place) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.committed = map[eventlog.Partition]eventlog.Position{}
	l.stopped = map[eventlog.Partition]error{}
	for _, place := range places {
		l.committed[place.Partition] = place.At
		l.metrics.stopped.WithLabelValues(l.deps.Name, place.Partition.String()).Set(0)
	}
}

// open starts the reading of a partition at a place, until the group's ctx is done.
func (s *serving) open(ctx context.Context, at Place) {
	ctx, cancel := context.WithCancel(ctx)
	p := &pump{partition: at.Partition, cancel: cancel}
	s.pumps[at.Partition] = p
	s.group.Go(func() error {
		defer cancel()
		err := read(ctx, s.deps.Source, at, s.deps.Log, func(run eventlog.Run) error { return s.give(ctx, pumped{pump: p, run: run}) })
		if ctx.Err() == nil {
			_ = s.give(ctx, pumped{pump: p, err: err}) // fails when ctx is done, and then nobody asks
		}
		return nil
	})
}

func (s *serving) give(ctx context.Context, what pumped) error {
	select {
	case s.in <- what:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// stop ends the reading of a partition until the process starts again, or the
// lease comes back to it.
func (s *serving) stop(p eventlog.Partition, why error) {
	s.deps.Log.Error("partition stopped", zap.Stringer("partition", p), zap.Error(why))
	s.metrics.stopped.WithLabelValues(s.deps.Name, p.String()).Set(1)
	if pump := s.pumps[p]; pump != nil {
		pump.cancel()
		delete(s.pumps, p)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped[p] = why
}

// advance gathers runs and applies them.
func (s *serving) advance(ctx context.Context) error {
	var waiting gathered
	due := time.NewTimer(0)
	defer due.Stop()
	spaced := false // whether the last transaction began less than an interval ago
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case what := <-s.in:
			s.take(&waiting, what)
			if spaced && waiting.bytes < GatherBytesMax || len(waiting.runs) == 0 {
				continue
			}
		case <-due.C:
			spaced = false
			if len(waiting.runs) == 0 {
				continue
			}
		}
		due.Reset(GatherInterval)
		spaced = true
		if err := s.apply(ctx, waiting.runs); err != nil {
			return err
		}
		waiting = gathered{}
	}
}

// take adds what a pump handed over.
func (s *serving) take(waiting *gathered, what pumped) {
	p := what.pump.partition
	switch {
	case s.pumps[p] != what.pump: // it was replaced, or its partition stopped
	case what.err != nil:
		s.stop(p, what.err)
	default:
		waiting.add(what.run)
	}
}

// apply advances by runs until the database takes them.
func (s *serving) apply(ctx context.Context, runs []eventlog.Run) error {
	slices.SortFunc(runs, func(a, b eventlog.Run) int { return compare(a.Partition, b.Partition) })
	var done []Advanced
	began := s.deps.Now()
	err := s.untilDone(ctx, "rows cannot be written, trying again", func() (err error) {
		done, err = s.projection.Advance(ctx, s.deps.Now(), runs)
		return err
	})
	if err != nil {
		return err
	}
	s.metrics.batches.WithLabelValues(s.deps.Name).Observe(s.deps.Now().Sub(began).Seconds())
	s.settle(ctx, done)
	return nil
}

// settle notes what was committed, reopens where there was a gap, and stops what
// cannot go on.
func (s *serving) settle(ctx context.Context, done []Advanced) {
	for _, d := range done {
		s.metrics.count(s.deps.Name, d)
		p := d.Place.Partition
		s.mu.Lock()
		s.committed[p] = d.Place.At
		s.mu.Unlock()
		var gap *GapError
		switch {
		case errors.As(d.Err, &gap):
			s.metrics.events.WithLabelValues(s.deps.Name, "gap").Inc()
			s.deps.Log.Info("gap, reading again from the rows", zap.Error(gap))
			if pump := s.pumps[p]; pump != nil { // nil: it stopped meanwhile
				pump.cancel()
				s.open(ctx, d.Place)
			}
		case d.Err != nil:
			s.stop(p, d.Err)
		}
	}
	if s.deps.Moved != nil {
		s.deps.Moved()
	}
}

// keepLease renews the lease, and moves the hold on the log behind what a renewal
// has put on disk.
func (l *Loop) keepLease(ctx context.Context) error {
	for renewal := 1; ; renewal++ {
		if err := pause(ctx, LeaseTime/3); err != nil {
			return err
		}
		before := l.committedNow()
		now := l.deps.Now()
		held, err := l.deps.Keeper.Lease(ctx, l.deps.Holder, now, now.Add(LeaseTime))
		switch {
		case err != nil: // it may still be ours; another replica that takes it is harmless
			l.deps.Log.Warn("lease cannot be renewed", zap.Error(err))
			continue
		case !held:
			l.metrics.events.WithLabelValues(l.deps.Name, "lease_lost").Inc()
			return errLeaseLost
		}
		for p, at := range before {
			if err := l.hold(ctx, p, at); err != nil {
				l.deps.Log.Warn("hold on the log cannot be moved", zap.Error(err))
			}
		}
		if renewal%forgetEvery == 0 {
			if err := l.forget(ctx); err != nil {
				l.deps.Log.Warn("gates cannot forget", zap.Error(err))
			}
		}
	}
}

func (l *Loop) committedNow() map[eventlog.Partition]eventlog.Position {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make(map[eventlog.Partition]eventlog.Position, len(l.committed))
	for p, at := range l.committed {
		if l.stopped[p] == nil { // its hold stays for the operator
			out[p] = at
		}
	}
	return out
}

func (l *Loop) hold(ctx context.Context, p eventlog.Partition, at eventlog.Position) error {
	if err := l.deps.Source.Hold(ctx, l.deps.Name, p, at); err != nil {
		return fmt.Errorf("hold %s of %s: %w", strconv.Quote(l.deps.Name), p, err)
	}
	return nil
}

// forget lets the gates forget what the log has trimmed.
func (l *Loop) forget(ctx context.Context) error {
	oldest := map[eventlog.Partition]eventlog.Position{}
	for p := range l.committedNow() {
		bounds, err := l.deps.Source.Bounds(ctx, p)
		if err != nil {
			return fmt.Errorf("find bounds of %s: %w", p, err)
		}
		oldest[p] = bounds.Oldest
	}
	return l.projection.Forget(ctx, oldest)
}
