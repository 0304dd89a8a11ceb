// Package app puts lookout together.
//
// # Model
//
//	log --projection--> rows of jobs and runs <-- api.Jobs, api.Submit/GetQueueInfo
//
// [New] makes it of a log and a store, which [OpenStore] or [NewMemoryStore] gives;
// [App.Register] puts its services on a server, and [App.Parts] are what has to run.
// [Run] is the whole service as a process of its own.
//
// # Replicas
//
// Any number may run. One holds the lease of the projection and moves the rows, all
// read them.
//
// # When a neighbour fails
//
// See the packages project, events, store and api. In short: without the log what is
// in the rows is answered, and what is not there is Unavailable; without Postgres
// everything is; a partition that stops makes what would stand in it Unavailable, and
// the process not ready.
package app
