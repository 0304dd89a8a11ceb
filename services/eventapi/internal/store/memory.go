package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/fairlead-batch/fairlead/services/eventapi/internal/stream"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/internal/project"
)

// Memory is the store in memory, for simulation and tests. Replicas share one
// value. It is safe for concurrent use.
type Memory struct {
	retention  time.Duration
	partitions uint32
	packer     *packer
	places     *project.Memory
	projection *project.Projection[*project.MemoryTx]

	// mu guards the rows. It is taken inside the lock of places.
	mu        sync.Mutex
	window    window
	told      map[setKey][]row
	jobs      map[job.ID]jobRow
	days      map[uint32][]dayRow
	forgotten map[uint32]eventlog.Position
}

// NewMemory makes an empty store for a log of so many partitions, which keeps rows
// for a retention. Close it to free its buffers.
func NewMemory(partitions uint32, retention time.Duration) (*Memory, error) {
	packer, err := newPacker()
	if err != nil {
		return nil, err
	}
	m := &Memory{
		retention: retention, partitions: partitions, packer: packer, places: project.NewMemory(Projection),
		told: map[setKey][]row{}, jobs: map[job.ID]jobRow{}, days: map[uint32][]dayRow{}, forgotten: map[uint32]eventlog.Position{},
	}
	m.projection = project.New(m.places, m.write)
	return m, nil
}

// Close frees what the store holds.
func (m *Memory) Close() { m.packer.close() }

// Projection moves the rows.
func (m *Memory) Projection() project.Advancer { return m.projection }

// Keeper keeps the places of the rows.
func (m *Memory) Keeper() project.Keeper { return m.places }

func (m *Memory) write(_ context.Context, tx *project.MemoryTx, runs []project.Judged) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	jobs := touched(runs)
	was := before{kept: map[job.ID][]byte{}, days: map[uint32]int32{}, window: m.window}
	for _, j := range jobs {
		if kept, known := m.jobs[j.id]; known {
			was.kept[j.id] = kept.kept
		}
	}
	for number, days := range m.days {
		was.days[number] = days[len(days)-1].day
	}
	made, err := fold(runs, jobs, was, m.packer)
	if err != nil {
		return err
	}
	tx.OnCommit(func() { m.put(made) })
	return nil
}

func (m *Memory) put(made changes) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range made.rows {
		m.told[r.set] = append(m.told[r.set], r)
	}
	for _, j := range made.jobs {
		if len(j.kept) == 0 {
			delete(m.jobs, j.id)
			continue
		}
		m.jobs[j.id] = j
	}
	for _, d := range made.days {
		m.days[d.number] = putDay(m.days[d.number], d)
	}
}

// Read implements the reading side, as Postgres does.
func (m *Memory) Read(_ context.Context, set stream.Set, after stream.ID) (page stream.Page, err error) {
	partition := set.Partition(m.partitions)
	err = m.places.View(func(places []project.Place) error {
		m.mu.Lock()
		defer m.mu.Unlock()
		if !after.IsZero() && after.At.Before(m.forgotten[partition.Number]) {
			return fmt.Errorf("read job set %s of queue %s: %w", set.JobSet, set.Queue, stream.ErrForgotten)
		}
		i := slices.IndexFunc(places, func(p project.Place) bool { return p.Partition == partition })
		if i < 0 {
			return coded(fmt.Errorf("%w: %s", project.ErrNoPlace, partition))
		}
		page.Place = places[i].At
		reader := pageReader{packer: m.packer, after: after}
		for _, r := range m.told[keyOf(set)] {
			if reader.full() {
				break
			}
			if err := reader.add(r); err != nil {
				return err
			}
		}
		page.Told, page.End = reader.told, !reader.full()
		return nil
	})
	return page, err
}

// Exists says whether anything is kept of what a job set was told.
func (m *Memory) Exists(_ context.Context, set stream.Set) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.told[keyOf(set)]) > 0, nil
}

// Load reads all states, as Postgres does.
func (m *Memory) Load(_ context.Context, begin func() Take) (at []project.Place, err error) {
	take := begin()
	err = m.places.View(func(places []project.Place) error {
		m.mu.Lock()
		defer m.mu.Unlock()
		at = places
		for id, j := range m.jobs {
			take(j.number, id, j.kept)
		}
		return nil
	})
	return at, err
}

// Retain drops what is older than the retention.
func (m *Memory) Retain(_ context.Context, now time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.window = windowAt(now, m.retention)
	for number, days := range m.days {
		kept := slices.DeleteFunc(days, func(d dayRow) bool {
			old := d.day < m.window.oldest
			if old && m.forgotten[number].Before(d.last) {
				m.forgotten[number] = d.last
			}
			return old
		})
		if m.days[number] = kept; len(kept) == 0 {
			delete(m.days, number)
		}
	}
	for set, rows := range m.told {
		kept := slices.DeleteFunc(rows, func(r row) bool { return r.day < m.window.oldest })
		if m.told[set] = kept; len(kept) == 0 {
			delete(m.told, set)
		}
	}
	return nil
}

// Kept are the states of all unfinished jobs, sorted by id: for a comparison with
// a fold of the log.
func (m *Memory) Kept() (list [][]byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	rows := make([]jobRow, 0, len(m.jobs))
	for _, j := range m.jobs {
		rows = append(rows, j)
	}
	slices.SortFunc(rows, func(a, b jobRow) int { return cmp.Compare(a.id.String(), b.id.String()) })
	for _, j := range rows {
		list = append(list, append(j.id[:], j.kept...))
	}
	return list
}
