package events_test

import (
	"errors"
	"testing"
	"time"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/eventwire"
	"github.com/fairlead-batch/fairlead/services/submit/internal/events"
	"github.com/fairlead-batch/fairlead/services/submit/internal/store"
)

var agreed = eventwire.LogCreated{Installation: "here", Incarnation: 1, Partitions: partitions}

func TestFirstStartWritesTheFirstEntry(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	p := b.start()
	if err := p.Agree(t.Context(), agreed); err != nil {
		t.Fatal(err)
	}
	b.createQueue("q")
	if err := p.RelayAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	// A second start finds it, whatever name it would have given.
	other := agreed
	other.Installation = "elsewhere"
	if err := b.start().Agree(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	got := b.settings()
	if left, err := b.store.UnannouncedAuthors(t.Context(), b.time().Add(time.Hour), 9); len(left) != 0 || err != nil {
		t.Errorf("its author is left: %v, error %v", left, err)
	}
	if len(got) != 2 || got[0].LogCreated == nil || *got[0].LogCreated != agreed || got[0].Cause.Service != "submit" {
		t.Errorf("settings %+v", got)
	}
}

// A process dies between writing the first entry and noting it, or before writing it.
func TestCrashInTheFirstStart(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	if err := b.store.AgreeInstallation(t.Context(), agreed); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := b.start().Agree(t.Context(), eventwire.LogCreated{Installation: "other", Incarnation: 1, Partitions: partitions}); err != nil {
			t.Fatal(err)
		}
		if _, recorded, err := b.store.Installation(t.Context()); !recorded || err != nil {
			t.Errorf("recorded %v, error %v", recorded, err)
		}
	}
	if got := b.settings(); len(got) != 1 || *got[0].LogCreated != agreed {
		t.Errorf("settings %+v", got)
	}
}

func TestMismatchStopsTheStart(t *testing.T) {
	t.Parallel()
	tests := map[string]func(t *testing.T, b *bed) (eventwire.LogCreated, *bed){
		"another partition count": func(_ *testing.T, b *bed) (eventwire.LogCreated, *bed) {
			return eventwire.LogCreated{Installation: "here", Incarnation: 1, Partitions: 8}, b
		},
		"another incarnation": func(_ *testing.T, b *bed) (eventwire.LogCreated, *bed) {
			return eventwire.LogCreated{Installation: "here", Incarnation: 2, Partitions: partitions}, b
		},
		"an empty database": func(_ *testing.T, b *bed) (eventwire.LogCreated, *bed) {
			b.store = store.NewMemory()
			return agreed, b
		},
		"another installation's database": func(t *testing.T, b *bed) (eventwire.LogCreated, *bed) {
			t.Helper()
			b.store = store.NewMemory()
			if err := b.store.AgreeInstallation(t.Context(), eventwire.LogCreated{Installation: "elsewhere", Incarnation: 1, Partitions: partitions}); err != nil {
				t.Error(err)
			}
			return agreed, b
		},
		"an empty log": func(t *testing.T, b *bed) (eventwire.LogCreated, *bed) {
			t.Helper()
			fresh := newBed(t)
			fresh.store = b.store
			fresh.ids.Store(1000) // the store knows the authors of the other
			return agreed, fresh
		},
		"a log that begins otherwise": func(t *testing.T, _ *bed) (eventwire.LogCreated, *bed) {
			t.Helper()
			fresh := newBed(t)
			fresh.createQueue("q")
			if err := fresh.start().RelayAll(t.Context()); err != nil {
				t.Error(err)
			}
			return agreed, fresh
		},
	}
	for name, prepare := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			if err := b.start().Agree(t.Context(), agreed); err != nil {
				t.Fatal(err)
			}
			want, b := prepare(t, b)
			entries := len(b.counted(eventlog.ControlPartition))
			p := b.start()
			if err := p.Agree(t.Context(), want); !errors.Is(err, events.ErrMismatch) {
				t.Errorf("error %v, want %v", err, events.ErrMismatch)
			}
			if got := len(b.counted(eventlog.ControlPartition)); got != entries {
				t.Errorf("%d entries were written", got-entries)
			}
		})
	}
}

// Generations go on behind what the control stream has seen, also with a database
// that was put back to an earlier day.
func TestGenerationsGoOnBehindTheLog(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	p := b.start()
	if err := p.Agree(t.Context(), agreed); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "b", "c"} {
		b.createQueue(name)
	}
	if err := p.RelayAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.store = store.NewMemory()
	if err := b.store.AgreeInstallation(t.Context(), agreed); err != nil {
		t.Fatal(err)
	}
	if err := b.start().Agree(t.Context(), agreed); err != nil {
		t.Fatal(err)
	}
	if got := b.createQueue("d"); got != 4 {
		t.Errorf("generation %d, want 4", got)
	}
}
