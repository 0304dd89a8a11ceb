package eventlog

import (
	"context"
	"errors"
)

// The errors of a log. Each is wrapped with what was being done.
var (
	// ErrTooLarge: the entry is above FrameBytesMax or BodyBytesMax. Nothing was written.
	ErrTooLarge = errors.New("entry too large")
	// ErrForgotten: the log no longer has what follows the position.
	ErrForgotten = errors.New("the log has forgotten this position")
	// ErrAhead: the position is beyond the end of the log, so it comes from another
	// log, or this one was put back from a backup. Waiting would skip what is written
	// from here to there.
	ErrAhead = errors.New("the log ends before this position")
	// ErrAuthorTaken: the author was opened before, here or in another process.
	ErrAuthorTaken = errors.New("the author was opened before")
	// ErrNewer: the entry has a format this program does not know. Upgrade readers first.
	ErrNewer = errors.New("entry of a newer format")
	// ErrPartitions: the log has another number of partitions than was agreed.
	ErrPartitions = errors.New("the log's partition count does not match")
	// ErrClosed: the log, appender or reader was closed.
	ErrClosed = errors.New("closed")
	// ErrUnknown: the caller stopped waiting; the entry may count or not.
	ErrUnknown = errors.New("outcome unknown")
)

// Log is a log of entries. It is safe for concurrent use.
type Log interface {
	// Appender opens an author for writing. An author is opened once: whoever
	// starts again takes a new one. The caller closes the appender. Errors:
	// ErrAuthorTaken, ErrClosed, or that the author is nobody.
	Appender(author Author) (Appender, error)
	// Read opens a reader of what stands after a position; the zero Position is
	// the beginning. The caller closes the reader. Errors, here or at the first
	// Next: ErrForgotten, ErrAhead, ErrPartitions.
	Read(ctx context.Context, p Partition, after Position) (Reader, error)
	// Bounds are the ends of a partition now: the log holds what stands after
	// Oldest, up to and with Newest. It is consistent with what was acknowledged
	// before the call.
	Bounds(ctx context.Context, p Partition) (Bounds, error)
	// Hold keeps what stands after a position for a consumer of that name,
	// whatever the retention; a later call moves it. The log never moves it.
	// Errors: ErrForgotten where it is gone already, ErrAhead, ErrPartitions.
	Hold(ctx context.Context, consumer string, p Partition, after Position) error
	// Release ends the hold of a consumer on every partition. One that holds
	// nothing is fine.
	Release(ctx context.Context, consumer string) error
}

// Bounds are the two ends of a partition.
type Bounds struct {
	// Oldest is the position before the first entry that is kept: zero while
	// nothing was forgotten.
	Oldest Position
	// Newest is the position of the last entry; equal to Oldest when there is none.
	Newest Position
}

// Appender writes as one author. It is safe for concurrent use.
type Appender interface {
	// Append takes drafts over, in order, and returns at once, unless
	// BufferBytesMax of earlier ones are not stored yet: then it waits for room
	// until ctx is done. A draft that is too large, or of a partition that does
	// not exist, refuses the whole call. Drafts of one call are stored in order
	// within a partition, but not at one moment.
	Append(ctx context.Context, drafts ...Draft) (*Receipt, error)
	// Close waits until everything appended is stored or ctx is done, then ends
	// the appender. Receipts still open then fail with ErrUnknown.
	Close(ctx context.Context) error
}

// BufferBytesMax is how much an appender holds that is not stored yet, as the sum
// of bodies in bytes. A call that is larger by itself is taken when it is alone.
const BufferBytesMax = 64 << 20

// The limits of a run. One entry is handed out whatever its size.
const (
	// RunEntriesMax is the most entries of a run.
	RunEntriesMax = 1000
	// RunBytesMax is the most that the bodies of a run sum up to, in bytes.
	RunBytesMax = 2 << 20
)

// Reader reads one partition. One goroutine at a time.
type Reader interface {
	// Next waits for entries and returns a run of at least one. Errors:
	// ErrForgotten, ErrNewer, ErrClosed, or ctx's. After an error the reader may
	// be used again where ctx was the cause; else it is to be closed.
	Next(ctx context.Context) (Run, error)
	// Close ends the reader and a Next under way. It may be called twice.
	Close()
}
