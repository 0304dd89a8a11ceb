// Package postgres is how every service reaches its database: a pool that is
// watched, transactions that are retried where that is safe, typed errors, and
// migrations. It adds no query language: services write SQL for pgx and sqlc.
//
// # Model
//
// Services share a server, and may share a database, but never a table: each owns
// one schema, and its connections see that schema alone (search_path is set to
// it, not to public). A name that belongs to somebody else does not resolve.
//
//	Config --Open--> *pgxpool.Pool --Migrate--> tables --ReadCommitted, ...--> rows
//
// Advisory locks are the database's, so their keys are made from schema and name
// ([LockKey]); [UnderLock] runs something under one.
//
// # Guarantees
//
//   - [Open] returns a pool that has reached the server, or an error within
//     Config.StartWithin. What time cannot mend (a wrong password, a database
//     that is not there) is returned at once.
//   - A transaction function may run more than once, and takes effect once or not
//     at all. What is not known is never retried: [ErrOutcomeUnknown].
//   - [Migrate] applies each file once, in order, one process at a time, and
//     refuses to start on files that are not those it applied before.
//   - No password and no query argument is logged or put into an error.
//
// # When a neighbour fails
//
//   - The server is away: a query fails with an error for which [Unavailable] is
//     true, the pool connects again by itself when it is back. A transaction is
//     tried again a few times first, within a second.
//   - The server is slow: statements end after Config.StatementTimeout; those over
//     Config.SlowQuery are logged as warnings.
//   - All connections are taken: callers wait, as long as their context lets them;
//     fairlead_postgres_acquire_seconds shows it.
//   - Another process holds the migration lock: Migrate waits for it, within its
//     context. A process that dies gives its lock back.
package postgres
