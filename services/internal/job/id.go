package job

import (
	"errors"
	"fmt"
)

// ErrID is wrapped by every error of [ParseID] and [ParseRunID].
var ErrID = errors.New("not a job or run id")

// ID names a job: a ULID (https://github.com/ulid/spec), made once by submit.
// The zero ID is no job. Ids sort by the time they were made.
type ID [16]byte

// RunID names a run of a job: a ULID, made once by the scheduler. The zero RunID
// is no run.
type RunID [16]byte

// ParseID reads the 26 characters of a ULID, in lower or upper case.
func ParseID(text string) (ID, error) { return parse(text) }

// ParseRunID reads the 26 characters of a ULID, in lower or upper case.
func ParseRunID(text string) (RunID, error) {
	id, err := parse(text)
	return RunID(id), err
}

// IDFrom takes the 16 bytes of an id off the wire.
func IDFrom(b []byte) (ID, error) {
	if len(b) != len(ID{}) {
		return ID{}, fmt.Errorf("%w: %d bytes, want %d", ErrID, len(b), len(ID{}))
	}
	return ID(b), nil
}

// RunIDFrom takes the 16 bytes of a run id off the wire.
func RunIDFrom(b []byte) (RunID, error) {
	id, err := IDFrom(b)
	return RunID(id), err
}

// IsZero says whether it names no job.
func (id ID) IsZero() bool { return id == ID{} }

// String is the ULID in lower case, 26 characters, as clients see it.
func (id ID) String() string { return text(id) }

// MarshalText is String, so that ids read well in JSON and logs.
func (id ID) MarshalText() ([]byte, error) { return id.AppendText(nil) }

// AppendText appends String to b. It does not fail.
func (id ID) AppendText(b []byte) ([]byte, error) { return appendText(b, id), nil }

// UnmarshalText is ParseID.
func (id *ID) UnmarshalText(b []byte) (err error) {
	*id, err = ParseID(string(b))
	return err
}

// IsZero says whether it names no run.
func (id RunID) IsZero() bool { return id == RunID{} }

// String is the ULID in lower case, 26 characters.
func (id RunID) String() string { return text(id) }

// MarshalText is String, so that ids read well in JSON and logs.
func (id RunID) MarshalText() ([]byte, error) { return id.AppendText(nil) }

// AppendText appends String to b. It does not fail.
func (id RunID) AppendText(b []byte) ([]byte, error) { return appendText(b, id), nil }

// UnmarshalText is ParseRunID.
func (id *RunID) UnmarshalText(b []byte) (err error) {
	*id, err = ParseRunID(string(b))
	return err
}

// Crockford's base 32 in lower case: no i, l, o, u.
const alphabet = "0123456789abcdefghjkmnpqrstvwxyz"

const textLen = 26

func text(id [16]byte) string {
	var room [textLen]byte
	return string(appendText(room[:0], id))
}

// appendText writes 128 bits as 26 digits of 5 bits, the highest digit holding 3.
func appendText(b []byte, id [16]byte) []byte {
	var out [textLen]byte
	hi, lo := words(id)
	for i := textLen - 1; i >= 0; i-- {
		out[i] = alphabet[lo&31]
		lo = lo>>5 | hi<<59
		hi >>= 5
	}
	return append(b, out[:]...)
}

func parse(s string) ([16]byte, error) {
	if len(s) != textLen {
		return [16]byte{}, fmt.Errorf("%w: %q has %d characters, want %d", ErrID, s, len(s), textLen)
	}
	if s[0] > '7' {
		return [16]byte{}, fmt.Errorf("%w: %q is above 128 bits", ErrID, s)
	}
	var hi, lo uint64
	for i := range textLen {
		v := digit(s[i])
		if v < 0 {
			return [16]byte{}, fmt.Errorf("%w: %q has %q, which is no digit of base 32", ErrID, s, s[i])
		}
		hi = hi<<5 | lo>>59
		lo = lo<<5 | uint64(v)
	}
	return unwords(hi, lo), nil
}

func digit(c byte) int {
	if c >= 'A' && c <= 'Z' {
		c += 'a' - 'A'
	}
	for i := range alphabet {
		if alphabet[i] == c {
			return i
		}
	}
	return -1
}

func words(id [16]byte) (hi, lo uint64) {
	for i := range 8 {
		hi = hi<<8 | uint64(id[i])
		lo = lo<<8 | uint64(id[i+8])
	}
	return hi, lo
}

func unwords(hi, lo uint64) (id [16]byte) {
	for i := 7; i >= 0; i-- {
		id[i], id[i+8] = byte(hi), byte(lo)
		hi >>= 8
		lo >>= 8
	}
	return id
}
