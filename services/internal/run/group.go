package run

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"
)

var (
	// ErrStop is what a part returns to ask for a clean stop of the whole group. It is
	// not a failure: it does not appear in what the group returns.
	ErrStop = errors.New("stop asked for")
	// ErrStopping is the cause of a part's context once the part has been told to stop.
	ErrStopping = errors.New("told to stop")
	// ErrEndedEarly says that a part returned nil though nobody had told it to stop.
	ErrEndedEarly = errors.New("ended though nobody told it to stop")
)

// Part is one long-lived piece of a process. Both Name and Run are needed.
type Part struct {
	// Name is what errors, logs and readiness call the part: one short noun, unique
	// in its group.
	Name string
	// Run does the work and blocks until it is over; see the package doc for what its
	// return means. It is called once, in a goroutine of its own.
	Run func(ctx context.Context) error
	// Ready returns nil when the part can do its work now, else why it cannot, in words
	// for an operator. It is called from other goroutines at any time, also before Run
	// and after it, and must not block. Nil: the part is ready for as long as it runs.
	Ready func() error
}

// All starts the parts in order, waits until ctx is done or the first of them ends,
// stops the rest in reverse order within stopWithin, and returns the failures joined,
// each with its part's name; nil when there was none. It is a [Group] without
// readiness and events.
func All(ctx context.Context, stopWithin time.Duration, parts ...Part) error {
	g := New(stopWithin, Events{})
	g.Add(parts...)
	return g.Run(ctx)
}

// Group is a set of parts that live and die together. Make it with [New]. Add is for
// one goroutine and before Run; Run is called once; Ready is safe for concurrent use.
type Group struct {
	stopWithin time.Duration
	events     Events

	mu      sync.Mutex
	phase   phase
	members []*member
}

type phase int

const (
	notStarted phase = iota
	running
	stopping
)

// member is a part and what became of it. The fields below done are written before
// done is closed and read after.
type member struct {
	part Part
	stop context.CancelCauseFunc
	done chan struct{}
	err  error
}

// New returns an empty group. stopWithin is the longest that the stop of all parts
// together may take; zero or less means that parts are told to stop and not waited for.
func New(stopWithin time.Duration, events Events) *Group {
	return &Group{stopWithin: stopWithin, events: events.orNothing()}
}

// Add appends parts, in the order in which they will be started. A part without a
// name or a Run, and one added after Run was called, are bugs of the caller: it panics.
func (g *Group) Add(parts ...Part) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.phase != notStarted {
		panic("run: Add after Run")
	}
	for _, p := range parts {
		if p.Name == "" || p.Run == nil {
			panic(fmt.Sprintf("run: part %q needs a name and a Run", p.Name))
		}
		g.members = append(g.members, &member{part: p, done: make(chan struct{})})
	}
}

// Run starts the parts and blocks until all of them have ended or the grace is over.
// It returns nil when everything stopped cleanly because ctx was done or a part asked
// for it ([ErrStop]). A group without parts waits for ctx.
func (g *Group) Run(ctx context.Context) error {
	ended := g.start(ctx)
	select {
	case <-ctx.Done():
	case <-ended:
	}
	g.setPhase(stopping)
	stuck := g.stopAll(context.WithoutCancel(ctx))
	return g.outcome(stuck)
}

// start runs every part in its own goroutine and returns a channel that is closed
// when the first of them has ended.
func (g *Group) start(ctx context.Context) <-chan struct{} {
	g.setPhase(running)
	ended := make(chan struct{})
	var once sync.Once
	for _, m := range g.members {
		partCtx, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
		m.stop = cancel
		g.events.Started(m.part.Name)
		go func() { // waited for in stopAll, through m.done
			defer once.Do(func() { close(ended) })
			defer close(m.done)
			defer func() { g.events.Ended(m.part.Name, m.err) }()
			m.err = errGoexit // stands if Run neither returns nor panics
			m.err = verdict(partCtx, call(partCtx, m.part.Run))
		}()
	}
	return ended
}

// stopAll tells the parts to stop, the last one first, and waits for each. A part may
// use up half of what is left of the grace, so that one that hangs does not take
// from all others their chance to stop well; the first in the list gets all that is
// left. It returns the members that had not ended when the grace was over.
func (g *Group) stopAll(ctx context.Context) (stuck []*member) {
	ctx, cancel := context.WithTimeout(ctx, g.stopWithin)
	defer cancel()
	left := g.stopWithin
	for i, m := range slices.Backward(g.members) {
		m.stop(ErrStopping)
		share := left / 2
		if i == 0 {
			share = left
		}
		if !waitFor(ctx, m, share) {
			left -= share
		}
	}
	for _, m := range g.members {
		select {
		case <-m.done:
		default:
			stuck = append(stuck, m)
		}
	}
	return stuck
}

// waitFor waits until m has ended, at most for share, and says whether it has.
func waitFor(ctx context.Context, m *member, share time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, share)
	defer cancel()
	select {
	case <-m.done:
		return true
	case <-ctx.Done():
		return false
	}
}

// outcome joins what the parts returned, in their order in the list.
func (g *Group) outcome(stuck []*member) error {
	isStuck := make(map[*member]bool, len(stuck))
	for _, m := range stuck {
		isStuck[m] = true
	}
	var errs []error
	for _, m := range g.members {
		switch {
		case isStuck[m]:
			g.events.Stuck(m.part.Name)
			errs = append(errs, &StuckError{Part: m.part.Name, After: g.stopWithin})
		case m.err != nil && !errors.Is(m.err, ErrStop):
			errs = append(errs, fmt.Errorf("%s: %w", m.part.Name, m.err))
		}
	}
	return errors.Join(errs...)
}

func (g *Group) setPhase(p phase) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if p == running && g.phase != notStarted {
		panic("run: Run called twice")
	}
	g.phase = p
}

// call runs f and turns a panic into an error.
func call(ctx context.Context, f func(context.Context) error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	return f(ctx)
}

// verdict says what err, returned by a part, means: the end of its context is no
// failure once it was told to stop, and nil before that is one.
func verdict(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		if err == nil {
			return ErrEndedEarly
		}
		return err
	}
	if isOnly(err, context.Canceled) || isOnly(err, ErrStopping) {
		return nil
	}
	return err
}

// isOnly reports whether err is target under any number of single wraps. errors.Is
// would also find it beside a real failure in a joined error, and hide that one.
func isOnly(err, target error) bool {
	for err != nil {
		if err == target { //nolint:errorlint // the loop does the unwrapping, for single wraps only
			return true
		}
		err = errors.Unwrap(err)
	}
	return false
}
