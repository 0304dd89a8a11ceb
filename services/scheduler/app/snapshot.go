package app

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/zap"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/scheduler/internal/lead"
	"github.com/fairlead-batch/fairlead/services/scheduler/internal/store"
)

// Snapshots keeps the newest snapshot of the scheduler's state and the entries in which
// its jobs were submitted. It is safe for concurrent use.
type Snapshots interface {
	// Load reads the stored snapshot; nil where there is none.
	Load(ctx context.Context) (*Snapshot, error)
	// Places is how far the stored snapshot read; the zero Places where there is none.
	Places(ctx context.Context) (Places, error)
	// Save stores a snapshot in place of the one before. Errors: one that wraps
	// ErrBehind where that read farther.
	Save(ctx context.Context, save Save) error
	// Submitted reads entries of the stored snapshot's jobs.
	Submitted(ctx context.Context, wanted []EntryRef) ([]Submitted, error)
}

// What a store keeps.
type (
	// Snapshot is the state of a node as the log made it.
	Snapshot = lead.Snapshot
	// PartitionSnapshot is how far a partition of events was read, and its jobs.
	PartitionSnapshot = lead.PartitionSnapshot
	// Places is how far a snapshot read each partition.
	Places = lead.Places
	// Save is a snapshot and what is stored with it.
	Save = store.Save
	// Submitted is an entry in which jobs were submitted.
	Submitted = store.Submitted
	// EntryRef names an entry of the events stream.
	EntryRef = lead.EntryRef
)

// ErrBehind says that the stored snapshot is newer than the one to be saved.
var ErrBehind = store.ErrBehind

// PlacesOf is how far a snapshot read.
func PlacesOf(s Snapshot) Places { return lead.PlacesOf(s) }

// NewPostgresSnapshots keeps snapshots on a pool whose schema is migrated with
// [Migrations].
func NewPostgresSnapshots(pool *pgxpool.Pool, schema string) Snapshots {
	return store.New(pool, schema)
}

// MemorySnapshots keeps snapshots in memory, for simulation and tests.
type MemorySnapshots = store.Memory

// NewMemorySnapshots makes one that holds none.
func NewMemorySnapshots() *MemorySnapshots { return store.NewMemory() }

// EncodeSnapshot is a snapshot as it is stored: equal bytes for equal ones.
func EncodeSnapshot(s Snapshot) ([]byte, error) { return store.Encode(s) }

// Snapshot is the state of the node as the log made it.
func (n *Node) Snapshot() Snapshot { return n.core.Snapshot() }

const (
	// pollEvery is how often a replica looks whether another stored a snapshot.
	pollEvery = 5 * time.Second
	// trimmedEvery is how often it looks what the log has forgotten.
	trimmedEvery = time.Minute
	// readAgainAfter is the wait before entries are read again that could not be.
	readAgainAfter = time.Second
	// holdWithin is how long moving the hold of the log may take.
	holdWithin = 10 * time.Second
)

// begin finds what a term begins from: the stored snapshot, or the beginning of the
// log. It keeps the log from forgetting what stands behind that.
func (s *Service) begin(ctx context.Context) (*Snapshot, error) {
	from, err := s.deps.Snapshots.Load(ctx)
	if err != nil {
		return nil, err
	}
	if from == nil {
		if from, err = s.beginning(ctx); err != nil {
			return nil, err
		}
	}
	if err := s.hold(ctx, lead.PlacesOf(*from)); err != nil {
		return nil, err
	}
	return from, nil
}

// errForgotten is a log without its beginning, and no snapshot.
var errForgotten = errors.New("no snapshot of the scheduler is stored, and the log has forgotten its beginning")

// beginning is an empty snapshot at the beginning of the log. Where the log has
// forgotten it, jobs may stand there that nobody would run or end: an operator has to
// say that this is meant.
func (s *Service) beginning(ctx context.Context) (*Snapshot, error) {
	oldest, err := s.ends(ctx, func(b eventlog.Bounds) eventlog.Position { return b.Oldest })
	if err != nil {
		return nil, err
	}
	from := &Snapshot{Control: lead.ControlSnapshot{At: oldest.Control}}
	for _, at := range oldest.Events {
		from.Partitions = append(from.Partitions, PartitionSnapshot{At: at})
	}
	for _, p := range s.partitions() {
		at := placeIn(oldest, p)
		switch {
		case at.IsZero():
		case !s.cfg.AcceptForgotten:
			return nil, fmt.Errorf("%w (%s begins after %s): restore the scheduler's database from a backup; or set scheduler.acceptForgotten to go on without what stood there: its jobs are never run or ended, and their pods are kept and counted as orphans", errForgotten, p, at)
		default:
			s.deps.Logger.Warn("begin where the log begins", zap.Stringer("partition", p), zap.Stringer("position", at))
		}
	}
	return from, nil
}

// partitions are all of the log.
func (s *Service) partitions() []eventlog.Partition {
	all := []eventlog.Partition{eventlog.ControlPartition}
	for n := range s.deps.Partitions {
		all = append(all, eventlog.Partition{Stream: eventlog.Events, Number: n})
	}
	return all
}

