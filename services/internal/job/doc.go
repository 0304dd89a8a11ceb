// Package job is the life of a job: its states, the events that move it, and
// the one function that says what an event means.
//
// # Model
//
// A [Job] is a small value. An [Event] is a fact on one job, in the past tense,
// with its time and every id in it. [Apply] takes a job and the next event of
// its log and gives the job after it. It is pure and total: every pair of job
// and event gives a new job, or the same job and an error that wraps
// [ErrIllegal]. Every consumer of the log uses it, so a job has one state in the
// whole system: the fold of its events in log order.
//
// A job has a sequence of runs, of which at most one is live. The facts on a
// run come from its executor; what they mean for the job, the scheduler says in
// an event of its own. So between RunSucceeded and Succeeded the run is over and
// the job is not.
//
// # The life of a job
//
// Each line is an event, the states it is legal in, and the state after it. The
// conditions on the run are in the next table. TestDrawing compares both with
// the code.
//
//	job event                from                            to
//	Submitted                none                            queued
//	CancelRequested          queued leased pending running   same
//	ReprioritizeRequested    queued leased pending running   same
//	PreemptRequested         leased pending running          same
//	Leased                   queued                          leased
//	Requeued                 leased pending running          queued
//	Reprioritized            queued leased pending running   same
//	RunExpired               leased pending running          same
//	Succeeded                running                         succeeded
//	Failed                   leased pending running          failed
//	Preempted                leased pending running          preempted
//	Cancelled                queued leased pending running   cancelled
//	Rejected                 queued                          rejected
//	Reserved                 queued                          same
//	Unreserved               queued                          same
//	RunAcknowledged          leased                          same
//	RunPending               leased                          pending
//	RunRunning               pending                         running
//	RunSucceeded             running                         same
//	RunFailed                leased pending running          same
//	RunReturned              leased pending                  same
//	RunReleased              any with a run                  same
//
// # The life of a run
//
// A run is leased until its executor has acknowledged the lease (then a pod may
// exist), and holds its node until it is over and not releasing.
//
//	run event                from                            to
//	Leased                   -                               leased
//	RunAcknowledged          leased                          acknowledged
//	RunPending               acknowledged                    pending
//	RunRunning               pending                         running
//	RunSucceeded             running                         succeeded
//	RunFailed                acknowledged pending running    failed
//	RunReturned              leased acknowledged pending     returned
//	RunExpired               leased                          expired
//	RunExpired               acknowledged pending running    expired+releasing
//	Preempted                leased                          preempted
//	Preempted                acknowledged pending running    preempted+releasing
//	Cancelled                leased                          cancelled
//	Cancelled                acknowledged pending running    cancelled+releasing
//	RunReleased              expired+releasing               expired
//	RunReleased              preempted+releasing             preempted
//	RunReleased              cancelled+releasing             cancelled
//
// # Guarantees
//
//   - Same job and event, same result: no clock, no random number, no I/O.
//   - A refused event changes nothing for anybody: an event of an older run, a
//     second cancel, anything after the end. Consumers count it and go on.
//   - Time never goes back within a job: [Job.Last] is the newest time seen, and
//     consumers show that instead of an event's own time (clocks differ between
//     machines).
//   - A cancel that stands in the log before a lease wins: Leased is refused once
//     a cancel was asked for.
//
// Other packages do not switch on events; they implement [Visitor], so that a
// new event breaks the build of every consumer until each has answered.
package job
