// Package run holds the parts of a process together: it starts them, notices the
// first that ends, stops the others in order, and says who failed and who would
// not stop.
//
// # Model
//
// A part is anything long-lived: a server, a reader of the log, a stepped core and
// its shell. It is one blocking function, Run(ctx) error:
//
//   - it returns nil soon after its context is done: it was told to stop;
//   - it returns an error when it failed;
//   - it returns [ErrStop] to ask that the whole group stop cleanly (a demo that is
//     over, a one-shot task beside servers).
//
// Any other return of nil, before the part was told to stop, is reported as
// [ErrEndedEarly]. Half a service with exit code 0 is the failure that nobody sees:
// a part that has nothing left to do must say so with ErrStop or wait for its context.
//
//	parts started in order a, b, c
//	    |
//	    +-- the caller's context ends, or any part ends (value, error, panic)
//	    v
//	c told to stop, waited for; then b; then a     all of it within the grace
//	    |
//	    +-- grace over: all that is left is told to stop, and named in the error
//	    v
//	one error: every part's own, each with its name
//
// So a part may rely on all parts before it in the list for as long as it runs, its
// own stop included: list the database pool's users after the pool, and the servers
// that let work in last.
//
// # What is guaranteed
//
//   - The context of a part ends only when the part is told to stop, not when the
//     caller's context ends: order would be lost otherwise. Values of the caller's
//     context are passed on. Its cause is [ErrStopping].
//   - A panic in a part becomes a [PanicError] with the stack, and the group stops as
//     for any failure. This and the RPC boundary are the only two places that recover.
//     A panic in a goroutine that a part starts by itself is beyond reach and ends the
//     process: a part starts none but those it waits for.
//   - Run of a group returns even when a part does not: a stuck part's goroutine is left
//     behind, and the error says which ([StuckError]). The caller is expected to exit.
//
// # Neighbours that fail
//
// There are none: the package needs the Go runtime alone. [Observe] is the one door
// to logging and metrics.
package run
