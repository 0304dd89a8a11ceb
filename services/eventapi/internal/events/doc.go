// Package events is what the event API hears from the log beside its rows: what
// comes now, for those who watch, and which queues there are.
//
// # Model
//
// [Live] tails every partition of events on every replica, through the gate, and
// delivers when the log holds an entry; it does not wait for a database. It is the
// shell of stream.Live: locks, wake-ups, and the reading. It begins where the
// projection stands, with the states that the projection keeps, read together.
//
// [Queues] reads the control stream from its beginning into memory: it is small
// and kept for ever. The newest generation of a queue counts.
//
// # When a neighbour fails
//
//   - The log is away: watchers wait, and new queues are not seen. What was
//     acknowledged before a call and is not seen within its bound makes the call
//     Unavailable, never a wrong "not found".
//   - The database is away at the start: nobody can watch until it is back.
//   - The log has forgotten what comes next: that partition is loaded from the rows
//     again, and its watchers are behind, so they read the rows too.
//   - A partition stops (a newer entry, a missing one): its watchers are told
//     Unavailable, and so is whoever comes. The others go on.
package events
