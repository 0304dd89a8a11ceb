package stream

import (
	"encoding/binary"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
)

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

// frameBytesMax is what a frame has beside its message: the id, and tag and length of
// both.
const frameBytesMax = idChars + 2 + 1 + binary.MaxVarintLen32

// Frames are the messages as encoded api.EventStreamMessages, each with its id.
func (t Told) Frames() [][]byte {
	size := 0
	for _, m := range t.Messages {
		size += frameBytesMax + len(m)
	}
	all, list := make(fields, 0, size), make([][]byte, len(t.Messages))
	for i, m := range t.Messages {
		from := len(all)
		frame, id := all.open(1)
		frame = ID{At: t.At, Index: t.First + uint32(i)}.appendText(frame) //nolint:gosec // an entry holds far fewer
		all = frame.close(id).bytes(2, m)
		list[i] = all[from:len(all):len(all)]
	}
	return list
}

// Page is a stretch of the rows of a job set, read at one moment.
type Page struct {
	Told []Told
	// Place is up to where the partition was projected when the rows were read.
	Place eventlog.Position
	// End says that no row stood behind these.
	End bool
}
