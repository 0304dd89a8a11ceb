package stream_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	apipb "github.com/fairlead-batch/fairlead/proto/gen/api"
	"github.com/fairlead-batch/fairlead/services/eventapi/internal/stream"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// drained are "entry.index kind" of what a watcher gets.
func drained(t *testing.T, live *stream.Live, w stream.Watcher) (out []string) {
	t.Helper()
	told, err := live.Drain(w)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range told {
		for _, encoded := range entry.Frames() {
			var frame apipb.EventStreamMessage
			if err := proto.Unmarshal(encoded, &frame); err != nil {
				t.Fatal(err)
			}
			id, err := stream.ParseID(frame.GetId())
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, fmt.Sprintf("%d.%d %s", id.At.Entry, id.Index, kind(frame.GetMessage())))
		}
	}
	return out
}

func take(t *testing.T, live *stream.Live, entries ...stream.Entry) stream.Took {
	t.Helper()
	took, err := live.Take(entries, entries[len(entries)-1].At)
	if err != nil {
		t.Fatal(err)
	}
	return took
}

func entryOf(at uint64, in stream.Set, events ...job.Event) stream.Entry {
	return stream.Entry{At: eventlog.Position{Entry: at}, Batches: []job.Batch{{Queue: in.Queue, JobSet: in.JobSet, Events: events}}}
}

func TestLive(t *testing.T) {
	t.Parallel()
	live := stream.NewLive(1 << 20)
	a, b := newLife(jobA).leased(run1), newLife(jobB)
	take(t, live, entryOf(1, set, a.events[0]))

	w, at := live.Watch(set)
	if at.Entry != 1 {
		t.Errorf("it watches from %s, want 1", at)
	}
	took := take(t, live,
		stream.Entry{At: eventlog.Position{Entry: 2}, Batches: []job.Batch{
			{Queue: "q", JobSet: "s", Events: a.events[1:]},
			{Queue: "q", JobSet: "other", Events: b.events},
			{Queue: "q", JobSet: "s", Events: []job.Event{job.CancelRequestedEvent{Head: a.head()}}},
		}})
	if diff := cmp.Diff(stream.Took{Woken: []stream.Watcher{w}}, took); diff != "" {
		t.Error(diff)
	}
	if again := take(t, live, entryOf(3, set, job.CancelledEvent{Head: a.head()})); len(again.Woken) > 0 {
		t.Error("a watcher that has not drained was woken twice")
	}
	// The batches of one entry count through; the other set is not told.
	if diff := cmp.Diff([]string{"2.0 leased", "2.1 cancelling", "3.0 cancelled"}, drained(t, live, w)); diff != "" {
		t.Error(diff)
	}
	if rest := drained(t, live, w); len(rest) > 0 {
		t.Errorf("drained twice: %v", rest)
	}
	live.Leave(w)
	live.Leave(w)
	if _, err := live.Drain(w); !errors.Is(err, stream.ErrBehind) || live.Watchers() != 0 {
		t.Errorf("it left, and: %v, %d watchers", err, live.Watchers())
	}
	if live.Jobs() != 1 || live.At().Entry != 3 {
		t.Errorf("%d jobs at %s, want that of the other set at 3", live.Jobs(), live.At())
	}
}

// TestLiveSlowWatcher: one that does not drain is left behind, and nobody else.
func TestLiveSlowWatcher(t *testing.T) {
	t.Parallel()
	live := stream.NewLive(600)
	slow, _ := live.Watch(set)
	quick, _ := live.Watch(set)
	behind := 0
	for n := range uint64(20) {
		took := take(t, live, entryOf(n+1, set, newLife(job.ID{byte(n + 1)}).events...))
		behind += took.Behind
		if got := drained(t, live, quick); len(got) != 2 {
			t.Fatalf("entry %d: the quick one got %v", n+1, got)
		}
	}
	if _, err := live.Drain(slow); !errors.Is(err, stream.ErrBehind) || behind != 1 {
		t.Errorf("the slow one: %v, %d behind", err, behind)
	}
	live.Leave(slow)
	if again, _ := live.Watch(set); again == slow {
		t.Error("a name was given twice")
	}
}

