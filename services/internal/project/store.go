package project

import (
	"context"
	"time"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
)

// Store keeps the places of one projection. Tx is its transaction, with which the
// consumer writes its rows. Implementations are safe for concurrent use.
type Store[Tx any] interface {
	// Transact runs fn in a transaction and commits if fn returns nil. fn may run
	// more than once and takes effect once or not at all; an error of unknown
	// outcome is possible and is met by trying the same again.
	Transact(ctx context.Context, fn func(tx Tx) error) error
	// Lock reads the places of partitions and keeps others from moving them until
	// the transaction ends. Partitions and places are in ascending order, which
	// keeps two writers from waiting for each other. Errors: ErrNoPlace.
	Lock(ctx context.Context, tx Tx, partitions []eventlog.Partition) ([]Place, error)
	// Move stores places that are locked, and entries that are parked at a time.
	// An entry that is parked already stays as it is.
	Move(ctx context.Context, tx Tx, places []Place, parked []Parked, now time.Time) error
}

// Keeper is the rest of what a projection keeps: what the loop asks for outside of
// a transaction of its consumer. Implementations are safe for concurrent use.
type Keeper interface {
	// Prepare makes the rows of partitions that have none. It refuses a projection
	// that has rows of others: the log was cut differently when they were made.
	// Errors: eventlog.ErrPartitions.
	Prepare(ctx context.Context, partitions []eventlog.Partition) error
	// Places reads all places, at one moment, in ascending order of partition.
	Places(ctx context.Context) ([]Place, error)
	// Lease takes or renews the projection's lease for holder until a time, and
	// says whether holder has it: it has not if another's ends after now. What was
	// committed before it is on disk when it returns.
	Lease(ctx context.Context, holder string, now, until time.Time) (bool, error)
	// Yield ends the lease of holder, so that another need not wait for its end.
	Yield(ctx context.Context, holder string) error
}

// compare orders partitions ascending: the order in which rows are locked.
func compare(a, b eventlog.Partition) int {
	if a.Stream != b.Stream {
		return int(a.Stream) - int(b.Stream)
	}
	switch {
	case a.Number < b.Number:
		return -1
	case a.Number > b.Number:
		return 1
	}
	return 0
}
