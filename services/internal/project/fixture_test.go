package project_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/eventwire"
	"github.com/fairlead-batch/fairlead/services/internal/postgres/pgtest"
	"github.com/fairlead-batch/fairlead/services/internal/project"
)

// The consumer of these tests writes a row "partition@entry:queue" for each fact
// it is given, so that whatever is lost, doubled or out of order shows.

// database is one database with the rows of the consumer.
type database[Tx any] struct {
	store interface {
		project.Store[Tx]
		project.Keeper
	}
	write project.Write[Tx]
	rows  func(t *testing.T) []string
	// parked are "partition@entry bytes".
	parked func(t *testing.T) []string
}

func p(number uint32) eventlog.Partition {
	return eventlog.Partition{Stream: eventlog.Events, Number: number}
}

func at(entry uint64) eventlog.Position { return eventlog.Position{Entry: entry} }

// lines are the rows that judged runs make.
func lines(runs []project.Judged) (out []string) {
	for _, run := range runs {
		for _, e := range run.Entries {
			for _, s := range e.Body.Settings {
				out = append(out, fmt.Sprintf("%d@%d:%s", run.Partition.Number, e.At.Entry, s.QueueDeleted))
			}
		}
	}
	return out
}

func openMemory(t *testing.T) database[*project.MemoryTx] {
	t.Helper()
	var mu sync.Mutex
	var rows []string
	memory := project.NewMemory("test")
	return database[*project.MemoryTx]{
		store: memory,
		write: func(_ context.Context, tx *project.MemoryTx, runs []project.Judged) error {
			tx.OnCommit(func() {
				mu.Lock()
				defer mu.Unlock()
				rows = append(rows, lines(runs)...)
			})
			return nil
		},
		rows: func(*testing.T) []string {
			mu.Lock()
			defer mu.Unlock()
			return sorted(rows)
		},
		parked: func(*testing.T) []string { return parkedLines(memory.Parked()) },
	}
}

func openPostgres(t *testing.T) database[pgx.Tx] {
	t.Helper()
	own := fstest.MapFS{"0002_seen.sql": {Data: []byte("CREATE TABLE seen (line text NOT NULL)")}}
	pool := pgtest.Schema(t, project.Migrations(own, "0001_project.sql"))
	store := project.NewPostgres(pool, "test")
	return database[pgx.Tx]{
		store: store,
		write: func(ctx context.Context, tx pgx.Tx, runs []project.Judged) error {
			for _, line := range lines(runs) {
				if _, err := tx.Exec(ctx, "INSERT INTO seen VALUES ($1)", line); err != nil {
					return err
				}
			}
			return nil
		},
		rows: func(t *testing.T) []string {
			t.Helper()
			found, err := pool.Query(t.Context(), "SELECT line FROM seen")
			if err != nil {
				t.Fatal(err)
			}
			rows, err := pgx.CollectRows(found, pgx.RowTo[string])
			if err != nil {
				t.Fatal(err)
			}
			return sorted(rows)
		},
		parked: func(t *testing.T) []string {
			t.Helper()
			found, err := pool.Query(t.Context(), "SELECT stream, number, at, why, bytes FROM project_parked WHERE projection = 'test'")
			if err != nil {
				t.Fatal(err)
			}
			list, err := pgx.CollectRows(found, func(row pgx.CollectableRow) (out project.Parked, err error) {
				var at []byte
				if err := row.Scan(&out.Partition.Stream, &out.Partition.Number, &at, &out.Why, &out.Bytes); err != nil {
					return out, err
				}
				out.At, err = eventlog.PositionFrom(at)
				return out, err
			})
			if err != nil {
				t.Fatal(err)
			}
			return parkedLines(list)
		},
	}
}

func parkedLines(list []project.Parked) (out []string) {
	for _, e := range list {
		out = append(out, fmt.Sprintf("%d@%d %s", e.Partition.Number, e.At.Entry, e.Bytes))
	}
	return sorted(out)
}

func sorted(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return list
}

// fact is the body of an entry that makes the row of that name.
func fact(name string) []byte {
	body, err := eventwire.Encode(eventwire.Body{Settings: []eventwire.Setting{{Generation: 1, QueueDeleted: name}}})
	if err != nil {
		panic(err)
	}
	return body
}

// entries reads a script of one partition: each word is an author's letter, a
// sequence and what is special to the entry, numbered by its place from 1.
//
//	a1    a fact by a       a1!   bytes that are no body
//	a1+   a newer body      a1>b  closes b
//	?     a damaged frame
func entries(script string) (list []eventlog.Entry) {
	for i, word := range strings.Fields(script) {
		e := eventlog.Entry{At: at(uint64(i + 1))}
		if word == "?" {
			e.Damage, e.Body = fmt.Errorf("%w: a test", eventlog.ErrDamaged), []byte("frame")
			list = append(list, e)
			continue
		}
		e.Header = eventlog.Header{Author: eventlog.Author{word[0]}, Sequence: uint64(word[1] - '0'), Kind: eventlog.Facts}
		e.Body = fact(word)
		switch rest := word[2:]; {
		case rest == "!":
			e.Body = []byte("poison")
		case rest == "+":
			e.Body = []byte{0x08, 99} // Body.version = 99
		case strings.HasPrefix(rest, ">"):
			e.Kind, e.Closes, e.Body = eventlog.AuthorClosed, eventlog.Author{rest[1]}, nil
		}
		list = append(list, e)
	}
	return list
}

// cut is the run of a partition's entries after one and up to another, by number.
func cut(number uint32, list []eventlog.Entry, after, to int) eventlog.Run {
	return eventlog.Run{Partition: p(number), From: at(uint64(after)), Entries: list[after:to], To: at(uint64(to))}
}

// epoch is a time to pass in.
var epoch = time.Unix(1_800_000_000, 0).UTC()

// advance applies runs and fails the test on any error but those in the result.
func advance[Tx any](t *testing.T, projection *project.Projection[Tx], runs ...eventlog.Run) []project.Advanced {
	t.Helper()
	done, err := projection.Advance(t.Context(), epoch, runs)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

// crashing is a store whose process dies at a step, once.
type crashing[Tx any] struct {
	project.Store[Tx]
	step string
}

var errCrash = errors.New("crash")

func (c *crashing[Tx]) dies(step string) error {
	if c.step != step {
		return nil
	}
	c.step = ""
	return fmt.Errorf("%s: %w", step, errCrash)
}

func (c *crashing[Tx]) Transact(ctx context.Context, fn func(Tx) error) error {
	if err := c.dies("begin"); err != nil {
		return err
	}
	err := c.Store.Transact(ctx, func(tx Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		return c.dies("before commit")
	})
	if err != nil {
		return err
	}
	return c.dies("after commit")
}

func (c *crashing[Tx]) Lock(ctx context.Context, tx Tx, partitions []eventlog.Partition) ([]project.Place, error) {
	if err := c.dies("lock"); err != nil {
		return nil, err
	}
	return c.Store.Lock(ctx, tx, partitions)
}

func (c *crashing[Tx]) Move(ctx context.Context, tx Tx, places []project.Place, parked []project.Parked, now time.Time) error {
	if err := c.dies("before move"); err != nil {
		return err
	}
	if err := c.Store.Move(ctx, tx, places, parked, now); err != nil {
		return err
	}
	return c.dies("after move")
}
