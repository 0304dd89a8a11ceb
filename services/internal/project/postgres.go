package project

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/postgres"
)

// Postgres is the store of a projection in the schema of its service, whose
// migrations include [Migrations]. It is safe for concurrent use.
type Postgres struct {
	pool *pgxpool.Pool
	name string
}

var (
	_ Store[pgx.Tx] = (*Postgres)(nil)
	_ Keeper        = (*Postgres)(nil)
)

// NewPostgres makes the store of the projection called name. The pool stays the
// caller's.
func NewPostgres(pool *pgxpool.Pool, name string) *Postgres {
	return &Postgres{pool: pool, name: name}
}

const (
	// What is lost with the database is read from the log again, see the package doc.
	sqlNoWait = `-- name: ProjectNoWait :exec
SET LOCAL synchronous_commit = off`

	sqlWait = `-- name: ProjectWait :exec
SET LOCAL synchronous_commit = on`

	sqlLock = `-- name: ProjectLockPlaces :many
SELECT stream, number, at, gate FROM project_places
WHERE projection = $1 AND (stream, number) IN (SELECT * FROM unnest($2::smallint[], $3::integer[]))
ORDER BY stream, number FOR UPDATE`

	sqlPlaces = `-- name: ProjectPlaces :many
SELECT stream, number, at, gate FROM project_places WHERE projection = $1 ORDER BY stream, number`

	sqlPosition = `-- name: ProjectPosition :one
SELECT at FROM project_places WHERE projection = $1 AND stream = $2 AND number = $3`

	sqlMove = `-- name: ProjectMovePlaces :exec
UPDATE project_places SET at = new.at, gate = new.gate
FROM (SELECT * FROM unnest($2::smallint[], $3::integer[], $4::bytea[], $5::bytea[]) AS u (stream, number, at, gate)) new
WHERE projection = $1 AND project_places.stream = new.stream AND project_places.number = new.number`

	sqlPark = `-- name: ProjectPark :exec
INSERT INTO project_parked (projection, stream, number, at, why, bytes, parked_at)
VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`

	sqlPrepare = `-- name: ProjectPrepare :exec
INSERT INTO project_places (projection, stream, number, at, gate)
SELECT $1, stream, number, $4, '' FROM unnest($2::smallint[], $3::integer[]) AS u (stream, number)
ON CONFLICT DO NOTHING`

	sqlLease = `-- name: ProjectLease :exec
INSERT INTO project_leases (projection, holder, until) VALUES ($1, $2, $3)
ON CONFLICT (projection) DO UPDATE SET holder = $2, until = $3
WHERE project_leases.holder = $2 OR project_leases.until <= $4`

	sqlYield = `-- name: ProjectYield :exec
DELETE FROM project_leases WHERE projection = $1 AND holder = $2`
)

// Transact runs fn in a transaction that does not wait for the disk. It retries
// as postgres.ReadCommitted does.
func (p *Postgres) Transact(ctx context.Context, fn func(tx pgx.Tx) error) error {
	return postgres.ReadCommitted(ctx, p.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, sqlNoWait); err != nil {
			return fmt.Errorf("set synchronous_commit: %w", err)
		}
		return fn(tx)
	})
}

// Lock implements Store.
func (p *Postgres) Lock(ctx context.Context, tx pgx.Tx, partitions []eventlog.Partition) ([]Place, error) {
	streams, numbers := columns(partitions)
	rows, err := tx.Query(ctx, sqlLock, p.name, streams, numbers)
	if err != nil {
		return nil, fmt.Errorf("lock places: %w", err)
	}
	places, err := pgx.CollectRows(rows, scanPlace)
	if err != nil {
		return nil, fmt.Errorf("lock places: %w", err)
	}
	for _, partition := range partitions {
		if !slices.ContainsFunc(places, func(place Place) bool { return place.Partition == partition }) {
			return nil, fmt.Errorf("%w: %s, %s", ErrNoPlace, p.name, partition)
		}
	}
	return places, nil
}

// Move implements Store.
func (p *Postgres) Move(ctx context.Context, tx pgx.Tx, places []Place, parked []Parked, now time.Time) error {
	partitions := make([]eventlog.Partition, len(places))
	at, gates := make([][]byte, len(places)), make([][]byte, len(places))
	for i, place := range places {
		partitions[i], at[i], gates[i] = place.Partition, place.At.Bytes(), place.Gate.Bytes()
	}
	streams, numbers := columns(partitions)
	tag, err := tx.Exec(ctx, sqlMove, p.name, streams, numbers, at, gates)
	if err != nil {
		return fmt.Errorf("move places: %w", err)
	}
	if tag.RowsAffected() != int64(len(places)) {
		return fmt.Errorf("%w: %s moved %d of %d", ErrNoPlace, p.name, tag.RowsAffected(), len(places))
	}
	for _, e := range parked {
		_, err := tx.Exec(ctx, sqlPark, p.name, int16(e.Partition.Stream), int32(e.Partition.Number), e.At.Bytes(), e.Why, e.Bytes, now) //nolint:gosec // partitions are few
		if err != nil {
			return fmt.Errorf("park entry at %s: %w", e.At, err)
		}
	}
	return nil
}

