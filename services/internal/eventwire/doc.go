// Package eventwire is what the bytes of an entry mean: it turns the values of
// package job, and settings, into the messages of fairlead.events.v1 and back.
// It is the only decoder of the log, so a fact has one reading in all services.
//
// # Model
//
// A [Body] is the content of one entry. [Encode] writes distinct pod specs and
// shapes once; it tells them apart by pointer, so whoever makes many alike jobs
// shares the pointers. [Decode] gives jobs that share them again. [Read] does that
// once for all consumers of a process that read an entry, where its log lets them
// share: services that run in one process need not know of each other for it.
//
// # Guarantees
//
//   - Equal bodies encode to equal bytes.
//   - Every form that was ever published decodes: testdata keeps one of each.
//   - Bytes that are no body, or break its rules (an id of the wrong width, an
//     index that points nowhere), give an error that wraps
//     [eventlog.ErrDamaged]: the entry is parked. A version or an event of a newer
//     program gives [eventlog.ErrNewer]: the partition stops.
package eventwire
