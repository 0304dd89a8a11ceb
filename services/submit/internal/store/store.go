// Package store keeps what submit owns: queues and the changes of them that are on
// their way to the control stream, authors, and which client ids are taken.
//
// # Model
//
// [Postgres] is the real one: SQL in queries/, generated into gen/, the schema in
// migrations/. [Memory] is the same for simulation and for tests that need no
// database; both pass one suite. A method is one transaction: it takes effect
// whole or not at all.
//
// # Guarantees
//
//   - A claim is made or confirmed only while its author's row is open, and the row
//     stays open until that is committed. So once a row is closed, nothing of its
//     author becomes published any more.
//   - A client id of a queue stands for one job. [claim.Reservation] is all or
//     nothing.
//   - A change of a queue and its place in the outbox are one transaction, and
//     generations become visible in order.
//   - No clock is read: every time comes from the caller.
//
// # When Postgres fails
//
// Methods return a fault of kind Unavailable when the server cannot be reached, and
// when a connection was lost during a commit: then the change took effect or not,
// and the caller does what is right in both cases. Nothing else is retried than what
// package postgres retries.
package store

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fairlead-batch/fairlead/services/internal/fault"
	"github.com/fairlead-batch/fairlead/services/internal/postgres"
	"github.com/fairlead-batch/fairlead/services/submit/internal/claim"
	"github.com/fairlead-batch/fairlead/services/submit/internal/store/gen"
)

//go:embed migrations/*.sql
var files embed.FS

// Migrations is the schema, for postgres.Migrate.
func Migrations() fs.FS {
	sub, err := fs.Sub(files, "migrations")
	if err != nil {
		panic(fmt.Sprintf("store: %v", err)) // unreachable: the folder is embedded
	}
	return sub
}

// Postgres is the store in a database. It is safe for concurrent use. The pool is
// the caller's, to be closed after the store's last use.
type Postgres struct {
	pool *pgxpool.Pool
	sql  gen.Queries
}

// New returns a store on a pool whose schema has the migrations.
func New(pool *pgxpool.Pool) *Postgres { return &Postgres{pool: pool} }

// Outbox and queue lists are read in pages of this many rows.
const pageRows = 500

// failed says what was being done. What the caller may try again becomes a fault of
// kind Unavailable; faults and claim.ErrAuthorClosed stay what they are.
func failed(doing string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, claim.ErrAuthorClosed) || fault.KindOf(err) != 0:
		return err
	case postgres.Unavailable(err) || errors.Is(err, postgres.ErrOutcomeUnknown):
		return fault.NewUnavailable("the database cannot be reached; try again").Because(fmt.Errorf("%s: %w", doing, err))
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// noQueue and queueExists are Armada's texts.
func noQueue(name string) error     { return fault.NewNotFound("could not find queue %q", name) }
func queueExists(name string) error { return fault.NewExists("queue %q already exists", name) }
