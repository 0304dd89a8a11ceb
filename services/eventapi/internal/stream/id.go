package stream

import (
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
)

// ErrID is wrapped by every error of ParseID.
var ErrID = errors.New("not a message id")

// ErrForgotten: the rows that followed an id were dropped with their time.
var ErrForgotten = errors.New("events before this were dropped")

// Set names a job set.
type Set struct {
	Queue, JobSet string
}

// Partition is where the log holds everything on the set.
func (s Set) Partition(partitions uint32) eventlog.Partition {
	return eventlog.PartitionOf(s.Queue, s.JobSet, partitions)
}

// ID is where a message stands in the stream of its job set. The zero ID stands
// before the first one.
type ID struct {
	// At is the entry it was made of.
	At eventlog.Position
	// Index counts the messages of that entry for the job set, from 0.
	Index uint32
}

// IsZero says whether it is the beginning.
func (id ID) IsZero() bool { return id == ID{} }

// Before says whether id stands before other.
func (id ID) Before(other ID) bool {
	if c := id.At.Compare(other.At); c != 0 {
		return c < 0
	}
	return id.Index < other.Index
}

// digits sort as their values do, so the text of ids sorts as ids do.
var digits = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding) //nolint:gochecknoglobals // a constant; Go has none of this type

const (
	idBytes = eventlog.PositionBytes + 4
	idChars = (idBytes*8 + 4) / 5
)

// String is the id as clients get it: 45 characters.
func (id ID) String() string {
	var room [idChars]byte
	return string(id.appendText(room[:0]))
}

func (id ID) appendText(b []byte) []byte {
	var room [idBytes]byte
	return digits.AppendEncode(b, binary.BigEndian.AppendUint32(id.At.AppendBytes(room[:0]), id.Index))
}

// ParseID reads what String wrote. The empty text is the zero ID.
func ParseID(text string) (ID, error) {
	if text == "" {
		return ID{}, nil
	}
	b, err := digits.DecodeString(text)
	if err != nil || len(b) != idBytes || digits.EncodeToString(b) != text {
		return ID{}, fmt.Errorf("%w: %q", ErrID, text)
	}
	at, err := eventlog.PositionFrom(b[:eventlog.PositionBytes])
	if err != nil {
		return ID{}, fmt.Errorf("%w: %w", ErrID, err)
	}
	return ID{At: at, Index: binary.BigEndian.Uint32(b[eventlog.PositionBytes:])}, nil
}
