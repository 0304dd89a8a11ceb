package app

import "github.com/fairlead-batch/fairlead/services/eventapi/internal/stream"

// A simulation steps the event API without its goroutines: it gives runs of its own
// log to Store.Projection, and the same entries, judged by project.Judge, to a Live.
// What both then tell is compared with a Book's fold of the log.
type (
	// Live is the fan-out of one partition.
	Live = stream.Live
	// Book folds entries into messages.
	Book = stream.Book
	// Entry is an entry that counts.
	Entry = stream.Entry
	// Set names a job set.
	Set = stream.Set
	// ID is where a message stands.
	ID = stream.ID
	// Told are messages of one entry for one job set.
	Told = stream.Told
)

// NewLive makes a fan-out at the beginning of its partition; bufferBytes bounds
// what waits for one watcher.
func NewLive(bufferBytes int) *Live { return stream.NewLive(bufferBytes) }

// NewBook makes an empty book.
func NewBook() *Book { return stream.NewBook() }
