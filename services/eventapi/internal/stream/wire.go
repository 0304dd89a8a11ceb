package stream

import (
	"encoding/binary"
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// fields is a message in the protobuf wire format. A field with the zero value is
// left out, as proto3 does.
type fields []byte

const (
	wireVarint  = 0
	wireFixed64 = 1
	wireBytes   = 2
)

func (f fields) tag(number, kind int) fields {
	return binary.AppendUvarint(f, uint64(number)<<3|uint64(kind)) //nolint:gosec // both are small constants
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
	for _, key := range slices.Sorted(maps.Keys(m)) {
		f = f.bytes(number, fields{}.text(1, key).text(2, m[key]))
	}
	return f
}

// time writes a google.protobuf.Timestamp. A job's time is never before 1970:
// job.Apply takes the newest, and begins with zero.
func (f fields) time(number int, t job.Time) fields {
	const second = 1_000_000_000
	return f.bytes(number, fields{}.int(1, int64(t)/second).int(2, int64(t)%second))
}

// resources writes a k8s.io.api.core.v1.ResourceRequirements: Kubernetes'
// scheduler goes by requests, and Armada has them equal to the limits.
func (f fields) resources(number int, list []job.Amount) fields {
	const limits, requests = 1, 2
	var sum fields
	for _, field := range [...]int{limits, requests} {
		for _, r := range list {
			sum = sum.bytes(field, fields{}.text(1, r.Resource).bytes(2, fields{}.text(1, quantity(r))))
		}
	}
	return f.bytes(number, sum)
}

// quantity is an amount as Kubernetes writes it.
func quantity(r job.Amount) string {
	if r.Resource != "cpu" {
		return strconv.FormatInt(r.Value, 10)
	}
	if r.Value%1000 == 0 {
		return strconv.FormatInt(r.Value/1000, 10)
	}
	return strconv.FormatInt(r.Value, 10) + "m"
}
