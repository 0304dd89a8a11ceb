// Package logtest is the suite that every implementation of the log passes: what
// it proves is what the services may rely on, and nothing in it is of one
// implementation.
//
// # Model
//
// [Run] runs every case against a log of its own, made by the function that it is
// given. A [Fixture] is that log, and what can be done to it: each fault that an
// implementation can make for a test is a function, nil where it has no such
// fault, and then the cases that need it are skipped with the reason. What counts
// is always judged through the gate, so an implementation that stores resends
// twice and one that does not pass the same cases.
//
// [RunKill] is the case of a server that is killed while it is appended to and
// read; it needs a server of its own.
//
// # Guarantees
//
// No case sleeps. Each ends within [Patience], which only a failing log reaches.
package logtest
