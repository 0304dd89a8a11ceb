// Package store is where lookout keeps its rows: in Postgres, or in memory for
// simulation. Both are made of package view's changes and pass one suite.
//
// # Model
//
//	active_jobs   jobs that something can still happen to, each with its newest run
//	job_history   settled jobs; rows are added and never changed
//	run_history   runs that are over, all but the newest of an active job
//	specs         pod specs, one for each distinct one of an entry of the log
//
// A row of active_jobs is written when the job is submitted, updated when something
// happens to it, and deleted when it goes to history. A life that begins and ends in
// one stretch of the log meets job_history alone.
//
// [Postgres.Load] and [Postgres.Save] work in the transaction that moves the
// projection's position; package events is what calls them. The queries read rows
// and positions in one snapshot, so that a caller knows what the answer holds.
//
// # Guarantees
//
//   - A stretch costs a bounded number of statements, whatever its size: new rows go
//     in by COPY, changes by COPY into a table of the session and one UPDATE.
//   - Texts come back as they were written; times in whole microseconds.
//
// # When a neighbour fails
//
// Postgres is away: every method fails with an error of package postgres, and has no
// effect that counts, since the transaction is the caller's.
package store
