// Package storetest is what tests of lookout's stores share. It is for tests only.
package storetest

import (
	"context"
	"maps"
	"slices"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/internal/project"
	"github.com/fairlead-batch/fairlead/services/lookout/internal/view"
	"github.com/fairlead-batch/fairlead/services/lookout/internal/viewtest"
)

// Rows is what both stores are.
type Rows[Tx any] interface {
	project.Store[Tx]
	project.Keeper
	Moved[Tx]
	Reader
	Active
}

// Moved is what the projection asks of them.
type Moved[Tx any] interface {
	Load(ctx context.Context, tx Tx, ids []job.ID) (view.Before, error)
	Save(ctx context.Context, tx Tx, c view.Changes) error
}

// Reader is the queries of jobs and runs.
type Reader interface {
	States(ctx context.Context, ids []job.ID) (map[job.ID]job.State, []project.Place, error)
	StatesByURI(ctx context.Context, key view.URIKey, most int) (map[job.ID]job.State, []project.Place, error)
	Jobs(ctx context.Context, ids []job.ID) ([]*view.Job, []project.Place, error)
	Runs(ctx context.Context, ids []job.RunID) ([]view.Run, []project.Place, error)
	Specs(ctx context.Context, ids []job.ID) ([]view.Spec, error)
}

// Active is the queries of what is active.
type Active interface {
	ActiveSets(ctx context.Context, queue string, most int) ([]view.ActiveSet, []project.Place, error)
	ActiveQueues(ctx context.Context, most int) ([]view.ActiveQueue, []project.Place, error)
}

// T is a *testing.T or a *rapid.T.
type T interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
}

// Fold takes entries as one stretch into the rows.
func Fold[Tx any](ctx context.Context, t T, db Rows[Tx], entries []viewtest.Entry) view.Changes {
	t.Helper()
	var ids []job.ID
	for _, entry := range entries {
		for _, batch := range entry.Batches {
			for _, e := range batch.Events {
				if id := e.Of().Job; !slices.Contains(ids, id) {
					ids = append(ids, id)
				}
			}
		}
	}
	var changes view.Changes
	err := db.Transact(ctx, func(tx Tx) error {
		before, err := db.Load(ctx, tx, ids)
		if err != nil {
			return err
		}
		f := view.New(before)
		for _, entry := range entries {
			f.Add(entry.Batches)
		}
		changes = f.Changes()
		return db.Save(ctx, tx, changes)
	})
	if err != nil {
		t.Fatal(err)
	}
	return changes
}

// Equal compares the rows of a database with those of a model.
func Equal[Tx any](ctx context.Context, t T, db Rows[Tx], want *viewtest.Rows) {
	t.Helper()
	ids := slices.Concat(slices.Collect(maps.Keys(want.Unsettled)), slices.Collect(maps.Keys(want.Settled)))
	var runs []job.RunID
	got := viewtest.NewRows()
	for _, row := range slices.Concat(slices.Collect(maps.Values(want.Unsettled)), slices.Collect(maps.Values(want.Settled))) {
		runs = append(runs, row.Runs...)
	}
	err := db.Transact(ctx, func(tx Tx) error {
		before, err := db.Load(ctx, tx, ids)
		for _, row := range before.Jobs {
			got.Unsettled[row.State.ID] = row
		}
		for _, id := range before.Settled {
			got.Settled[id] = nil // filled in below
		}
		return err
	})
	Check(t, err)
	jobs, _, err := db.Jobs(ctx, ids)
	Check(t, err)
	for _, row := range jobs {
		if _, settled := got.Settled[row.State.ID]; settled {
			got.Settled[row.State.ID] = row
		}
	}
	list, _, err := db.Runs(ctx, runs)
	Check(t, err)
	for _, run := range list {
		if row := got.Unsettled[run.Job]; row == nil || row.Run.Number != run.Number {
			got.Runs[viewtest.RunKey{Job: run.Job, Number: run.Number}] = run
		}
	}
	specs, err := db.Specs(ctx, ids)
	Check(t, err)
	for _, spec := range specs {
		got.Specs[spec.ID] = spec
	}
	got.Refused = want.Refused
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

// Check fails a test on an error.
func Check(t T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
