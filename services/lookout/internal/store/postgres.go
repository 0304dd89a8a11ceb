package store

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/klauspost/compress/zstd"

	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/internal/project"
	"github.com/fairlead-batch/fairlead/services/lookout/internal/view"
)

//go:embed migrations/*.sql
var files embed.FS

// Migrations are the files of lookout's schema, the projection's tables included.
func Migrations() fs.FS {
	own, err := fs.Sub(files, "migrations")
	if err != nil {
		panic(err) // unreachable: the folder is embedded above
	}
	return project.Migrations(own, "0001_project.sql")
}

// Postgres is lookout's schema. It is the store of its projection, too. It is safe
// for concurrent use.
type Postgres struct {
	*project.Postgres
	pool *pgxpool.Pool
	sql  statements
	zstd *zstd.Encoder
	unzs *zstd.Decoder
}

// NewPostgres makes the store of the projection called name on a pool whose schema
// is migrated with [Migrations]. The pool stays the caller's.
func NewPostgres(pool *pgxpool.Pool, name string) *Postgres {
	// Neither can fail with these options; both keep no goroutine for what is used here.
	encoder, _ := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	decoder, _ := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(specBytesMax))
	return &Postgres{
		Postgres: project.NewPostgres(pool, name), pool: pool, sql: newStatements(), zstd: encoder, unzs: decoder,
	}
}

// specBytesMax bounds what a spec may decompress to, in bytes: what an entry of the
// log decodes to at most.
const specBytesMax = 64 << 20

// Load reads the active rows of jobs, and which of them are in history. It also
// tells the planner to go by index for the rest of the transaction.
func (p *Postgres) Load(ctx context.Context, tx pgx.Tx, ids []job.ID) (before view.Before, err error) {
	var batch pgx.Batch
	batch.Queue(sqlByIndex)
	batch.Queue(p.sql.load, uuids(ids)).Query(func(rows pgx.Rows) (err error) {
		before.Jobs, err = pgx.CollectRows(rows, scanActive)
		return err
	})
	batch.Queue(sqlSettled, uuids(ids)).Query(func(rows pgx.Rows) error {
		settled, err := pgx.CollectRows(rows, pgx.RowTo[[16]byte])
		for _, id := range settled {
			before.Settled = append(before.Settled, id)
		}
		return err
	})
	if err := tx.SendBatch(ctx, &batch).Close(); err != nil {
		return before, fmt.Errorf("load %d jobs: %w", len(ids), err)
	}
	return before, nil
}

// Save writes changes.
func (p *Postgres) Save(ctx context.Context, tx pgx.Tx, c view.Changes) error {
	if err := copyIn(ctx, tx, p.sql.copySpecs, specColumns(), p.compressed(c.Specs)); err != nil {
		return fmt.Errorf("add %d specs: %w", len(c.Specs), err)
	}
	if err := copyIn(ctx, tx, p.sql.copyActive, activeColumns(), c.Created); err != nil {
		return fmt.Errorf("add %d active jobs: %w", len(c.Created), err)
	}
	if err := p.update(ctx, tx, c.Updated); err != nil {
		return fmt.Errorf("update %d active jobs: %w", len(c.Updated), err)
	}
	if len(c.Gone) > 0 {
		if _, err := tx.Exec(ctx, sqlGone, uuids(c.Gone)); err != nil {
			return fmt.Errorf("remove %d active jobs: %w", len(c.Gone), err)
		}
	}
	if err := copyIn(ctx, tx, p.sql.copyHistory, historyColumns(), c.Ended); err != nil {
		return fmt.Errorf("add %d jobs to history: %w", len(c.Ended), err)
	}
	if err := copyIn(ctx, tx, p.sql.copyRuns, runColumns(), pointers(c.Runs)); err != nil {
		return fmt.Errorf("add %d runs to history: %w", len(c.Runs), err)
	}
	return nil
}

// update changes rows by a table of the session, which costs a row less than
// arrays as arguments.
func (p *Postgres) update(ctx context.Context, tx pgx.Tx, rows []*view.Job) error {
	if len(rows) == 0 {
		return nil
	}
	if _, err := tx.Exec(ctx, p.sql.makeChanged); err != nil {
		return fmt.Errorf("make the session's table: %w", err)
	}
	if err := copyIn(ctx, tx, p.sql.copyChanged, changedColumns(), rows); err != nil {
		return err
	}
	tag, err := tx.Exec(ctx, p.sql.update)
	if err == nil && tag.RowsAffected() != int64(len(rows)) {
		err = fmt.Errorf("%d of %d were there", tag.RowsAffected(), len(rows)) // our bug: they were loaded, or added by us
	}
	return err
}

// compressed are the specs as they are stored.
func (p *Postgres) compressed(specs []view.Spec) []*view.Spec {
	out := make([]*view.Spec, len(specs))
	for i, s := range specs {
		s.Bytes = p.zstd.EncodeAll(s.Bytes, nil)
		out[i] = &s
	}
	return out
}

// copyIn adds rows by one COPY.
func copyIn[Row any](ctx context.Context, tx pgx.Tx, sql string, columns []column[Row], rows []*Row) error {
	if len(rows) == 0 {
		return nil
	}
	data := newCopyData(len(rows))
	for _, row := range rows {
		data.row(len(columns))
		for i := range columns {
			columns[i].put(data, row)
		}
	}
	content, err := data.end()
	if err != nil {
		return err
	}
	_, err = tx.Conn().PgConn().CopyFrom(ctx, bytes.NewReader(content), sql)
	return err
}

func pointers[T any](list []T) []*T {
	out := make([]*T, len(list))
	for i := range list {
		out[i] = &list[i]
	}
	return out
}

// uuids are ids as pgx takes them.
func uuids[ID ~[16]byte](ids []ID) [][16]byte {
	out := make([][16]byte, len(ids))
	for i, id := range ids {
		out[i] = id
	}
	return out
}
