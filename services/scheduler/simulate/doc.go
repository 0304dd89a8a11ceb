// Package simulate runs the scheduling round on virtual time: what would happen to these
// jobs on these nodes under these rules.
//
// # Model
//
// A [World] is nodes, queues, templates of jobs and the rules. A [Simulation] steps
// through it: the agenda has what will happen (a template is submitted, a run ends, a
// preempted job comes back), a step takes everything that happens at the next moment, or
// the round that is due before it, and tells both to a real [schedule.State]. There is no
// other scheduler in here: what the state decides is done.
//
//	agenda --facts--> schedule.State --plan--> runs --ends--> agenda
//	                                             \--rows--> Recorder
//
// Rounds come as a scheduler makes them: when something changed, and when a plan said it
// wants to be woken; no two nearer to each other than the interval. Preemption for fair
// shares has an interval of its own.
//
// # What a job does
//
// It is submitted with its template, waits, starts, is pending for a while and then runs
// for its run time: a fixed part and an exponential tail. That time is the job's own: it
// follows from the seed, the template and the number of the job alone, so it is the same
// under other rules, and again after a preemption. A preempted job lost its work: it is
// submitted again, after the delay of the workflow manager, behind what waits already. A
// gang has one run time, is preempted whole and comes back whole.
//
// # Guarantees
//
//   - The same world gives the same rows and the same summary, byte for byte: nothing here
//     knows a clock, a map's order, a random source or a floating point number.
//   - Memory follows the jobs that wait and run: what has ended is told to the [Recorder]
//     and forgotten, but for four bytes that its wait takes.
//
// Reading Armada's files is package scenario's, writing a folder of results is package
// results'.
package simulate
