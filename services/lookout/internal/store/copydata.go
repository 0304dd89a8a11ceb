package store

import (
	"encoding/binary"
	"encoding/json"
	"fmt"

	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// copyData is what COPY ... FROM STDIN (FORMAT binary) reads. It is written by hand
// since rows are what this service does most: pgx takes four times as long, for it
// looks each value's type up.
type copyData struct {
	buf []byte
	err error
}

// copyHeader is the signature, no flags, no extension.
const copyHeader = "PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00"

// rowBytes is what a row takes about: room for so much is made before the first.
const rowBytes = 384

func newCopyData(rows int) *copyData {
	return &copyData{buf: append(make([]byte, 0, len(copyHeader)+rows*rowBytes+2), copyHeader...)}
}

// end is the whole of it.
func (d *copyData) end() ([]byte, error) {
	return binary.BigEndian.AppendUint16(d.buf, 0xffff), d.err
}

func (d *copyData) row(columns int) { d.buf = binary.BigEndian.AppendUint16(d.buf, uint16(columns)) } //nolint:gosec // dozens

func (d *copyData) length(n int) { d.buf = binary.BigEndian.AppendUint32(d.buf, uint32(n)) } //nolint:gosec // below what an entry holds

func (d *copyData) null() { d.buf = append(d.buf, 0xff, 0xff, 0xff, 0xff) }

func (d *copyData) text(s string) {
	d.length(len(s))
	d.buf = append(d.buf, s...)
}

// textOrNull writes an empty text as NULL.
func (d *copyData) textOrNull(s string) {
	if s == "" {
		d.null()
		return
	}
	d.text(s)
}

func (d *copyData) bytes(b []byte) {
	d.length(len(b))
	d.buf = append(d.buf, b...)
}

func (d *copyData) uuid(id [16]byte) { d.bytes(id[:]) }

// uuidOrNull writes the zero id as NULL.
func (d *copyData) uuidOrNull(id [16]byte) {
	if id == ([16]byte{}) {
		d.null()
		return
	}
	d.uuid(id)
}

func (d *copyData) bigint(v int64) {
	d.length(8)
	d.buf = binary.BigEndian.AppendUint64(d.buf, uint64(v)) //nolint:gosec // two's complement
}

func (d *copyData) integer(v int32) {
	d.length(4)
	d.buf = binary.BigEndian.AppendUint32(d.buf, uint32(v)) //nolint:gosec // two's complement
}

func (d *copyData) smallint(v uint8) {
	d.length(2)
	d.buf = append(d.buf, 0, v)
}

func (d *copyData) boolean(v bool) { //nolint:revive // a value, not a mode
	d.length(1)
	if v {
		d.buf = append(d.buf, 1)
		return
	}
	d.buf = append(d.buf, 0)
}

// postgresEpoch is 2000-01-01T00:00:00Z, from which timestamps count microseconds.
const postgresEpoch job.Time = 946_684_800_000_000_000

func (d *copyData) time(t job.Time) { d.bigint(int64(t-postgresEpoch) / 1000) }

// timeOrNull writes the zero time as NULL.
func (d *copyData) timeOrNull(t job.Time) {
	if t == 0 {
		d.null()
		return
	}
	d.time(t)
}

// json writes a map as jsonb, an empty one as NULL.
func (d *copyData) json(m map[string]string) {
	if len(m) == 0 {
		d.null()
		return
	}
	start := len(d.buf)
	d.length(0)                   // filled in below
	d.buf = append(d.buf, 1, '{') // 1 is the version of jsonb's binary form
	first := true
	for key, value := range m { // jsonb has an order of its own
		if !first {
			d.buf = append(d.buf, ',')
		}
		first = false
		d.jsonText(key)
		d.buf = append(d.buf, ':')
		d.jsonText(value)
	}
	d.buf = append(d.buf, '}')
	binary.BigEndian.PutUint32(d.buf[start:], uint32(len(d.buf)-start-4)) //nolint:gosec // below what an entry holds
}

// jsonText writes a text of a JSON document. Nearly all are plain, and then it costs a
// fraction of what package json takes.
func (d *copyData) jsonText(s string) {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			text, err := json.Marshal(s)
			if err != nil {
				d.err = fmt.Errorf("write labels as JSON: %w", err)
			}
			d.buf = append(d.buf, text...)
			return
		}
	}
	d.buf = append(append(append(d.buf, '"'), s...), '"')
}

// The types of an array's elements, by Postgres' numbers.
const (
	oidBytea = 17
	oidInt8  = 20
	oidText  = 25
	oidUUID  = 2950
)

// array writes the head of a one-dimensional array without NULLs, and its elements
// with each.
func (d *copyData) array(oid uint32, n int, each func(i int)) {
	start := len(d.buf)
	d.length(0) // filled in below
	if n == 0 {
		d.header(0, 0, oid)
	} else {
		d.header(1, 0, oid)
		d.length(n)
		d.length(1) // the first index
		for i := range n {
			each(i)
		}
	}
	binary.BigEndian.PutUint32(d.buf[start:], uint32(len(d.buf)-start-4)) //nolint:gosec // below what an entry holds
}

func (d *copyData) header(dimensions, flags, oid uint32) {
	d.buf = binary.BigEndian.AppendUint32(d.buf, dimensions)
	d.buf = binary.BigEndian.AppendUint32(d.buf, flags)
	d.buf = binary.BigEndian.AppendUint32(d.buf, oid)
}

func (d *copyData) uuids(list []job.RunID) {
	d.array(oidUUID, len(list), func(i int) { d.uuid(list[i]) })
}

// textsOrNull writes no texts as NULL.
func (d *copyData) textsOrNull(list []string) {
	if len(list) == 0 {
		d.null()
		return
	}
	d.array(oidText, len(list), func(i int) { d.text(list[i]) })
}

// blobsOrNull writes no blobs as NULL.
func (d *copyData) blobsOrNull(list [][]byte) {
	if len(list) == 0 {
		d.null()
		return
	}
	d.array(oidBytea, len(list), func(i int) { d.bytes(list[i]) })
}
