package events_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"pgregory.net/rapid"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/eventwire"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/internal/postgres/pgtest"
	"github.com/fairlead-batch/fairlead/services/internal/project"
	"github.com/fairlead-batch/fairlead/services/lookout/internal/events"
	"github.com/fairlead-batch/fairlead/services/lookout/internal/store"
	"github.com/fairlead-batch/fairlead/services/lookout/internal/store/storetest"
	"github.com/fairlead-batch/fairlead/services/lookout/internal/view"
	"github.com/fairlead-batch/fairlead/services/lookout/internal/viewtest"
)

// opener opens databases whose positions are apart, and whose rows may be shared.
type opener[Tx any] func(t *testing.T) func(name string) storetest.Rows[Tx]

func memory(*testing.T) func(string) storetest.Rows[*project.MemoryTx] {
	return func(name string) storetest.Rows[*project.MemoryTx] { return store.NewMemory(name) }
}

func postgres(t *testing.T) func(string) storetest.Rows[pgx.Tx] {
	t.Helper()
	pool := pgtest.Schema(t, store.Migrations())
	return func(name string) storetest.Rows[pgx.Tx] { return store.NewPostgres(pool, name) }
}

func TestMemory(t *testing.T) {
	t.Parallel()
	suite(t, memory)
}

func TestPostgres(t *testing.T) {
	t.Parallel()
	suite(t, postgres)
}

func suite[Tx any](t *testing.T, open opener[Tx]) {
	t.Helper()
	tests := map[string]func(t *testing.T, open opener[Tx]){
		"any stream, any trouble": testAny[Tx],
		"what is remembered":      testRemembers[Tx],
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open)
		})
	}
}

// partitions are those of viewtest.
func partitions() (out []eventlog.Partition) {
	for i := range uint32(viewtest.Partitions) {
		out = append(out, eventlog.Partition{Stream: eventlog.Events, Number: i})
	}
	return out
}

// logOf is a log with entries: the entries of each partition, numbered from 1.
func logOf(t storetest.T, entries []viewtest.Entry) map[eventlog.Partition][]eventlog.Entry {
	t.Helper()
	log := map[eventlog.Partition][]eventlog.Entry{}
	for _, e := range entries {
		body, err := eventwire.Encode(eventwire.Body{Batches: e.Batches})
		storetest.Check(t, err)
		p := eventlog.Partition{Stream: eventlog.Events, Number: e.Partition}
		n := uint64(len(log[p]) + 1)
		log[p] = append(log[p], eventlog.Entry{
			Header: eventlog.Header{Author: eventlog.Author{1}, Sequence: n, Kind: eventlog.Facts}, At: eventlog.Position{Entry: n}, Body: body,
		})
	}
	return log
}

// cut is the run of the entries of a partition after one and up to another.
func cut(p eventlog.Partition, list []eventlog.Entry, after, to int) eventlog.Run {
	return eventlog.Run{
		Partition: p, From: eventlog.Position{Entry: uint64(after)}, Entries: list[after:to], To: eventlog.Position{Entry: uint64(to)}, //nolint:gosec // small
	}
}

// flaky fails a commit, or a save, when it is told to.
type flaky[Tx any] struct {
	storetest.Rows[Tx]
	commit, save bool
}

var errTrouble = errors.New("trouble")

func (f *flaky[Tx]) Transact(ctx context.Context, fn func(tx Tx) error) error {
	return f.Rows.Transact(ctx, func(tx Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		if f.commit {
			return fmt.Errorf("commit: %w", errTrouble)
		}
		return nil
	})
}

func (f *flaky[Tx]) Save(ctx context.Context, tx Tx, c view.Changes) error {
	if f.save {
		return fmt.Errorf("save: %w", errTrouble)
	}
	return f.Rows.Save(ctx, tx, c)
}

// replica is a process with a memory of its own.
type replica[Tx any] struct {
	*flaky[Tx]
	projection *project.Projection[Tx]
}

func newReplica[Tx any](t storetest.T, db storetest.Rows[Tx]) replica[Tx] {
	t.Helper()
	f := &flaky[Tx]{Rows: db}
	writer, err := events.NewWriter(f, viewtest.Partitions, nil)
	storetest.Check(t, err)
	return replica[Tx]{flaky: f, projection: project.New(f, writer.Write)}
}

