package stream

import "github.com/fairlead-batch/fairlead/services/internal/eventlog"

// Told are messages of one entry for one job set, in order.
type Told struct {
	At eventlog.Position
	// First is the index of the first of them.
	First uint32
	// Messages are encoded api.EventMessages. They are shared and never changed.
	Messages [][]byte
}

// Last is the id of the last message. There is at least one.
func (t Told) Last() ID { return ID{At: t.At, Index: t.First + uint32(len(t.Messages)) - 1} } //nolint:gosec // an entry holds far fewer

// After is the part of t behind an id; it may be empty.
func (t Told) After(id ID) Told {
	switch {
	case id.Before(ID{At: t.At, Index: t.First}):
		return t
	case !id.Before(t.Last()):
		return Told{At: t.At, First: t.First}
	}
	skip := id.Index + 1 - t.First
	return Told{At: t.At, First: id.Index + 1, Messages: t.Messages[skip:]}
}

// Frame is message i as an encoded api.EventStreamMessage, with its id.
func (t Told) Frame(i int) []byte {
	id := ID{At: t.At, Index: t.First + uint32(i)}.String() //nolint:gosec // an entry holds far fewer
	return make(fields, 0, len(id)+len(t.Messages[i])+8).text(1, id).bytes(2, t.Messages[i])
}

// Page is a stretch of the rows of a job set, read at one moment.
type Page struct {
	Told []Told
	// Place is up to where the partition was projected when the rows were read.
	Place eventlog.Position
	// End says that no row stood behind these.
	End bool
}
