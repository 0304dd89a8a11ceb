package project

import (
	"errors"
	"fmt"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/eventwire"
)

// Place is how far a projection has read a partition.
type Place struct {
	Partition eventlog.Partition
	// At is the position of the last entry that was judged; zero: none yet.
	At eventlog.Position
	// Gate stands at that position.
	Gate eventlog.Gate
}

// Entry is an entry that counts, decoded.
type Entry struct {
	eventlog.Header
	At eventlog.Position
	// Body is empty where Kind is not Facts.
	Body eventwire.Body
}

// Parked is an entry whose bytes cannot be decoded.
type Parked struct {
	Partition eventlog.Partition
	At        eventlog.Position
	// Why says what is wrong, for people.
	Why string
	// Bytes are the body, or the whole frame where that is damaged.
	Bytes []byte
}

// ErrNoPlace: the projection has no row for a partition. It was not prepared, or
// the partition does not exist.
var ErrNoPlace = errors.New("the projection has no position row for the partition")

// GapError: a run begins beyond what the rows hold. The caller reopens its reader
// at At.
type GapError struct {
	Partition eventlog.Partition
	// At is where the rows stand, From where the run begins.
	At, From eventlog.Position
}

// Error says where the rows and the run stand.
func (e *GapError) Error() string {
	return fmt.Sprintf("gap in %s: the rows stand at %s and the run begins behind %s", e.Partition, e.At, e.From)
}
