package logtest

import (
	"errors"
	"fmt"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
)

func positionCases() []testCase {
	return []testCase{
		{name: "replay from any position", run: replay},
		{name: "bounds hold what was acknowledged", run: boundsHold},
		{name: "an empty partition", run: emptyPartition},
		{name: "a position beyond the end", run: beyondTheEnd},
		{name: "a partition that is not there", run: noSuchPartition},
		{name: "a count of partitions that does not match", run: otherCount},
	}
}

func replay(c running) {
	t, f := c.t, c.Fixture
	const n = 12
	appender, _ := writer(t, f.Log)
	drafts := texts(events(1), "draft", 0, n)
	for i := 0; i < n; i += 4 { // in several writes
		write(t, appender, drafts[i:i+4]...)
	}
	whole := follow(t, f.Log, events(1), eventlog.Position{}).stored(n)
	wantBodies(t, whole, drafts...)
	check := func(log eventlog.Log) {
		t.Helper()
		for i := range n - 1 {
			got := follow(t, log, events(1), whole[i].At).stored(n - 1 - i)
			wantBodies(t, got, drafts[i+1:]...)
			if got[0].At != whole[i+1].At {
				t.Errorf("entry %d is at %s, and was at %s", i+1, got[0].At, whole[i+1].At)
			}
		}
	}
	check(f.Log)
	check(f.Second(t))
	check(f.Crash(t))
}

// boundsHold: Newest is never before what was acknowledged before the call, in
// whichever process it is asked.
func boundsHold(c running) {
	t, f := c.t, c.Fixture
	second := f.Second(t)
	appender, _ := writer(t, f.Log)
	reader := follow(t, f.Log, events(0), eventlog.Position{})
	for i := range 10 {
		write(t, appender, facts(events(0), fmt.Sprint(i)))
		newest := bounds(t, second, events(0)).Newest
		entry := reader.stored(1)
		if got := entry[len(entry)-1].At; got != newest {
			t.Fatalf("newest is %s, the last entry acknowledged is at %s", newest, got)
		}
	}
	if b := bounds(t, f.Log, events(0)); !b.Oldest.IsZero() {
		t.Errorf("oldest is %s and nothing was forgotten", b.Oldest)
	}
}

func emptyPartition(c running) {
	t, f := c.t, c.Fixture
	if b := bounds(t, f.Log, events(1)); b != (eventlog.Bounds{}) {
		t.Errorf("bounds of an empty partition are %+v", b)
	}
	reader := follow(t, f.Log, events(1), eventlog.Position{})
	appender, _ := writer(t, f.Log)
	first := facts(events(1), "first")
	write(t, appender, first)
	wantBodies(t, reader.stored(1), first)
}

// beyondTheEnd: a position that this log has not come to is from another one, or
// the log was put back. Waiting there would skip entries.
func beyondTheEnd(c running) {
	t, f := c.t, c.Fixture
	appender, _ := writer(t, f.Log)
	write(t, appender, texts(events(0), "draft", 0, 3)...)
	newest := bounds(t, f.Log, events(0)).Newest
	further, next := newest, newest
	further.Entry++
	next.Incarnation++
	for name, at := range map[string]eventlog.Position{"an entry further": further, "the next incarnation": next} {
		if err := refusal(t, f.Log, events(0), at); !errors.Is(err, eventlog.ErrAhead) {
			t.Errorf("read %s: %v, want ErrAhead", name, err)
		}
		if err := f.Log.Hold(patient(t), "consumer", events(0), at); !errors.Is(err, eventlog.ErrAhead) {
			t.Errorf("hold %s: %v, want ErrAhead", name, err)
		}
	}
	before := newest
	before.Incarnation--
	if err := refusal(t, f.Log, events(0), before); !errors.Is(err, eventlog.ErrForgotten) {
		t.Errorf("read at a position of the incarnation before: %v, want ErrForgotten", err)
	}
}

func noSuchPartition(c running) {
	t, f := c.t, c.Fixture
	appender, _ := writer(t, f.Log)
	good := facts(events(0), "good")
	for _, p := range []eventlog.Partition{events(f.Partitions), {Stream: eventlog.Control, Number: 1}, {}} {
		if _, err := appender.Append(t.Context(), good, facts(p, "bad")); !errors.Is(err, eventlog.ErrPartitions) {
			t.Errorf("append to %s: %v, want ErrPartitions", p, err)
		}
		if err := refusal(t, f.Log, p, eventlog.Position{}); !errors.Is(err, eventlog.ErrPartitions) {
			t.Errorf("read %s: %v, want ErrPartitions", p, err)
		}
		if _, err := f.Log.Bounds(t.Context(), p); !errors.Is(err, eventlog.ErrPartitions) {
			t.Errorf("bounds of %s: %v, want ErrPartitions", p, err)
		}
		if err := f.Log.Hold(t.Context(), "consumer", p, eventlog.Position{}); !errors.Is(err, eventlog.ErrPartitions) {
			t.Errorf("hold %s: %v, want ErrPartitions", p, err)
		}
	}
	write(t, appender, good)
	wantBodies(t, counted(t, f.Log, events(0)), good)
}

func otherCount(c running) {
	t, f := c.t, c.Fixture
	for _, count := range []uint32{f.Partitions - 1, f.Partitions + 1} {
		if err := f.OpenWith(t, count); !errors.Is(err, eventlog.ErrPartitions) {
			t.Errorf("open with %d partitions a log of %d: %v, want ErrPartitions", count, f.Partitions, err)
		}
	}
	if err := f.OpenWith(t, f.Partitions); err != nil {
		t.Errorf("open with the right count: %v", err)
	}
}
