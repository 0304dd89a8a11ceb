// Package sim runs the whole system in one loop over virtual time: two schedulers,
// three executors with simulated clusters, the log in memory, and users who submit,
// cancel, reprioritise and preempt, while everything goes wrong that can. It is how
// faults of the protocol are found that no test of a part would think of.
//
// # Model
//
// The services are the real ones, as stepped values that their apps hand out
// ([scheduler.Node], [executor.Core]); the log is memlog's core. What is made up is
// what stands between them: a network, processes, clocks, the leader lock. One loop
// holds what is to happen, ordered by its moment and by lots; nothing else moves.
//
//	users --appends--> journal --reads--> replica 0, replica 1
//	                      ^                  |  ^        |
//	                      +---- appends -----+  |        +-- lock, epoch
//	                                            |
//	                      site 0, 1, 2 <--streams--> replicas
//	                      (executor process over a cluster that outlives it)
//
// A [process] is killed and started again, or stands still and wakes late with its
// old inputs. Requests to the log are delayed, lost, stored twice, or lose their
// answer; those of one append arrive apart. Links are cut, streams torn. The lock is
// given to another while its holder stands still. Nodes and pods die, calls to the
// cluster fail, also those that worked all the same. Clocks are wrong. A leader dies
// between the parts of a plan.
//
// # What must hold
//
// The [truth] is the fold of the log, made of each entry the moment it is stored, by
// the gate and job.Apply alone. Judged by it and by the clusters' own records of
// their pods, never by what the services say of themselves:
//
//   - no job that was acknowledged to users is lost;
//   - no job has two pods at once, in whatever clusters;
//   - no node holds more than it has, and none has to refuse a pod;
//   - a pod is made only for a run whose acknowledgement counts in the log, where the
//     log says, and never once the run has expired;
//   - no run expires while its executor may make pods;
//   - nothing of a plan that is not whole reaches an executor;
//   - a gang starts whole, and a member that comes back starts with all that wait;
//   - the accepted events of each job are told in an order that a reader can rely on;
//   - each replica has, at each position, what the fold has there;
//   - once nothing goes wrong any more the system comes to rest: all jobs final, no
//     pod left, nothing held by anybody.
//
// The first violation ends the run.
//
// # Guarantees
//
// A run is a function of its [Config]: same seed, same [Result], and the hash in it
// is over every output of every process. A run of a seed takes some 50 milliseconds
// for two minutes of virtual time. It starts no goroutine, so runs may go side by side.
//
// # That it can fail
//
// TestMutants takes rules out of the services, one at a time, and wants a seed that finds
// it (make mutants); TestInvariants breaks what is checked by hand.
//
// # What is not here
//
// Submit is played by the users, who settle what they have no answer for as submit
// does; eventapi and lookout are not here yet. The executor and its cluster are one
// value: what is late between them is late by order of the cluster's troubles.
package sim
