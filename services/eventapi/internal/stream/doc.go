// Package stream is what the event API tells, and to whom: what each fact on a job
// looks like to those who follow its job set, where it stands in the stream, and
// how live watchers get it. It is pure: no clock, no lock, no goroutine, no I/O.
//
// # Model
//
//	entry of the log --Book.Apply--> messages by job set --Live--> watchers
//	                                                    \--store-> rows
//
// A [Book] holds what is kept of unfinished jobs ([Kept]): the job's state and the
// little that a later event shows of an earlier one, such as the cluster. It applies
// the facts of an entry in order; what job.Apply refuses is neither kept nor told.
// What a fact looks like (tell.go) is one or two encoded api.EventMessages, or none:
//
//	fact                    told
//	Submitted               submitted, queued
//	CancelRequested         cancelling
//	ReprioritizeRequested   reprioritizing
//	PreemptRequested        preempting
//	Leased                  leased
//	Requeued                failed (retryable) if its run failed, else nothing
//	Reprioritized           reprioritized
//	RunExpired              lease_expired
//	Succeeded               succeeded
//	Failed                  failed
//	Preempted               preempted, failed
//	Cancelled               cancelled, after a cancelling if none was told
//	Rejected                failed (cause Rejected)
//	Reserved, Unreserved    nothing
//	RunAcknowledged         nothing
//	RunPending              pending
//	RunRunning              running
//	RunSucceeded            nothing
//	RunFailed               nothing
//	RunReturned             lease_returned
//	RunReleased             nothing
//
// The messages of an entry for a job set are counted from 0, also when they come
// from several batches. Position and count make the [ID] under which a client may
// resume. The time of a message is the job's last, which never goes back.
//
// Messages are written as bytes in the wire format itself, by wire.go: a pod spec
// stays the bytes that it is in the log, and a message is made once for all who
// read it, live or from a row. A test holds every message against the generated
// types.
//
// # Live
//
// [Live] is the fan-out of one partition. A watcher joins at a position and from
// then on gets what its job set is told, through a buffer of bounded size. A buffer
// that is full is thrown away and the watcher is told that it is behind: what it
// missed stands in the rows. So no watcher slows another.
//
// # Guarantees
//
// The same facts give the same messages under the same ids, on every replica, live
// and from rows.
package stream
