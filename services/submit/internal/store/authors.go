package store

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/postgres"
	"github.com/fairlead-batch/fairlead/services/submit/internal/claim"
	"github.com/fairlead-batch/fairlead/services/submit/internal/store/gen"
)

// OpenAuthor makes the row of a new author, open.
func (s *Postgres) OpenAuthor(ctx context.Context, author eventlog.Author, now time.Time) error {
	return failed("open author", s.sql.OpenAuthor(ctx, s.pool, gen.OpenAuthorParams{ID: author[:], Now: now}))
}

// AuthorIsOpen says whether an author's row is there and open.
func (s *Postgres) AuthorIsOpen(ctx context.Context, author eventlog.Author) (bool, error) {
	open, err := s.sql.AuthorIsOpen(ctx, s.pool, author[:])
	return open, failed("look up author", err)
}

// RenewAuthor says that an author is alive. It returns claim.ErrAuthorClosed when
// its row is not open.
func (s *Postgres) RenewAuthor(ctx context.Context, author eventlog.Author, now time.Time) error {
	rows, err := s.sql.RenewAuthor(ctx, s.pool, gen.RenewAuthorParams{ID: author[:], Now: now})
	if err == nil && rows == 0 {
		err = claim.ErrAuthorClosed
	}
	return failed("renew author", err)
}

// CloseAuthor closes the row of author on behalf of closer, whose row must be open:
// else claim.ErrAuthorClosed. An author may close itself. A row that is closed or
// gone is fine.
func (s *Postgres) CloseAuthor(ctx context.Context, closer, author eventlog.Author, now time.Time) error {
	err := postgres.ReadCommitted(ctx, s.pool, func(tx pgx.Tx) error {
		// Both at once and for writing: to share the closer's row first would let two
		// closers wait for each other, also where both are one author.
		rows, err := s.sql.LockAuthors(ctx, tx, [][]byte{closer[:], author[:]})
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(rows, func(r gen.LockAuthorsRow) bool { return r.Open && eventlog.Author(r.ID) == closer }) {
			return claim.ErrAuthorClosed
		}
		return s.sql.CloseAuthor(ctx, tx, gen.CloseAuthorParams{ID: author[:], Now: now})
	})
	return failed("close author", err)
}

// lockOpen keeps an author's row open until tx ends, or returns
// claim.ErrAuthorClosed.
func (s *Postgres) lockOpen(ctx context.Context, tx pgx.Tx, author eventlog.Author) error {
	_, err := s.sql.LockOpenAuthor(ctx, tx, author[:])
	if errors.Is(err, pgx.ErrNoRows) {
		return claim.ErrAuthorClosed
	}
	return err
}

// AbandonedAuthors are open authors that were not renewed since before, the oldest
// first, at most so many.
func (s *Postgres) AbandonedAuthors(ctx context.Context, before time.Time, atMost int) ([]eventlog.Author, error) {
	ids, err := s.sql.AbandonedAuthors(ctx, s.pool, gen.AbandonedAuthorsParams{Before: before, AtMost: int32(atMost)})
	return authorsFrom(ids), failed("list abandoned authors", err)
}

// UnannouncedAuthors were closed before a time, and the log has not been told
// everywhere; the oldest first, at most so many.
func (s *Postgres) UnannouncedAuthors(ctx context.Context, before time.Time, atMost int) ([]eventlog.Author, error) {
	ids, err := s.sql.UnannouncedAuthors(ctx, s.pool, gen.UnannouncedAuthorsParams{Before: before, AtMost: int32(atMost)})
	return authorsFrom(ids), failed("list unannounced authors", err)
}

// AnnounceAuthor notes that every partition knows that a closed author is closed.
func (s *Postgres) AnnounceAuthor(ctx context.Context, author eventlog.Author) error {
	return failed("note announced author", s.sql.AnnounceAuthor(ctx, s.pool, author[:]))
}

// ForgetAuthors removes authors that were closed before a time, are announced, and
// hold no claim. It returns how many.
func (s *Postgres) ForgetAuthors(ctx context.Context, before time.Time) (int, error) {
	rows, err := s.sql.ForgetAuthors(ctx, s.pool, before)
	return int(rows), failed("forget authors", err)
}

func authorsFrom(ids [][]byte) []eventlog.Author {
	out := make([]eventlog.Author, len(ids))
	for i, id := range ids {
		out[i] = eventlog.Author(id)
	}
	return out
}
