package events

import (
	"context"
	"fmt"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/internal/project"
	"github.com/fairlead-batch/fairlead/services/lookout/internal/view"
)

// Rows is what is asked of the database, in a transaction of type Tx.
type Rows[Tx any] interface {
	// Load reads the active rows of jobs, and which of them are in history.
	Load(ctx context.Context, tx Tx, ids []job.ID) (view.Before, error)
	// Save writes changes.
	Save(ctx context.Context, tx Tx, changes view.Changes) error
}

// Writer writes the rows of a projection. It is safe for concurrent use.
type Writer[Tx any] struct {
	rows    Rows[Tx]
	refused prometheus.Counter
	// most is how many rows are remembered of a partition.
	most int

	mu         sync.Mutex
	partitions map[eventlog.Partition]*memory
}

// NewWriter makes a writer for a projection of that many partitions, which
// remembers nothing yet. The metric goes to reg; nil: it is shown to nobody.
func NewWriter[Tx any](rows Rows[Tx], partitions int, reg prometheus.Registerer) (*Writer[Tx], error) {
	refused, err := newRefused(reg)
	if err != nil {
		return nil, err
	}
	return &Writer[Tx]{rows: rows, refused: refused, most: RememberedMax / max(1, partitions), partitions: map[eventlog.Partition]*memory{}}, nil
}

// Write is the project.Write of lookout. Events that are refused are counted each
// time that it is called, so those of a transaction that is tried again twice.
func (w *Writer[Tx]) Write(ctx context.Context, tx Tx, runs []project.Judged) error {
	w.mu.Lock() // calls of one process follow each other anyway: they lock the same rows
	defer w.mu.Unlock()
	about, order := w.about(runs)
	before, err := w.before(ctx, tx, about, order)
	if err != nil {
		return fmt.Errorf("load rows: %w", err)
	}
	fold := view.New(before)
	for _, run := range runs {
		for _, entry := range run.Entries {
			fold.Add(entry.Body.Batches)
		}
	}
	changes := fold.Changes()
	if err := w.rows.Save(ctx, tx, changes); err != nil {
		// Where the database is well and the rows are not what was remembered (a bug, or
		// somebody's own SQL), the next call must not meet the same again.
		clear(w.partitions)
		return fmt.Errorf("save rows: %w", err)
	}
	w.refused.Add(float64(changes.Refused))
	for _, row := range changes.Rows() {
		about[row.State.ID].pending.rows = append(about[row.State.ID].pending.rows, row)
	}
	for _, id := range changes.Gone {
		about[id].pending.gone = append(about[id].pending.gone, id)
	}
	return nil
}

// about are the jobs that runs are about, each with the memory of its partition,
// which is brought to where the rows stand, and the order in which they come up.
func (w *Writer[Tx]) about(runs []project.Judged) (about map[job.ID]*memory, order []job.ID) {
	about = map[job.ID]*memory{}
	for _, run := range runs {
		m := w.partitions[run.Partition]
		if m == nil {
			m = &memory{at: run.From}
			w.partitions[run.Partition] = m
		}
		m.settle(run.From, w.most)
		m.pending = proposal{to: run.To}
		for _, entry := range run.Entries {
			for _, batch := range entry.Body.Batches {
				for _, e := range batch.Events {
					id := e.Of().Job
					if about[id] == nil {
						about[id] = m
						order = append(order, id)
					}
				}
			}
		}
	}
	return about, order
}

// before are the rows of jobs, remembered or loaded.
func (w *Writer[Tx]) before(ctx context.Context, tx Tx, about map[job.ID]*memory, order []job.ID) (view.Before, error) {
	var unknown []job.ID
	var remembered []*view.Job
	for _, id := range order {
		if row := about[id].row(id); row != nil {
			remembered = append(remembered, row)
			continue
		}
		unknown = append(unknown, id)
	}
	before, err := w.rows.Load(ctx, tx, unknown)
	before.Jobs = append(before.Jobs, remembered...)
	return before, err
}
