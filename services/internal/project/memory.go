package project

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
)

// Memory is a store in memory. One value is one database: replicas of a
// simulation share it. It is safe for concurrent use; its transactions follow one
// another.
type Memory struct {
	name string

	mu     sync.Mutex
	rows   []memoryRow // ascending by partition
	parked []Parked
	holder string
	until  time.Time
}

// memoryRow keeps the gate as bytes, as a database does, so that a gate that
// cannot be read back shows.
type memoryRow struct {
	partition eventlog.Partition
	at        eventlog.Position
	gate      []byte
}

var (
	_ Store[*MemoryTx] = (*Memory)(nil)
	_ Keeper           = (*Memory)(nil)
)

// NewMemory makes an empty store for a projection of that name.
func NewMemory(name string) *Memory { return &Memory{name: name} }

// MemoryTx is a transaction of a Memory. It is for one goroutine, and no longer
// than its Transact.
type MemoryTx struct {
	memory *Memory
	staged []func()
}

// OnCommit stages a change of the consumer's rows: it takes effect when the
// transaction commits, after those staged before it, under the lock of the store.
func (tx *MemoryTx) OnCommit(change func()) { tx.staged = append(tx.staged, change) }

// Transact runs fn once, under the lock of the store.
func (m *Memory) Transact(ctx context.Context, fn func(tx *MemoryTx) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	tx := &MemoryTx{memory: m}
	if err := fn(tx); err != nil {
		return err
	}
	if err := context.Cause(ctx); err != nil {
		return fmt.Errorf("commit transaction: %w", err)
	}
	for _, change := range tx.staged {
		change()
	}
	return nil
}

// View runs fn while nothing is committed, and gives it the places: what a
// consumer reads of its rows in fn belongs to them.
func (m *Memory) View(fn func(places []Place) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	places := make([]Place, len(m.rows))
	for i, row := range m.rows {
		place, err := row.place()
		if err != nil {
			return err
		}
		places[i] = place
	}
	return fn(places)
}

// Lock implements Store.
func (m *Memory) Lock(_ context.Context, _ *MemoryTx, partitions []eventlog.Partition) ([]Place, error) {
	places := make([]Place, len(partitions))
	for i, partition := range partitions {
		row := m.row(partition)
		if row == nil {
			return nil, fmt.Errorf("%w: %s, %s", ErrNoPlace, m.name, partition)
		}
		place, err := row.place()
		if err != nil {
			return nil, err
		}
		places[i] = place
	}
	return places, nil
}

// Move implements Store.
func (m *Memory) Move(_ context.Context, tx *MemoryTx, places []Place, parked []Parked, _ time.Time) error {
	tx.OnCommit(func() {
		for _, place := range places {
			row := m.row(place.Partition)
			row.at, row.gate = place.At, place.Gate.Bytes()
		}
		for _, p := range parked {
			if !slices.ContainsFunc(m.parked, func(old Parked) bool { return old.Partition == p.Partition && old.At == p.At }) {
				p.Bytes = bytes.Clone(p.Bytes)
				m.parked = append(m.parked, p)
			}
		}
	})
	return nil
}

// Prepare implements Keeper.
func (m *Memory) Prepare(_ context.Context, partitions []eventlog.Partition) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, row := range m.rows {
		if !slices.Contains(partitions, row.partition) {
			return fmt.Errorf("prepare projection %s: %w: it has a row of %s", m.name, eventlog.ErrPartitions, row.partition)
		}
	}
	for _, partition := range partitions {
		if m.row(partition) == nil {
			m.rows = append(m.rows, memoryRow{partition: partition})
		}
	}
	slices.SortFunc(m.rows, func(a, b memoryRow) int { return compare(a.partition, b.partition) })
	return nil
}

// Places implements Keeper.
func (m *Memory) Places(context.Context) (places []Place, err error) {
	err = m.View(func(all []Place) error {
		places = all
		return nil
	})
	return places, err
}

// Lease implements Keeper.
func (m *Memory) Lease(_ context.Context, holder string, now, until time.Time) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.holder != holder && m.until.After(now) {
		return false, nil
	}
	m.holder, m.until = holder, until
	return true, nil
}

// Yield implements Keeper.
func (m *Memory) Yield(_ context.Context, holder string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.holder == holder {
		m.until = time.Time{}
	}
	return nil
}

// Parked are the entries that were parked, in the order of that.
func (m *Memory) Parked() []Parked {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.parked)
}

// row finds a row, or nil. It needs the lock.
func (m *Memory) row(partition eventlog.Partition) *memoryRow {
	for i := range m.rows {
		if m.rows[i].partition == partition {
			return &m.rows[i]
		}
	}
	return nil
}

func (r memoryRow) place() (Place, error) {
	gate, err := eventlog.GateFrom(r.gate)
	if err != nil {
		return Place{}, fmt.Errorf("read gate of %s: %w", r.partition, err)
	}
	return Place{Partition: r.partition, At: r.at, Gate: gate}, nil
}
