package logtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
)

var errPatience = errors.New("it did not come within logtest.Patience")

// events is a partition of events.
func events(n uint32) eventlog.Partition {
	return eventlog.Partition{Stream: eventlog.Events, Number: n}
}

// facts is a draft with a text as its body.
func facts(p eventlog.Partition, text string) eventlog.Draft {
	return eventlog.Draft{Partition: p, Kind: eventlog.Facts, Body: []byte(text)}
}

// texts are the bodies text-from to text-(to-1), as facts of one partition.
func texts(p eventlog.Partition, text string, from, to int) (drafts []eventlog.Draft) {
	for i := from; i < to; i++ {
		drafts = append(drafts, facts(p, fmt.Sprint(text, "-", i)))
	}
	return drafts
}

// newAuthor is an author that nobody was before.
func newAuthor() (a eventlog.Author) {
	_, _ = rand.Read(a[:]) // never fails
	return a
}

// writer opens an appender of a new author, which ends with the test.
func writer(t *testing.T, log eventlog.Log) (eventlog.Appender, eventlog.Author) {
	t.Helper()
	author := newAuthor()
	appender, err := log.Appender(author)
	if err != nil {
		t.Fatalf("open appender: %v", err)
	}
	t.Cleanup(func() {
		// Whether it ends well is no part of the case: the log may be gone by now.
		ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
		cancel()
		_ = appender.Close(ctx)
	})
	return appender, author
}

// write appends and waits until all is stored.
func write(t *testing.T, a eventlog.Appender, drafts ...eventlog.Draft) {
	t.Helper()
	if err := eventlog.Append(patient(t), a, drafts...); err != nil {
		t.Fatalf("append: %v", err)
	}
}

// begin appends and does not wait.
func begin(t *testing.T, a eventlog.Appender, drafts ...eventlog.Draft) *eventlog.Receipt {
	t.Helper()
	receipt, err := a.Append(patient(t), drafts...)
	if err != nil {
		t.Fatalf("append: %v", err)
	}
	return receipt
}

// settled waits for a receipt and wants it stored.
func settled(t *testing.T, receipt *eventlog.Receipt) {
	t.Helper()
	if err := receipt.Wait(patient(t)); err != nil {
		t.Fatalf("receipt: %v", err)
	}
}

// openReader opens a reader that ends with the test.
func openReader(t *testing.T, log eventlog.Log, p eventlog.Partition, after eventlog.Position) eventlog.Reader {
	t.Helper()
	reader, err := log.Read(patient(t), p, after)
	if err != nil {
		t.Fatalf("read %s after %s: %v", p, after, err)
	}
	t.Cleanup(reader.Close)
	return reader
}

// refusal is the error that Read or the first Next gives.
func refusal(t *testing.T, log eventlog.Log, p eventlog.Partition, after eventlog.Position) error {
	t.Helper()
	reader, err := log.Read(patient(t), p, after)
	if err != nil {
		return err
	}
	defer reader.Close()
	run, err := reader.Next(patient(t))
	if err == nil {
		t.Errorf("read %s after %s: a run of %d entries after %s, want an error", p, after, len(run.Entries), run.From)
	}
	return err
}

func bounds(t *testing.T, log eventlog.Log, p eventlog.Partition) eventlog.Bounds {
	t.Helper()
	b, err := log.Bounds(patient(t), p)
	if err != nil {
		t.Fatalf("bounds of %s: %v", p, err)
	}
	return b
}

// follower reads a partition and checks every run: it begins where the last one
// ended, is not empty nor above the limits, and its positions rise to its end.
type follower struct {
	t      *testing.T
	reader eventlog.Reader
	p      eventlog.Partition
	at     eventlog.Position
	gate   eventlog.Gate
}

func follow(t *testing.T, log eventlog.Log, p eventlog.Partition, after eventlog.Position) *follower {
	t.Helper()
	return &follower{t: t, reader: openReader(t, log, p, after), p: p, at: after}
}

func (f *follower) next() []eventlog.Entry {
	f.t.Helper()
	run, err := f.reader.Next(patient(f.t))
	if err != nil {
		f.t.Fatalf("next of %s after %s: %v", f.p, f.at, err)
	}
	f.check(run)
	f.at = run.To
	return run.Entries
}

func (f *follower) check(run eventlog.Run) {
	f.t.Helper()
	if run.Partition != f.p || run.From != f.at {
		f.t.Fatalf("a run of %s after %s, want of %s after %s", run.Partition, run.From, f.p, f.at)
	}
	if len(run.Entries) == 0 || len(run.Entries) > eventlog.RunEntriesMax {
		f.t.Fatalf("a run of %d entries, want 1 to %d", len(run.Entries), eventlog.RunEntriesMax)
	}
	bytes := 0
	last := run.From
	for _, e := range run.Entries {
		if !last.Before(e.At) {
			f.t.Fatalf("an entry at %s follows one at %s", e.At, last)
		}
		last = e.At
		bytes += len(e.Body)
	}
	if run.To != last {
		f.t.Fatalf("a run to %s, its last entry is at %s", run.To, last)
	}
	if len(run.Entries) > 1 && bytes > eventlog.RunBytesMax {
		f.t.Fatalf("a run of %d entries and %d bytes, at most %d", len(run.Entries), bytes, eventlog.RunBytesMax)
	}
}

// stored reads at least n entries.
func (f *follower) stored(n int) (entries []eventlog.Entry) {
	f.t.Helper()
	for len(entries) < n {
		entries = append(entries, f.next()...)
	}
	return entries
}

// rest reads to where the partition ends now, at least one entry, and gives what
// counts of it.
func (f *follower) rest(log eventlog.Log) (counted []eventlog.Entry) {
	f.t.Helper()
	for newest := bounds(f.t, log, f.p).Newest; f.at.Before(newest); {
		got, err := f.gate.Admit(f.next())
		if err != nil {
			f.t.Fatalf("gate of %s: %v", f.p, err)
		}
		f.gate = got.Next
		counted = append(counted, got.Entries...)
	}
	return counted
}

// counted is what counts of a whole partition as it is now.
func counted(t *testing.T, log eventlog.Log, p eventlog.Partition) []eventlog.Entry {
	t.Helper()
	return follow(t, log, p, eventlog.Position{}).rest(log)
}

// bodies are the texts of entries.
func bodies(entries []eventlog.Entry) (texts []string) {
	for _, e := range entries {
		texts = append(texts, string(e.Body))
	}
	return texts
}

// wantBodies compares the bodies of entries with those of drafts.
func wantBodies(t *testing.T, got []eventlog.Entry, want ...eventlog.Draft) {
	t.Helper()
	var list []string
	for _, d := range want {
		list = append(list, string(d.Body))
	}
	if diff := cmp.Diff(list, bodies(got)); diff != "" {
		t.Fatalf("bodies (-want +got):\n%s", diff)
	}
}
