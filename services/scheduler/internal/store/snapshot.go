package store

import (
	"errors"
	"fmt"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sync/errgroup"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/scheduler/internal/lead"
)

// ErrBehind says that the stored snapshot read some partition farther than the one
// that was to replace it. Nothing was written.
var ErrBehind = errors.New("the stored snapshot is newer")

// Save is a snapshot to be stored in place of the one before.
type Save struct {
	Snapshot lead.Snapshot
	// Submitted are the entries with jobs in it that the stored one may not have.
	Submitted []Submitted
	// Settled are entries that the stored one may have, and no job of which is left.
	Settled []lead.EntryRef
}

// Submitted is an entry in which jobs were submitted, as it stands in the log.
type Submitted struct {
	Entry lead.EntryRef
	Body  []byte
}

// snapshotBytesMax is how much the jobs of a partition may take unpacked: as much as
// Postgres keeps in one value, some 20 million jobs.
const snapshotBytesMax = 1 << 30

// codec packs snapshots and entries. It is safe for concurrent use.
type codec struct {
	enc *zstd.Encoder
	dec *zstd.Decoder
}

func newCodec() codec {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithLowerEncoderMem(true))
	if err != nil {
		panic(fmt.Sprintf("store: %v", err)) // unreachable: the options are constants
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(snapshotBytesMax), zstd.WithDecoderConcurrency(0))
	if err != nil {
		panic(fmt.Sprintf("store: %v", err)) // unreachable: the same
	}
	return codec{enc: enc, dec: dec}
}

func (c codec) pack(b []byte) []byte { return c.enc.EncodeAll(b, nil) }

func (c codec) unpack(b []byte) ([]byte, error) {
	out, err := c.dec.DecodeAll(b, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return out, nil
}

// row is what is stored of one partition.
type row struct {
	partition      eventlog.Partition
	at             eventlog.Position
	gate, contents []byte
}

// rows writes a snapshot, the partitions side by side.
func (c codec) rows(s lead.Snapshot) ([]row, error) {
	rows := make([]row, len(s.Partitions)+1)
	var group errgroup.Group
	group.Go(func() error {
		b, err := encodeControl(s)
		rows[len(s.Partitions)] = row{eventlog.ControlPartition, s.Control.At, s.Control.Gate.Bytes(), c.pack(b)}
		return err
	})
	for n, p := range s.Partitions {
		group.Go(func() error {
			b, err := encodePartition(p)
			rows[n] = row{eventsPartition(n), p.At, p.Gate.Bytes(), c.pack(b)}
			return err
		})
	}
	return rows, group.Wait()
}

func eventsPartition(n int) eventlog.Partition {
	return eventlog.Partition{Stream: eventlog.Events, Number: uint32(n)} //nolint:gosec // a partition number
}

// snapshot reads what rows wrote, the partitions side by side. Errors: ErrDamaged,
// eventlog.ErrNewer.
func (c codec) snapshot(rows []row) (*lead.Snapshot, error) {
	s := &lead.Snapshot{Partitions: make([]lead.PartitionSnapshot, len(rows)-1)}
	var group errgroup.Group
	for _, r := range rows {
		if int(r.partition.Number) >= len(rows)-1 {
			return nil, fmt.Errorf("%w: it has %s and %d rows in all", ErrDamaged, r.partition, len(rows))
		}
		group.Go(func() error {
			if err := c.read(r, s); err != nil {
				return fmt.Errorf("snapshot of %s: %w", r.partition, err)
			}
			return nil
		})
	}
	return s, group.Wait()
}

func (c codec) read(r row, s *lead.Snapshot) error {
	gate, err := eventlog.GateFrom(r.gate)
	if err != nil {
		return err
	}
	contents, err := c.unpack(r.contents)
	if err != nil {
		return err
	}
	if r.partition.Stream == eventlog.Control {
		s.Control.At, s.Control.Gate = r.at, gate
		return decodeControl(contents, s)
	}
	p, err := decodePartition(contents)
	p.At, p.Gate = r.at, gate
	s.Partitions[r.partition.Number] = p
	return err
}

// Encode is a snapshot as it is stored, but for the packing: equal bytes for equal ones.
func Encode(s lead.Snapshot) ([]byte, error) {
	out, err := encodeControl(s)
	if err != nil {
		return nil, err
	}
	out = append(append(out, s.Control.At.Bytes()...), s.Control.Gate.Bytes()...)
	for _, p := range s.Partitions {
		b, err := encodePartition(p)
		if err != nil {
			return nil, err
		}
		out = append(append(append(out, p.At.Bytes()...), p.Gate.Bytes()...), b...)
	}
	return out, nil
}
