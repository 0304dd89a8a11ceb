// Package claim is what submit must remember so that a job that is sent twice is
// made once: which client ids are taken, and by what they were taken while nobody
// knows yet whether the log holds their jobs.
//
// # Model
//
// A client id belongs to one job of a queue, for 7 days. It is taken before its
// job is published, under a [Claim], and the claim is dropped when the log is
// known to hold the job. So a client id is pending while its claim is there, and
// published afterwards.
//
//	none --reserve--> pending --confirm--> published --7 days--> none
//	                     |
//	                     +-- resolved: found --> published; not found --> none, or another claim's
//
// A request is one entry of the log, so it has one claim, for all its client ids.
// The claim says how to find the entry: who wrote it, into which partition, and a
// position that was the newest before it.
//
// Both the store, which keeps claims, and the events package, which has the
// protocol, speak in these values. There is nothing in here that can fail.
package claim

import (
	"errors"
	"time"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// ErrAuthorClosed says that an author's row is closed, or gone: what the author
// writes from now on may not count, so nothing of it is acknowledged.
var ErrAuthorClosed = errors.New("the author is closed")

// ID names a claim: a ULID.
type ID [16]byte

// Claim is one request's hold on client ids whose jobs may or may not be in the log.
type Claim struct {
	ID    ID
	Queue string
	// ClientIDs were taken under this claim; some may belong to a later one by now.
	ClientIDs []string
	// Author, Partition and After say where the entry is, if it is anywhere: behind
	// After, which was the newest position before it was written, or an earlier one.
	Author    eventlog.Author
	Partition eventlog.Partition
	After     eventlog.Position
	// Job is one of the entry's jobs, by which the entry is known.
	Job job.ID
	// Made is when, by the clock of who made it.
	Made time.Time
}

// Wanted is a client id and the job that it is for, if it is not taken.
type Wanted struct {
	ClientID string
	Job      job.ID
}

// Held is what a client id is taken for.
type Held struct {
	Job job.ID
	// Published says that the job is in the log already: this is a repeat.
	Published bool
}

// Reservation is what became of wanted client ids.
type Reservation struct {
	// Held is in the order of what was wanted; empty when there is a Pending.
	Held []Held
	// Pending are others' claims on some of them. Then nothing was reserved.
	Pending []Claim
}

// Submission is jobs of one job set that the rules have accepted.
type Submission struct {
	Queue, JobSet string
	Cause         job.Cause
	// ClientIDs has one for each job; empty: none.
	ClientIDs []string
	// Make gives the fact that the job with that index was submitted, under an id. It
	// may be called more than once for a job, and then with another id.
	Make func(index int, id job.ID) (job.Event, error)
}
