package store

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/klauspost/compress/zstd"

	"github.com/fairlead-batch/fairlead/services/eventapi/internal/stream"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
)

const (
	// rowBytesMax is how much a row holds before it is packed, unless one message is
	// larger. It bounds what a reader holds, and loses little: repeats are near.
	rowBytesMax = 256 << 10
	// plainBytesMax is up to where a row is kept as it is: packing less saves nothing.
	plainBytesMax = 256
	// unpackedBytesMax is the most that a row may unpack to: one message can be as
	// large as the largest entry, and its pod spec is in it once.
	unpackedBytesMax = 2 * eventlog.BodyBytesMax
)

const (
	bodyPlain = 0
	bodyZstd  = 1
)

var errBody = errors.New("the body of a row cannot be read")

// packer packs and unpacks the bodies of rows. It is safe for concurrent use.
type packer struct {
	enc *zstd.Encoder
	dec *zstd.Decoder
}

func newPacker() (*packer, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, fmt.Errorf("make zstd encoder: %w", err)
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(unpackedBytesMax), zstd.WithDecoderConcurrency(0))
	if err != nil {
		return nil, fmt.Errorf("make zstd decoder: %w", err)
	}
	return &packer{enc: enc, dec: dec}, nil
}

func (p *packer) close() {
	_ = p.enc.Close() // without a writer it has nothing to flush
	p.dec.Close()
}

func (p *packer) pack(raw []byte) []byte {
	if len(raw) <= plainBytesMax {
		return append([]byte{bodyPlain}, raw...)
	}
	return p.enc.EncodeAll(raw, []byte{bodyZstd})
}

// unpack gives the messages of a row.
func (p *packer) unpack(body []byte) (messages [][]byte, err error) {
	if len(body) == 0 {
		return nil, fmt.Errorf("%w: no bytes", errBody)
	}
	raw := body[1:]
	switch body[0] {
	case bodyPlain:
	case bodyZstd:
		if raw, err = p.dec.DecodeAll(raw, nil); err != nil {
			return nil, fmt.Errorf("%w: %w", errBody, err)
		}
	default:
		return nil, fmt.Errorf("%w: form %d", errBody, body[0])
	}
	for len(raw) > 0 {
		size, n := binary.Uvarint(raw)
		if n <= 0 || size > uint64(len(raw)-n) { //nolint:gosec // n is at most len(raw)
			return nil, fmt.Errorf("%w: a message is cut", errBody)
		}
		end := n + int(size) //nolint:gosec // at most len(raw)
		messages = append(messages, raw[n:end:end])
		raw = raw[end:]
	}
	return messages, nil
}

// setKey is what a job set is looked up by: short, and without a table of names.
type setKey [16]byte

func keyOf(s stream.Set) setKey {
	sum := sha256.Sum256([]byte(s.Queue + "\x00" + s.JobSet))
	return setKey(sum[:16])
}
