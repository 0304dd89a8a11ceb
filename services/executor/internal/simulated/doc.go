// Package simulated is a cluster that exists in memory only: nodes from the
// configuration, and pods that live as their specs say, without running anything.
// It is what a standalone Fairlead runs on, and the executors of load tests and of
// simulation.
//
// # Model
//
// [Cluster] is a stepped value: [Cluster.Step] takes the executor's orders and the
// time, and returns facts, both as package lease declares them. What happens later
// by itself stands in a heap of times: a pod costs some memory and no goroutine.
//
//	            node full             nothing to wait for,
//	          +-----------> failed    or start delay over        life over
//	created --+-----------> pending --------------------> running --------> succeeded, failed
//	                           |                              |                  |
//	                           +------------ deleted ---------+------------------+--> gone
//
// How long a pod runs and how it ends is read from, in this order:
//
//   - the annotations sim/* of the job (see annotations.go);
//   - the commands of its containers: sleep, exit, true, false, joined by ; && || and
//     run by sh -c or directly. RANDOM is a number that follows from the run's id. Of
//     loops the body counts once, but "while true" never ends. Any other command takes
//     no time and works. "tail /dev/zero" runs out of memory.
//   - activeDeadlineSeconds, as a kubelet does;
//   - images: "some-non-existing-image" cannot be pulled, and a name that is not one
//     is invalid.
//
// A container without a command ends well at once. Init containers run one after the
// other before the others, which run together; the pod ends with the last of them.
//
// # Guarantees
//
//   - Same configuration, orders and times, same facts.
//   - A node never holds more than its resources: like a kubelet it refuses the pod
//     (OutOfcpu), whoever placed it.
//   - The records ([Cluster.Records]) are kept apart from the facts, so a test can
//     judge by them what the rest of the system made of the facts.
//
// # When things fail
//
// Nothing fails by itself. [Cluster.Cause] orders trouble: nodes and pods that die,
// calls that fail (also those that worked all the same), facts that come late.
// Pods are lost with the process, as in a cluster that was switched off; package
// journal has one that outlives it.
package simulated
