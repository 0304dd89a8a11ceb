package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Migrate brings the pool's schema to the newest of files, a folder of
// NNNN_name.sql from 0001 on, and returns the names of those it applied. It makes
// the schema if there is none. Processes that start at once take turns; all but
// the first find nothing to do.
//
// Each file is applied in a transaction of its own, together with its row (name
// and checksum) in the table schema_migrations. A file whose first line is
//
//	-- no-tx
//
// is run outside of one, for CREATE INDEX CONCURRENTLY and its like. It must hold
// one statement, and one that can be run again (IF NOT EXISTS), since we may die
// between it and its row. If it leaves an invalid index, Migrate says so.
//
// Files that are not those applied before are refused, before anything is
// changed: ErrMigrationName, ErrMigrationDuplicate, ErrMigrationMissing,
// ErrMigrationEdited. There is no way back but another file.
func Migrate(ctx context.Context, pool *pgxpool.Pool, files fs.FS) (applied []string, err error) {
	all, err := readMigrations(files)
	if err != nil {
		return nil, err
	}
	schema, err := schemaOf(pool)
	if err != nil {
		return nil, err
	}
	err = UnderLock(ctx, pool, MigrationLock, func(ctx context.Context, conn *pgx.Conn) error {
		if err := prepareSchema(ctx, conn, schema); err != nil {
			return err
		}
		done, err := appliedMigrations(ctx, conn)
		if err != nil {
			return err
		}
		if err := compare(all, done); err != nil {
			return err
		}
		for _, m := range all[len(done):] {
			if err := m.apply(ctx, conn); err != nil {
				return fmt.Errorf("apply %s: %w", m.name, err)
			}
			applied = append(applied, m.name)
		}
		return nil
	})
	if err != nil {
		return applied, fmt.Errorf("migrate schema %s: %w", schema, err)
	}
	return applied, nil
}

// appliedMigration is a row of schema_migrations.
type appliedMigration struct {
	Number   int
	Name     string
	Checksum string
}

// prepareSchema looks before it creates: who may not create a schema may still
// use one that was made for him.
func prepareSchema(ctx context.Context, conn *pgx.Conn, schema string) error {
	var exists bool
	if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)", schema).Scan(&exists); err != nil {
		return fmt.Errorf("look for schema: %w", err)
	}
	if !exists {
		if _, err := conn.Exec(ctx, "CREATE SCHEMA "+pgx.Identifier{schema}.Sanitize()); err != nil {
			return fmt.Errorf("create schema: %w", err)
		}
	}
	const table = `CREATE TABLE IF NOT EXISTS schema_migrations (
		number   integer PRIMARY KEY,
		name     text NOT NULL UNIQUE,
		checksum text NOT NULL
	)`
	if _, err := conn.Exec(ctx, table); err != nil {
		return fmt.Errorf("create table schema_migrations: %w", err)
	}
	return nil
}

func appliedMigrations(ctx context.Context, conn *pgx.Conn) ([]appliedMigration, error) {
	rows, err := conn.Query(ctx, "SELECT number, name, checksum FROM schema_migrations ORDER BY number")
	if err != nil {
		return nil, fmt.Errorf("list applied migrations: %w", err)
	}
	done, err := pgx.CollectRows(rows, pgx.RowToStructByName[appliedMigration])
	if err != nil {
		return nil, fmt.Errorf("list applied migrations: %w", err)
	}
	return done, nil
}

// compare refuses files that do not begin with what was applied. Both are in
// order; files have every number from 1 on.
func compare(files []migration, done []appliedMigration) error {
	for i, d := range done {
		switch {
		case d.Number != i+1:
			return fmt.Errorf("%w: the database has %s, but not number %04d", ErrMigrationMissing, d.Name, i+1)
		case i >= len(files):
			return fmt.Errorf("%w: the database has %s, which this program does not know: a newer one was here before, or the file was removed",
				ErrMigrationMissing, d.Name)
		case d.Name != files[i].name:
			return fmt.Errorf("%w: number %04d was applied as %s, and is now %s", ErrMigrationEdited, d.Number, d.Name, files[i].name)
		case d.Checksum != files[i].checksum:
			return fmt.Errorf("%w: %s has SHA-256 %s, and was applied with %s: undo the edit and add another file",
				ErrMigrationEdited, d.Name, files[i].checksum, d.Checksum)
		}
	}
	return nil
}

func (m migration) apply(ctx context.Context, conn *pgx.Conn) error {
	if m.inTx {
		return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			if err := run(ctx, conn, m.sql); err != nil {
				return err
			}
			if conn.PgConn().TxStatus() != 'T' {
				return errors.New("the file ends its transaction: leave BEGIN, COMMIT and ROLLBACK out")
			}
			return m.record(ctx, conn)
		})
	}
	if err := run(ctx, conn, m.sql); err != nil {
		return err
	}
	if err := refuseInvalidIndex(ctx, conn); err != nil {
		return err
	}
	return m.record(ctx, conn)
}

// run sends sql as it is: several statements, no parameters.
func run(ctx context.Context, conn *pgx.Conn, sql string) error {
	_, err := conn.PgConn().Exec(ctx, sql).ReadAll()
	return err
}

func (m migration) record(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, "INSERT INTO schema_migrations (number, name, checksum) VALUES ($1, $2, $3)", m.number, m.name, m.checksum)
	if err != nil {
		return fmt.Errorf("record the migration: %w", err)
	}
	return nil
}

// refuseInvalidIndex finds what CREATE INDEX CONCURRENTLY leaves behind when it is
// broken off. The next run's IF NOT EXISTS would take it for the real one.
func refuseInvalidIndex(ctx context.Context, conn *pgx.Conn) error {
	var names []string
	const query = `SELECT coalesce(array_agg(c.relname::text), '{}') FROM pg_index i
		JOIN pg_class c ON c.oid = i.indexrelid
		JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE NOT i.indisvalid AND n.nspname = current_schema()`
	if err := conn.QueryRow(ctx, query).Scan(&names); err != nil {
		return fmt.Errorf("look for invalid indexes: %w", err)
	}
	if len(names) > 0 {
		return fmt.Errorf("indexes %v are invalid, since an earlier run was broken off: drop them and start again", names)
	}
	return nil
}
