// Package app puts the executor together: the core of package lease with a cluster
// on one side and the scheduler replicas on the other.
//
// # Model
//
// [Core] is the stepped half: the lease core and a cluster as one value, which speaks
// to schedulers in messages of the wire. Over a simulated cluster simulation steps it as
// it is. Over Kubernetes the cluster's Step only exchanges orders for facts; package
// kube does the waiting, and wakes the loop when it has something to tell.
//
// [Service] is the shell: one goroutine steps the core, and for each stream there
// are two more, which only carry messages.
//
//	              +--------------- one goroutine ---------------+
//	replica 0 <-> | stream 0 \                                   |
//	replica 1 <-> | stream 1 -> inbox -> Core.Step -> outputs     |
//	              |     timer /         (lease + cluster)        |
//	              +---------------------------------------------+
//
// Whatever waits in the inbox is taken in one step, so under load reports travel
// many to a message.
//
// # Limits
//
// The inbox holds inboxMax messages; a stream whose message finds it full waits, and
// so does its scheduler. A stream holds sendMax messages to its scheduler; beyond
// that it is closed, and the next one begins with everything the executor knows.
//
// # When a neighbour fails
//
// A scheduler that is away is dialled again, with pauses of up to lease's RedialMax;
// running pods run on. What schedulers say in a form that this program does not
// understand closes the stream. See package lease for what that means for runs.
package app
