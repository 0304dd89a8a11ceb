package store

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/scheduler/internal/lead"
)

// Memory is the snapshots of a store in memory, for simulation and tests; the lock and
// the epoch are not in it. Replicas share one value. It is safe for concurrent use.
type Memory struct {
	codec codec

	mu        sync.Mutex
	rows      []row
	submitted map[lead.EntryRef][]byte
}

// NewMemory makes a store that holds no snapshot.
func NewMemory() *Memory {
	return &Memory{codec: newCodec(), submitted: map[lead.EntryRef][]byte{}}
}

// Load is [Store.Load].
func (m *Memory) Load(context.Context) (*lead.Snapshot, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.rows) == 0 {
		return nil, nil
	}
	return m.codec.snapshot(m.rows)
}

// Places is [Store.Places].
func (m *Memory) Places(context.Context) (lead.Places, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.places(), nil
}

func (m *Memory) places() (p lead.Places) {
	for _, r := range m.rows {
		if r.partition.Stream == eventlog.Control {
			p.Control = r.at
		} else {
			p.Events = append(p.Events, r.at)
		}
	}
	return p
}

// Save is [Store.Save].
func (m *Memory) Save(_ context.Context, save Save) error {
	rows, err := m.codec.rows(save.Snapshot)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	stored, next := m.places(), lead.PlacesOf(save.Snapshot)
	switch {
	case len(m.rows) == 0:
	case len(stored.Events) != len(next.Events):
		return fmt.Errorf("save snapshot: %w: the stored snapshot is of %d, this one of %d", eventlog.ErrPartitions, len(stored.Events), len(next.Events))
	case stored.Covers(next) && next.Covers(stored):
		return nil
	case !next.Covers(stored):
		return fmt.Errorf("save snapshot: %w", ErrBehind)
	}
	for _, ref := range save.Settled {
		delete(m.submitted, ref)
	}
	for _, e := range save.Submitted {
		m.submitted[e.Entry] = slices.Clone(e.Body)
	}
	m.rows = rows
	return nil
}

// Submitted is [Store.Submitted].
func (m *Memory) Submitted(_ context.Context, wanted []lead.EntryRef) (list []Submitted, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, ref := range wanted {
		if body, kept := m.submitted[ref]; kept {
			list = append(list, Submitted{Entry: ref, Body: body})
		}
	}
	return list, nil
}

// Entries are those that are stored, in the order of their partitions and positions.
// It is for whoever compares the store with the log.
func (m *Memory) Entries() []lead.EntryRef {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []lead.EntryRef
	for ref := range m.submitted {
		list = append(list, ref)
	}
	slices.SortFunc(list, func(a, b lead.EntryRef) int {
		if a.Partition != b.Partition {
			return int(a.Partition) - int(b.Partition)
		}
		return a.At.Compare(b.At)
	})
	return list
}
