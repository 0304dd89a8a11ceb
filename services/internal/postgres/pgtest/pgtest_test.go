package pgtest_test

import (
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fairlead-batch/fairlead/services/internal/postgres/pgtest"
)

func queues() fstest.MapFS {
	return fstest.MapFS{"0001_queues.sql": {Data: []byte("CREATE TABLE queues (name text PRIMARY KEY);")}}
}

func TestSchemaIsMigrated(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t, queues())
	if _, err := pool.Exec(t.Context(), "INSERT INTO queues (name) VALUES ('a')"); err != nil {
		t.Fatal(err)
	}
}

func TestSchemasDoNotSeeEachOther(t *testing.T) {
	t.Parallel()
	one, other := pgtest.Schema(t, queues()), pgtest.Schema(t, queues())
	if _, err := one.Exec(t.Context(), "INSERT INTO queues (name) VALUES ('a')"); err != nil {
		t.Fatal(err)
	}
	var count int
	if err := other.QueryRow(t.Context(), "SELECT count(*) FROM queues").Scan(&count); err != nil {
		t.Fatal(err)
	}
	if count != 0 {
		t.Errorf("another test's schema shows %d rows, want 0", count)
	}
}

func TestSchemaWithoutMigrationsIsEmptyAndUsable(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t, nil)
	if _, err := pool.Exec(t.Context(), "CREATE TABLE queues (name text)"); err != nil {
		t.Fatal(err)
	}
}

func TestSchemaIsGoneAfterTheTest(t *testing.T) { //nolint:tparallel // looks when its subtest has ended
	t.Parallel()
	watcher := pgtest.Schema(t, nil)
	var name string
	t.Run("with a schema", func(t *testing.T) {
		pool := pgtest.Schema(t, queues())
		if err := pool.QueryRow(t.Context(), "SELECT current_schema()").Scan(&name); err != nil {
			t.Fatal(err)
		}
		if !schemaExists(t, watcher, name) {
			t.Fatalf("schema %s is not there while its test runs", name)
		}
	})
	if schemaExists(t, watcher, name) {
		t.Errorf("schema %s is still there after its test", name)
	}
}

func TestURLIsADatabaseOfTheTestsOwn(t *testing.T) { //nolint:tparallel // looks when its subtest has ended
	t.Parallel()
	watcher := pgtest.Schema(t, nil)
	var name string
	t.Run("with a database", func(t *testing.T) {
		conn, err := pgx.Connect(t.Context(), pgtest.URL(t))
		if err != nil {
			t.Fatal(err)
		}
		// Left open until the process ends: dropping a database must not wait for it.
		if err := conn.QueryRow(t.Context(), "SELECT current_database()").Scan(&name); err != nil {
			t.Fatal(err)
		}
	})
	var exists bool
	if err := watcher.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name).Scan(&exists); err != nil {
		t.Fatal(err)
	}
	if exists {
		t.Errorf("database %s is still there after its test", name)
	}
}

func schemaExists(t *testing.T, pool *pgxpool.Pool, name string) (exists bool) {
	t.Helper()
	if err := pool.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)", name).Scan(&exists); err != nil {
		t.Fatal(err)
	}
	return exists
}
