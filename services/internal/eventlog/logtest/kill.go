package logtest

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
)

const (
	// killAuthors is how many authors append while the server is killed.
	killAuthors = 3
	// kills is how often it is killed.
	kills = 2
	// killEach is how many entries are appended between two kills, at least.
	killEach = 40
)

// RunKill kills the server while it is appended to and read, and starts it again.
// What was acknowledged is there, everything counts once and in order, and
// appenders and readers go on by themselves. The fixture needs Kill.
func RunKill(t *testing.T, open Open) {
	t.Helper()
	f := open(t)
	reader := startCounting(t, f.Log)
	var all sync.WaitGroup
	stop := make(chan struct{})
	appended := make([]int, killAuthors)
	progress := make(chan struct{})
	for a := range killAuthors {
		appender, _ := writer(t, f.Log)
		all.Go(func() {
			for i := 0; ; i++ {
				if err := eventlog.Append(t.Context(), appender, facts(events(0), fmt.Sprint(a, "-", i))); err != nil {
					t.Errorf("append: %v", err)
					return
				}
				appended[a] = i + 1
				select {
				case <-stop:
					return
				case progress <- struct{}{}:
				}
			}
		})
	}
	for range kills {
		advance(t, progress)
		restart := f.Kill(t)
		restart()
		advance(t, progress)
	}
	close(stop)
	all.Wait()
	want := 0
	for _, n := range appended {
		want += n
	}
	live := reader.wait(t, want)
	again := counted(t, f.Log, events(0))
	for name, got := range map[string][]eventlog.Entry{"read through the kills": live, "read afterwards": again} {
		checkEach(t, name, got, appended)
	}
}

// advance lets the authors write for a while.
func advance(t *testing.T, progress <-chan struct{}) {
	t.Helper()
	ctx := patient(t)
	for range killEach {
		select {
		case <-progress:
		case <-ctx.Done():
			t.Fatalf("appends stand still: %v", context.Cause(ctx))
		}
	}
}

// checkEach wants every acknowledged entry of every author once and in order.
func checkEach(t *testing.T, name string, got []eventlog.Entry, appended []int) {
	t.Helper()
	next := make([]int, len(appended))
	for _, e := range got {
		var a, i int
		if _, err := fmt.Sscanf(string(e.Body), "%d-%d", &a, &i); err != nil {
			t.Fatalf("%s: body %q: %v", name, e.Body, err)
		}
		if i != next[a] {
			t.Fatalf("%s: author %d's entry %d follows, want %d", name, a, i, next[a])
		}
		next[a]++
	}
	for a, n := range appended {
		if next[a] != n {
			t.Errorf("%s: %d entries of author %d count, %d were acknowledged", name, next[a], a, n)
		}
	}
}

// counting reads a partition beside the test and keeps what counts.
type counting struct {
	// grew has a token when entries or err changed.
	grew chan struct{}

	mu      sync.Mutex
	entries []eventlog.Entry
	err     error
}

func startCounting(t *testing.T, log eventlog.Log) *counting {
	t.Helper()
	c := &counting{grew: make(chan struct{}, 1)}
	reader := openReader(t, log, events(0), eventlog.Position{})
	var running sync.WaitGroup
	running.Go(func() {
		var gate eventlog.Gate
		var at eventlog.Position
		for {
			run, err := reader.Next(t.Context())
			if err == nil && run.From != at {
				err = fmt.Errorf("a run after %s, want after %s", run.From, at)
			}
			var got eventlog.Admitted
			if err == nil {
				got, err = gate.Admit(run.Entries)
			}
			gate, at = got.Next, run.To
			c.keep(got.Entries, err)
			if err != nil {
				return
			}
		}
	})
	t.Cleanup(running.Wait) // t.Context() is done by then
	return c
}

func (c *counting) keep(entries []eventlog.Entry, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.entries, c.err = append(c.entries, entries...), err
	select {
	case c.grew <- struct{}{}:
	default:
	}
}

// wait waits until n entries have counted and gives all that have.
func (c *counting) wait(t *testing.T, n int) []eventlog.Entry {
	t.Helper()
	ctx := patient(t)
	for {
		c.mu.Lock()
		entries, err := c.entries, c.err
		c.mu.Unlock()
		switch {
		case err != nil:
			t.Fatalf("the reader failed after %d of %d entries: %v", len(entries), n, err)
		case len(entries) >= n:
			return entries
		}
		select {
		case <-c.grew:
		case <-ctx.Done():
			t.Fatalf("%d of %d entries came: %v", len(entries), n, context.Cause(ctx))
		}
	}
}
