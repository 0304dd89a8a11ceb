package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/postgres"
	"github.com/fairlead-batch/fairlead/services/scheduler/internal/lead"
)

const (
	// The rows are made first: what does not exist cannot be locked.
	makePlaces = `-- name: MakeSnapshotPlaces
INSERT INTO snapshot (stream, number, at, gate, body)
SELECT stream, number, decode(repeat('00', 24), 'hex'), '', '' FROM unnest($1::smallint[], $2::integer[]) AS p (stream, number)
WHERE NOT EXISTS (SELECT FROM snapshot) ON CONFLICT DO NOTHING`
	lockPlaces = `-- name: LockSnapshotPlaces
SELECT stream, number, at FROM snapshot ORDER BY stream, number FOR UPDATE`
	readPlaces = `-- name: ReadSnapshotPlaces
SELECT stream, number, at FROM snapshot WHERE body <> '' ORDER BY stream, number`
	readSnapshot = `-- name: ReadSnapshot
SELECT stream, number, at, gate, body FROM snapshot WHERE body <> '' ORDER BY stream, number`
	writeSnapshot = `-- name: WriteSnapshot
UPDATE snapshot SET at = $3, gate = $4, body = $5 WHERE stream = $1 AND number = $2`
	dropSubmitted = `-- name: DropSubmitted
DELETE FROM submitted s USING unnest($1::integer[], $2::bytea[]) AS gone (number, at) WHERE s.number = gone.number AND s.at = gone.at`
	addSubmitted = `-- name: AddSubmitted
INSERT INTO submitted (number, at, body) SELECT * FROM unnest($1::integer[], $2::bytea[], $3::bytea[]) ON CONFLICT DO NOTHING`
	readSubmitted = `-- name: ReadSubmitted
SELECT s.number, s.at, s.body FROM submitted s JOIN unnest($1::integer[], $2::bytea[]) AS wanted (number, at) USING (number, at)`
)

