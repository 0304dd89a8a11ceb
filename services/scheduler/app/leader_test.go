package app_test

import (
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fairlead-batch/fairlead/services/internal/postgres"
	"github.com/fairlead-batch/fairlead/services/internal/postgres/pgtest"
	"github.com/fairlead-batch/fairlead/services/scheduler/app"
)

// TestLockOutlivesDatabase: a follower that waits for the leader lock goes on waiting
// when the database throws it out, and gets the lock when the leader gives it up. It
// used to end, and its process and all that it had read with it.
func TestLockOutlivesDatabase(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	open := func(name string) *pgxpool.Pool {
		pool, err := postgres.Open(t.Context(), postgres.Config{URL: url + "&application_name=" + name, Schema: "scheduler"}, postgres.Deps{})
		must(t, err)
		t.Cleanup(pool.Close)
		return pool
	}
	leading, waiting := open("leading"), open("waiting")
	_, err := postgres.Migrate(t.Context(), leading, app.Migrations())
	must(t, err)
	held, err := app.NewPostgresLeader(leading, "scheduler").Lock(t.Context())
	must(t, err)
	release := sync.OnceFunc(held.Release)
	t.Cleanup(release) // before the pool of it is closed

	got := make(chan error, 1)
	go func() {
		lock, err := app.NewPostgresLeader(waiting, "scheduler").Lock(t.Context())
		if err == nil {
			lock.Release()
		}
		got <- err
	}()
	for thrown := 0; thrown < 3; { // each is another connection: it came back
		var n int
		must(t, leading.QueryRow(t.Context(),
			"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'waiting' AND query LIKE '%lock%'").Scan(&n))
		thrown += n
		select {
		case err := <-got:
			t.Fatalf("it stopped waiting: %v", err)
		default:
		}
	}
	release()
	must(t, <-got)
}