// PlacesIn reads the places in a transaction of the caller's: what else is read in
// the same snapshot belongs to them.
func (p *Postgres) PlacesIn(ctx context.Context, tx pgx.Tx) ([]Place, error) {
	rows, err := tx.Query(ctx, sqlPlaces, p.name)
	if err != nil {
		return nil, fmt.Errorf("read places: %w", err)
	}
	places, err := pgx.CollectRows(rows, scanPlace)
	if err != nil {
		return nil, fmt.Errorf("read places: %w", err)
	}
	return places, nil
}

// PositionIn reads how far one partition is, in a transaction of the caller's: what
// else is read in the same snapshot belongs to it. Errors: ErrNoPlace.
func (p *Postgres) PositionIn(ctx context.Context, tx pgx.Tx, partition eventlog.Partition) (eventlog.Position, error) {
	var at []byte
	err := tx.QueryRow(ctx, sqlPosition, p.name, int16(partition.Stream), int32(partition.Number)).Scan(&at) //nolint:gosec // partitions are few
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return eventlog.Position{}, fmt.Errorf("%w: %s, %s", ErrNoPlace, p.name, partition)
	case err != nil:
		return eventlog.Position{}, fmt.Errorf("read position of %s: %w", partition, err)
	}
	return eventlog.PositionFrom(at)
}

// Places implements Keeper.
func (p *Postgres) Places(ctx context.Context) ([]Place, error) {
	rows, err := p.pool.Query(ctx, sqlPlaces, p.name)
	if err != nil {
		return nil, fmt.Errorf("read places: %w", err)
	}
	places, err := pgx.CollectRows(rows, scanPlace)
	if err != nil {
		return nil, fmt.Errorf("read places: %w", err)
	}
	return places, nil
}

// Prepare implements Keeper.
func (p *Postgres) Prepare(ctx context.Context, partitions []eventlog.Partition) error {
	return postgres.ReadCommitted(ctx, p.pool, func(tx pgx.Tx) error {
		streams, numbers := columns(partitions)
		if _, err := tx.Exec(ctx, sqlPrepare, p.name, streams, numbers, eventlog.Position{}.Bytes()); err != nil {
			return fmt.Errorf("make position rows: %w", err)
		}
		places, err := p.PlacesIn(ctx, tx)
		if err != nil {
			return err
		}
		for _, place := range places {
			if !slices.Contains(partitions, place.Partition) {
				return fmt.Errorf("prepare projection %s: %w: it has a row of %s", p.name, eventlog.ErrPartitions, place.Partition)
			}
		}
		return nil
	})
}

// Lease implements Keeper. It waits for the disk, whatever the server's default
// is; the server writes commits in order, so all earlier ones are there too.
func (p *Postgres) Lease(ctx context.Context, holder string, now, until time.Time) (held bool, err error) {
	err = postgres.ReadCommitted(ctx, p.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, sqlWait); err != nil {
			return fmt.Errorf("set synchronous_commit: %w", err)
		}
		tag, err := tx.Exec(ctx, sqlLease, p.name, holder, until, now)
		held = err == nil && tag.RowsAffected() == 1
		return err
	})
	if err != nil {
		return false, fmt.Errorf("take lease of %s: %w", p.name, err)
	}
	return held, nil
}

// Yield implements Keeper.
func (p *Postgres) Yield(ctx context.Context, holder string) error {
	if _, err := p.pool.Exec(ctx, sqlYield, p.name, holder); err != nil {
		return fmt.Errorf("yield lease of %s: %w", p.name, err)
	}
	return nil
}

func columns(partitions []eventlog.Partition) (streams []int16, numbers []int32) {
	streams, numbers = make([]int16, len(partitions)), make([]int32, len(partitions))
	for i, partition := range partitions {
		streams[i], numbers[i] = int16(partition.Stream), int32(partition.Number) //nolint:gosec // partitions are few
	}
	return streams, numbers
}

func scanPlace(row pgx.CollectableRow) (Place, error) {
	var (
		stream   int16
		number   int32
		at, gate []byte
	)
	if err := row.Scan(&stream, &number, &at, &gate); err != nil {
		return Place{}, err
	}
	place := Place{Partition: eventlog.Partition{Stream: eventlog.Stream(stream), Number: uint32(number)}} //nolint:gosec // checked by the table
	var err error
	if place.At, err = eventlog.PositionFrom(at); err != nil {
		return Place{}, fmt.Errorf("read position of %s: %w", place.Partition, err)
	}
	if place.Gate, err = eventlog.GateFrom(gate); err != nil {
		return Place{}, fmt.Errorf("read gate of %s: %w", place.Partition, err)
	}
	return place, nil
}
