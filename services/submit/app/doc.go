// Package app puts submit together.
//
// # Model
//
//	api.Submit, api.QueueService --> rules --> claims, queues (store) --> the log
//	              parts: author (opens, renews, closes) | relay | janitor
//
// [New] makes it of a log and a store, which [OpenStore] or [NewMemoryStore] gives;
// [Service.Register] puts its calls on a server, and [Service.Parts] are what has to
// run. [Run] is the whole service as a process of its own, with the front door.
// A simulation does not run the parts: it calls Start, Tend, RelayAll, Sweep and
// Stop by itself, and the calls of [Service.API], each as a coroutine.
//
// # Replicas
//
// Any number may run: what they must not do twice is kept in the store.
//
// # When a neighbour fails
//
//   - The log: changes are Unavailable within publishTimeout. Queues can be read.
//   - Postgres: every call is Unavailable. Nothing that was acknowledged depends on
//     what was in flight.
//   - A service behind the front door: its calls are Unavailable, ours are not.
//   - Log and database that do not belong together: the process does not start.
package app
