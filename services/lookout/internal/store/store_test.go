package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/internal/postgres/pgtest"
	"github.com/fairlead-batch/fairlead/services/internal/project"
	"github.com/fairlead-batch/fairlead/services/lookout/internal/store"
	"github.com/fairlead-batch/fairlead/services/lookout/internal/store/storetest"
	"github.com/fairlead-batch/fairlead/services/lookout/internal/view"
	"github.com/fairlead-batch/fairlead/services/lookout/internal/viewtest"
)

// TestMemory and TestPostgres pass one suite.
func TestMemory(t *testing.T) {
	t.Parallel()
	suite(t, func(*testing.T) storetest.Rows[*project.MemoryTx] { return store.NewMemory("test") })
}

func TestPostgres(t *testing.T) {
	t.Parallel()
	suite(t, func(t *testing.T) storetest.Rows[pgx.Tx] {
		t.Helper()
		return store.NewPostgres(pgtest.Schema(t, store.Migrations()), "test")
	})
}

func suite[Tx any](t *testing.T, open func(t *testing.T) storetest.Rows[Tx]) {
	t.Helper()
	tests := map[string]func(t *testing.T, open func(t *testing.T) storetest.Rows[Tx]){
		"a script, entry by entry": testScript[Tx],
		"queries":                  testQueries[Tx],
		"the places of a query":    testPlaces[Tx],
		"what cannot be written":   testConstraints[Tx],
		"any stream, any cut":      testAny[Tx],
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open)
		})
	}
}

const story = `
submit a uri=u client=me cost=7 team=x
submit b spec=y set=other
submit c uri=u
submit d queue=p uri=u
submit e

lease a r1 n1
ack a r1
pending a r1
lease b r2 n1
ack b r2
lease d r4 n2
wish d cancel
rejected e too large

broke a r1 137 out of memory
failed a r1 137
gaveback b r2 no such node
requeue b r2
lease b r3 n2
ack b r3

preempted b r3 of low priority
cancelled d bob not needed

release b r3
wish c 9
priority c 9
`

func testScript[Tx any](t *testing.T, open func(t *testing.T) storetest.Rows[Tx]) {
	t.Helper()
	db, want := open(t), viewtest.NewRows()
	for _, entry := range viewtest.Script(story) {
		_, err := want.Fold([]viewtest.Entry{entry})
		storetest.Check(t, err)
		storetest.Fold(t.Context(), t, db, []viewtest.Entry{entry})
		storetest.Equal(t.Context(), t, db, want)
	}
	if len(want.Settled) != 4 || len(want.Unsettled) != 1 || len(want.Runs) != 4 || len(want.Specs) != 2 {
		t.Errorf("the story became %d settled, %d unsettled, %d runs, %d specs", len(want.Settled), len(want.Unsettled), len(want.Runs), len(want.Specs))
	}
}

func testAny[Tx any](t *testing.T, open func(t *testing.T) storetest.Rows[Tx]) {
	t.Helper()
	db := open(t)
	world := uint32(0) // each check has ids of its own: a schema each would take an hour
	rapid.Check(t, func(r *rapid.T) {
		world++
		want := viewtest.NewRows()
		for rest := viewtest.Stream(r, world); len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(r, "cut")
			changes, err := want.Fold(rest[:n])
			storetest.Check(r, err)
			if got := storetest.Fold(t.Context(), r, db, rest[:n]); got.Refused != changes.Refused {
				r.Errorf("%d refused, want %d", got.Refused, changes.Refused)
			}
			rest = rest[n:]
		}
		storetest.Equal(t.Context(), r, db, want)
	})
}

