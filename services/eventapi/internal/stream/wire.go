package stream

import (
	"encoding/binary"
	"math"
	"slices"
	"strconv"

	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// fields is a message in the protobuf wire format. A field with the zero value is
// left out, as proto3 does. What is embedded is written in place, so that whoever
// writes many messages can write them all into one slice.
type fields []byte

const (
	wireVarint  = 0
	wireFixed64 = 1
	wireBytes   = 2
)

func (f fields) tag(number, kind int) fields {
	return binary.AppendUvarint(f, uint64(number)<<3|uint64(kind)) //nolint:gosec // both are small constants
}

// open begins an embedded message, and says where: what is appended until close is
// in it.
func (f fields) open(number int) (fields, int) {
	f = append(f.tag(number, wireBytes), 0) // its length, if that takes one byte
	return f, len(f)
}

// close ends the message that open began there.
func (f fields) close(at int) fields {
	size := len(f) - at
	if size < 1<<7 {
		f[at-1] = byte(size)
		return f
	}
	var length [binary.MaxVarintLen64]byte
	n := binary.PutUvarint(length[:], uint64(size))
	f = append(f, length[1:n]...) // any bytes: for the room
	copy(f[at-1+n:], f[at:at+size])
	copy(f[at-1:], length[:n])
	return f
}

func (f fields) text(number int, s string) fields {
	if s == "" {
		return f
	}
	return append(binary.AppendUvarint(f.tag(number, wireBytes), uint64(len(s))), s...)
}

func (f fields) texts(number int, list []string) fields {
	for _, s := range list {
		f = append(binary.AppendUvarint(f.tag(number, wireBytes), uint64(len(s))), s...)
	}
	return f
}

// id writes the id of a job or run as clients see it; nothing for none.
func (f fields) id(number int, id job.ID) fields {
	if id.IsZero() {
		return f
	}
	f, at := f.open(number)
	f, _ = id.AppendText(f) // does not fail
	return f.close(at)
}

// bytes writes an embedded message, also an empty one.
func (f fields) bytes(number int, message []byte) fields {
	return append(binary.AppendUvarint(f.tag(number, wireBytes), uint64(len(message))), message...)
}

func (f fields) int(number int, v int64) fields {
	if v == 0 {
		return f
	}
	return binary.AppendUvarint(f.tag(number, wireVarint), uint64(v)) //nolint:gosec // as protobuf writes negative numbers
}

func (f fields) double(number int, v float64) fields {
	if v == 0 {
		return f
	}
	return binary.LittleEndian.AppendUint64(f.tag(number, wireFixed64), math.Float64bits(v))
}

func (f fields) isTrue(number int) fields { return f.int(number, 1) }

// stringMap writes a map<string, string>, sorted by key.
func (f fields) stringMap(number int, m map[string]string) fields {
	var room [16]string
	keys := room[:0]
	for key := range m { //archcheck:sorted below
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		entry, at := f.open(number)
		f = entry.text(1, key).text(2, m[key]).close(at)
	}
	return f
}

// time writes a google.protobuf.Timestamp. A job's time is never before 1970:
// job.Apply takes the newest, and begins with zero.
func (f fields) time(number int, t job.Time) fields {
	const second = 1_000_000_000
	f, at := f.open(number)
	return f.int(1, int64(t)/second).int(2, int64(t)%second).close(at)
}

// resources writes a k8s.io.api.core.v1.ResourceRequirements: Kubernetes'
// scheduler goes by requests, and Armada has them equal to the limits.
func (f fields) resources(number int, list []job.Amount) fields {
	const limits, requests = 1, 2
	f, at := f.open(number)
	for _, field := range [...]int{limits, requests} {
		for _, r := range list {
			entry, begin := f.open(field)
			quantity, amount := entry.text(1, r.Resource).open(2)
			text, value := quantity.open(1)
			f = text.quantity(r).close(value).close(amount).close(begin)
		}
	}
	return f.close(at)
}

// quantity appends an amount as Kubernetes writes it.
func (f fields) quantity(r job.Amount) fields {
	if r.Resource != "cpu" {
		return strconv.AppendInt(f, r.Value, 10)
	}
	if r.Value%1000 == 0 {
		return strconv.AppendInt(f, r.Value/1000, 10)
	}
	return append(strconv.AppendInt(f, r.Value, 10), 'm')
}
