package logtest

import (
	"errors"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
)

func keepCases() []testCase {
	return []testCase{
		{name: "a position that the log has forgotten", needs: needsTrim, run: forgotten},
		{name: "a reader that is overtaken by a trim", needs: needsTrim, run: overtaken},
		{name: "a partition that is trimmed whole", needs: needsTrim, run: trimmedWhole},
		{name: "a hold keeps what is behind it", needs: needsTrim, run: holds},
		{name: "a hold that comes too late", needs: needsTrim, run: holdTooLate},
		{name: "control is kept for ever", needs: needsTrim, run: controlKept},
	}
}

// forgotten: the reader stops and says so; it never begins later.
func forgotten(c running) {
	t, f := c.t, c.Fixture
	appender, _ := writer(t, f.Log)
	write(t, appender, texts(events(0), "draft", 0, 6)...)
	all := follow(t, f.Log, events(0), eventlog.Position{}).stored(6)
	f.Trim(t)
	write(t, appender, facts(events(0), "new"))
	oldest := bounds(t, f.Log, events(0)).Oldest
	if !all[3].At.Before(oldest) {
		t.Fatalf("oldest is %s: too little was trimmed for the case", oldest)
	}
	for name, log := range map[string]eventlog.Log{"here": f.Log, "in another process": f.Second(t)} {
		for _, at := range []eventlog.Position{{}, all[0].At, all[3].At} {
			if err := refusal(t, log, events(0), at); !errors.Is(err, eventlog.ErrForgotten) {
				t.Errorf("%s, after %s: %v, want ErrForgotten", name, at, err)
			}
		}
	}
	rest := follow(t, f.Log, events(0), oldest).rest(f.Log)
	wantBodies(t, rest[len(rest)-1:], facts(events(0), "new"))
}

// overtaken: a reader that was open when what it has to read next was trimmed
// reads on without a gap, if the log still has that for it, or stops.
func overtaken(c running) {
	t, f := c.t, c.Fixture
	appender, _ := writer(t, f.Log)
	write(t, appender, texts(events(0), "draft", 0, 2*eventlog.RunEntriesMax)...)
	reader := follow(t, f.Second(t), events(0), eventlog.Position{})
	reader.next()
	f.Trim(t)
	write(t, appender, facts(events(0), "new"))
	newest := bounds(t, f.Log, events(0)).Newest
	for reader.at.Before(newest) {
		run, err := reader.reader.Next(patient(t))
		if err != nil {
			if !errors.Is(err, eventlog.ErrForgotten) {
				t.Errorf("after %s: %v, want ErrForgotten", reader.at, err)
			}
			return
		}
		reader.check(run) // it begins where the last one ended
		reader.at = run.To
	}
}

// trimmedWhole: positions go on where they were, and the end can be read from.
func trimmedWhole(c running) {
	t, f := c.t, c.Fixture
	appender, _ := writer(t, f.Log)
	write(t, appender, texts(events(0), "draft", 0, 3)...)
	newest := bounds(t, f.Log, events(0)).Newest
	reader := follow(t, f.Log, events(0), newest)
	f.Trim(t)
	after := bounds(t, f.Log, events(0))
	if after.Newest != newest || after.Newest.Before(after.Oldest) {
		t.Errorf("bounds are %+v after the trim, the newest was %s", after, newest)
	}
	late := follow(t, f.Log, events(0), newest)
	more := facts(events(0), "more")
	write(t, appender, more)
	got := reader.stored(1)
	wantBodies(t, got, more)
	wantBodies(t, late.stored(1), more)
	if !newest.Before(got[0].At) {
		t.Errorf("an entry at %s follows one at %s", got[0].At, newest)
	}
}

func holds(c running) {
	t, f := c.t, c.Fixture
	ctx := patient(t)
	appender, _ := writer(t, f.Log)
	write(t, appender, texts(events(0), "draft", 0, 6)...)
	all := follow(t, f.Log, events(0), eventlog.Position{}).stored(6)
	hold := func(consumer string, at eventlog.Position) {
		t.Helper()
		if err := f.Log.Hold(ctx, consumer, events(0), at); err != nil {
			t.Fatalf("hold: %v", err)
		}
	}
	readable := func(at eventlog.Position, want ...eventlog.Draft) {
		t.Helper()
		wantBodies(t, follow(t, f.Log, events(0), at).rest(f.Log), want...)
	}
	hold("slow", all[1].At)
	hold("fast", all[4].At)
	f.Trim(t)
	readable(all[1].At, texts(events(0), "draft", 2, 6)...)

	hold("slow", all[3].At) // the other one's hold is not in the way of this
	f.Trim(t)
	readable(all[3].At, texts(events(0), "draft", 4, 6)...)

	if err := f.Log.Release(ctx, "slow"); err != nil {
		t.Fatalf("release: %v", err)
	}
	f.Trim(t)
	readable(all[4].At, texts(events(0), "draft", 5, 6)...)

	for _, consumer := range []string{"fast", "nobody"} {
		if err := f.Log.Release(ctx, consumer); err != nil {
			t.Fatalf("release %s: %v", consumer, err)
		}
	}
	write(t, appender, facts(events(0), "new"))
	f.Trim(t)
	if oldest := bounds(t, f.Log, events(0)).Oldest; oldest.Before(all[4].At) {
		t.Errorf("oldest is %s with nothing held", oldest)
	}
}

// holdTooLate: a consumer that asks for what is gone has to be told.
func holdTooLate(c running) {
	t, f := c.t, c.Fixture
	appender, _ := writer(t, f.Log)
	write(t, appender, texts(events(0), "draft", 0, 6)...)
	first := follow(t, f.Log, events(0), eventlog.Position{}).stored(6)[0].At
	f.Trim(t)
	for _, at := range []eventlog.Position{{}, first} {
		if err := f.Log.Hold(patient(t), "consumer", events(0), at); !errors.Is(err, eventlog.ErrForgotten) {
			t.Errorf("hold after %s: %v, want ErrForgotten", at, err)
		}
	}
}

func controlKept(c running) {
	t, f := c.t, c.Fixture
	appender, _ := writer(t, f.Log)
	settings := texts(eventlog.ControlPartition, "setting", 0, 4)
	write(t, appender, append(settings, texts(events(0), "draft", 0, 4)...)...)
	f.Trim(t)
	wantBodies(t, counted(t, f.Log, eventlog.ControlPartition), settings...)
}