// testConstraints: a bug of ours shows as an error, and leaves nothing.
func testConstraints[Tx any](t *testing.T, open func(t *testing.T) storetest.Rows[Tx]) {
	t.Helper()
	db, want := open(t), viewtest.NewRows()
	entries := viewtest.Script("submit a\nsubmit b\n\nlease a r1\n\ncancelled a")
	_, err := want.Fold(entries)
	storetest.Check(t, err)
	first := storetest.Fold(t.Context(), t, db, entries[:1])
	second := storetest.Fold(t.Context(), t, db, entries[1:2])
	third := storetest.Fold(t.Context(), t, db, entries[2:])
	for name, changes := range map[string]view.Changes{
		"a job that is there":       {Created: first.Created[1:]},
		"a spec that is there":      {Specs: first.Specs},
		"a job that is not there":   {Updated: second.Updated},
		"a job that is in history":  {Ended: third.Ended},
		"and what is right with it": {Created: first.Created},
	} {
		err := db.Transact(t.Context(), func(tx Tx) error { return db.Save(t.Context(), tx, changes) })
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	storetest.Equal(t.Context(), t, db, want)
}

func testPlaces[Tx any](t *testing.T, open func(t *testing.T) storetest.Rows[Tx]) {
	t.Helper()
	db := open(t)
	partition := eventlog.Partition{Stream: eventlog.Events, Number: 3}
	storetest.Check(t, db.Prepare(t.Context(), []eventlog.Partition{partition}))
	place := project.Place{Partition: partition, At: eventlog.Position{Entry: 9}}
	storetest.Check(t, db.Transact(t.Context(), func(tx Tx) error {
		if _, err := db.Lock(t.Context(), tx, []eventlog.Partition{partition}); err != nil {
			return err
		}
		return db.Move(t.Context(), tx, []project.Place{place}, nil, time.Time{})
	}))
	for name, query := range map[string]func() ([]project.Place, error){
		"states": func() (at []project.Place, err error) { _, at, err = db.States(t.Context(), nil); return },
		"by uri": func() (at []project.Place, err error) {
			_, at, err = db.StatesByURI(t.Context(), view.URIKey{}, 1)
			return
		},
		"jobs":   func() (at []project.Place, err error) { _, at, err = db.Jobs(t.Context(), nil); return },
		"runs":   func() (at []project.Place, err error) { _, at, err = db.Runs(t.Context(), nil); return },
		"sets":   func() (at []project.Place, err error) { _, at, err = db.ActiveSets(t.Context(), "q", 1); return },
		"queues": func() (at []project.Place, err error) { _, at, err = db.ActiveQueues(t.Context(), 1); return },
	} {
		at, err := query()
		if err != nil || len(at) != 1 || at[0].Partition != partition || at[0].At != place.At {
			t.Errorf("%s: places %+v, %v; want %+v", name, at, err, place)
		}
	}
}

func testQueries[Tx any](t *testing.T, open func(t *testing.T) storetest.Rows[Tx]) {
	t.Helper()
	db, ctx := open(t), t.Context()
	entries := viewtest.Script(story)
	storetest.Fold(ctx, t, db, entries[:2])
	a, b, c, d, e, none := viewtest.Job("a"), viewtest.Job("b"), viewtest.Job("c"), viewtest.Job("d"), viewtest.Job("e"), viewtest.Job("z")
	states, _, err := db.States(ctx, []job.ID{a, b, c, d, e, none, a})
	storetest.Check(t, err)
	wantStates := map[job.ID]job.State{a: job.Pending, b: job.Leased, c: job.Queued, d: job.Leased, e: job.Rejected}
	if diff := cmp.Diff(wantStates, states); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
	states, _, err = db.StatesByURI(ctx, view.URIKey{Queue: "q", JobSet: "s", URI: "u"}, 10)
	storetest.Check(t, err)
	if diff := cmp.Diff(map[job.ID]job.State{a: job.Pending, c: job.Queued}, states); diff != "" {
		t.Errorf("states by URI (-want +got):\n%s", diff)
	}
	if states, _, err = db.StatesByURI(ctx, view.URIKey{Queue: "q", JobSet: "s", URI: "u"}, 1); err != nil || len(states) != 1 {
		t.Errorf("at most one by URI: %v, %v", states, err)
	}
	sets, _, err := db.ActiveSets(ctx, "q", 10)
	storetest.Check(t, err)
	if diff := cmp.Diff([]view.ActiveSet{{JobSet: "other", Leased: 1}, {JobSet: "s", Queued: 1, Leased: 1}}, sets); diff != "" {
		t.Errorf("active sets (-want +got):\n%s", diff)
	}
	if sets, _, err = db.ActiveSets(ctx, "q", 1); err != nil || len(sets) != 1 {
		t.Errorf("at most one set: %v, %v", sets, err)
	}
	queues, _, err := db.ActiveQueues(ctx, 10)
	storetest.Check(t, err)
	if diff := cmp.Diff([]view.ActiveQueue{{Pool: "default", Queue: "p"}, {Pool: "default", Queue: "q"}}, queues); diff != "" {
		t.Errorf("active queues (-want +got):\n%s", diff)
	}
	storetest.Fold(ctx, t, db, entries[2:]) // b was retried: one run is in history, the newest in its row
	runs, _, err := db.Runs(ctx, []job.RunID{viewtest.Run("r2"), viewtest.Run("r3"), viewtest.Run("r9")})
	storetest.Check(t, err)
	if len(runs) != 2 || runs[0].Job != b || runs[1].Job != b {
		t.Errorf("runs %+v, want two of b", runs)
	}
	if queues, _, err = db.ActiveQueues(ctx, 10); err != nil || len(queues) > 0 {
		t.Errorf("active queues %v, %v at the end", queues, err)
	}
}
