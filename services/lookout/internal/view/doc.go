// Package view is what people see of jobs and runs: the rule by which lookout
// turns events into rows.
//
// # Model
//
// A [Job] is a row: what was submitted, where the job stands, and its newest run.
// A [Fold] takes the rows of the jobs that a stretch of the log is about, and the
// stretch, and gives [Changes]: the least that must be written. What happens to a
// job between its first and its last event in the stretch is one change of its row.
//
//	                    +--> created   a new row of a job that is not settled
//	rows before, events +--> updated   another state of such a row
//	                    +--> ended     the last state of a settled job: history
//	                    +--> runs      runs that nothing can change any more: history
//	                    +--> specs     pod specs, one for each distinct one of an entry
//
// A job is settled when no event can change it any more (job.Job.Settled): it is
// final and no pod of it is left. So a cancelled job whose pod is still there has
// its row among the unsettled ones, and history is never changed. The newest run
// stands in its job's row until another takes its place or the job is settled.
//
// # Guarantees
//
//   - The state of a row is what job.Apply gives. An event that Apply refuses
//     changes nothing and is counted.
//   - Rows are a function of the events and their order: however a stretch is cut
//     into pieces, the same rows come out at its end.
//   - Times are of [job.Job.Last], so that they never go back within a job, and
//     whole microseconds, which is what a database keeps.
//   - No text has a NUL, which no Postgres would take: it is left out. Messages of
//     containers may well have some.
//
// The package is pure. It has no neighbours that could fail.
package view
