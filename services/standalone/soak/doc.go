// Package soak is a test of the whole system as processes: the five services with two
// replicas of scheduler and eventapi and two clusters, on a real Postgres and a log in
// a real Pulsar or in that Postgres. Users submit, cancel and watch; meanwhile services,
// broker and database are killed with SIGKILL and started again. In the end everything
// that was acknowledged is judged.
//
// # Model
//
//	users ------> submit --+           watchers <--- eventapi 1, 2     lookout
//	                       v                             ^                ^
//	          the log (Pulsar or Postgres) --------------+----------------+
//	                       ^
//	     scheduler 1, 2 ---+--- executors a, b -> clusters that outlive them (simulated.journal)
//	                 ^
//	             kills, by a seed that is printed
//
// TestKilledOnPulsar is bounded and among the usual tests: each service and the broker
// are killed once, in an order by seed. TestSoak does so at random for as long as asked:
//
//	SOAK=10m make soak
//	SOAK=10m SOAK_LOG=postgres SOAK_SEED=7 make soak
//
// A seed gives the same kills at about the same times; processes being processes, what
// they meet differs.
//
// # What is judged
//
//   - Every job that was acknowledged is over, and a request that was sent again has
//     the ids of the first.
//   - No job ran twice, by the clusters' own record of pods (executor app.JournalRecords),
//     and each ended as its pod did. No pod is of a job that nobody submitted, and none
//     runs on.
//   - Each job set's stream, followed live over all kills, is what each replica of eventapi
//     replays, event by event; each job's events are a life, in order, each once.
//   - An eventapi and a lookout on empty databases, which read the log from its
//     beginning, answer the same as those that lived through it.
//   - A fold of the log by job.Apply ends in the states that lookout answers.
//
// # When the machine lacks something
//
// Without Java or Maven the tests on Pulsar are skipped and say so; soak on Postgres
// needs neither.
package soak
