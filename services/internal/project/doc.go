// Package project turns the log into rows: it moves what a consumer makes of the
// entries, the position up to which it has read, and the gate that judged them,
// in one transaction. Every view of the log stands on it, so that what a crash, a
// redelivery or a second writer may do is settled in one place.
//
// # Model
//
// A [Place] is how far a projection has read a partition: a position and the gate
// that stands there. It is a row, made at start-up and locked by whoever moves it.
//
//	log --Reader--> eventlog.Run --Judge--> what counts --Write--> rows
//	                                                      position, gate   } one transaction
//	                                                      parked entries
//
// [Judge] is the rule for what becomes of an entry, and it is pure. The gate drops
// resends and what was fenced or closed. What counts is decoded. Bytes that cannot
// be decoded are parked: kept in a table, counted, shown by the CLI, and passed
// over. An entry of a newer format, or the lack of an author's entry, stops the
// partition in front of it.
//
// [Projection.Advance] applies runs of several partitions in one transaction. With
// the position rows locked, in ascending order:
//
//	row >= from   what stands at or before the row was applied before, and is skipped
//	row <  from   a gap: nothing of the run is applied, and *GapError says where to reopen
//
// The second rule is easily forgotten. When a commit fails and the reader went on,
// the next run begins beyond the row; to apply it would lose what is between.
//
// [Loop] is the part that reads and advances, on the one replica that holds the
// projection's lease. [Follow] is for consumers that keep what they read in memory.
// [Catchup] answers whether the rows hold what the log held when it was asked.
//
// # Stores
//
// [Store] and [Keeper] are what is asked of a database. [Postgres] is the real one,
// and [Memory] the one of simulations and tests; both pass the same suite. A
// consumer writes its rows with the same transaction, whose type is the parameter
// Tx. The tables are made by the service's migrations, see [Migrations].
//
// # Durability
//
// The transactions of [Postgres] do not wait for the disk (synchronous_commit is
// off). A database that crashes may lose the newest of them, whole ones and from
// the end: rows, position and gate go back together, the next run meets a gap, and
// the reader reopens at the row. Two things rest on that. The log must still hold
// what was lost, so [Loop] moves the log's hold only to positions whose commit is
// known to be on disk: those from before a renewal of the lease, which is waited
// for. And nothing may be said on the ground of rows that the log does not hold,
// which is so by what a projection is.
//
// # SQL
//
// It is written by hand: ten statements, which are of several services' schemas,
// while sqlc reads one folder of migrations for each.
//
// # Guarantees
//
//   - Redelivery, a crash anywhere, two writers at once and a replay from zero end
//     in the same rows, if Write is a function of the rows and the entries.
//   - A partition that stops holds up no other.
//   - Nothing undecodable disappears, and nothing is skipped silently.
//
// # When a neighbour fails
//
//   - The database is away: Advance fails and the loop tries again, the same runs,
//     with waits from [RetryFirst] to [RetryMax]. Its readers wait meanwhile, so
//     memory does not grow. A commit of unknown outcome is tried again like any
//     other: the row says whether it took effect.
//   - The log is away: readers are opened again with the same waits.
//   - The log has forgotten what follows a row, or ends before it: the partition
//     stops, and only an operator can say how to go on.
//   - Another replica holds the lease: this one waits, and takes it when it ends.
package project
