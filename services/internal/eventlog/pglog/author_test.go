package pglog_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog/pglog"
	"github.com/fairlead-batch/fairlead/services/internal/postgres/pgtest"
)

// TestAuthorOfAnotherProcess: an author that another process has written as is
// refused with the first entry, of which nothing is stored, and everybody else in
// the same group is not held up.
func TestAuthorOfAnotherProcess(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t, pglog.Migrations())
	first, second := startProcess(t, pool, config), startProcess(t, pool, config)
	author := eventlog.Author{1}
	write(t, openAppender(t, first, author), fact(events(0), "mine"))

	thief, honest := openAppender(t, second, author), openAppender(t, second, eventlog.Author{2})
	resume := lockHeads(t, pool) // so that both are in one group, or follow each other
	stolen, err := thief.Append(t.Context(), fact(events(1), "stolen"), fact(events(0), "stolen"))
	if err != nil {
		t.Fatal(err)
	}
	good, err := honest.Append(t.Context(), fact(events(0), "good"))
	if err != nil {
		t.Fatal(err)
	}
	resume()
	if err := stolen.Wait(t.Context()); !errors.Is(err, eventlog.ErrAuthorTaken) {
		t.Errorf("receipt: %v, want ErrAuthorTaken", err)
	}
	if err := good.Wait(t.Context()); err != nil {
		t.Errorf("receipt of another author: %v", err)
	}
	if _, err := thief.Append(t.Context(), fact(events(0), "again")); !errors.Is(err, eventlog.ErrAuthorTaken) {
		t.Errorf("append afterwards: %v, want ErrAuthorTaken", err)
	}
	for p, want := range map[eventlog.Partition]uint64{events(0): 2, events(1): 0} {
		b, err := second.Bounds(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		if b.Newest.Entry != want {
			t.Errorf("%s goes to %d, want %d", p, b.Newest.Entry, want)
		}
	}
}

// TestPutBackFromBackup: a database that has lost what it had acknowledged is not
// written to as if nothing had happened: an author would jump.
func TestPutBackFromBackup(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t, pglog.Migrations())
	log := startProcess(t, pool, config)
	a := openAppender(t, log, eventlog.Author{1})
	write(t, a, fact(events(0), "1"), fact(events(0), "2"), fact(events(0), "3"))
	for _, sql := range []string{"UPDATE head SET newest = 1", "UPDATE author SET last = 1, number = 1", "DELETE FROM entry_1 WHERE number > 1"} {
		if _, err := pool.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	err := eventlog.Append(t.Context(), a, fact(events(0), "4"))
	if err == nil || !strings.Contains(err.Error(), "acknowledged") {
		t.Errorf("append: %v, want that what was acknowledged is missing", err)
	}
}

// TestIncarnation: it is the log's, given when it was made, and stands in every
// position.
func TestIncarnation(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t, pglog.Migrations())
	made := config
	made.Incarnation = 7
	log := startProcess(t, pool, made)
	write(t, openAppender(t, log, eventlog.Author{1}), fact(events(0), "1"))
	later := config
	later.Incarnation = 9
	for name, log := range map[string]*process{"made": log, "opened later": startProcess(t, pool, later)} {
		b, err := log.Bounds(t.Context(), events(0))
		if err != nil {
			t.Fatal(err)
		}
		if want := (eventlog.Position{Incarnation: 7, Entry: 1}); b.Newest != want {
			t.Errorf("%s: newest %+v, want %+v", name, b.Newest, want)
		}
	}
}

func TestConfigValidate(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(*pglog.Config)
		want   string // part of the error; empty: none
	}{
		"good":                  {func(*pglog.Config) {}, ""},
		"kept for ever":         {func(c *pglog.Config) { c.Retention = -1 }, ""},
		"no partitions":         {func(c *pglog.Config) { c.Partitions = 0 }, "partitions"},
		"too many partitions":   {func(c *pglog.Config) { c.Partitions = 257 }, "partitions"},
		"a negative retention":  {func(c *pglog.Config) { c.Retention = -2 }, "retention"},
		"a negative age":        {func(c *pglog.Config) { c.SegmentAge = -1 }, "segmentAge"},
		"a negative size":       {func(c *pglog.Config) { c.SegmentBytes = -1 }, "segmentBytes"},
		"a negative tail limit": {func(c *pglog.Config) { c.TailBytesMax = -2 }, "tailBytesMax"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := config
			test.change(&c)
			err := c.Validate()
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("Validate: %v, want one about %q", err, test.want)
			}
		})
	}
}

// TestLostAnswersStoreOnce: where the answer to a commit is lost, the author's row
// says that it took effect, and nothing is stored a second time. (That it would
// count once in any case is the gate's, and the suite's to prove.)
func TestLostAnswersStoreOnce(t *testing.T) {
	t.Parallel()
	const n = 5
	log := startProcess(t, pgtest.Schema(t, pglog.Migrations()), config)
	a := openAppender(t, log, eventlog.Author{1})
	for range n {
		log.lossy.commits.Add(1)
		write(t, a, fact(events(0), "once"))
	}
	if left := log.lossy.commits.Load(); left != 0 {
		t.Fatalf("%d answers were not lost: the case proves nothing", left)
	}
	b, err := log.Bounds(t.Context(), events(0))
	if err != nil {
		t.Fatal(err)
	}
	if b.Newest.Entry != n {
		t.Errorf("%d entries are stored, want %d", b.Newest.Entry, n)
	}
}
