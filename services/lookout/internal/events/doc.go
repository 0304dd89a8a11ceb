// Package events is what lookout hears from the log: it takes judged entries into
// the rows, in the transaction that moves the position.
//
// # Model
//
// [Writer.Write] is a project.Write. For each call it loads the rows of the jobs
// that the entries are about, folds the entries on them (package view), and saves
// the changes. Rows that were written lately are not loaded but remembered, up to
// [RememberedMax].
//
// What is remembered of a partition is right only while its rows are those that this
// writer left. A writer is not told whether its transaction took effect, so it
// decides by the position at which the next call begins: that is the row's, locked.
// Where it is the end of the last call, that one took effect; where it is that call's
// beginning, it did not; anywhere else somebody else has written, or the database has
// lost its newest commits, and everything of the partition is forgotten.
//
// # Guarantees
//
// The rows are the same whether they were remembered or loaded: two replicas for a
// moment, a crash anywhere and a replay from zero are harmless.
//
// # When a neighbour fails
//
// The database is away: Write fails, changes nothing, and is called again.
package events
