package stream

import (
	"fmt"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// Entry is an entry of the log that counts.
type Entry struct {
	At      eventlog.Position
	Batches []job.Batch
}

// Book holds what is kept of the unfinished jobs of one or more partitions, in its
// compact form: a replica holds those of the whole installation. The zero Book is
// not ready; make it with NewBook.
type Book struct {
	jobs map[job.ID]string
	// teller and compact are room that every fact uses again.
	teller  teller
	compact []byte
}

// NewBook makes an empty book.
func NewBook() *Book { return &Book{jobs: map[job.ID]string{}} }

// Load puts back what was read from a row. It takes it as it is: Apply finds out
// whether it can be read.
func (b *Book) Load(id job.ID, kept []byte) { b.jobs[id] = string(kept) }

// Kept is the compact form of what is kept of a job; empty for nothing.
func (b *Book) Kept(id job.ID) []byte { return []byte(b.jobs[id]) }

// Len is how many jobs are kept.
func (b *Book) Len() int { return len(b.jobs) }

// Hear takes a message for a job set, an encoded api.EventMessage. It does not keep
// the bytes: the next message is written over them.
type Hear func(message []byte)

// Apply applies the facts of an entry. For each that counts, listener is asked who
// hears of its job set; nil: nobody, and then no message is made. It says how many
// facts were refused. An error is that what was loaded of a job cannot be read:
// the rows are damaged or of a newer program, and the book is not to be used again.
func (b *Book) Apply(e Entry, listener func(Set) Hear) (refused int, err error) {
	t := &b.teller
	defer t.rest()
	for _, batch := range e.Batches {
		t.set, t.cause = Set{Queue: batch.Queue, JobSet: batch.JobSet}, batch.Cause
		t.hear = listener(t.set)
		for _, event := range batch.Events {
			id := event.Of().Job
			if t.before, err = b.read(id); err != nil {
				return refused, fmt.Errorf("apply entry %s: %w", e.At, err)
			}
			t.after = t.before
			if advance(&t.after, event) != nil {
				refused++
				continue
			}
			b.keep(id, t.after)
			if t.hear != nil {
				job.Visit[nothing](event, t)
			}
		}
	}
	return refused, nil
}

func (b *Book) read(id job.ID) (Kept, error) {
	text, known := b.jobs[id]
	if !known {
		return Kept{}, nil
	}
	return KeptFrom(id, text)
}

func (b *Book) keep(id job.ID, k Kept) {
	if k.Job.Settled() {
		delete(b.jobs, id)
		return
	}
	b.compact = k.appendTo(b.compact[:0])
	b.jobs[id] = string(b.compact)
}