// Load reads the stored snapshot; nil where there is none. Errors: ErrDamaged,
// eventlog.ErrNewer.
func (s *Store) Load(ctx context.Context) (*lead.Snapshot, error) {
	var stored []row
	err := postgres.Snapshot(ctx, s.pool, func(tx pgx.Tx) (err error) {
		rows, _ := tx.Query(ctx, readSnapshot) // the error comes again from the rows
		stored, err = pgx.CollectRows(rows, scanRow)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("load snapshot: %w", err)
	}
	if len(stored) == 0 {
		return nil, nil
	}
	return s.codec.snapshot(stored)
}

func scanRow(from pgx.CollectableRow) (r row, err error) {
	var at []byte
	if err := from.Scan(&r.partition.Stream, &r.partition.Number, &at, &r.gate, &r.contents); err != nil {
		return row{}, err
	}
	r.at, err = eventlog.PositionFrom(at)
	return r, err
}

// Places is how far the stored snapshot read; no Events where there is none.
func (s *Store) Places(ctx context.Context) (lead.Places, error) {
	rows, _ := s.pool.Query(ctx, readPlaces)
	places, err := collectPlaces(rows)
	if err != nil {
		return lead.Places{}, fmt.Errorf("find the stored snapshot: %w", err)
	}
	return places, nil
}

func collectPlaces(rows pgx.Rows) (p lead.Places, err error) {
	stored, err := pgx.CollectRows(rows, func(from pgx.CollectableRow) (r row, err error) {
		var at []byte
		if err := from.Scan(&r.partition.Stream, &r.partition.Number, &at); err != nil {
			return row{}, err
		}
		r.at, err = eventlog.PositionFrom(at)
		return r, err
	})
	for _, r := range stored { // in the order of their numbers
		if r.partition.Stream == eventlog.Control {
			p.Control = r.at
		} else {
			p.Events = append(p.Events, r.at)
		}
	}
	return p, err
}

// Save stores a snapshot and the entries of its jobs, in one transaction. A snapshot
// that is stored already is fine. Errors: ErrBehind.
func (s *Store) Save(ctx context.Context, save Save) error {
	rows, err := s.codec.rows(save.Snapshot)
	if err != nil {
		return err
	}
	bodies := make([][]byte, len(save.Submitted))
	for i, e := range save.Submitted {
		bodies[i] = s.codec.pack(e.Body)
	}
	err = postgres.ReadCommitted(ctx, s.pool, func(tx pgx.Tx) error {
		stored, err := lockStored(ctx, tx, rows)
		if err != nil {
			return err
		}
		next := lead.PlacesOf(save.Snapshot)
		switch {
		case len(stored.Events) != len(next.Events):
			return fmt.Errorf("%w: the stored snapshot is of %d, this one of %d", eventlog.ErrPartitions, len(stored.Events), len(next.Events))
		case stored.Covers(next) && next.Covers(stored):
			return nil
		case !next.Covers(stored):
			return ErrBehind
		}
		if err := writeEntries(ctx, tx, save, bodies); err != nil {
			return err
		}
		return writeRows(ctx, tx, rows)
	})
	if err != nil {
		return fmt.Errorf("save snapshot: %w", err)
	}
	return nil
}

func lockStored(ctx context.Context, tx pgx.Tx, rows []row) (lead.Places, error) {
	streams, numbers := make([]int16, len(rows)), make([]int32, len(rows))
	for i, r := range rows {
		streams[i], numbers[i] = int16(r.partition.Stream), int32(r.partition.Number) //nolint:gosec // few
	}
	if _, err := tx.Exec(ctx, makePlaces, streams, numbers); err != nil {
		return lead.Places{}, err
	}
	locked, _ := tx.Query(ctx, lockPlaces)
	return collectPlaces(locked)
}

func writeEntries(ctx context.Context, tx pgx.Tx, save Save, bodies [][]byte) error {
	if numbers, ats := refs(save.Settled); len(numbers) > 0 {
		if _, err := tx.Exec(ctx, dropSubmitted, numbers, ats); err != nil {
			return err
		}
	}
	for from := 0; from < len(bodies); {
		to, size := from, 0
		for to < len(bodies) && (to == from || size+len(bodies[to]) <= statementBytesMax) {
			size += len(bodies[to])
			to++
		}
		list := make([]lead.EntryRef, 0, to-from)
		for _, e := range save.Submitted[from:to] {
			list = append(list, e.Entry)
		}
		numbers, ats := refs(list)
		if _, err := tx.Exec(ctx, addSubmitted, numbers, ats, bodies[from:to]); err != nil {
			return err
		}
		from = to
	}
	return nil
}

// statementBytesMax is how much of entries one statement carries, unless one entry is
// larger.
const statementBytesMax = 8 << 20

func writeRows(ctx context.Context, tx pgx.Tx, rows []row) error {
	for _, r := range rows {
		if _, err := tx.Exec(ctx, writeSnapshot, int16(r.partition.Stream), int32(r.partition.Number), r.at.Bytes(), r.gate, r.contents); err != nil { //nolint:gosec // few
			return err
		}
	}
	return nil
}

func refs(list []lead.EntryRef) (numbers []int32, ats [][]byte) {
	for _, ref := range list {
		numbers, ats = append(numbers, int32(ref.Partition)), append(ats, ref.At.Bytes()) //nolint:gosec // few
	}
	return numbers, ats
}

// Submitted reads entries of jobs of the stored snapshot. Those that are not there are
// left out.
func (s *Store) Submitted(ctx context.Context, wanted []lead.EntryRef) ([]Submitted, error) {
	numbers, ats := refs(wanted)
	rows, _ := s.pool.Query(ctx, readSubmitted, numbers, ats)
	list, err := pgx.CollectRows(rows, func(from pgx.CollectableRow) (e Submitted, err error) {
		var at, body []byte
		if err := from.Scan(&e.Entry.Partition, &at, &body); err != nil {
			return Submitted{}, err
		}
		if e.Entry.At, err = eventlog.PositionFrom(at); err != nil {
			return Submitted{}, err
		}
		e.Body, err = s.codec.unpack(body)
		return e, err
	})
	if err != nil {
		return nil, fmt.Errorf("read %d submitted entries: %w", len(wanted), err)
	}
	return list, nil
}
