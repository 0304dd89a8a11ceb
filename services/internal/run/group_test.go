package run_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/fairlead-batch/fairlead/services/internal/run"
)

const grace = 16 * time.Second

var errBoom = errors.New("boom")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// trail collects what happened, in order, with the bubble's time since its start.
type trail struct {
	mu    sync.Mutex
	start time.Time
	lines []string
}

func newTrail() *trail { return &trail{start: time.Now()} }

func (tr *trail) add(format string, args ...any) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	at := time.Since(tr.start)
	tr.lines = append(tr.lines, fmt.Sprintf("%s ", at)+fmt.Sprintf(format, args...))
}

// obedient is a part that waits for its context and needs takes to stop.
func obedient(tr *trail, name string, takes time.Duration) run.Part {
	return run.Part{Name: name, Run: func(ctx context.Context) error {
		<-ctx.Done()
		if !errors.Is(context.Cause(ctx), run.ErrStopping) {
			return fmt.Errorf("cause is %w", context.Cause(ctx))
		}
		tr.add("%s told", name)
		time.Sleep(takes) //nolint:forbidigo // the bubble's clock
		tr.add("%s over", name)
		return nil
	}}
}

// after is a part that returns err after d, or when told to stop.
func after(d time.Duration, name string, err error) run.Part {
	return run.Part{Name: name, Run: func(ctx context.Context) error {
		select {
		case <-time.After(d):
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}}
}

func TestStopsInReverseOrderWhenTheCallerIsDone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tr := newTrail()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err := run.All(ctx, grace,
			obedient(tr, "pool", time.Second), obedient(tr, "core", 2*time.Second), obedient(tr, "api", time.Second))
		if err != nil {
			t.Errorf("err = %v, want none", err)
		}
		want := []string{"1m0s api told", "1m1s api over", "1m1s core told", "1m3s core over", "1m3s pool told", "1m4s pool over"}
		if diff := cmp.Diff(want, tr.lines); diff != "" {
			t.Errorf("order (-want +got):\n%s", diff)
		}
	})
}

func TestOneEndStopsAllOthers(t *testing.T) {
	t.Parallel()
	canceled := fmt.Errorf("read log: %w", context.Canceled)
	for name, tc := range map[string]struct {
		part run.Part
		want error  // nil: a clean stop
		text string // in the error
	}{
		"failure":           {after(time.Second, "x", errBoom), errBoom, "x: boom"},
		"nil, early":        {after(time.Second, "x", nil), run.ErrEndedEarly, "x: ended though nobody told it to stop"},
		"asks to stop":      {after(time.Second, "x", fmt.Errorf("demo over: %w", run.ErrStop)), nil, ""},
		"its own cancel":    {after(time.Second, "x", canceled), context.Canceled, "x: read log: context canceled"},
		"goroutine is gone": {run.Part{Name: "x", Run: func(context.Context) error { runtime.Goexit(); return nil }}, nil, "x: goroutine ended by runtime.Goexit"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				tr := newTrail()
				err := run.All(t.Context(), grace, obedient(tr, "a", 0), tc.part, obedient(tr, "b", 0))
				if tc.text == "" && err != nil || tc.text != "" && (err == nil || err.Error() != tc.text) {
					t.Errorf("err = %v, want %q", err, tc.text)
				}
				if tc.want != nil && !errors.Is(err, tc.want) {
					t.Errorf("errors.Is(%v, %v) = false", err, tc.want)
				}
				if len(tr.lines) != 4 || !strings.HasSuffix(tr.lines[0], "b told") || !strings.HasSuffix(tr.lines[3], "a over") {
					t.Errorf("others did not stop in order: %v", tr.lines)
				}
			})
		})
	}
}

