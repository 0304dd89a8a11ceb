package viewtest

import (
	"fmt"

	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/lookout/internal/view"
)

// Rows are the rows of a database without one. The zero value is not ready: [NewRows].
type Rows struct {
	Unsettled, Settled map[job.ID]*view.Job
	Runs               map[RunKey]view.Run
	Specs              map[job.ID]view.Spec
	Refused            int
}

// RunKey is the key of a run's row.
type RunKey struct {
	Job    job.ID
	Number int32
}

// NewRows are no rows.
func NewRows() *Rows {
	return &Rows{
		Unsettled: map[job.ID]*view.Job{}, Settled: map[job.ID]*view.Job{},
		Runs: map[RunKey]view.Run{}, Specs: map[job.ID]view.Spec{},
	}
}

// Fold folds entries as one stretch and applies the changes.
func (r *Rows) Fold(entries []Entry) (view.Changes, error) {
	var before view.Before
	seen := map[job.ID]bool{}
	for _, entry := range entries {
		for _, batch := range entry.Batches {
			for _, e := range batch.Events {
				id := e.Of().Job
				if row := r.Unsettled[id]; row != nil && !seen[id] {
					before.Jobs = append(before.Jobs, row)
				}
				if r.Settled[id] != nil && !seen[id] {
					before.Settled = append(before.Settled, id)
				}
				seen[id] = true
			}
		}
	}
	fold := view.New(before)
	for _, entry := range entries {
		fold.Add(entry.Batches)
	}
	changes := fold.Changes()
	return changes, r.Apply(changes)
}

// Apply makes changes, or says which could not be made in a database with its
// constraints.
func (r *Rows) Apply(c view.Changes) error {
	for _, row := range c.Created {
		if id := row.State.ID; r.Unsettled[id] != nil || r.Settled[id] != nil {
			return fmt.Errorf("job %s is created twice", id)
		}
		r.Unsettled[row.State.ID] = row
	}
	for _, row := range c.Updated {
		if r.Unsettled[row.State.ID] == nil {
			return fmt.Errorf("job %s is updated and not there", row.State.ID)
		}
		r.Unsettled[row.State.ID] = row
	}
	for _, id := range c.Gone {
		if r.Unsettled[id] == nil {
			return fmt.Errorf("job %s is gone and was not there", id)
		}
		delete(r.Unsettled, id)
	}
	for _, row := range c.Ended {
		if id := row.State.ID; r.Unsettled[id] != nil || r.Settled[id] != nil {
			return fmt.Errorf("job %s ended and is still there, or ended before", id)
		}
		r.Settled[row.State.ID] = row
	}
	for _, run := range c.Runs {
		key := RunKey{run.Job, run.Number}
		if _, twice := r.Runs[key]; twice {
			return fmt.Errorf("run %d of %s is written twice", run.Number, run.Job)
		}
		r.Runs[key] = run
	}
	for _, spec := range c.Specs {
		if _, twice := r.Specs[spec.ID]; twice {
			return fmt.Errorf("spec %s is written twice", spec.ID)
		}
		r.Specs[spec.ID] = spec
	}
	r.Refused += c.Refused
	return nil
}
