package eventlog

import (
	"encoding/hex"
	"fmt"
)

// Stream is one of the two streams of the log.
type Stream uint8

const (
	// Events holds facts and commands, in as many partitions as were agreed when
	// the log was made.
	Events Stream = iota + 1
	// Control holds settings, in one partition, for ever.
	Control
)

// String is the stream's name.
func (s Stream) String() string {
	switch s {
	case Events:
		return "events"
	case Control:
		return "control"
	}
	return fmt.Sprintf("stream(%d)", uint8(s))
}

// Partition names a partition of a stream.
type Partition struct {
	Stream Stream
	// Number counts from 0; it is 0 for Control.
	Number uint32
}

// ControlPartition is the one partition of Control.
var ControlPartition = Partition{Stream: Control} //nolint:gochecknoglobals // a constant; Go has none of struct type

// String is stream/number, such as events/3.
func (p Partition) String() string { return fmt.Sprintf("%s/%d", p.Stream, p.Number) }

// Check refuses a partition that a log with so many partitions of events does not
// have. Errors: ErrPartitions.
func (p Partition) Check(partitions uint32) error {
	if p == ControlPartition || p.Stream == Events && p.Number < partitions {
		return nil
	}
	return fmt.Errorf("%w: there is no %s beside control/0 and %d of events", ErrPartitions, p, partitions)
}

// PartitionOf is the partition of events in which everything on a job set
// stands: a fixed hash (64-bit FNV-1a over queue, NUL, job set) modulo the count.
// It never changes for a log, which is why the count is recorded in it.
func PartitionOf(queue, jobSet string, partitions uint32) Partition {
	const offset, prime = 14695981039346656037, 1099511628211
	h := uint64(offset)
	for i := range len(queue) {
		h = (h ^ uint64(queue[i])) * prime
	}
	h *= prime // the NUL between them: h ^ 0
	for i := range len(jobSet) {
		h = (h ^ uint64(jobSet[i])) * prime
	}
	return Partition{Stream: Events, Number: uint32(h % uint64(partitions))} //nolint:gosec // below partitions
}

// Author is a process that writes, from its start to its end: a ULID. The zero
// Author is nobody.
type Author [16]byte

// IsZero says whether it is nobody.
func (a Author) IsZero() bool { return a == Author{} }

// String is the author in hexadecimal.
func (a Author) String() string { return hex.EncodeToString(a[:]) }

// Kind is what an entry is for.
type Kind uint8

const (
	// Facts carries a body; it is what all but the gate are interested in.
	Facts Kind = iota + 1
	// Fence opens an epoch: nothing of a lower one counts behind it.
	Fence
	// AuthorClosed ends an author: nothing of it counts behind it.
	AuthorClosed
)

// Header is what the gate judges an entry by.
type Header struct {
	Author Author
	// Sequence counts the author's entries in this partition from 1.
	Sequence uint64
	Kind     Kind
	// Epoch is the leadership that a scheduler wrote under; zero for others.
	Epoch uint64
	// Plan numbers the plan that this entry is part of, from 1 in each epoch;
	// zero: of none. Part counts from 1 to Parts.
	Plan        uint64
	Part, Parts uint32
	// Closes is whom an AuthorClosed ends.
	Closes Author
}

// Entry is what stands in a partition.
type Entry struct {
	Header
	// At is its position.
	At Position
	// Body is the content, never changed.
	Body []byte
	// Share is where its readers share what they make of Body. Nil: each makes its own.
	Share *Share
	// Damage says why the bytes cannot be read; nil for a sound entry. Then Body
	// is what was stored, and the header is empty.
	Damage error
}