// What a part returns after it was told to stop: the end of its context is no
// failure, anything else is, also where both are joined.
func TestFailuresWhileStoppingAreKept(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		returns error
		want    string
	}{
		"nil":                    {nil, ""},
		"canceled":               {context.Canceled, ""},
		"canceled, wrapped":      {fmt.Errorf("poll: %w", context.Canceled), ""},
		"its cause":              {fmt.Errorf("poll: %w", run.ErrStopping), ""},
		"failure":                {errBoom, "x: boom"},
		"canceled and a failure": {errors.Join(context.Canceled, errBoom), "x: context canceled\nboom"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			err := run.All(ctx, grace, run.Part{Name: "x", Run: func(ctx context.Context) error {
				<-ctx.Done()
				return tc.returns
			}})
			got := ""
			if err != nil {
				got = err.Error()
			}
			if got != tc.want {
				t.Errorf("err = %q, want %q", got, tc.want)
			}
		})
	}
}

func TestEveryFailureIsReportedWithItsPart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		bad := run.Part{Name: "flush", Run: func(ctx context.Context) error {
			<-ctx.Done()
			return errors.New("disk full")
		}}
		err := run.All(t.Context(), grace, bad, after(time.Second, "reader", errBoom))
		if want := "flush: disk full\nreader: boom"; err == nil || err.Error() != want {
			t.Errorf("err = %v, want %q", err, want)
		}
	})
}

func TestPanicBecomesAnErrorWithItsStack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tr := newTrail()
		err := run.All(t.Context(), grace, obedient(tr, "a", 0),
			run.Part{Name: "core", Run: func(context.Context) error { return explode() }})
		p, ok := errors.AsType[*run.PanicError](err)
		if !ok {
			t.Fatalf("err = %v, want a PanicError", err)
		}
		if !errors.Is(err, errBoom) || !strings.Contains(string(p.Stack), "run_test.explode") {
			t.Errorf("value %v, stack %s: want boom, thrown in explode", p.Value, p.Stack)
		}
		if !strings.HasPrefix(err.Error(), "core: panic: boom\n") {
			t.Errorf("text = %q", err)
		}
		if len(tr.lines) != 2 {
			t.Errorf("the other part did not stop: %v", tr.lines)
		}
	})
}

func explode() error { panic(errBoom) }

// A part that will not stop is named, takes half of the grace, and leaves the rest to
// the parts before it.
func TestStuckPartIsNamedAndDoesNotStarveTheOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release) // else the bubble would not end
		tr := newTrail()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := run.All(ctx, grace,
			obedient(tr, "pool", time.Second),
			run.Part{Name: "deaf", Run: func(context.Context) error { <-release; return nil }})
		stuck, ok := errors.AsType[*run.StuckError](err)
		if !ok || stuck.Part != "deaf" || err.Error() != "deaf: did not stop within 16s" {
			t.Errorf("err = %v, want deaf named", err)
		}
		if diff := cmp.Diff([]string{"8s pool told", "9s pool over"}, tr.lines); diff != "" {
			t.Errorf("the part before it (-want +got):\n%s", diff)
		}
	})
}

// The first part of the list gets all that is left, and nothing lasts longer than the grace.
func TestGraceIsForAllPartsTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		deaf := func(context.Context) error { <-release; return nil }
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		begun := time.Now()
		err := run.All(ctx, grace, run.Part{Name: "a", Run: deaf}, run.Part{Name: "b", Run: deaf}, run.Part{Name: "c", Run: deaf})
		if took := time.Since(begun); took != grace {
			t.Errorf("took %s, want %s", took, grace)
		}
		if want := "a: did not stop within 16s\nb: did not stop within 16s\nc: did not stop within 16s"; err == nil || err.Error() != want {
			t.Errorf("err = %v, want %q", err, want)
		}
	})
}

// A part that ends after its share, but before the grace is over, did stop.
func TestLateButInTimeIsNoFailure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tr := newTrail()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := run.All(ctx, grace, obedient(tr, "pool", 7*time.Second), obedient(tr, "slow", 10*time.Second)); err != nil {
			t.Errorf("err = %v, want none", err)
		}
	})
}

