package postgres_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fairlead-batch/fairlead/services/internal/postgres"
	"github.com/fairlead-batch/fairlead/services/internal/postgres/pgtest"
)

// migrate applies files, which must succeed.
func migrate(t *testing.T, pool *pgxpool.Pool, files fstest.MapFS) []string {
	t.Helper()
	applied, err := postgres.Migrate(t.Context(), pool, files)
	if err != nil {
		t.Fatal(err)
	}
	return applied
}

// folder makes a migrations folder of names and contents.
func folder(namesAndSQL ...string) fstest.MapFS {
	files := fstest.MapFS{}
	for pair := range slices.Chunk(namesAndSQL, 2) {
		files[pair[0]] = &fstest.MapFile{Data: []byte(pair[1])}
	}
	return files
}

const (
	createA = "CREATE TABLE a (n int)"
	createB = "CREATE TABLE b (n int)"
)

func tables(t *testing.T, pool *pgxpool.Pool) []string {
	t.Helper()
	return scan[[]string](t, pool, `SELECT coalesce(array_agg(tablename::text ORDER BY tablename), '{}') FROM pg_tables
		WHERE schemaname = current_schema() AND tablename <> 'schema_migrations'`)
}

func TestMigrateAppliesEachFileOnceInOrder(t *testing.T) {
	t.Parallel()
	pool := open(t, postgres.Config{URL: pgtest.URL(t), Schema: "submit"}, postgres.Deps{}) // no such schema yet
	files := folder("0002_more.sql", "ALTER TABLE a ADD m int; "+createB, "0001_first.sql", createA, "README", "not SQL")
	if diff := cmp.Diff([]string{"0001_first.sql", "0002_more.sql"}, migrate(t, pool, files)); diff != "" {
		t.Errorf("applied (-want +got):\n%s", diff)
	}
	if applied := migrate(t, pool, files); len(applied) != 0 {
		t.Errorf("applied again: %v", applied)
	}
	files["0003_third.sql"] = &fstest.MapFile{Data: []byte("CREATE TABLE c (n int)")}
	if diff := cmp.Diff([]string{"0003_third.sql"}, migrate(t, pool, files)); diff != "" {
		t.Errorf("applied (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"a", "b", "c"}, tables(t, pool)); diff != "" {
		t.Errorf("tables (-want +got):\n%s", diff)
	}
}

func TestMigrateRefusesAFolderBeforeItTouchesAnything(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		files fstest.MapFS
		want  error
		says  string
	}{
		"duplicate":    {files: folder("0001_a.sql", createA, "0001_b.sql", createB), want: postgres.ErrMigrationDuplicate, says: "0001_a.sql and 0001_b.sql"},
		"hole":         {files: folder("0001_a.sql", createA, "0003_b.sql", createB), want: postgres.ErrMigrationMissing, says: "0002"},
		"not from 1":   {files: folder("0002_a.sql", createA), want: postgres.ErrMigrationMissing, says: "0001"},
		"short number": {files: folder("001_a.sql", createA), want: postgres.ErrMigrationName, says: "001_a.sql"},
		"no number":    {files: folder("a.sql", createA), want: postgres.ErrMigrationName, says: "a.sql"},
		"empty":        {files: folder(), want: postgres.ErrMigrationMissing, says: "no .sql file"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := pgtest.Schema(t, nil)
			_, err := postgres.Migrate(t.Context(), pool, tc.files)
			if !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("Migrate() = %v, want %v that says %q", err, tc.want, tc.says)
			}
			if got := tables(t, pool); len(got) != 0 {
				t.Errorf("it made tables %v", got)
			}
		})
	}
}

