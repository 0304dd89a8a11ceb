package store

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fairlead-batch/fairlead/services/eventapi/internal/stream"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/fault"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/internal/postgres"
	"github.com/fairlead-batch/fairlead/services/internal/project"
)

// Projection is the name of the projection, and of its hold on the log.
const Projection = "eventapi.told"

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Migrations are those of the service's schema.
func Migrations() fs.FS {
	own, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		panic(fmt.Sprintf("store: %v", err)) // unreachable: the folder is embedded
	}
	return project.Migrations(own, "0001_project.sql")
}

// Postgres is the store in the service's schema. It is safe for concurrent use.
type Postgres struct {
	pool       *pgxpool.Pool
	retention  time.Duration
	partitions uint32
	packer     *packer
	places     *project.Postgres
	projection *project.Projection[pgx.Tx]

	mu     sync.Mutex
	window window
}

// NewPostgres makes a store for a log of so many partitions, which keeps rows for a
// retention. The pool stays the caller's; its schema was migrated. Close it to free
// its buffers.
func NewPostgres(pool *pgxpool.Pool, partitions uint32, retention time.Duration) (*Postgres, error) {
	packer, err := newPacker()
	if err != nil {
		return nil, err
	}
	p := &Postgres{pool: pool, retention: retention, partitions: partitions, packer: packer, places: project.NewPostgres(pool, Projection)}
	p.projection = project.New(p.places, p.write)
	return p, nil
}

// Close frees what the store holds, but the pool.
func (p *Postgres) Close() { p.packer.close() }

// Projection moves the rows.
func (p *Postgres) Projection() project.Advancer { return p.projection }

// Keeper keeps the places of the rows.
func (p *Postgres) Keeper() project.Keeper { return p.places }

// Take takes the state of a job, and the partition of its facts. It does not keep
// the bytes.
type Take = func(number uint32, id job.ID, kept []byte)

const (
	sqlKept = `-- name: KeptOfJobs :many
SELECT id, kept FROM jobs WHERE id = ANY($1)`

	sqlNewestDays = `-- name: NewestDays :many
SELECT number, max(day) FROM days WHERE number = ANY($1) GROUP BY number`

	sqlPutJobs = `-- name: PutJobs :exec
INSERT INTO jobs (id, number, kept) SELECT * FROM unnest($1::bytea[], $2::integer[], $3::bytea[])
ON CONFLICT (id) DO UPDATE SET kept = excluded.kept`

	sqlDropJobs = `-- name: DropJobs :exec
DELETE FROM jobs WHERE id = ANY($1)`

	sqlPutDays = `-- name: PutDays :exec
INSERT INTO days (number, day, last) SELECT * FROM unnest($1::integer[], $2::integer[], $3::bytea[])
ON CONFLICT (number, day) DO UPDATE SET last = excluded.last`

	// The row that holds the message with the index is read again; what is at or
	// before it is left out of the page.
	sqlRead = `-- name: ReadTold :many
SELECT at, first, body FROM told
WHERE job_set = $1 AND (at, first) >= ($2::bytea, coalesce((SELECT max(r.first) FROM told r WHERE r.job_set = $1 AND r.at = $2 AND r.first <= $3), 0))
ORDER BY at, first LIMIT $4`

	sqlForgotten = `-- name: Forgotten :one
SELECT at FROM forgotten WHERE number = $1`

	sqlExists = `-- name: ToldExists :one
SELECT EXISTS (SELECT FROM told WHERE job_set = $1)`

	sqlAllKept = `-- name: AllKept :exec
DECLARE kept NO SCROLL CURSOR FOR SELECT number, id, kept FROM jobs`

	// A literal: FETCH takes no argument.
	sqlNextKept = `-- name: NextKept :many
FETCH 50000 FROM kept`
)

