package store_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/postgres"
	"github.com/fairlead-batch/fairlead/services/internal/postgres/pgtest"
	"github.com/fairlead-batch/fairlead/services/submit/internal/claim"
	"github.com/fairlead-batch/fairlead/services/submit/internal/store"
)

// TestAuthorsAreClosedAtOnce: many who close one author, as itself and as others, and
// two authors who close each other, are all answered. They used to share the row first
// and to change it then, so that each waited for the others: a deadlock, which came
// again with each attempt until the call failed.
func TestAuthorsAreClosedAtOnce(t *testing.T) {
	t.Parallel()
	const closers = 20
	pool, err := postgres.Open(t.Context(), postgres.Config{URL: pgtest.URL(t), Schema: "submit", ConnectionsMax: closers + 2}, postgres.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	if _, err := postgres.Migrate(t.Context(), pool, store.Migrations()); err != nil {
		t.Fatal(err)
	}
	s := store.New(pool)
	mine, other := eventlog.Author{1}, eventlog.Author{2}
	ok(t, s.OpenAuthor(t.Context(), mine, minutes(0)), s.OpenAuthor(t.Context(), other, minutes(0)))

	// All wait behind a submission, and then go at once.
	submission, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := submission.Exec(t.Context(), "SELECT FROM authors FOR SHARE"); err != nil {
		t.Fatal(err)
	}
	var closing sync.WaitGroup
	errs := make([]error, closers)
	var over atomic.Int32
	for i := range closers {
		closer, author := mine, mine
		switch i % 4 {
		case 2:
			closer = other
		case 3:
			author = other
		}
		closing.Go(func() {
			errs[i] = s.CloseAuthor(t.Context(), closer, author, minutes(1))
			over.Add(1)
		})
	}
	for waiting := 0; waiting < closers && over.Load() == 0; {
		if err := pool.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&waiting); err != nil {
			t.Fatal(err)
		}
	}
	if err := submission.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	closing.Wait()
	for i, err := range errs {
		if err != nil && !errors.Is(err, claim.ErrAuthorClosed) {
			t.Errorf("closer %d: %v", i, err)
		}
	}
	open, err := s.AuthorIsOpen(t.Context(), mine)
	ok(t, err)
	if open {
		t.Error("the author that was closed is open")
	}
}