func TestReady(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		behind := errors.New("12 s behind")
		reader := after(time.Hour, "reader", nil)
		reader.Ready = func() error { return behind }
		dialer := after(time.Hour, "dialer", nil)
		dialer.Ready = func() error { return errors.New("no scheduler reached") }
		slow := obedient(newTrail(), "slow", time.Second)

		g := run.New(grace, run.Events{})
		g.Add(reader, dialer, slow)
		if err := g.Ready(); !errors.Is(err, run.ErrNotStarted) {
			t.Errorf("before Run: %v, want %v", err, run.ErrNotStarted)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- g.Run(ctx) }()
		synctest.Wait()

		if err := g.Ready(); err == nil || err.Error() != "reader: 12 s behind\ndialer: no scheduler reached" {
			t.Errorf("all reasons at once: got %v", err)
		}
		cancel()
		synctest.Wait() // slow is still stopping
		if err := g.Ready(); !errors.Is(err, run.ErrStopping) {
			t.Errorf("while stopping: %v, want %v", err, run.ErrStopping)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestReadyOfAGroupThatWorks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := run.New(grace, run.Events{})
		fine := after(time.Hour, "fine", run.ErrStop)
		fine.Ready = func() error { return nil }
		g.Add(fine, after(time.Hour, "plain", run.ErrStop))
		ended := make(chan error)
		go func() { ended <- g.Run(t.Context()) }()
		synctest.Wait()
		if err := g.Ready(); err != nil {
			t.Errorf("Ready = %v, want nil", err)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestMisuseIsABug(t *testing.T) {
	t.Parallel()
	for name, misuse := range map[string]func(){
		"no name":       func() { run.New(0, run.Events{}).Add(run.Part{Run: func(context.Context) error { return nil }}) },
		"no Run":        func() { run.New(0, run.Events{}).Add(run.Part{Name: "x"}) },
		"Add after Run": func() { g := ran(t); g.Add(after(0, "late", nil)) },
		"Run twice":     func() { _ = ran(t).Run(t.Context()) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			misuse()
		})
	}
}

// ran returns a group that has run and stopped.
func ran(t *testing.T) *run.Group {
	t.Helper()
	g := run.New(grace, run.Events{})
	g.Add(after(0, "x", run.ErrStop))
	if err := g.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	return g
}

func TestObserveCountsAndLogs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		core, logs := observer.New(zap.InfoLevel)
		reg := prometheus.NewRegistry()
		g := run.New(grace, run.Observe(zap.New(core), reg))
		g.Add(
			after(time.Hour, "fine", nil),
			run.Part{Name: "deaf", Run: func(context.Context) error { <-release; return nil }},
			run.Part{Name: "core", Run: func(context.Context) error { return explode() }})
		if err := g.Run(t.Context()); err == nil {
			t.Error("no error")
		}
		want := `
# HELP fairlead_part_ends_total Ends of parts, by part and outcome: stopped, failed or stuck.
# TYPE fairlead_part_ends_total counter
fairlead_part_ends_total{outcome="failed",part="core"} 1
fairlead_part_ends_total{outcome="stopped",part="fine"} 1
fairlead_part_ends_total{outcome="stuck",part="deaf"} 1
# HELP fairlead_part_panics_total Panics recovered at the boundary of a part.
# TYPE fairlead_part_panics_total counter
fairlead_part_panics_total{part="core"} 1
fairlead_part_panics_total{part="deaf"} 0
fairlead_part_panics_total{part="fine"} 0
`
		if err := testutil.GatherAndCompare(reg, strings.NewReader(want)); err != nil {
			t.Error(err)
		}
		if n := logs.FilterMessage("part did not stop").Len(); n != 1 {
			t.Errorf("logged %d stuck parts, want 1", n)
		}
	})
}
