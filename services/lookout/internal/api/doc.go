// Package api answers the calls of api.Jobs, and of api.Submit the one that asks
// what lookout knows: GetQueueInfo.
//
// # Model
//
// A call is a question to the rows. It is answered at once where all that was asked
// for is found. Where something is not, the rows may be behind the log:
//
//	newest   the newest position of each partition that it may stand in, looked up
//	         after the call came in
//	wait     until the rows have reached it, within Deps.CaughtUpWithin
//	read     again, rows and positions in one snapshot; what is not there now was
//	         not acknowledged before the call
//
// A call for a list (what has this URI, what is active) cannot know by itself that
// its answer is whole and always asks for the newest positions.
//
// An id is compared in either case, and the answer has it as the caller wrote it.
// What is no id at all names no job: it is answered like an unknown one, as Armada
// does, and waits for nothing.
//
// # Guarantees
//
//   - Read your own writes: what was acknowledged before a call is in its answer, or
//     the call is Unavailable. Never "unknown" for a job that was accepted.
//   - A request with more ids than Deps.IDsMax is InvalidArgument and names the field
//     (Armada answers Unknown); an answer above the limits of this package is
//     ResourceExhausted.
//   - Any authenticated caller may ask about any job, as in Armada. GetQueueInfo asks
//     for the permission watch_all_events, or the queue's verb watch.
//
// # When a neighbour fails
//
// Rows or log away, or the projection behind for longer than the bound: Unavailable.
// What is found without the log is answered without it.
package api
