package project

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
)

// Write writes what a consumer makes of runs into its rows, with the transaction
// that moves their places. There is one Judged a partition, in ascending order,
// and each has moved; one may be without entries. It may be called again for the
// same runs, after an earlier call took no effect, so it changes nothing but rows.
type Write[Tx any] func(ctx context.Context, tx Tx, runs []Judged) error

// Projection moves the rows of one consumer. It is safe for concurrent use, also
// by several processes.
type Projection[Tx any] struct {
	store Store[Tx]
	write Write[Tx]
	// refuse is the rule for gaps; a test switches it off to show what it is for.
	refuse func(at eventlog.Position, run eventlog.Run) error
}

// New makes a projection of a store and the consumer's rows.
func New[Tx any](store Store[Tx], write Write[Tx]) *Projection[Tx] {
	return &Projection[Tx]{store: store, write: write, refuse: refuseGap}
}

// Advanced is what became of one run.
type Advanced struct {
	// Place is where the partition stands now.
	Place Place
	// Applied counts the entries that were given to Write, Parked those that were
	// parked, Dropped those that do not count. What was applied before is in none.
	Applied, Parked int
	Dropped         eventlog.Dropped
	// Err says why the run was not applied to its end: a *GapError (nothing of it
	// was), or what Judged.Stop says. Nil: all of it is in the rows.
	Err error
}

// Advance applies runs, at most one a partition, in one transaction, and says for
// each what became of it, in the order of the runs. A run that cannot be applied
// holds up no other. now is the time that parked entries are given.
//
// An error means that nothing is known to have been applied; to call it again
// with the same runs is right, whatever the error.
func (p *Projection[Tx]) Advance(ctx context.Context, now time.Time, runs []eventlog.Run) ([]Advanced, error) {
	order := make([]int, len(runs)) // runs in ascending order of partition
	bodies := make([]decoded, len(runs))
	for i, run := range runs {
		order[i], bodies[i] = i, decode(run)
	}
	slices.SortFunc(order, func(a, b int) int { return compare(runs[a].Partition, runs[b].Partition) })
	partitions := make([]eventlog.Partition, len(runs))
	for n, i := range order {
		partitions[n] = runs[i].Partition
	}
	var out []Advanced
	err := p.store.Transact(ctx, func(tx Tx) error {
		places, err := p.store.Lock(ctx, tx, partitions)
		if err != nil {
			return fmt.Errorf("lock positions: %w", err)
		}
		out = make([]Advanced, len(runs))
		var moved []Judged
		for n, i := range order {
			var judged Judged
			if out[i], judged = p.judge(places[n], bodies[i]); judged.To != places[n].At {
				moved = append(moved, judged)
			}
		}
		return p.apply(ctx, tx, now, moved)
	})
	if err != nil {
		return nil, fmt.Errorf("advance %d partitions: %w", len(runs), err)
	}
	return out, nil
}

// judge compares a run with where the rows stand.
func (p *Projection[Tx]) judge(place Place, run decoded) (Advanced, Judged) {
	if err := p.refuse(place.At, run.run); err != nil {
		return Advanced{Place: place, Err: err}, Judged{To: place.At}
	}
	judged := run.after(place.At).judge(place.Gate)
	return Advanced{
		Place: judged.Place(), Applied: len(judged.Entries), Parked: len(judged.Parked), Dropped: judged.Dropped, Err: judged.Stop,
	}, judged
}

// apply writes rows, positions, gates and parked entries.
func (p *Projection[Tx]) apply(ctx context.Context, tx Tx, now time.Time, moved []Judged) error {
	if len(moved) == 0 {
		return nil
	}
	if err := p.write(ctx, tx, moved); err != nil {
		return fmt.Errorf("write rows of %d partitions: %w", len(moved), err)
	}
	places := make([]Place, len(moved))
	var parked []Parked
	for i, judged := range moved {
		places[i] = judged.Place()
		parked = append(parked, judged.Parked...)
	}
	if err := p.store.Move(ctx, tx, places, parked, now); err != nil {
		return fmt.Errorf("move positions: %w", err)
	}
	return nil
}

// refuseGap is the rule that a run must begin at or before the row.
func refuseGap(at eventlog.Position, run eventlog.Run) error {
	if at.Before(run.From) {
		return &GapError{Partition: run.Partition, At: at, From: run.From}
	}
	return nil
}

// Forget lets the gates forget the authors that were closed before what the log
// still holds, so that gates stay small. oldest has the log's bound by partition.
func (p *Projection[Tx]) Forget(ctx context.Context, oldest map[eventlog.Partition]eventlog.Position) error {
	partitions := make([]eventlog.Partition, 0, len(oldest))
	for partition := range oldest {
		partitions = append(partitions, partition)
	}
	slices.SortFunc(partitions, compare)
	err := p.store.Transact(ctx, func(tx Tx) error {
		places, err := p.store.Lock(ctx, tx, partitions)
		if err != nil {
			return fmt.Errorf("lock positions: %w", err)
		}
		for i := range places {
			places[i].Gate = places[i].Gate.Forget(oldest[places[i].Partition])
		}
		return p.store.Move(ctx, tx, places, nil, time.Time{})
	})
	if err != nil {
		return fmt.Errorf("forget closed authors: %w", err)
	}
	return nil
}