// TestLiveLargeEntry: an entry that no buffer holds leaves all behind, and is not
// kept in memory.
func TestLiveLargeEntry(t *testing.T) {
	t.Parallel()
	live := stream.NewLive(1000)
	w, _ := live.Watch(set)
	unmoved, _ := live.Watch(other)
	l := &life{id: jobA}
	l.add(func(h job.Head) job.Event {
		e := submitted(h)
		e.Spec = &job.PodSpec{Bytes: make([]byte, 1000)}
		return e
	})
	took := take(t, live, entryOf(1, set, l.events...), entryOf(2, other, newLife(jobB).events...))
	if diff := cmp.Diff(stream.Took{Woken: []stream.Watcher{w, unmoved}, Behind: 1}, took); diff != "" {
		t.Error(diff)
	}
	if _, err := live.Drain(w); !errors.Is(err, stream.ErrBehind) {
		t.Errorf("drain: %v", err)
	}
	if got := drained(t, live, unmoved); len(got) != 2 {
		t.Errorf("the other set got %v", got)
	}
}

func TestLiveReset(t *testing.T) {
	t.Parallel()
	live := stream.NewLive(1 << 20)
	w, _ := live.Watch(set)
	kept, err := stream.Kept{}.Apply(newLife(jobA).events[0])
	if err != nil {
		t.Fatal(err)
	}
	book := stream.NewBook()
	book.Load(jobA, kept.Bytes())
	if diff := cmp.Diff([]stream.Watcher{w}, live.Reset(eventlog.Position{Entry: 7}, book)); diff != "" {
		t.Error(diff)
	}
	if _, err := live.Drain(w); !errors.Is(err, stream.ErrBehind) {
		t.Errorf("drain: %v", err)
	}
	fresh, at := live.Watch(set)
	took := take(t, live, entryOf(8, set, newLife(jobA).leased(run1).events[1:]...))
	if got := drained(t, live, fresh); at.Entry != 7 || took.Refused > 0 || len(got) != 1 {
		t.Errorf("watched from %s, %d refused, got %v", at, took.Refused, got)
	}
}

// TestLiveEachOnce: whoever comes, drains and goes whenever, a watcher gets what
// stands behind its position, each once and in order, until it is behind.
func TestLiveEachOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		live := stream.NewLive(rapid.IntRange(200, 2000).Draw(rt, "buffer"))
		var watchers []*watcher
		var all []stream.ID // of the set
		n := uint64(0)
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			switch rapid.IntRange(0, 3).Draw(rt, "step") {
			case 0:
				id, at := live.Watch(set)
				watchers = append(watchers, &watcher{id: id, from: at})
			case 1, 2:
				n++
				in := rapid.SampledFrom([]stream.Set{set, other}).Draw(rt, "set")
				take(t, live, entryOf(n, in, newLife(job.ID{byte(n)}).events...))
				if in == set {
					at := eventlog.Position{Entry: n}
					all = append(all, stream.ID{At: at}, stream.ID{At: at, Index: 1})
				}
			case 3:
				for _, w := range watchers {
					if rapid.Bool().Draw(rt, "drains") {
						w.drain(live)
					}
				}
			}
		}
		for _, w := range watchers {
			w.drain(live)
			want := slices.DeleteFunc(slices.Clone(all), func(id stream.ID) bool { return id.At.Compare(w.from) <= 0 })
			if w.behind { // what it got before that
				want = want[:len(w.got)]
			}
			if diff := cmp.Diff(want, w.got, cmpopts.EquateEmpty()); diff != "" {
				rt.Fatalf("watcher from %s (-want +got):\n%s", w.from, diff)
			}
		}
	})
}

type watcher struct {
	id     stream.Watcher
	from   eventlog.Position
	got    []stream.ID
	behind bool
}

func (w *watcher) drain(live *stream.Live) {
	told, err := live.Drain(w.id)
	w.behind = err != nil
	for _, entry := range told {
		for i := range entry.Messages {
			w.got = append(w.got, stream.ID{At: entry.At, Index: entry.First + uint32(i)})
		}
	}
}
