package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/fairlead-batch/fairlead/services/eventapi/internal/store"
	"github.com/fairlead-batch/fairlead/services/eventapi/internal/stream"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/eventwire"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/internal/postgres/pgtest"
	"github.com/fairlead-batch/fairlead/services/internal/project"
)

const (
	partitions = 1
	retention  = 14 * 24 * time.Hour
	day        = 24 * time.Hour
)

// today is the time that is passed in.
var today = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

var (
	part = eventlog.Partition{Stream: eventlog.Events}
	set  = stream.Set{Queue: "q", JobSet: "s"}
)

// rows is what both implementations offer.
type rows interface {
	projected
	Read(ctx context.Context, set stream.Set, after stream.ID) (stream.Page, error)
	Exists(ctx context.Context, set stream.Set) (bool, error)
	Load(ctx context.Context, begin func() store.Take) ([]project.Place, error)
	Retain(ctx context.Context, now time.Time) error
}

type projected interface {
	Projection() project.Advancer
	Keeper() project.Keeper
}

var (
	_ rows = (*store.Postgres)(nil)
	_ rows = (*store.Memory)(nil)
)

func TestMemory(t *testing.T) {
	t.Parallel()
	suite(t, func(t *testing.T) func() rows {
		t.Helper()
		m, err := store.NewMemory(partitions, retention)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(m.Close)
		return func() rows { return m }
	})
}

func TestPostgres(t *testing.T) {
	t.Parallel()
	suite(t, func(t *testing.T) func() rows {
		t.Helper()
		pool := pgtest.Schema(t, store.Migrations())
		return func() rows {
			p, err := store.NewPostgres(pool, partitions, retention)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(p.Close)
			return p
		}
	})
}

// suite is what a store has to do. open gives how a process opens it.
func suite(t *testing.T, open func(t *testing.T) func() rows) {
	t.Helper()
	tests := map[string]func(t *testing.T, open func() rows){
		"rows are what is told":      testRows,
		"resume at every id":         testResume,
		"a restart in every life":    testRestart,
		"refused facts leave no row": testRefused,
		"load is a fold of the log":  testLoad,
		"retention":                  testRetention,
		"days never go back":         testDays,
		"a page is bounded":          testPages,
		"two replicas retain":        testRetainTogether,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			again := open(t)
			if err := again().Keeper().Prepare(t.Context(), []eventlog.Partition{part}); err != nil {
				t.Fatal(err)
			}
			test(t, again)
		})
	}
}

// history writes entries of one author.
type history struct {
	entries []eventlog.Entry
	folded  *stream.Book
	// told is what the entries tell of set, by a plain fold.
	told []message
}

type message struct {
	id   stream.ID
	text string
}

func newHistory() *history { return &history{folded: stream.NewBook()} }

