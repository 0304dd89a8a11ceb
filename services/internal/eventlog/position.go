package eventlog

import (
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
)

// PositionBytes is the width of a position in binary form.
const PositionBytes = 24

// ErrPosition is wrapped by the errors of ParsePosition and PositionFrom.
var ErrPosition = errors.New("not a position of the log")

// Position says where an entry stands in its partition. Positions of one
// partition compare; those of different partitions mean nothing to each other.
// The zero Position stands before every entry. Everybody but an implementation of
// the log treats it as opaque.
type Position struct {
	// Incarnation grows when a log is lost and begun anew, so that positions of
	// the old one stand before those of the new one.
	Incarnation uint32
	// Ledger and Entry are Pulsar's; pglog and memlog count in Entry alone.
	Ledger, Entry uint64
	// Batch is the index inside a batched message; we write none, so it is 0.
	Batch uint32
}

// IsZero says whether it is the beginning.
func (p Position) IsZero() bool { return p == Position{} }

// Compare is negative when p stands before q, zero when they are equal.
func (p Position) Compare(q Position) int {
	return cmp.Or(
		cmp.Compare(p.Incarnation, q.Incarnation),
		cmp.Compare(p.Ledger, q.Ledger),
		cmp.Compare(p.Entry, q.Entry),
		cmp.Compare(p.Batch, q.Batch))
}

// Before says whether p stands before q.
func (p Position) Before(q Position) bool { return p.Compare(q) < 0 }

// Bytes is the fixed-width form. It sorts as positions do, in a bytea column too.
func (p Position) Bytes() []byte { return p.AppendBytes(make([]byte, 0, PositionBytes)) }

// AppendBytes appends Bytes to b.
func (p Position) AppendBytes(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, p.Incarnation)
	b = binary.BigEndian.AppendUint64(b, p.Ledger)
	b = binary.BigEndian.AppendUint64(b, p.Entry)
	return binary.BigEndian.AppendUint32(b, p.Batch)
}

// PositionFrom reads what Bytes wrote.
func PositionFrom(b []byte) (Position, error) {
	if len(b) != PositionBytes {
		return Position{}, fmt.Errorf("%w: %d bytes, want %d", ErrPosition, len(b), PositionBytes)
	}
	return Position{
		Incarnation: binary.BigEndian.Uint32(b),
		Ledger:      binary.BigEndian.Uint64(b[4:]),
		Entry:       binary.BigEndian.Uint64(b[12:]),
		Batch:       binary.BigEndian.Uint32(b[20:]),
	}, nil
}

// String is the fixed-width form in hexadecimal. It sorts as positions do.
func (p Position) String() string { return hex.EncodeToString(p.Bytes()) }

// ParsePosition reads what String wrote.
func ParsePosition(s string) (Position, error) {
	b, err := hex.DecodeString(s)
	if err != nil {
		return Position{}, fmt.Errorf("%w: %q", ErrPosition, s)
	}
	return PositionFrom(b)
}
