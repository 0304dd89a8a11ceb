package eventlog

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/klauspost/compress/zstd"
)

// The limits of an entry.
const (
	// FrameBytesMax is the most an entry takes as stored: 4 MiB, Pulsar's own default less its headers.
	FrameBytesMax = 4 << 20
	// BodyBytesMax is the most a body takes decoded: 64 MiB, as the gRPC receive limit.
	BodyBytesMax = 64 << 20
)

// ErrDamaged: the bytes are no entry.
var ErrDamaged = errors.New("damaged entry")

const (
	frameVersion = 1
	headerBytes  = 1 + 16 + 8 + 1 + 8 + 8 + 4 + 4 + 16 + 1
	// plainBytesMax is up to where a body is stored as it is: compressing less saves nothing.
	plainBytesMax = 256
)

const (
	bodyPlain = 0
	bodyZstd  = 1
)

// Codec frames entries as they are stored: a header of fixed width, then the
// body, compressed with zstd where that pays. It is safe for concurrent use.
type Codec struct {
	enc *zstd.Encoder
	dec *zstd.Decoder
}

// NewCodec makes a codec. Close it to free its buffers.
func NewCodec() (*Codec, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, fmt.Errorf("make zstd encoder: %w", err)
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(BodyBytesMax), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, fmt.Errorf("make zstd decoder: %w", err)
	}
	return &Codec{enc: enc, dec: dec}, nil
}

// Close frees the codec's buffers.
func (c *Codec) Close() {
	_ = c.enc.Close() // without a writer it has nothing to flush
	c.dec.Close()
}

// Encode frames an entry. Errors: ErrTooLarge.
func (c *Codec) Encode(h Header, body []byte) ([]byte, error) {
	if len(body) > BodyBytesMax {
		return nil, fmt.Errorf("%w: a body of %d bytes, at most %d", ErrTooLarge, len(body), BodyBytesMax)
	}
	b := make([]byte, 0, headerBytes+min(len(body), plainBytesMax)+len(body)/4)
	b = append(b, frameVersion)
	b = append(b, h.Author[:]...)
	b = binary.BigEndian.AppendUint64(b, h.Sequence)
	b = append(b, byte(h.Kind))
	b = binary.BigEndian.AppendUint64(b, h.Epoch)
	b = binary.BigEndian.AppendUint64(b, h.Plan)
	b = binary.BigEndian.AppendUint32(b, h.Part)
	b = binary.BigEndian.AppendUint32(b, h.Parts)
	b = append(b, h.Closes[:]...)
	if len(body) <= plainBytesMax {
		b = append(append(b, bodyPlain), body...)
	} else {
		b = c.enc.EncodeAll(body, append(b, bodyZstd))
	}
	if len(b) > FrameBytesMax {
		return nil, fmt.Errorf("%w: %d bytes as stored, at most %d", ErrTooLarge, len(b), FrameBytesMax)
	}
	return b, nil
}

// Number writes the sequence into a frame that Encode made with another one: so
// a body is compressed before its place among its author's entries is known, and
// under no lock.
func Number(frame []byte, sequence uint64) {
	binary.BigEndian.PutUint64(frame[1+len(Author{}):], sequence)
}

// Decode reads a frame. A frame that cannot be read comes back as an entry with
// Damage and without an error; the only error is ErrNewer.
func (c *Codec) Decode(frame []byte, at Position) (Entry, error) {
	if len(frame) == 0 {
		return damaged(frame, at, errors.New("no bytes")), nil
	}
	if frame[0] > frameVersion {
		return Entry{}, fmt.Errorf("%w: version %d at %s, at most %d", ErrNewer, frame[0], at, frameVersion)
	}
	if frame[0] != frameVersion || len(frame) < headerBytes {
		return damaged(frame, at, fmt.Errorf("no header in %d bytes", len(frame))), nil
	}
	e := Entry{At: at, Header: decodeHeader(frame[1:])}
	if why := check(e.Header); why != nil {
		return damaged(frame, at, why), nil
	}
	body := frame[headerBytes:]
	switch frame[headerBytes-1] {
	case bodyPlain:
		e.Body = body
	case bodyZstd:
		plain, err := c.dec.DecodeAll(body, nil)
		if err != nil {
			return damaged(frame, at, err), nil
		}
		e.Body = plain
	default:
		return damaged(frame, at, fmt.Errorf("compression %d", frame[headerBytes-1])), nil
	}
	return e, nil
}

func decodeHeader(b []byte) (h Header) {
	h.Author = Author(b[:16])
	h.Sequence = binary.BigEndian.Uint64(b[16:])
	h.Kind = Kind(b[24])
	h.Epoch = binary.BigEndian.Uint64(b[25:])
	h.Plan = binary.BigEndian.Uint64(b[33:])
	h.Part = binary.BigEndian.Uint32(b[41:])
	h.Parts = binary.BigEndian.Uint32(b[45:])
	h.Closes = Author(b[49:65])
	return h
}

func damaged(frame []byte, at Position, why error) Entry {
	return Entry{At: at, Body: frame, Damage: fmt.Errorf("%w: %w", ErrDamaged, why)}
}
