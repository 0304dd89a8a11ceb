package logtest

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
)

func orderCases() []testCase {
	return []testCase{
		{name: "order by key", run: orderByKey},
		{name: "one call over many partitions", run: oneCall},
		{name: "all of a header comes back", run: headers},
		{name: "authors in two processes", run: twoProcesses},
		{name: "control and events stand apart", run: streamsApart},
		{name: "a call of no drafts", run: noDrafts},
	}
}

// orderByKey: several authors write at once without waiting; what an author
// appended to a partition stands there in that order, each entry once.
func orderByKey(c running) {
	t, f := c.t, c.Fixture
	const authors, each = 4, 60
	var all sync.WaitGroup
	for a := range authors {
		appender, _ := writer(t, f.Log)
		all.Go(func() {
			var open []*eventlog.Receipt
			for i := range each {
				p := events(uint32(i) % f.Partitions)
				receipt, err := appender.Append(t.Context(), facts(p, fmt.Sprint(a, "-", i)))
				if err != nil {
					t.Errorf("append: %v", err)
					return
				}
				open = append(open, receipt)
			}
			for _, receipt := range open {
				if err := receipt.Wait(t.Context()); err != nil {
					t.Errorf("receipt: %v", err)
				}
			}
		})
	}
	all.Wait()
	total := 0
	for n := range f.Partitions {
		got := counted(t, f.Log, events(n))
		total += len(got)
		next := map[int]int{}
		sequences := map[eventlog.Author]uint64{}
		for _, e := range got {
			var a, i int
			if _, err := fmt.Sscanf(string(e.Body), "%d-%d", &a, &i); err != nil {
				t.Fatalf("body %q: %v", e.Body, err)
			}
			if want := next[a]*int(f.Partitions) + int(n); i != want {
				t.Fatalf("events/%d: author %d's entry %d follows, want %d", n, a, i, want)
			}
			next[a]++
			sequences[e.Author]++
			if e.Sequence != sequences[e.Author] {
				t.Fatalf("events/%d: sequence %d of %s, want %d", n, e.Sequence, e.Author, sequences[e.Author])
			}
		}
	}
	if total != authors*each {
		t.Errorf("%d entries, want %d", total, authors*each)
	}
}

// oneCall: drafts of one call keep their order within a partition.
func oneCall(c running) {
	t, f := c.t, c.Fixture
	appender, _ := writer(t, f.Log)
	var call, first, last []eventlog.Draft
	for i := range 20 {
		one, other := facts(events(0), fmt.Sprint("first-", i)), facts(events(f.Partitions-1), fmt.Sprint("last-", i))
		call = append(call, one, other)
		first, last = append(first, one), append(last, other)
	}
	write(t, appender, call...)
	wantBodies(t, counted(t, f.Log, events(0)), first...)
	wantBodies(t, counted(t, f.Log, events(f.Partitions-1)), last...)
}

func headers(c running) {
	t, f := c.t, c.Fixture
	appender, author := writer(t, f.Log)
	closes := newAuthor()
	drafts := []eventlog.Draft{
		{Partition: events(1), Kind: eventlog.Facts},
		{Partition: events(1), Kind: eventlog.Facts, Epoch: 1 << 40, Plan: 1 << 41, Part: 2, Parts: 3, Body: []byte("plan")},
		{Partition: events(1), Kind: eventlog.Fence, Epoch: 1<<40 + 1},
		{Partition: events(1), Kind: eventlog.AuthorClosed, Closes: closes, Body: bytes.Repeat([]byte("large "), 20000)},
	}
	write(t, appender, drafts...)
	got := follow(t, f.Log, events(1), eventlog.Position{}).stored(len(drafts))
	for i, d := range drafts {
		want := eventlog.Entry{Header: d.Header(author, uint64(i+1)), At: got[i].At, Body: d.Body}
		if diff := cmp.Diff(want, got[i], cmp.Comparer(bytes.Equal)); diff != "" {
			t.Errorf("entry %d (-want +got):\n%s", i, diff)
		}
	}
}

// twoProcesses: both write to one partition, and both read the same from it.
func twoProcesses(c running) {
	t, f := c.t, c.Fixture
	const each = 50
	logs := []eventlog.Log{f.Log, f.Second(t)}
	var all sync.WaitGroup
	for _, log := range logs {
		appender, _ := writer(t, log)
		all.Go(func() {
			for i := range each {
				if err := eventlog.Append(t.Context(), appender, facts(events(0), fmt.Sprint(i))); err != nil {
					t.Errorf("append: %v", err)
					return
				}
			}
		})
	}
	all.Wait()
	one, other := counted(t, logs[0], events(0)), counted(t, logs[1], events(0))
	if len(one) != len(logs)*each {
		t.Errorf("%d entries, want %d", len(one), len(logs)*each)
	}
	if diff := cmp.Diff(one, other); diff != "" {
		t.Errorf("the processes read differently (-one +other):\n%s", diff)
	}
}

func streamsApart(c running) {
	t, f := c.t, c.Fixture
	appender, _ := writer(t, f.Log)
	setting, fact := facts(eventlog.ControlPartition, "setting"), facts(events(0), "fact")
	write(t, appender, setting, fact)
	wantBodies(t, counted(t, f.Log, eventlog.ControlPartition), setting)
	wantBodies(t, counted(t, f.Log, events(0)), fact)
}

func noDrafts(c running) {
	t, f := c.t, c.Fixture
	appender, _ := writer(t, f.Log)
	write(t, appender)
	if b := bounds(t, f.Log, events(0)); !b.Newest.IsZero() {
		t.Errorf("newest %s after nothing was appended", b.Newest)
	}
}
