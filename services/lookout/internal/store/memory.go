package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/internal/project"
	"github.com/fairlead-batch/fairlead/services/lookout/internal/view"
)

// Memory keeps the rows in memory, for simulation and tests. One value is one
// database: replicas share it. It is safe for concurrent use.
type Memory struct {
	*project.Memory

	// What is below is the lock's of project.Memory: Load and Save run under it, and
	// so does what they stage.
	active, history map[job.ID]*view.Job
	runs            []view.Run
	specs           map[job.ID]view.Spec
}

// NewMemory makes an empty store of the projection called name.
func NewMemory(name string) *Memory {
	return &Memory{
		Memory: project.NewMemory(name),
		active: map[job.ID]*view.Job{}, history: map[job.ID]*view.Job{}, specs: map[job.ID]view.Spec{},
	}
}

// Load reads the active rows of jobs, and which of them are in history.
func (m *Memory) Load(_ context.Context, _ *project.MemoryTx, ids []job.ID) (before view.Before, err error) {
	for _, id := range ids {
		if row := m.active[id]; row != nil {
			before.Jobs = append(before.Jobs, row)
		}
		if m.history[id] != nil {
			before.Settled = append(before.Settled, id)
		}
	}
	return before, nil
}

// Save writes changes. It fails where Postgres would.
func (m *Memory) Save(_ context.Context, tx *project.MemoryTx, c view.Changes) error {
	if err := m.check(c); err != nil {
		return err
	}
	tx.OnCommit(func() {
		for _, row := range c.Rows() {
			m.active[row.State.ID] = row
		}
		for _, id := range c.Gone {
			delete(m.active, id)
		}
		for _, row := range c.Ended {
			m.history[row.State.ID] = row
		}
		m.runs = append(m.runs, c.Runs...)
		for _, spec := range c.Specs {
			m.specs[spec.ID] = spec
		}
	})
	return nil
}

// check is the constraints of the tables.
func (m *Memory) check(c view.Changes) error {
	for _, row := range c.Created {
		if m.active[row.State.ID] != nil {
			return fmt.Errorf("add active job %s: it is there", row.State.ID)
		}
	}
	for _, row := range c.Updated {
		if m.active[row.State.ID] == nil {
			return fmt.Errorf("update active job %s: it is not there", row.State.ID)
		}
	}
	for _, row := range c.Ended {
		if m.history[row.State.ID] != nil {
			return fmt.Errorf("add job %s to history: it is there", row.State.ID)
		}
	}
	for _, spec := range c.Specs {
		if _, known := m.specs[spec.ID]; known {
			return fmt.Errorf("add spec %s: it is there", spec.ID)
		}
	}
	return nil
}

// job is a row of either table as queries give it.
func (m *Memory) job(id job.ID) *view.Job {
	row := m.active[id]
	if row == nil {
		row = m.history[id]
	}
	if row == nil {
		return nil
	}
	shown := *row
	shown.State, shown.Run = view.Shown(shown.State), view.Run{}
	return &shown
}

// States implements the query of that name, see [Postgres.States].
func (m *Memory) States(_ context.Context, ids []job.ID) (states map[job.ID]job.State, at []project.Place, err error) {
	states = map[job.ID]job.State{}
	err = m.View(func(places []project.Place) error {
		at = places
		for _, id := range ids {
			if row := m.job(id); row != nil {
				states[id] = row.State.State
			}
		}
		return nil
	})
	return states, at, err
}

// StatesByURI implements the query of that name, see [Postgres.StatesByURI].
func (m *Memory) StatesByURI(_ context.Context, key view.URIKey, most int) (states map[job.ID]job.State, at []project.Place, err error) {
	states = map[job.ID]job.State{}
	err = m.View(func(places []project.Place) error {
		at = places
		for _, row := range m.sorted() {
			if row.ExternalJobURI == key.URI && row.Queue == key.Queue && row.JobSet == key.JobSet && len(states) < most {
				states[row.State.ID] = row.State.State
			}
		}
		return nil
	})
	return states, at, err
}

// Jobs implements the query of that name, see [Postgres.Jobs].
func (m *Memory) Jobs(_ context.Context, ids []job.ID) (jobs []*view.Job, at []project.Place, err error) {
	err = m.View(func(places []project.Place) error {
		at = places
		for _, id := range ids {
			if row := m.job(id); row != nil {
				jobs = append(jobs, row)
			}
		}
		return nil
	})
	return jobs, at, err
}

// Runs implements the query of that name, see [Postgres.Runs].
func (m *Memory) Runs(_ context.Context, ids []job.RunID) (runs []view.Run, at []project.Place, err error) {
	err = m.View(func(places []project.Place) error {
		at = places
		for _, run := range m.runs {
			if slices.Contains(ids, run.ID) {
				runs = append(runs, run)
			}
		}
		for _, row := range m.sorted() {
			if !row.Run.ID.IsZero() && slices.Contains(ids, row.Run.ID) {
				runs = append(runs, row.Run)
			}
		}
		return nil
	})
	return runs, at, err
}

// ActiveSets implements the query of that name, see [Postgres.ActiveSets].
func (m *Memory) ActiveSets(_ context.Context, queue string, most int) (sets []view.ActiveSet, at []project.Place, err error) {
	err = m.View(func(places []project.Place) error {
		at = places
		for _, row := range m.sorted() {
			if row.Queue != queue || row.State.State.Final() {
				continue
			}
			i, found := slices.BinarySearchFunc(sets, row.JobSet, func(s view.ActiveSet, name string) int { return strings.Compare(s.JobSet, name) })
			if !found {
				sets = slices.Insert(sets, i, view.ActiveSet{JobSet: row.JobSet})
			}
			if row.State.State == job.Queued {
				sets[i].Queued++
			} else {
				sets[i].Leased++
			}
		}
		sets = sets[:min(len(sets), most)]
		return nil
	})
	return sets, at, err
}

// ActiveQueues implements the query of that name, see [Postgres.ActiveQueues].
func (m *Memory) ActiveQueues(_ context.Context, most int) (queues []view.ActiveQueue, at []project.Place, err error) {
	err = m.View(func(places []project.Place) error {
		at = places
		for _, row := range m.sorted() {
			if row.State.State > job.Queued && !row.State.State.Final() {
				queues = append(queues, view.ActiveQueue{Pool: row.Run.Pool, Queue: row.Queue})
			}
		}
		slices.SortFunc(queues, func(a, b view.ActiveQueue) int {
			return cmp.Or(strings.Compare(a.Pool, b.Pool), strings.Compare(a.Queue, b.Queue))
		})
		queues = slices.Compact(queues)
		queues = queues[:min(len(queues), most)]
		return nil
	})
	return queues, at, err
}

// Specs implements the query of that name, see [Postgres.Specs].
func (m *Memory) Specs(_ context.Context, ids []job.ID) (specs []view.Spec, err error) {
	err = m.View(func([]project.Place) error {
		for _, id := range ids {
			if spec, known := m.specs[id]; known {
				specs = append(specs, spec)
			}
		}
		return nil
	})
	return specs, err
}

// sorted are all rows by id, so that what is made of them has one order.
func (m *Memory) sorted() []*view.Job {
	rows := make([]*view.Job, 0, len(m.active)+len(m.history))
	for _, row := range m.active {
		rows = append(rows, row)
	}
	for _, row := range m.history {
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b *view.Job) int { return cmp.Compare(a.State.ID.String(), b.State.ID.String()) })
	return rows
}
