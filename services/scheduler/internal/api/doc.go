// Package api is the scheduler's side of the executor stream: it takes sessions,
// checks what belongs to the wire (who, which installation, in which order), and
// hands on what executors say. It decides nothing.
//
// A session has a bounded queue of messages to its executor ([SendMax]). One that
// does not take them in time is closed, and says everything again when it comes
// back: a slow executor never slows the scheduler.
package api