func (p *Postgres) write(ctx context.Context, tx pgx.Tx, runs []project.Judged) error {
	jobs := touched(runs)
	was, err := p.before(ctx, tx, runs, jobs)
	if err != nil {
		return err
	}
	made, err := fold(runs, jobs, was, p.packer)
	if err != nil {
		return err
	}
	columns := []string{"day", "job_set", "at", "first", "body"}
	source := pgx.CopyFromSlice(len(made.rows), func(i int) ([]any, error) {
		r := made.rows[i]
		return []any{r.day, r.set[:], r.at.Bytes(), int64(r.first), r.body}, nil
	})
	if _, err := tx.CopyFrom(ctx, pgx.Identifier{"told"}, columns, source); err != nil {
		return fmt.Errorf("copy %d rows: %w", len(made.rows), err)
	}
	return p.put(ctx, tx, made)
}

// before reads what the runs touch.
func (p *Postgres) before(ctx context.Context, tx pgx.Tx, runs []project.Judged, jobs []jobRow) (before, error) {
	was := before{kept: make(map[job.ID][]byte, len(jobs)), days: map[uint32]int32{}, window: p.days()}
	ids, numbers := make([][]byte, len(jobs)), make([]int32, len(runs))
	for i := range jobs {
		ids[i] = jobs[i].id[:]
	}
	for i, run := range runs {
		numbers[i] = int32(run.Partition.Number) //nolint:gosec // partitions are few
	}
	var id, kept []byte
	rows, _ := tx.Query(ctx, sqlKept, ids) // its error comes with ForEachRow
	_, err := pgx.ForEachRow(rows, []any{&id, &kept}, func() error {
		was.kept[job.ID(id)] = kept
		kept = nil // the next row is not to write over it
		return nil
	})
	if err != nil {
		return before{}, fmt.Errorf("read states of %d jobs: %w", len(jobs), err)
	}
	var number, day int32
	rows, _ = tx.Query(ctx, sqlNewestDays, numbers)
	_, err = pgx.ForEachRow(rows, []any{&number, &day}, func() error {
		was.days[uint32(number)] = day //nolint:gosec // it was one when it was written
		return nil
	})
	if err != nil {
		return before{}, fmt.Errorf("read newest days: %w", err)
	}
	return was, nil
}

// put writes all but the rows of told.
func (p *Postgres) put(ctx context.Context, tx pgx.Tx, made changes) error {
	var batch pgx.Batch
	var put, gone, kept [][]byte
	var numbers []int32
	for i := range made.jobs {
		j := &made.jobs[i]
		if len(j.kept) == 0 {
			gone = append(gone, j.id[:])
			continue
		}
		put, kept = append(put, j.id[:]), append(kept, j.kept)
		numbers = append(numbers, int32(j.number)) //nolint:gosec // partitions are few
	}
	if len(put) > 0 {
		batch.Queue(sqlPutJobs, put, numbers, kept)
	}
	if len(gone) > 0 {
		batch.Queue(sqlDropJobs, gone)
	}
	if len(made.days) > 0 {
		var partitions, days []int32
		var last [][]byte
		for _, d := range made.days {
			partitions, days, last = append(partitions, int32(d.number)), append(days, d.day), append(last, d.last.Bytes()) //nolint:gosec // partitions are few
		}
		batch.Queue(sqlPutDays, partitions, days, last)
	}
	if batch.Len() == 0 {
		return nil
	}
	if err := tx.SendBatch(ctx, &batch).Close(); err != nil {
		return fmt.Errorf("put states of %d jobs: %w", len(made.jobs), err)
	}
	return nil
}

// Read reads a page of what a job set was told behind an id, and the position of
// its partition at that moment. Errors: stream.ErrForgotten, the database's.
func (p *Postgres) Read(ctx context.Context, set stream.Set, after stream.ID) (page stream.Page, err error) {
	partition := set.Partition(p.partitions)
	err = postgres.Snapshot(ctx, p.pool, func(tx pgx.Tx) error {
		page = stream.Page{}
		if err := p.refuseForgotten(ctx, tx, partition, after); err != nil {
			return err
		}
		if page.Place, err = p.places.PositionIn(ctx, tx, partition); err != nil {
			return err
		}
		page.Told, page.End, err = p.readRows(ctx, tx, keyOf(set), after)
		return err
	})
	if err != nil {
		return stream.Page{}, fmt.Errorf("read job set %s of queue %s: %w", set.JobSet, set.Queue, coded(err))
	}
	return page, nil
}

