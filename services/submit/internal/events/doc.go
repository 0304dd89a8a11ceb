// Package events is what submit says to the other services: it puts jobs and
// commands into the log such that what is acknowledged is sure to count, and
// relays changes of queues to the control stream.
//
// # The problem
//
// That the log holds an entry does not mean that it counts (package eventlog), and
// a process may die between publishing an entry and noting that it did. A client
// that sends its request again, with the same client ids, must get the ids of jobs
// that are there, or new jobs, and never both.
//
// # The protocol
//
// A process writes as an author, whose row in the store is open. The row is always
// closed before anything in the log says so.
//
//  1. Reserve: in one transaction, see that the author's row is open and take the
//     client ids, under a claim (package claim).
//  2. Append the request as one entry, and wait until it is durable.
//  3. Confirm: drop the claim, only if the author's row is still open. If it is
//     closed the caller gets Unavailable, and the process goes on as a new author.
//
// Requests without client ids have no claim; they check after the append that the
// row is open. A plain read does: a row that was open when the entry was durable
// was closed, if ever, after it, and the marker in the log is behind the entry.
//
// Who meets a claim of somebody else waits for it while it is young. One that is
// older than PublishTimeout, or whose author is closed, is resolved:
//
//	close the row of the claim's author, while one's own is open, and commit
//	publish AuthorClosed to the claim's partition
//	read from the claim's position, through a gate, to the first AuthorClosed of that author
//	see that one's own author is still open, else begin again
//
// An entry found before it counts, and the claim is settled. One that is not found
// will never count: the retry adopts its client ids and jobs, by compare and set,
// and publishes them as its own. The janitor, which has no jobs to publish, drops
// it. The gate may begin at the claim's position, though it then knows nothing of
// earlier closes: an author that was closed before that position would have been
// refused at the first step, since the claim is younger than its close.
//
// # Guarantees
//
//   - What a method acknowledged counts, for every reader, for ever.
//   - A client id of a queue makes one job within KeepClientIDs, also when requests
//     with it run at once, when a process dies anywhere, and when the outcome of a
//     publication is unknown.
//   - Changes of queues reach the control stream in the order of their generations;
//     where a relay repeats some, a lower or equal generation says so.
//   - No lock is held over a call of the store, the log or the clock, and nothing
//     else waits: so a simulation can run a call as a coroutine.
//
// # When a neighbour fails
//
//   - The log does not answer within PublishTimeout: Unavailable, and the outcome is
//     unknown; a request with client ids can be repeated.
//   - The store does not answer: Unavailable. After an append that means the same.
//   - This process is paused for long: others resolve its claims and close its
//     author. It finds out at its next confirmation.
//   - The log has forgotten what a claim would need: the claim stays, its retries
//     get Unavailable, and after KeepClientIDs it counts as published.
package events
