package pglog_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog/pglog"
	"github.com/fairlead-batch/fairlead/services/internal/postgres/pgtest"
)

var start = time.Unix(1_700_000_000, 0)

func events(n uint32) eventlog.Partition {
	return eventlog.Partition{Stream: eventlog.Events, Number: n}
}

func fact(p eventlog.Partition, text string) eventlog.Draft {
	return eventlog.Draft{Partition: p, Kind: eventlog.Facts, Body: []byte(text)}
}

func openAppender(t testing.TB, log eventlog.Log, author eventlog.Author) eventlog.Appender {
	t.Helper()
	a, err := log.Appender(author)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func write(t testing.TB, a eventlog.Appender, drafts ...eventlog.Draft) {
	t.Helper()
	if err := eventlog.Append(t.Context(), a, drafts...); err != nil {
		t.Fatal(err)
	}
}

func trim(t testing.TB, log *process, now time.Time) {
	t.Helper()
	if err := log.Trim(t.Context(), now); err != nil {
		t.Fatal(err)
	}
}

func oldest(t testing.TB, log eventlog.Log, p eventlog.Partition) uint64 {
	t.Helper()
	b, err := log.Bounds(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return b.Oldest.Entry
}

func count(t testing.TB, pool *pgxpool.Pool, table string) (n int) {
	t.Helper()
	if err := pool.QueryRow(t.Context(), "SELECT count(*) FROM "+table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestTrimByAge: a segment is sealed when it is old enough and not empty, and goes
// when it was sealed for the retention; neither a moment before.
func TestTrimByAge(t *testing.T) {
	t.Parallel()
	log := startProcess(t, pgtest.Schema(t, pglog.Migrations()), config)
	wantSegments := func(want int, when string) {
		t.Helper()
		if n := count(t, log.pool, "segment"); n != want {
			t.Fatalf("%d segments %s, want %d", n, when, want)
		}
	}
	opened := start.Add(time.Hour)
	trim(t, log, opened)
	a := openAppender(t, log, eventlog.Author{1})
	write(t, a, fact(events(0), "1"), fact(events(1), "1"), fact(events(0), "2"))
	trim(t, log, opened.Add(config.SegmentAge-1))
	wantSegments(2, "before the first is old")
	sealed := opened.Add(config.SegmentAge)
	trim(t, log, sealed)
	wantSegments(3, "when it is")
	trim(t, log, sealed.Add(config.SegmentAge))
	wantSegments(3, "while the new one is empty")
	write(t, a, fact(events(0), "3"))
	trim(t, log, sealed.Add(config.Retention-1))
	if got := oldest(t, log, events(0)); got != 0 {
		t.Fatalf("forgotten up to %d before the retention is over", got)
	}
	trim(t, log, sealed.Add(config.Retention))
	if got := []uint64{oldest(t, log, events(0)), oldest(t, log, events(1)), oldest(t, log, events(2))}; fmt.Sprint(got) != "[2 1 0]" {
		t.Fatalf("forgotten up to %v, want [2 1 0]", got)
	}
}

// TestTrimBySize: a large segment is sealed however young it is.
func TestTrimBySize(t *testing.T) {
	t.Parallel()
	small := config
	small.SegmentBytes = 1
	log := startProcess(t, pgtest.Schema(t, pglog.Migrations()), small)
	trim(t, log, start)
	write(t, openAppender(t, log, eventlog.Author{1}), fact(events(0), "1"))
	trim(t, log, start)
	if n := count(t, log.pool, "segment"); n != 3 {
		t.Fatalf("%d segments, want 3", n)
	}
}

// TestTrimForgetsAuthors: the rows of authors go with their entries; those that
// still write, or wrote to control, stay or come again.
func TestTrimForgetsAuthors(t *testing.T) {
	t.Parallel()
	log := startProcess(t, pgtest.Schema(t, pglog.Migrations()), config)
	trim(t, log, start)
	gone, lives := openAppender(t, log, eventlog.Author{1}), openAppender(t, log, eventlog.Author{2})
	write(t, gone, fact(events(0), "1"), fact(eventlog.ControlPartition, "setting"))
	write(t, lives, fact(events(0), "1"), fact(events(1), "1"))
	trim(t, log, start.Add(config.SegmentAge))
	write(t, lives, fact(events(0), "2"))
	trim(t, log, start.Add(config.SegmentAge+config.Retention))
	// The first author's row of control, and the second's of events/0.
	if n := count(t, log.pool, "author"); n != 2 {
		t.Fatalf("%d rows of authors, want 2", n)
	}
	write(t, lives, fact(events(1), "2"))
	if n := count(t, log.pool, "author"); n != 3 {
		t.Fatalf("%d rows of authors after one wrote again, want 3", n)
	}
}

// TestTrimUnderWay: segments are opened and dropped while two processes append and
// a slow reader, which holds, reads: nothing is missing and nothing moves.
func TestTrimUnderWay(t *testing.T) {
	t.Parallel()
	const each, trims = 150, 12
	pool := pgtest.Schema(t, pglog.Migrations())
	logs := []*process{startProcess(t, pool, config), startProcess(t, pool, config)}
	if err := logs[0].Hold(t.Context(), "slow", events(0), eventlog.Position{}); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i, log := range logs {
		a := openAppender(t, log, eventlog.Author{byte(i + 1)})
		all.Go(func() {
			for n := range each {
				if err := eventlog.Append(t.Context(), a, fact(events(0), fmt.Sprint(n)), fact(events(1), "other")); err != nil {
					t.Errorf("append: %v", err)
					return
				}
			}
		})
	}
	now := start
	ours := openAppender(t, logs[0], eventlog.Author{9})
	for range trims {
		write(t, ours, fact(events(1), "ours")) // a segment without entries is not followed by another
		now = now.Add(config.SegmentAge)
		trim(t, logs[1], now)
		now = now.Add(config.Retention)
		trim(t, logs[0], now)
	}
	all.Wait()
	checkWhole(t, logs[0], len(logs)*each, len(logs))
	if n := count(t, pool, "segment"); n < 5 {
		t.Errorf("%d segments: too few were opened for the case", n)
	}
	if err := logs[0].Release(t.Context(), "slow"); err != nil {
		t.Fatal(err)
	}
	trim(t, logs[0], now.Add(config.Retention))
	if got := oldest(t, logs[0], events(0)); got == 0 {
		t.Error("nothing was forgotten when the hold was released")
	}
}

// checkWhole reads events/0 from the beginning and wants n entries, each author's
// in order.
func checkWhole(t *testing.T, log eventlog.Log, n, authors int) {
	t.Helper()
	reader, err := log.Read(t.Context(), events(0), eventlog.Position{})
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	var entries []eventlog.Entry
	for len(entries) < n {
		run, err := reader.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, run.Entries...)
	}
	last := map[eventlog.Author]uint64{}
	for i, e := range entries {
		if e.At.Entry != uint64(i+1) {
			t.Fatalf("entry %d has the number %d", i+1, e.At.Entry)
		}
		if e.Sequence != last[e.Author]+1 {
			t.Fatalf("sequence %d of %s follows %d", e.Sequence, e.Author, last[e.Author])
		}
		last[e.Author] = e.Sequence
	}
	if len(last) != authors {
		t.Fatalf("entries of %d authors, want %d", len(last), authors)
	}
}

// TestReaderIsOvertaken: what a reader has to read next is dropped, and it says so.
// The suite lets an implementation go on where it still can; here it cannot.
func TestReaderIsOvertaken(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t, pglog.Migrations())
	writes := startProcess(t, pool, config)
	bare := config
	bare.TailBytesMax = -1
	reads := startProcess(t, pool, bare)
	a := openAppender(t, writes, eventlog.Author{1})
	large := eventlog.Draft{Partition: events(0), Kind: eventlog.Facts, Body: make([]byte, eventlog.RunBytesMax)}
	trim(t, writes, start)
	write(t, a, large)
	reader, err := reads.Read(t.Context(), events(0), eventlog.Position{})
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if _, err := reader.Next(t.Context()); err != nil {
		t.Fatal(err)
	}
	write(t, a, large, large)
	trim(t, writes, start.Add(config.SegmentAge))
	trim(t, writes, start.Add(config.SegmentAge+config.Retention))
	write(t, a, large)
	if run, err := reader.Next(t.Context()); !errors.Is(err, eventlog.ErrForgotten) {
		t.Fatalf("next: a run after %s, %v; want ErrForgotten", run.From, err)
	}
}

// TestPoll: an entry that nobody notified of is found all the same.
func TestPoll(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t, pglog.Migrations())
	log := startProcess(t, pool, config)
	reader, err := log.Read(t.Context(), events(0), eventlog.Position{})
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*pglog.PollInterval)
	defer cancel()
	next := func(what string) {
		t.Helper()
		if _, err := reader.Next(ctx); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	others := openAppender(t, startProcess(t, pool, config), eventlog.Author{1})
	write(t, others, fact(events(0), "1"))
	next("what may be found as the reader opens")
	write(t, others, fact(events(0), "2"))
	next("what the watcher found or heard: it has made its first look")
	put(t, pool, events(0), []byte{1, 2, 3})
	next("what only polling finds")
}
