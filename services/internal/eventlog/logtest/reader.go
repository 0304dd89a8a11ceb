package logtest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
)

func readerCases() []testCase {
	return []testCase{
		{name: "a reader is woken", run: woken},
		{name: "a reader waits and can be used again", run: waits},
		{name: "closing a reader ends it", run: closesReader},
		{name: "readers beside each other", run: besideEachOther},
		{name: "damaged bytes are handed on", needs: needsPut, run: damaged},
		{name: "an entry of a newer format stops the reader", needs: needsPut, run: newer},
	}
}

// wokenWithin is far below any interval at which a log looks by itself, and far
// above what a busy machine adds to a wake-up.
const wokenWithin = 300 * time.Millisecond

// woken: a waiting reader hears of an entry, in the process that wrote it and in
// another one. The quickest of a few is judged: the machine may be busy.
func woken(c running) {
	t, f := c.t, c.Fixture
	second := f.Second(t)
	appender, _ := writer(t, f.Log)
	for name, log := range map[string]eventlog.Log{"here": f.Log, "in another process": second} {
		p := events(0)
		reader := follow(t, log, p, bounds(t, log, p).Newest)
		prompt := false
		for range 5 {
			arrived := make(chan error, 1)
			go func() {
				run, err := reader.reader.Next(t.Context())
				reader.at = run.To
				arrived <- err
			}()
			write(t, appender, facts(p, "wake up"))
			prompt = comesWithin(t, arrived, wokenWithin) || prompt
		}
		if !prompt {
			t.Errorf("%s a reader never heard of an entry within %s of its acknowledgement", name, wokenWithin)
		}
	}
}

// comesWithin waits for what arrives, and says whether that was in time.
func comesWithin(t *testing.T, arrived <-chan error, d time.Duration) bool {
	t.Helper()
	late := time.After(d)
	inTime := true
	for {
		select {
		case err := <-arrived:
			if err != nil {
				t.Fatalf("next: %v", err)
			}
			return inTime
		case <-late:
			inTime = false
		}
	}
}

func waits(c running) {
	t, f := c.t, c.Fixture
	reader := follow(t, f.Log, events(0), eventlog.Position{})
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		_, err := reader.reader.Next(ctx)
		failed <- err
	}()
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("next: %v, want the context's", err)
	}
	appender, _ := writer(t, f.Log)
	draft := facts(events(0), "later")
	write(t, appender, draft)
	wantBodies(t, reader.stored(1), draft)
}

func closesReader(c running) {
	t, f := c.t, c.Fixture
	reader := openReader(t, f.Log, events(0), eventlog.Position{})
	failed := make(chan error, 1)
	go func() {
		_, err := reader.Next(t.Context())
		failed <- err
	}()
	reader.Close()
	reader.Close()
	if err := <-failed; !errors.Is(err, eventlog.ErrClosed) {
		t.Errorf("the next under way: %v, want ErrClosed", err)
	}
	if _, err := reader.Next(t.Context()); !errors.Is(err, eventlog.ErrClosed) {
		t.Errorf("next after close: %v, want ErrClosed", err)
	}
}

// besideEachOther: readers of one partition at different places, with entries
// written before and while they read, some more than a run holds.
func besideEachOther(c running) {
	t, f := c.t, c.Fixture
	const n = eventlog.RunEntriesMax + 100
	appender, _ := writer(t, f.Log)
	drafts := texts(events(0), "draft", 0, n)
	write(t, appender, drafts[:n-50]...)
	first := follow(t, f.Log, events(0), eventlog.Position{}).next()
	middle := first[len(first)/2].At
	readers := map[string]*follower{
		"from the beginning":                    follow(t, f.Log, events(0), eventlog.Position{}),
		"from the middle":                       follow(t, f.Log, events(0), middle),
		"from the middle, in another process":   follow(t, f.Second(t), events(0), middle),
		"from the beginning, a second one here": follow(t, f.Log, events(0), eventlog.Position{}),
	}
	for _, reader := range readers {
		reader.next()
	}
	write(t, appender, drafts[n-50:]...)
	for name, reader := range readers {
		for reader.at.Before(bounds(t, f.Log, events(0)).Newest) {
			got := reader.next()
			last := int(got[len(got)-1].Sequence)
			if last > n || string(got[len(got)-1].Body) != string(drafts[last-1].Body) {
				t.Fatalf("%s: %q is entry %d", name, got[len(got)-1].Body, last)
			}
		}
	}
}

// damaged: what cannot be read is handed on to be parked, and the reader goes on.
func damaged(c running) {
	t, f := c.t, c.Fixture
	appender, _ := writer(t, f.Log)
	before, after := facts(events(0), "before"), facts(events(0), "after")
	write(t, appender, before)
	garbage := []byte{1, 2, 3}
	f.Put(t, events(0), garbage)
	write(t, appender, after)
	got := counted(t, f.Log, events(0))
	wantBodies(t, got, before, eventlog.Draft{Body: garbage}, after)
	if !errors.Is(got[1].Damage, eventlog.ErrDamaged) || got[0].Damage != nil || got[2].Damage != nil {
		t.Errorf("damage: %v, %v, %v; want ErrDamaged of the second alone", got[0].Damage, got[1].Damage, got[2].Damage)
	}
	if got[1].Header != (eventlog.Header{}) {
		t.Errorf("the damaged entry has a header: %+v", got[1].Header)
	}
}

// newer: the entries before it are handed out, it is not, and nothing behind it.
func newer(c running) {
	t, f := c.t, c.Fixture
	appender, _ := writer(t, f.Log)
	before := texts(events(0), "before", 0, 3)
	write(t, appender, before...)
	f.Put(t, events(0), []byte{255, 0, 0, 0})
	write(t, appender, facts(events(0), "after"))
	reader := follow(t, f.Log, events(0), eventlog.Position{})
	wantBodies(t, reader.stored(len(before)), before...)
	for range 2 {
		if run, err := reader.reader.Next(patient(t)); !errors.Is(err, eventlog.ErrNewer) {
			t.Fatalf("next: %d entries and %v, want ErrNewer", len(run.Entries), err)
		}
	}
}
