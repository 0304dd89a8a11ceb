package memlog

import "github.com/fairlead-batch/fairlead/services/internal/eventlog"

// Input is what a core is stepped with.
//
//sumtype:decl
type Input interface{ input() }

// Append takes drafts over from an author, in order. Outputs: a Sent for each
// draft, unless the connection is down; Refused.
type Append struct {
	Author eventlog.Author
	// Tag names the call in Acknowledged and Refused. It is the caller's to choose,
	// and not used again before it came back.
	Tag    uint64
	Drafts []eventlog.Draft
}

// Deliver says what becomes of the oldest request that is on its way from an
// author to a partition. Where none is, it does nothing. Outputs: Stored,
// Acknowledged, Lost.
type Deliver struct {
	Author    eventlog.Author
	Partition eventlog.Partition
	Fate      Fate
}

// Fate is what becomes of a request.
type Fate uint8

const (
	// Arrive stores it, and the author hears of it.
	Arrive Fate = iota + 1
	// LoseReply stores it; the answer is lost, and all later ones on this
	// connection.
	LoseReply
	// StoreTwice stores it two times, as a broker that was sent it again by its
	// client library without our knowing.
	StoreTwice
	// LoseRequest stores nothing: the connection is gone, with all that was on its
	// way on it.
	LoseRequest
)

// Resend mends a connection and sends again what was not acknowledged, as with a
// broker that cannot be asked. Outputs: Sent.
type Resend struct {
	Author    eventlog.Author
	Partition eventlog.Partition
}

// Settle mends a connection, asks what is stored, and sends only the rest again.
// Outputs: Acknowledged, Sent.
type Settle struct {
	Author    eventlog.Author
	Partition eventlog.Partition
}

// Crash ends the process of an author.
type Crash struct{ Author eventlog.Author }

// Trim forgets what is older than the retention and not held. Outputs: Forgot.
type Trim struct{}

// Damage stores bytes that are no entry.
type Damage struct {
	Partition eventlog.Partition
	Bytes     []byte
	// Why is what the reader will be told; it wraps eventlog.ErrDamaged.
	Why error
}

// Newer stores an entry of a format that no program of today knows.
type Newer struct{ Partition eventlog.Partition }

func (Append) input()  {}
func (Deliver) input() {}
func (Resend) input()  {}
func (Settle) input()  {}
func (Crash) input()   {}
func (Trim) input()    {}
func (Damage) input()  {}
func (Newer) input()   {}

// Output is what a step wants done, or tells.
//
//sumtype:decl
type Output interface{ output() }

// Sent asks for one Deliver, now or later.
type Sent struct {
	Author    eventlog.Author
	Partition eventlog.Partition
}

// Stored tells that entries can be read up to a position.
type Stored struct {
	Partition eventlog.Partition
	To        eventlog.Position
}

// Acknowledged tells the author that everything under a tag is stored.
type Acknowledged struct {
	Author eventlog.Author
	Tag    uint64
}

// Refused tells the author that nothing under a tag was taken.
type Refused struct {
	Author eventlog.Author
	Tag    uint64
	Err    error
}

// Lost tells that a connection broke; it asks for one Resend or Settle, now or
// later.
type Lost struct {
	Author    eventlog.Author
	Partition eventlog.Partition
}

// Forgot tells that a partition begins later now.
type Forgot struct {
	Partition eventlog.Partition
	Oldest    eventlog.Position
}

func (Sent) output()         {}
func (Stored) output()       {}
func (Acknowledged) output() {}
func (Refused) output()      {}
func (Lost) output()         {}
func (Forgot) output()       {}
