package postgres_test

import (
	"bytes"
	"context"
	"errors"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/fairlead-batch/fairlead/services/internal/postgres"
	"github.com/fairlead-batch/fairlead/services/internal/postgres/pgtest"
)

func counters() fstest.MapFS {
	return fstest.MapFS{"0001_counters.sql": {Data: []byte(
		"CREATE TABLE counters (name text PRIMARY KEY, n int NOT NULL CHECK (n < 100)); INSERT INTO counters VALUES ('a', 0), ('b', 0);")}}
}

func value(t *testing.T, pool *pgxpool.Pool, name string) int {
	t.Helper()
	return scan[int](t, pool, "SELECT n FROM counters WHERE name = $1", name)
}

func increment(ctx context.Context, tx pgx.Tx, name string) error {
	_, err := tx.Exec(ctx, "UPDATE counters SET n = n + 1 WHERE name = $1", name)
	return err
}

func TestReadCommittedCommits(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t, counters())
	if err := postgres.ReadCommitted(t.Context(), pool, func(tx pgx.Tx) error { return increment(t.Context(), tx, "a") }); err != nil {
		t.Fatal(err)
	}
	if got := value(t, pool, "a"); got != 1 {
		t.Errorf("counter = %d, want 1", got)
	}
}

func TestAnErrorRollsBackAndComesBackAsItIs(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t, counters())
	errOurs := errors.New("ours")
	runs := 0
	err := postgres.ReadCommitted(t.Context(), pool, func(tx pgx.Tx) error {
		runs++
		return errors.Join(increment(t.Context(), tx, "a"), errOurs)
	})
	if !errors.Is(err, errOurs) || runs != 1 {
		t.Errorf("error = %v after %d runs, want ours after 1", err, runs)
	}
	if got := value(t, pool, "a"); got != 0 {
		t.Errorf("counter = %d, want 0", got)
	}
}

func TestAPanicRollsBackAndGivesTheConnectionBack(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t, counters())
	func() {
		defer func() { _ = recover() }()
		_ = postgres.ReadCommitted(t.Context(), pool, func(tx pgx.Tx) error {
			if err := increment(t.Context(), tx, "a"); err != nil {
				return err
			}
			panic("ours")
		})
	}()
	if got := value(t, pool, "a"); got != 0 {
		t.Errorf("counter = %d, want 0", got)
	}
	if got := pool.Stat().AcquiredConns(); got != 0 {
		t.Errorf("%d connections are still taken", got)
	}
}

