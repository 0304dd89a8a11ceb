// Package api is the scheduler's side of the executor stream: it takes sessions,
// checks what belongs to the wire (who, which installation, in which order), and
// hands on what executors say. It decides nothing.
//
// A session has a bounded queue of messages to its executor ([SendMax]). One that
// does not take them in time is closed, and says everything again when it comes
// back: a slow executor never slows the scheduler.
//
// It answers questions too ([Questions], [Reporting]): why a job waits, what if more were
// true, what the newest rounds did. Each runs between two steps of the core, so they are
// limited; a what-if only takes a copy of the state there, and is worked out beside it.
package api