func placeIn(places Places, p eventlog.Partition) eventlog.Position {
	if p.Stream == eventlog.Control {
		return places.Control
	}
	return places.Events[p.Number]
}

// consumer names the scheduler to the log.
const consumer = "scheduler"

// hold keeps the log from forgetting what stands behind a stored snapshot. Another
// replica may have stored a newer one meanwhile and let go of more: that is fine.
func (s *Service) hold(ctx context.Context, places Places) error {
	for _, p := range s.partitions() {
		if err := s.deps.Log.Hold(ctx, consumer, p, placeIn(places, p)); err != nil && !errors.Is(err, eventlog.ErrForgotten) {
			return fmt.Errorf("hold %s: %w", p, err)
		}
	}
	return nil
}

// keepSnapshots stores what the core wants stored, and looks what others stored.
func (t *term) keepSnapshots(ctx context.Context) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	trimmed := time.NewTicker(trimmedEvery)
	defer trimmed.Stop()
	for {
		var in Input
		select {
		case <-ctx.Done():
			return nil
		case save := <-t.saves:
			in = t.save(ctx, save)
		case <-tick.C:
			places, err := t.deps.Snapshots.Places(ctx)
			if err != nil || len(places.Events) == 0 {
				continue // the lock says whether the database is there
			}
			in = lead.Stored{Places: places}
		case <-trimmed.C:
			oldest, err := t.ends(ctx, func(b eventlog.Bounds) eventlog.Position { return b.Oldest })
			if err != nil {
				continue // the readers say whether the log is there
			}
			in = lead.Trimmed{Oldest: oldest}
		}
		if t.put(ctx, in) != nil {
			return nil
		}
	}
}

// ends are the one or the other ends of the log's partitions.
func (s *Service) ends(ctx context.Context, end func(eventlog.Bounds) eventlog.Position) (Places, error) {
	all := Places{Events: make([]eventlog.Position, s.deps.Partitions)}
	for _, p := range s.partitions() {
		bounds, err := s.deps.Log.Bounds(ctx, p)
		if err != nil {
			return Places{}, fmt.Errorf("find the ends of %s: %w", p, err)
		}
		if p.Stream == eventlog.Control {
			all.Control = end(bounds)
		} else {
			all.Events[p.Number] = end(bounds)
		}
	}
	return all, nil
}

func (t *term) save(ctx context.Context, save Save) Input {
	begun := t.deps.Now()
	err := t.deps.Snapshots.Save(ctx, save)
	if errors.Is(err, ErrBehind) {
		return lead.NotStored{} // another replica was quicker; the next look finds it
	}
	if err != nil {
		if ctx.Err() == nil {
			t.deps.Logger.Warn("save snapshot", zap.Error(err))
		}
		return lead.NotStored{}
	}
	places := lead.PlacesOf(save.Snapshot)
	holding, cancel := context.WithTimeout(ctx, holdWithin)
	defer cancel()
	if err := t.hold(holding, places); err != nil && ctx.Err() == nil {
		t.deps.Logger.Warn("let the log forget", zap.Error(err)) // the next snapshot tries again
	}
	return lead.Stored{Places: places, Took: max(1, t.deps.Now().Sub(begun))}
}

// wants are the entries that are to be read: those of leases that wait, each once, so
// there are never more than leases. Safe for concurrent use.
type wants struct {
	mu   sync.Mutex
	list []EntryRef
	// some holds a value while there may be any.
	some chan struct{}
}

func newWants() *wants { return &wants{some: make(chan struct{}, 1)} }

// add never waits: the core must not.
func (w *wants) add(list []EntryRef) {
	w.mu.Lock()
	w.list = append(w.list, list...)
	w.mu.Unlock()
	select {
	case w.some <- struct{}{}:
	default:
	}
}

func (w *wants) take() []EntryRef {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := w.list
	w.list = nil
	return list
}

// readEntries reads the entries that leases want, until they could be read.
func (t *term) readEntries(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.wants.some:
			wanted := t.wants.take()
			if found, ok := t.entries(ctx, wanted); ok {
				_ = t.put(ctx, EntriesOf(wanted, found)) // or the term is over
			}
		}
	}
}

// entries reads entries until it can; not ok when it is told to stop.
func (t *term) entries(ctx context.Context, wanted []EntryRef) (found []Submitted, ok bool) {
	for {
		found, err := t.deps.Snapshots.Submitted(ctx, wanted)
		if err == nil {
			return found, true
		}
		select {
		case <-ctx.Done():
			return nil, false
		case <-time.After(readAgainAfter):
			t.deps.Logger.Warn("read submitted entries", zap.Error(err))
		}
	}
}

// EntriesOf answers [ReadEntries] with what the store has of them.
func EntriesOf(wanted []EntryRef, found []Submitted) Input {
	in := lead.EntriesRead{Bodies: make(map[lead.EntryRef][]byte, len(found))}
	for _, e := range found {
		in.Bodies[e.Entry] = e.Body
	}
	for _, ref := range wanted {
		if in.Bodies[ref] == nil {
			in.Missing = append(in.Missing, ref)
		}
	}
	return in
}
