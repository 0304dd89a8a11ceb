// Package app puts the event API together.
//
// # Model
//
//	log --projection--> rows ----replay----+
//	 |                                     v
//	 +---live tail (every replica)-----> streams of api.Event
//	 +---control stream: queues----------> who may watch
//
// [New] makes it of a log and a store, which [OpenStore] or [NewMemoryStore] gives;
// [App.Register] puts api.Event on a server, and [App.Parts] are what has to run.
// [Run] is the whole service as a process of its own.
//
// # Replicas
//
// Any number may run. One holds the lease of the projection and moves the rows,
// each tails the log for its own watchers, and all read the rows.
//
// # When a neighbour fails
//
// See the packages projection (services/internal/project), store, events and api.
// In short: without the log nothing new is told; without Postgres, streams that are
// live go on and others are Unavailable; a partition that stops concerns its own
// job sets alone.
package app
