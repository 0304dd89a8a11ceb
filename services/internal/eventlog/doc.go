// Package eventlog is the log on which all services stand: what an entry is,
// where it stands, and which entries count.
//
// # Model
//
// The log has two streams. Events is cut into partitions: everything on a job set
// is in one of them, chosen by [PartitionOf]. Control is one partition, kept for
// ever, for settings. An [Entry] is a [Header] and a body of bytes; what the
// bytes mean is package eventwire's. A [Position] says where an entry stands in
// its partition.
//
// A process writes as an [Author], one for each start. The log numbers the
// entries of an author in each partition 1, 2, 3 … and sends an entry again, in
// order, until it knows that it is stored; nobody above it retries.
//
// # What counts
//
// That the log holds an entry does not mean that it counts: a broker may store an
// entry twice, or store what a deposed leader sent late. The [Gate] decides, for
// every consumer alike, from the headers alone and in log order. Its state is
// small and is committed together with the position and the rows made of the
// entries, so a consumer that starts again decides as it did before.
//
// # Guarantees
//
//   - An acknowledged entry is durable and stands in its partition after all that
//     its author appended there before.
//   - A reader gives every entry of its partition in order and says where each
//     run of them begins, so that a gap shows. At a position that the log has
//     forgotten it fails with [ErrForgotten], at one beyond the end with
//     [ErrAhead]; it never skips.
//   - Entries are at most [FrameBytesMax] as stored and [BodyBytesMax] decoded.
//     A larger one is refused before anything is written.
//
// There is no order between partitions, nor between the streams.
//
// # When the log fails
//
// A lost connection or a broker that is killed and started again delays appends
// and reads; nothing acknowledged is lost. An append whose caller stops waiting
// has an unknown outcome: it may count later. Entries that cannot be decoded are
// handed on as damaged ([Entry.Damage]), for the consumer to park; one of a newer
// format stops the reader with [ErrNewer].
//
// pglog, pulsarlog and memlog implement [Log] and pass the suite of logtest.
package eventlog
