package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fairlead-batch/fairlead/services/internal/postgres"
)

// retainLockTimeout is how long a drop waits for readers and writers of the table,
// who wait behind it meanwhile.
const retainLockTimeout = "2s"

const (
	sqlTables = `-- name: ToldTables :many
SELECT c.relname::text FROM pg_inherits i
JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_class p ON p.oid = i.inhparent JOIN pg_namespace n ON n.oid = p.relnamespace
WHERE p.relname = 'told' AND n.nspname = current_schema() ORDER BY c.relname`

	sqlForget = `-- name: ForgetDays :exec
INSERT INTO forgotten (number, at)
SELECT DISTINCT ON (number) number, last FROM days WHERE day < $1 ORDER BY number, day DESC
ON CONFLICT (number) DO UPDATE SET at = greatest(forgotten.at, excluded.at)`

	sqlDropDays = `-- name: DropDays :exec
DELETE FROM days WHERE day < $1`
)

// Retain makes the tables of days that are coming and drops those older than the
// retention, noting up to where rows are gone. Replicas take turns. It runs before
// the first write and then often enough: a table is there two days ahead.
func (p *Postgres) Retain(ctx context.Context, now time.Time) error {
	want := windowAt(now, p.retention)
	err := postgres.UnderLock(ctx, p.pool, "told.retain", func(ctx context.Context, conn *pgx.Conn) error {
		for day := want.oldest; day <= want.newest; day++ {
			create := fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s PARTITION OF told FOR VALUES FROM (%d) TO (%d)", tableOf(day), day, day+1)
			if _, err := conn.Exec(ctx, create); err != nil {
				return fmt.Errorf("make table of day %d: %w", day, err)
			}
		}
		return dropBefore(ctx, conn, want.oldest)
	})
	if err != nil {
		return fmt.Errorf("retain told events: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.window = want
	return nil
}

func tableOf(day int32) string { return fmt.Sprintf("told_%d", day) }

// dropBefore drops the tables of days before one.
func dropBefore(ctx context.Context, conn *pgx.Conn, oldest int32) error {
	rows, err := conn.Query(ctx, sqlTables)
	if err != nil {
		return fmt.Errorf("list tables of days: %w", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("list tables of days: %w", err)
	}
	var old []string
	for _, name := range names {
		var day int32
		if _, err := fmt.Sscanf(name, "told_%d", &day); err == nil && day < oldest {
			old = append(old, name)
		}
	}
	if len(old) == 0 {
		return nil
	}
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SET LOCAL lock_timeout = '"+retainLockTimeout+"'"); err != nil {
			return fmt.Errorf("set lock_timeout: %w", err)
		}
		if _, err := tx.Exec(ctx, sqlForget, oldest); err != nil {
			return fmt.Errorf("note what is forgotten: %w", err)
		}
		if _, err := tx.Exec(ctx, sqlDropDays, oldest); err != nil {
			return fmt.Errorf("drop days: %w", err)
		}
		for _, name := range old {
			if _, err := tx.Exec(ctx, "DROP TABLE "+pgx.Identifier{name}.Sanitize()); err != nil {
				return fmt.Errorf("drop %s: %w", name, err)
			}
		}
		return nil
	})
}