// testAny: whatever is cut, fails, is written by another replica or after a start,
// the rows are the fold of the log.
func testAny[Tx any](t *testing.T, open opener[Tx]) {
	t.Helper()
	fresh := open(t)
	world := uint32(0)
	rapid.Check(t, func(r *rapid.T) {
		world++
		db := fresh(fmt.Sprint("world ", world))
		storetest.Check(r, db.Prepare(t.Context(), partitions()))
		stream := viewtest.Stream(r, world)
		log := logOf(r, stream)
		replicas := []replica[Tx]{newReplica(r, db), newReplica(r, db)}
		for rest := len(stream); rest > 0; {
			n := rapid.IntRange(0, 1).Draw(r, "replica")
			if rapid.IntRange(0, 5).Draw(r, "start") == 0 {
				replicas[n] = newReplica(r, db)
			}
			rest -= advance(t.Context(), r, replicas[n], log)
		}
		want := viewtest.NewRows()
		_, err := want.Fold(stream)
		storetest.Check(r, err)
		storetest.Equal(t.Context(), r, db, want)
	})
}

// advance gives a replica runs that begin where the rows stand, and says how many
// entries were applied.
func advance[Tx any](ctx context.Context, t *rapid.T, rep replica[Tx], log map[eventlog.Partition][]eventlog.Entry) (applied int) {
	t.Helper()
	places, err := rep.Places(ctx)
	storetest.Check(t, err)
	var runs []eventlog.Run
	for _, place := range places {
		list, at := log[place.Partition], int(place.At.Entry) //nolint:gosec // small
		if to := rapid.IntRange(at, len(list)).Draw(t, "to"); to > at {
			runs = append(runs, cut(place.Partition, list, at, to))
		}
	}
	rep.commit = rapid.IntRange(0, 4).Draw(t, "commit fails") == 0
	rep.save = rapid.IntRange(0, 9).Draw(t, "save fails") == 0
	done, err := rep.projection.Advance(ctx, time.Time{}, runs)
	if err != nil {
		if !errors.Is(err, errTrouble) {
			t.Fatal(err)
		}
		return 0
	}
	for _, d := range done {
		if d.Err != nil {
			t.Fatal(d.Err)
		}
		applied += d.Applied
	}
	return applied
}

// counting counts what is loaded.
type counting[Tx any] struct {
	storetest.Rows[Tx]
	loaded []job.ID
}

func (c *counting[Tx]) Load(ctx context.Context, tx Tx, ids []job.ID) (view.Before, error) {
	c.loaded = append(c.loaded, ids...)
	return c.Rows.Load(ctx, tx, ids)
}

func testRemembers[Tx any](t *testing.T, open opener[Tx]) {
	t.Helper()
	db := &counting[Tx]{Rows: open(t)("test")}
	storetest.Check(t, db.Prepare(t.Context(), partitions()))
	p := partitions()[0]
	list := logOf(t, viewtest.Script("submit a\n\nlease a r1\n\nack a r1\n\npending a r1\nwish a cancel\n\ncancelled a\nrelease a r1\n\nack a r1"))[p]
	metrics := prometheus.NewRegistry()
	writer, err := events.NewWriter(db, viewtest.Partitions, metrics)
	storetest.Check(t, err)
	other, err := events.NewWriter(db, viewtest.Partitions, metrics)
	storetest.Check(t, err)
	for i, step := range []struct {
		what   string
		writer *events.Writer[Tx]
		loads  int
	}{
		{"nobody knows it", writer, 1},
		{"it was written before", writer, 0},
		{"by another replica, which knows nothing", other, 1},
		{"what was remembered is of before that", writer, 1},
		{"and it is remembered again", writer, 0},
		{"of a settled job nothing is remembered", writer, 1},
	} {
		db.loaded = nil
		done, err := project.New(db, step.writer.Write).Advance(t.Context(), time.Time{}, []eventlog.Run{cut(p, list, i, i+1)})
		if err != nil || done[0].Err != nil || done[0].Applied != 1 {
			t.Fatalf("%s: %+v, %v", step.what, done, err)
		}
		if len(db.loaded) != step.loads {
			t.Errorf("%s: loaded %v, want %d", step.what, db.loaded, step.loads)
		}
	}
	const want = `
# HELP fairlead_lookout_refused_events_total Events that changed nothing: late ones of older runs, and doubled ones.
# TYPE fairlead_lookout_refused_events_total counter
fairlead_lookout_refused_events_total 1
`
	if err := testutil.GatherAndCompare(metrics, strings.NewReader(want), "fairlead_lookout_refused_events_total"); err != nil {
		t.Error(err)
	}
}