// Two transactions read the same counter and then write it. One of them fails
// with 40001 and is run again: no increment is lost.
func TestSerializationFailureIsRetried(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	pool := openMigrated(t, pgtest.URL(t), counters(), postgres.Deps{Registerer: reg})
	var runs atomic.Int32
	var both sync.WaitGroup
	both.Add(2)
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			first := true
			err := postgres.Serializable(t.Context(), pool, func(tx pgx.Tx) error {
				runs.Add(1)
				var n int
				if err := tx.QueryRow(t.Context(), "SELECT n FROM counters WHERE name = 'a'").Scan(&n); err != nil {
					return err
				}
				if first { // both have read before either writes
					first = false
					both.Done()
					both.Wait()
				}
				_, err := tx.Exec(t.Context(), "UPDATE counters SET n = $1 WHERE name = 'a'", n+1)
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := value(t, pool, "a"); got != 2 || runs.Load() < 3 {
		t.Errorf("counter = %d after %d runs, want 2 after at least 3", got, runs.Load())
	}
	if got := retries(t, reg, "serialization"); got < 1 {
		t.Errorf("%v retries are counted, want at least 1", got)
	}
}

func TestDeadlockIsRetried(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t, counters())
	var both sync.WaitGroup
	both.Add(2)
	var all sync.WaitGroup
	for _, order := range [][2]string{{"a", "b"}, {"b", "a"}} {
		all.Go(func() {
			first := true
			err := postgres.ReadCommitted(t.Context(), pool, func(tx pgx.Tx) error {
				if err := increment(t.Context(), tx, order[0]); err != nil {
					return err
				}
				if first { // each has one row before either asks for the other
					first = false
					both.Done()
					both.Wait()
				}
				return increment(t.Context(), tx, order[1])
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if a, b := value(t, pool, "a"), value(t, pool, "b"); a != 2 || b != 2 {
		t.Errorf("counters = %d and %d, want 2 and 2", a, b)
	}
}

func TestRetriesAreBounded(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t, counters())
	runs := 0
	err := postgres.ReadCommitted(t.Context(), pool, func(tx pgx.Tx) error {
		runs++
		_, err := tx.Exec(t.Context(), "DO $$ BEGIN RAISE EXCEPTION 'always' USING ERRCODE = '40001'; END $$")
		return err
	})
	var said *pgconn.PgError
	if !errors.As(err, &said) || said.Code != "40001" || runs != postgres.TxAttemptsMax {
		t.Errorf("error = %v after %d runs, want 40001 after %d", err, runs, postgres.TxAttemptsMax)
	}
}

// The server ends the connection in the middle: nothing was committed, so the
// transaction is run again on another connection.
func TestConnectionLostBeforeTheCommitIsRetried(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t, counters())
	runs := 0
	err := postgres.ReadCommitted(t.Context(), pool, func(tx pgx.Tx) error {
		runs++
		if err := increment(t.Context(), tx, "a"); err != nil {
			return err
		}
		if runs > 1 {
			return nil
		}
		_, err := tx.Exec(t.Context(), "SELECT pg_terminate_backend(pg_backend_pid())")
		return err
	})
	if err != nil || runs != 2 {
		t.Fatalf("error = %v after %d runs, want nil after 2", err, runs)
	}
	if got := value(t, pool, "a"); got != 1 {
		t.Errorf("counter = %d, want 1", got)
	}
}

func TestConnectionLostAtTheCommitIsNotRetried(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		cut  cut
		want int // what the counter is afterwards: the client cannot tell the two cases apart
	}{
		"before the server got it": {cut: swallow, want: 0},
		"before its answer":        {cut: dropReply, want: 1},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := pgtest.URL(t)
			direct := openMigrated(t, database, counters(), postgres.Deps{})
			u, err := url.Parse(database)
			if err != nil {
				t.Fatal(err)
			}
			proxy := newProxy(t, u.Host)
			var armed atomic.Bool
			proxy.cut = func(sent []byte) cut {
				if armed.Load() && bytes.Contains(sent, []byte("commit\x00")) {
					return tc.cut
				}
				return passOn
			}
			u.Host = proxy.addr
			pool := open(t, postgres.Config{URL: u.String(), Schema: "test"}, postgres.Deps{})
			armed.Store(true)
			runs := 0
			err = postgres.ReadCommitted(t.Context(), pool, func(tx pgx.Tx) error {
				runs++
				return increment(t.Context(), tx, "a")
			})
			if !errors.Is(err, postgres.ErrOutcomeUnknown) || runs != 1 {
				t.Errorf("error = %v after %d runs, want ErrOutcomeUnknown after 1", err, runs)
			}
			if !postgres.Unavailable(err) {
				t.Errorf("Unavailable(%v) = false, want true", err)
			}
			// A swallowed commit's connection ends with its proxy's: the server may take a
			// moment to roll back, but nobody sees the row before either.
			if got := value(t, direct, "a"); got != tc.want {
				t.Errorf("counter = %d, want %d", got, tc.want)
			}
		})
	}
}

func TestACommitThatIsRefusedIsKnown(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t, fstest.MapFS{"0001_t.sql": {Data: []byte(
		"CREATE TABLE t (a int CONSTRAINT only_once UNIQUE DEFERRABLE INITIALLY DEFERRED)")}})
	err := postgres.ReadCommitted(t.Context(), pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(t.Context(), "INSERT INTO t VALUES (1), (1)")
		return err // nil: the constraint is looked at by the commit
	})
	if errors.Is(err, postgres.ErrOutcomeUnknown) || !postgres.Violates(err, "only_once") {
		t.Errorf("error = %v, want a violation of only_once", err)
	}
}

