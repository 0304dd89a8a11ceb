// Package lead is the scheduler's mind as a stepped value: what one replica knows,
// who leads, what is decided, and what executors are told. It does no I/O: a shell
// hands it what happened ([Input]) and carries out what comes of it ([Output]).
//
// # Model
//
// Every replica folds the log into a [table] of unfinished jobs and a board, the
// state of the round (package schedule). One of them leads:
//
//	following -> taking -> fencing -> leading -> stopped
//
// It follows until it has read the log as far as it reached at its start and holds
// the lock; takes an epoch; writes a fence marker to every partition, and leads
// when it has read all of them: what counts of the leaders before it is known then.
// It stops for good when it reads a higher epoch, loses the lock, cannot append, or
// finds an own entry unread for too long. A new core begins from the log.
//
// # What is read back counts
//
// A leader acts on its own entries only when they were read back, the gate let them
// through and job.Apply accepted them. Until then they lie ahead of the log: in
// record.ahead (the job with own unread entries applied), in the board's
// assumptions, and in the lists of what is to be acknowledged. So
//
//   - a lease is sent when its plan counts: all parts read back, and all plans of
//     the epoch before it whole;
//   - a report is acknowledged when it was read back, and a pod let go when the
//     acknowledgement of its lease was, and still counts;
//   - a pod is stopped when the end of its run was;
//   - a reservation is a fact of the round when it was, and for as long as its jobs wait as
//     they did (docs/decisions/0012).
//
// # Who says what
//
// Executors say what happened to a run; the leader carries it to the log and adds
// what it means for the job ([follow], a pure function). Wishes of users, on one
// job or on many, are noted by every replica when they are read and answered by
// whoever leads, so none is lost with a leader.
//
// # When a neighbour fails
//
//   - An executor is silent: after ExecutorTimeout, counted from our takeover at the
//     earliest, its runs expire. A job whose lease it never acknowledged is leased
//     again; one that it acknowledged fails, for its pod may still run.
//   - An executor comes back: what it holds is compared with the log (reconcile). A
//     pod that nobody has heard of is kept and counted.
//   - A leader falls between the parts of a plan: the next returns the leases of that
//     plan and of all later ones of its epoch, which nobody received (repair).
//   - An entry is missing or newer than this program: the replica halts.
package lead