// coded gives the error of a database that is away its code: the same call may work
// later.
func coded(err error) error {
	if postgres.Unavailable(err) || errors.Is(err, project.ErrNoPlace) { // which a first start makes
		return fault.NewUnavailable("events cannot be read now, try again").Because(err)
	}
	return err
}

func (p *Postgres) refuseForgotten(ctx context.Context, tx pgx.Tx, partition eventlog.Partition, after stream.ID) error {
	if after.IsZero() {
		return nil // whatever is kept
	}
	var at []byte
	err := tx.QueryRow(ctx, sqlForgotten, int32(partition.Number)).Scan(&at) //nolint:gosec // partitions are few
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil
	case err != nil:
		return fmt.Errorf("read what is forgotten: %w", err)
	}
	forgotten, err := eventlog.PositionFrom(at)
	if err != nil {
		return fmt.Errorf("read what is forgotten: %w", err)
	}
	if after.At.Before(forgotten) {
		return stream.ErrForgotten
	}
	return nil
}

func (p *Postgres) readRows(ctx context.Context, tx pgx.Tx, set setKey, after stream.ID) (told []stream.Told, end bool, err error) {
	rows, err := tx.Query(ctx, sqlRead, set[:], after.At.Bytes(), int64(after.Index), pageRowsMax)
	if err != nil {
		return nil, false, fmt.Errorf("read rows: %w", err)
	}
	defer rows.Close()
	reader := pageReader{packer: p.packer, after: after}
	for !reader.full() && rows.Next() {
		var at []byte
		var first int64
		var r row
		if err := rows.Scan(&at, &first, &r.body); err != nil {
			return nil, false, fmt.Errorf("read rows: %w", err)
		}
		r.first = uint32(first) //nolint:gosec // it was one when it was written
		if r.at, err = eventlog.PositionFrom(at); err != nil {
			return nil, false, fmt.Errorf("read rows: %w", err)
		}
		if err := reader.add(r); err != nil {
			return nil, false, err
		}
	}
	rows.Close()
	if err := rows.Err(); err != nil {
		return nil, false, fmt.Errorf("read rows: %w", err)
	}
	return reader.told, !reader.full(), nil
}

// Exists says whether anything is kept of what a job set was told.
func (p *Postgres) Exists(ctx context.Context, set stream.Set) (exists bool, err error) {
	key := keyOf(set)
	if err := p.pool.QueryRow(ctx, sqlExists, key[:]).Scan(&exists); err != nil {
		return false, fmt.Errorf("look for job set %s of queue %s: %w", set.JobSet, set.Queue, coded(err))
	}
	return exists, nil
}

// Load reads the state of every unfinished job and the places that they belong to.
// It may have to begin again: begin is called each time, and gives what takes the
// jobs.
func (p *Postgres) Load(ctx context.Context, begin func() Take) (at []project.Place, err error) {
	err = postgres.Snapshot(ctx, p.pool, func(tx pgx.Tx) error {
		take := begin()
		if at, err = p.places.PlacesIn(ctx, tx); err != nil {
			return err
		}
		return loadKept(ctx, tx, take)
	})
	if err != nil {
		return nil, fmt.Errorf("load jobs: %w", err)
	}
	return at, nil
}

// loadKept reads all states through a cursor, so that each statement is a short one:
// one for all of them would meet the statement timeout where jobs are many and the
// machine is busy, again and again.
func loadKept(ctx context.Context, tx pgx.Tx, take Take) error {
	if _, err := tx.Exec(ctx, sqlAllKept); err != nil {
		return fmt.Errorf("open cursor: %w", err)
	}
	for {
		var number int32
		var id, kept pgtype.DriverBytes       // not a copy: Take keeps no bytes
		rows, _ := tx.Query(ctx, sqlNextKept) // its error comes with ForEachRow
		tag, err := pgx.ForEachRow(rows, []any{&number, &id, &kept}, func() error {
			take(uint32(number), job.ID(id), kept) //nolint:gosec // it was one when it was written
			return nil
		})
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return nil // the cursor ends with the transaction
		}
	}
}

// days is the window that Retain has made.
func (p *Postgres) days() window {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.window
}