func (h *history) add(t *testing.T, batches ...job.Batch) {
	t.Helper()
	body, err := eventwire.Encode(eventwire.Body{Batches: batches})
	if err != nil {
		t.Fatal(err)
	}
	n := uint64(len(h.entries) + 1)
	at := eventlog.Position{Entry: n}
	h.entries = append(h.entries, eventlog.Entry{
		At: at, Header: eventlog.Header{Author: eventlog.Author{1}, Sequence: n, Kind: eventlog.Facts}, Body: body,
	})
	index := uint32(0)
	_, err = h.folded.Apply(stream.Entry{At: at, Batches: batches}, func(s stream.Set) stream.Hear {
		return func(m []byte) {
			if s == set {
				h.told = append(h.told, message{stream.ID{At: at, Index: index}, string(m)})
				index++
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

// run is the stretch behind some entries.
func (h *history) run(after int) eventlog.Run {
	return eventlog.Run{
		Partition: part, From: eventlog.Position{Entry: uint64(after)}, Entries: h.entries[after:], To: eventlog.Position{Entry: uint64(len(h.entries))},
	}
}

func batch(events ...job.Event) job.Batch {
	return job.Batch{Queue: set.Queue, JobSet: set.JobSet, Cause: job.Cause{User: "ann"}, Events: events}
}

func submitted(n byte, at time.Time) job.Event {
	return job.SubmittedEvent{Head: head(n, at), Spec: &job.PodSpec{Bytes: []byte("\x0a\x00")}, Shape: &job.Shape{}}
}

func head(n byte, at time.Time) job.Head {
	return job.Head{Job: job.ID{n}, Time: job.Time(at.UnixNano())}
}

// lives are three jobs, finished, running and waiting, over several entries.
func lives(t *testing.T) *history {
	t.Helper()
	h := newHistory()
	run := job.RunID{9}
	h.add(t, batch(submitted(1, today), submitted(2, today)), job.Batch{Queue: "q", JobSet: "another", Events: []job.Event{submitted(3, today)}}, batch(submitted(4, today)))
	h.add(t, batch(job.LeasedEvent{Head: head(1, today), Run: run, Executor: "c", Pool: "p"}, job.CancelRequestedEvent{Head: head(2, today)}))
	h.add(t, batch(job.RunAcknowledgedEvent{Head: head(1, today), Run: run}, job.RunPendingEvent{Head: head(1, today), Run: run, Pod: job.Pod{Name: "pod"}}))
	h.add(t, batch(job.CancelledEvent{Head: head(2, today)}))
	h.add(t, batch(job.RunRunningEvent{Head: head(1, today), Run: run, Pod: job.Pod{Name: "pod", Node: "node"}}))
	return h
}

func retain(t *testing.T, r rows, now time.Time) {
	t.Helper()
	if err := r.Retain(t.Context(), now); err != nil {
		t.Fatal(err)
	}
}

func advance(t *testing.T, r rows, run eventlog.Run) {
	t.Helper()
	done, err := r.Projection().Advance(t.Context(), today, []eventlog.Run{run})
	if err != nil {
		t.Fatal(err)
	}
	if done[0].Err != nil {
		t.Fatal(done[0].Err)
	}
}

// read pages through what stands behind an id.
func read(t *testing.T, r rows, after stream.ID) (list []message, pages int) {
	t.Helper()
	for {
		page, err := r.Read(t.Context(), set, after)
		if err != nil {
			t.Fatal(err)
		}
		pages++
		for _, told := range page.Told {
			for i, m := range told.Messages {
				list = append(list, message{stream.ID{At: told.At, Index: told.First + uint32(i)}, string(m)})
			}
			after = told.Last()
		}
		if page.End {
			return list, pages
		}
	}
}

func same(t *testing.T, want, got []message) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmp.AllowUnexported(message{})); diff != "" {
		t.Errorf("messages (-want +got):\n%.2000s", diff)
	}
}

func testRows(t *testing.T, open func() rows) {
	t.Helper()
	r, h := open(), lives(t)
	if _, err := r.Projection().Advance(t.Context(), today, []eventlog.Run{h.run(0)}); err == nil {
		t.Error("it wrote before Retain had run")
	}
	retain(t, r, today)
	advance(t, r, h.run(0))
	got, _ := read(t, r, stream.ID{})
	same(t, h.told, got)
	if exists, err := r.Exists(t.Context(), set); err != nil || !exists {
		t.Errorf("exists: %v, %v", exists, err)
	}
	page, err := r.Read(t.Context(), stream.Set{Queue: "q", JobSet: "none"}, stream.ID{})
	if err != nil || len(page.Told) > 0 || !page.End || page.Place != h.run(0).To {
		t.Errorf("a set that is not: %+v, %v", page, err)
	}
}

func testResume(t *testing.T, open func() rows) {
	t.Helper()
	r, h := open(), lives(t)
	retain(t, r, today)
	advance(t, r, h.run(0))
	for i, m := range h.told {
		got, _ := read(t, r, m.id)
		same(t, h.told[i+1:], got)
	}
}

// testRestart stops the process after every entry, and delivers some again.
func testRestart(t *testing.T, open func() rows) {
	t.Helper()
	h := lives(t)
	for n := range h.entries {
		r := open()
		retain(t, r, today)
		run := h.run(max(0, n-1))
		run.Entries = run.Entries[:n+1-max(0, n-1)]
		run.To = run.Entries[len(run.Entries)-1].At
		advance(t, r, run)
	}
	got, _ := read(t, open(), stream.ID{})
	same(t, h.told, got)
}

func testRefused(t *testing.T, open func() rows) {
	t.Helper()
	r, h := open(), newHistory()
	h.add(t, batch(job.CancelledEvent{Head: head(1, today)}))
	retain(t, r, today)
	advance(t, r, h.run(0))
	if exists, err := r.Exists(t.Context(), set); err != nil || exists {
		t.Errorf("exists: %v, %v", exists, err)
	}
}

func testLoad(t *testing.T, open func() rows) {
	t.Helper()
	r, h := open(), lives(t)
	retain(t, r, today)
	advance(t, r, h.run(0))
	got := map[job.ID][]byte{}
	places, err := r.Load(t.Context(), func() store.Take {
		return func(number uint32, id job.ID, kept []byte) {
			if number != part.Number {
				t.Errorf("job %s is in partition %d", id, number)
			}
			got[id] = bytes.Clone(kept)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(places) != 1 || places[0].At != h.run(0).To {
		t.Errorf("places %+v", places)
	}
	if len(got) != h.folded.Len() || len(got) != 3 {
		t.Errorf("%d jobs, want the 3 that are not finished", len(got))
	}
	for id, kept := range got {
		if !bytes.Equal(kept, h.folded.Kept(id)) {
			t.Errorf("job %s: %x, want %x", id, kept, h.folded.Kept(id))
		}
	}
}

func testRetention(t *testing.T, open func() rows) {
	t.Helper()
	r, h := open(), newHistory()
	h.add(t, batch(submitted(1, today), submitted(2, today)))
	h.add(t, batch(submitted(3, today.Add(day))))
	h.add(t, batch(submitted(4, today.Add(2*day))))
	retain(t, r, today)
	advance(t, r, h.run(0))

	retain(t, r, today.Add(retention+day)) // drops the first day
	got, _ := read(t, r, stream.ID{})
	same(t, h.told[4:], got)
	for i, m := range h.told {
		_, err := r.Read(t.Context(), set, m.id)
		// Whoever has an event of the last entry that was dropped may resume behind it.
		if i >= 3 && err != nil {
			t.Errorf("behind message %d: %v", i, err)
		}
	}
	retain(t, r, today.Add(retention+2*day)) // and the second
	for i, m := range h.told[:4] {
		if _, err := r.Read(t.Context(), set, m.id); !errors.Is(err, stream.ErrForgotten) {
			t.Errorf("behind message %d: %v, want ErrForgotten", i, err)
		}
	}
	after, _ := read(t, r, h.told[5].id)
	same(t, h.told[6:], after)

	late := newHistory()
	late.entries = h.entries
	late.add(t, batch(submitted(5, today.Add(3*day))))
	advance(t, r, late.run(3))
	got, _ = read(t, r, h.told[5].id)
	same(t, append(h.told[6:8:8], late.told...), got)
}

// testDays: a clock that is behind, one that is far ahead, and a log that is older
// than what is kept. Nothing is lost by that, and what is dropped is a beginning.
func testDays(t *testing.T, open func() rows) {
	t.Helper()
	r, h := open(), newHistory()
	h.add(t, batch(submitted(1, today.Add(-100*day))))
	h.add(t, batch(submitted(2, today)))
	h.add(t, batch(submitted(3, today.Add(-3*day))))
	h.add(t, batch(submitted(4, today.Add(1000*day))))
	h.add(t, batch(submitted(5, today)))
	retain(t, r, today)
	for n := range h.entries {
		run := h.run(n)
		run.Entries, run.To = run.Entries[:1], run.Entries[0].At
		advance(t, r, run)
	}
	got, _ := read(t, r, stream.ID{})
	same(t, h.told, got)
	kept := len(h.told)
	for age := range 20 {
		retain(t, r, today.Add(time.Duration(age)*day))
		got, _ := read(t, r, stream.ID{})
		same(t, h.told[len(h.told)-len(got):], got) // an end of it
		if len(got) > kept {
			t.Errorf("after %d days there are more", age)
		}
		kept = len(got)
	}
	if kept > 0 {
		t.Errorf("%d messages are left", kept)
	}
}

// testPages: a large entry is cut into rows, and rows into pages, and any place is
// good to go on from.
func testPages(t *testing.T, open func() rows) {
	t.Helper()
	r, h := open(), newHistory()
	chance := rand.New(rand.NewPCG(1, 1))
	var events []job.Event
	for n := range byte(120) {
		spec := make([]byte, 100<<10)
		for i := range spec {
			spec[i] = byte(chance.Uint32())
		}
		events = append(events, job.SubmittedEvent{Head: head(n+1, today), Spec: &job.PodSpec{Bytes: spec}, Shape: &job.Shape{}})
	}
	h.add(t, batch(events...))
	retain(t, r, today)
	advance(t, r, h.run(0))
	got, pages := read(t, r, stream.ID{})
	same(t, h.told, got)
	if pages < 3 {
		t.Errorf("%d pages for 12 MiB", pages)
	}
	for _, i := range []int{0, 1, 4, 5, 100, 237} {
		got, _ := read(t, r, h.told[i].id)
		same(t, h.told[i+1:], got)
	}
}

func testRetainTogether(t *testing.T, open func() rows) {
	t.Helper()
	done := make(chan error)
	for range 3 {
		r := open()
		go func() {
			var err error
			for age := range 3 {
				err = errors.Join(err, r.Retain(t.Context(), today.Add(time.Duration(age)*day)))
			}
			done <- err
		}()
	}
	for range 3 {
		if err := <-done; err != nil {
			t.Error(fmt.Errorf("one of three: %w", err))
		}
	}
}