func TestAnEndedContextIsNotRetried(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t, counters())
	ctx, cancel := context.WithCancel(t.Context())
	runs := 0
	err := postgres.ReadCommitted(ctx, pool, func(tx pgx.Tx) error {
		runs++
		if err := increment(ctx, tx, "a"); err != nil {
			return err
		}
		cancel()
		return nil // the commit is not sent any more
	})
	if !errors.Is(err, context.Canceled) || errors.Is(err, postgres.ErrOutcomeUnknown) || runs != 1 {
		t.Errorf("error = %v after %d runs, want canceled, known, after 1", err, runs)
	}
	if postgres.Unavailable(err) {
		t.Errorf("Unavailable(%v) = true, want false", err)
	}
	if got := value(t, pool, "a"); got != 0 {
		t.Errorf("counter = %d, want 0", got)
	}
}

func TestSnapshotSeesOneStateAndDoesNotWrite(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t, counters())
	err := postgres.Snapshot(t.Context(), pool, func(tx pgx.Tx) error {
		var before, after int
		if err := tx.QueryRow(t.Context(), "SELECT n FROM counters WHERE name = 'a'").Scan(&before); err != nil {
			return err
		}
		exec(t, pool, "UPDATE counters SET n = n + 1")
		if err := tx.QueryRow(t.Context(), "SELECT n FROM counters WHERE name = 'a'").Scan(&after); err != nil {
			return err
		}
		if before != after {
			t.Errorf("the snapshot moved from %d to %d", before, after)
		}
		return increment(t.Context(), tx, "a")
	})
	var said *pgconn.PgError
	if !errors.As(err, &said) || said.Code != "25006" {
		t.Errorf("write in a snapshot: %v, want read_only_sql_transaction", err)
	}
}

func openMigrated(t *testing.T, database string, files fstest.MapFS, deps postgres.Deps) *pgxpool.Pool {
	t.Helper()
	pool := open(t, postgres.Config{URL: database, Schema: "test"}, deps)
	migrate(t, pool, files)
	return pool
}

func retries(t *testing.T, reg *prometheus.Registry, reason string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != "fairlead_postgres_tx_retries_total" {
			continue
		}
		for _, metric := range family.GetMetric() {
			for _, label := range metric.GetLabel() {
				if label.GetName() == "reason" && label.GetValue() == reason {
					return metric.GetCounter().GetValue()
				}
			}
		}
	}
	return 0
}

func TestASwallowedErrorIsNoCommit(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t, counters())
	err := postgres.ReadCommitted(t.Context(), pool, func(tx pgx.Tx) error {
		_ = increment(t.Context(), tx, "a")
		_, _ = tx.Exec(t.Context(), "SELECT FROM nowhere")
		return nil
	})
	if !errors.Is(err, pgx.ErrTxCommitRollback) || errors.Is(err, postgres.ErrOutcomeUnknown) {
		t.Errorf("error = %v, want ErrTxCommitRollback", err)
	}
	if got := value(t, pool, "a"); got != 0 {
		t.Errorf("counter = %d, want 0", got)
	}
}

// The server was restarted while the pool was idle: its connections are dead, and
// the first to use one must not see it.
func TestDeadConnectionsOfThePoolAreNotSeen(t *testing.T) {
	t.Parallel()
	database := pgtest.URL(t)
	pool := openMigrated(t, database, counters(), postgres.Deps{})
	other := open(t, postgres.Config{URL: database, Schema: "other"}, postgres.Deps{})
	if got := scan[int](t, other, `SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity
		WHERE application_name = 'fairlead test' AND datname = current_database()`); got == 0 {
		t.Fatal("no connection was ended: this test proves nothing")
	}
	if err := postgres.ReadCommitted(t.Context(), pool, func(tx pgx.Tx) error { return increment(t.Context(), tx, "a") }); err != nil {
		t.Fatal(err)
	}
	if got := value(t, pool, "a"); got != 1 {
		t.Errorf("counter = %d, want 1", got)
	}
}
