package pglog

import (
	"encoding/binary"
	"io"
)

// copyRow is an entry as it goes into its table.
type copyRow struct {
	partition int32
	number    uint64
	frame     []byte
}

// copySignature begins the binary format: its magic bytes, no flags, no extension.
const copySignature = "PGCOPY\n\xff\r\n\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x00"

// copyReader gives rows in Postgres' binary COPY format. Frames are read from
// where they are; pgx' own copying asks the server for the column types first, at
// the price of a round trip under the lock.
type copyReader struct {
	rows []copyRow
	// rest is what of the present piece was not read yet. next is what follows it:
	// the row's head, then its frame.
	rest []byte
	next int
	head [2 + 4 + 4 + 4 + 8 + 4]byte
	end  bool
}

func newCopyReader(rows []copyRow) *copyReader {
	return &copyReader{rows: rows, rest: []byte(copySignature)}
}

func (r *copyReader) Read(b []byte) (n int, err error) {
	for n < len(b) {
		if len(r.rest) == 0 && !r.advance() {
			if n == 0 {
				return 0, io.EOF
			}
			return n, nil
		}
		copied := copy(b[n:], r.rest)
		n += copied
		r.rest = r.rest[copied:]
	}
	return n, nil
}

// advance moves to the next piece: heads and frames in turn, then the end mark.
func (r *copyReader) advance() bool {
	switch {
	case r.end:
		return false
	case r.next == 2*len(r.rows):
		r.rest, r.end = []byte{0xff, 0xff}, true
		return true
	case r.next%2 == 1:
		r.rest = r.rows[r.next/2].frame
	default:
		row := r.rows[r.next/2]
		head := r.head[:0]
		head = binary.BigEndian.AppendUint16(head, 3) // columns
		head = binary.BigEndian.AppendUint32(head, 4)
		head = binary.BigEndian.AppendUint32(head, uint32(row.partition)) //nolint:gosec // not negative
		head = binary.BigEndian.AppendUint32(head, 8)
		head = binary.BigEndian.AppendUint64(head, row.number)
		head = binary.BigEndian.AppendUint32(head, uint32(len(row.frame))) //nolint:gosec // at most FrameBytesMax
		r.rest = head
	}
	r.next++
	return true
}
