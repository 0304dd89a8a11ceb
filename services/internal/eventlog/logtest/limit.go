package logtest

import (
	"context"
	"crypto/rand"
	"errors"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
)

func limitCases() []testCase {
	return []testCase{
		{name: "too large entries are refused whole", run: tooLarge},
		{name: "runs are bounded in bytes", run: runBytes},
		{name: "back-pressure", needs: needsPause, run: backPressure},
		{name: "back-pressure ends with the appender", needs: needsPause, run: backPressureEnds},
	}
}

// tooLarge: nothing of the call is written, and what is appended afterwards
// leaves no jump.
func tooLarge(c running) {
	t, f := c.t, c.Fixture
	appender, _ := writer(t, f.Log)
	noise := make([]byte, eventlog.FrameBytesMax+1)
	_, _ = rand.Read(noise) // never fails; zstd finds nothing in it
	good := facts(events(0), "good")
	for name, body := range map[string][]byte{"as stored": noise, "decoded": make([]byte, eventlog.BodyBytesMax+1)} {
		bad := eventlog.Draft{Partition: events(1), Kind: eventlog.Facts, Body: body}
		if _, err := appender.Append(patient(t), good, bad, good); !errors.Is(err, eventlog.ErrTooLarge) {
			t.Errorf("too large %s: %v, want ErrTooLarge", name, err)
		}
	}
	for _, p := range []eventlog.Partition{events(0), events(1)} {
		if b := bounds(t, f.Log, p); !b.Newest.IsZero() {
			t.Errorf("%s was written up to %s by a call that was refused", p, b.Newest)
		}
	}
	write(t, appender, good)
	wantBodies(t, counted(t, f.Log, events(0)), good)
	if got := counted(t, f.Log, events(0)); got[0].Sequence != 1 {
		t.Errorf("sequence %d after calls that were refused, want 1", got[0].Sequence)
	}
}

// runBytes: the follower checks each run; that there are several shows that the
// limit was met.
func runBytes(c running) {
	t, f := c.t, c.Fixture
	appender, _ := writer(t, f.Log)
	body := make([]byte, eventlog.RunBytesMax/2)
	large := eventlog.Draft{Partition: events(0), Kind: eventlog.Facts, Body: body}
	alone := eventlog.Draft{Partition: events(0), Kind: eventlog.Facts, Body: make([]byte, eventlog.RunBytesMax+1)}
	write(t, appender, large, large, large, alone, large)
	for name, log := range map[string]eventlog.Log{"here": f.Log, "in another process": f.Second(t)} {
		reader := follow(t, log, events(0), eventlog.Position{})
		runs, entries := 0, 0
		for ; entries < 5; runs++ {
			entries += len(reader.next())
		}
		if runs < 3 {
			t.Errorf("%s %d runs, want at least 3", name, runs)
		}
	}
}

// backPressure: BufferBytesMax of what is not stored is taken over; then Append
// waits, until ctx is done or there is room.
func backPressure(c running) {
	t, f := c.t, c.Fixture
	appender, _ := writer(t, f.Log)
	resume := f.Pause(t)
	body := make([]byte, eventlog.BufferBytesMax/8)
	draft := eventlog.Draft{Partition: events(0), Kind: eventlog.Facts, Body: body}
	var open []*eventlog.Receipt
	for range 8 {
		open = append(open, begin(t, appender, draft))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := appender.Append(ctx, draft); !errors.Is(err, context.Canceled) || errors.Is(err, eventlog.ErrUnknown) {
		t.Errorf("append above the limit: %v, want the context's, and a known outcome", err)
	}
	late := make(chan error, 1)
	go func() { late <- eventlog.Append(t.Context(), appender, draft) }()
	select {
	case err := <-late:
		t.Errorf("append above the limit came back with %v", err)
	case <-open[0].Done():
		t.Error("something was stored while appends are paused")
	default:
	}
	resume()
	for _, receipt := range open {
		settled(t, receipt)
	}
	if err := <-late; err != nil {
		t.Errorf("the append that waited for room: %v", err)
	}
	if got := counted(t, f.Log, events(0)); len(got) != 9 {
		t.Errorf("%d entries count, want 9", len(got))
	}
}

func backPressureEnds(c running) {
	t, f := c.t, c.Fixture
	appender, _ := writer(t, f.Log)
	resume := f.Pause(t)
	defer resume()
	body := make([]byte, eventlog.BufferBytesMax)
	draft := eventlog.Draft{Partition: events(0), Kind: eventlog.Facts, Body: body}
	begin(t, appender, draft)
	late := make(chan error, 1)
	go func() {
		_, err := appender.Append(t.Context(), draft)
		late <- err
	}()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := appender.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("close: %v, want the context's", err)
	}
	if err := <-late; !errors.Is(err, eventlog.ErrClosed) {
		t.Errorf("append that waited when the appender closed: %v, want ErrClosed", err)
	}
}