func TestMigrateRefusesFilesThatAreNotThoseAppliedBefore(t *testing.T) {
	t.Parallel()
	before := folder("0001_a.sql", createA, "0002_b.sql", createB)
	tests := map[string]struct {
		change func(files fstest.MapFS)
		want   error
		says   string
	}{
		"edited": {
			change: func(f fstest.MapFS) { f["0001_a.sql"] = &fstest.MapFile{Data: []byte(createA + " -- a comment")} },
			want:   postgres.ErrMigrationEdited, says: "0001_a.sql has SHA-256",
		},
		"renamed": {
			change: func(f fstest.MapFS) { f["0002_c.sql"] = f["0002_b.sql"]; delete(f, "0002_b.sql") },
			want:   postgres.ErrMigrationEdited, says: "applied as 0002_b.sql, and is now 0002_c.sql",
		},
		"removed": {
			change: func(f fstest.MapFS) { delete(f, "0002_b.sql") },
			want:   postgres.ErrMigrationMissing, says: "0002_b.sql, which this program does not know",
		},
		"edited, and one to apply": {
			change: func(f fstest.MapFS) {
				f["0001_a.sql"] = &fstest.MapFile{Data: []byte("SELECT")}
				f["0003_c.sql"] = &fstest.MapFile{Data: []byte("CREATE TABLE c (n int)")}
			},
			want: postgres.ErrMigrationEdited, says: "0001_a.sql",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := pgtest.Schema(t, before)
			files := maps.Clone(before)
			tc.change(files)
			_, err := postgres.Migrate(t.Context(), pool, files)
			if !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("Migrate() = %v, want %v that says %q", err, tc.want, tc.says)
			}
			if diff := cmp.Diff([]string{"a", "b"}, tables(t, pool)); diff != "" {
				t.Errorf("tables (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMigrateRefusesARowThatIsMissing(t *testing.T) {
	t.Parallel()
	files := folder("0001_a.sql", createA, "0002_b.sql", createB)
	pool := pgtest.Schema(t, files)
	exec(t, pool, "DELETE FROM schema_migrations WHERE number = 1")
	_, err := postgres.Migrate(t.Context(), pool, files)
	if !errors.Is(err, postgres.ErrMigrationMissing) || !strings.Contains(err.Error(), "not number 0001") {
		t.Errorf("Migrate() = %v, want ErrMigrationMissing for 0001", err)
	}
}

func TestLineEndsOfACheckoutAreNoEdit(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t, folder("0001_a.sql", "CREATE TABLE a (\n\tn int\n)"))
	migrate(t, pool, folder("0001_a.sql", "CREATE TABLE a (\r\n\tn int\r\n)"))
}

func TestAFailingMigrationLeavesNothingAndIsTriedAgain(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"error in the middle": "CREATE TABLE b (n int); SELECT FROM nowhere",
		"ends its own tx":     "CREATE TABLE b (n int); ROLLBACK",
	}
	for name, sql := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := pgtest.Schema(t, nil)
			applied, err := postgres.Migrate(t.Context(), pool, folder("0001_a.sql", createA, "0002_b.sql", sql))
			if err == nil || !strings.Contains(err.Error(), "apply 0002_b.sql") {
				t.Fatalf("Migrate() = %v, want an error about 0002_b.sql", err)
			}
			if diff := cmp.Diff([]string{"0001_a.sql"}, applied); diff != "" {
				t.Errorf("applied (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]string{"a"}, tables(t, pool)); diff != "" {
				t.Errorf("tables (-want +got):\n%s", diff)
			}
			migrate(t, pool, folder("0001_a.sql", createA, "0002_b.sql", createB)) // mended
		})
	}
}

func TestNoTxRunsOutsideOfATransaction(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t, folder("0001_a.sql", createA,
		"0002_index.sql", "-- no-tx\nCREATE INDEX CONCURRENTLY IF NOT EXISTS a_n ON a (n)"))
	if got := scan[bool](t, pool, "SELECT indisvalid FROM pg_index WHERE indexrelid = 'a_n'::regclass"); !got {
		t.Error("index a_n is not valid")
	}
}

// CREATE UNIQUE INDEX CONCURRENTLY on rows that are not unique leaves an invalid
// index, which IF NOT EXISTS is content with the next time.
func TestNoTxThatLeavesAnInvalidIndexIsNotRecorded(t *testing.T) {
	t.Parallel()
	files := folder("0001_a.sql", createA+"; INSERT INTO a VALUES (1), (1)")
	pool := pgtest.Schema(t, files)
	files["0002_index.sql"] = &fstest.MapFile{Data: []byte("-- no-tx\nCREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS a_n ON a (n)")}
	if _, err := postgres.Migrate(t.Context(), pool, files); !postgres.Violates(err, "a_n") {
		t.Fatalf("Migrate() = %v, want a violation of a_n", err)
	}
	_, err := postgres.Migrate(t.Context(), pool, files)
	if err == nil || !strings.Contains(err.Error(), "indexes [a_n] are invalid") {
		t.Fatalf("Migrate() = %v, want an error that names the invalid index", err)
	}
	exec(t, pool, "DROP INDEX a_n")
	exec(t, pool, "DELETE FROM a")
	migrate(t, pool, files)
}

// Starters that come at once take turns, also when the first builds an index
// concurrently, which waits for every snapshot of the others.
func TestStartersAtOnceApplyEachFileOnce(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t, nil)
	files := folder("0001_a.sql", createA+"; SELECT pg_sleep(0.2)", // so that all others are waiting by then
		"0002_index.sql", "-- no-tx\nCREATE INDEX CONCURRENTLY a_n ON a (n)",
		"0003_b.sql", createB)
	var mu sync.Mutex
	var applied []string
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			names, err := postgres.Migrate(t.Context(), pool, files)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			applied = append(applied, names...)
		})
	}
	all.Wait()
	if diff := cmp.Diff([]string{"0001_a.sql", "0002_index.sql", "0003_b.sql"}, applied); diff != "" {
		t.Errorf("applied by all together (-want +got):\n%s", diff)
	}
}

func TestMigrateWaitsForTheLockAsLongAsItsContext(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t, nil)
	err := postgres.UnderLock(t.Context(), pool, postgres.MigrationLock, func(ctx context.Context, _ *pgx.Conn) error {
		cause := errors.New("enough")
		ctx, cancel := context.WithCancelCause(ctx)
		cancel(cause)
		_, err := postgres.Migrate(ctx, pool, folder("0001_a.sql", createA))
		if !errors.Is(err, cause) && !errors.Is(err, context.Canceled) {
			t.Errorf("Migrate() = %v, want the end of its context", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	migrate(t, pool, folder("0001_a.sql", createA)) // the lock is free again
}

func TestMigrateWantsAPoolOfOpen(t *testing.T) {
	t.Parallel()
	pool, err := pgxpool.New(t.Context(), pgtest.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	if _, err := postgres.Migrate(t.Context(), pool, folder("0001_a.sql", createA)); err == nil || !strings.Contains(err.Error(), "postgres.Open") {
		t.Errorf("Migrate() = %v, want an error that names postgres.Open", err)
	}
}
