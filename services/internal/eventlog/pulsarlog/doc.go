// Package pulsarlog is the log in Apache Pulsar: the one for production.
//
// # Model
//
// Events is a partitioned topic and control a topic of one partition, in a namespace
// of its own since retention is a namespace's. The partition is computed by eventlog
// and addressed by its own name, …/events-partition-3; the client's routing is not
// used, nor its batching, its compression, or its time limit for sends.
//
//	Append -> line (one an author and partition) -> producer -> broker -> reader
//
// A line numbers and sends the entries of one author to one partition. Where a
// connection breaks the client sends again what was not answered, and the broker may
// store it twice; where a producer ends, the line makes another one and sends again,
// in order, all that is not known to be stored. Package eventlog's gate drops what is
// there twice.
//
// Position: ledger and entry are Pulsar's, with one added to the entry (see
// eventlog.Position; 0 is the place before a ledger's first entry). The incarnation
// is configured: Pulsar has no place for it.
//
// # What is kept
//
// Pulsar forgets whole ledgers, when their retention is over and no subscription
// needs them, and does not say so to who reads: a reader whose place was forgotten
// is given what comes later, and the newest position may go back to none. So:
//
//   - A reader is opened at the stored position, inclusive, and has to be given that
//     entry first. From one ledger to the next it asks the broker whether something
//     was between. What cannot be shown to follow is ErrForgotten.
//   - A durable subscription a partition is the mark (type floor): everything behind
//     it is kept, and its name says where it is. Run moves it each minute. So a
//     position at the mark is good even where all entries were forgotten, positions
//     never go back, and it is known whether the beginning is still there.
//   - A hold is a durable subscription whose cursor stands before the entry it names.
//
// Nobody reads by a subscription. An operator who deletes one of the marks loses
// nothing but what reading from the beginning may rely on: the next Open makes
// another.
//
// # Guarantees
//
// Those of package eventlog, each proved by logtest on a real broker, except that an
// author that another process has opened is not found out: authors are ULIDs.
// Durable is what Pulsar's own settings make of it: bookies that sync their journal
// (journalSyncData=true), and as many of them as the namespace asks for.
//
// Memory: BufferBytesMax an appender, and queueMessages entries as stored and a run
// a reader. A process has one connection to each broker, and a producer for each
// author and partition that was written.
//
// # When a neighbour fails
//
// While Pulsar is away, or a topic moves to another broker, appends, reads, Bounds,
// Hold and Release wait and go on by themselves; Ready says why they wait, and the
// log has one line when it begins and one when it ends. An entry that Pulsar refuses
// for good (a broker with a maxMessageSize below 5 MiB, a topic that was terminated)
// ends its appender with ErrUnknown and the reason: nothing of that author may come
// behind a hole. An Append that is not stored is never given up by the log itself.
//
// # Security
//
// A service URL of pulsar+ssl and an admin URL of https are spoken to by TLS, with a
// certificate of ours where one is configured; a token goes with each connection and
// request. Files are read again each time, so that they can be renewed. What brokers
// refuse for want of rights fails the start, and is not tried again.
package pulsarlog
