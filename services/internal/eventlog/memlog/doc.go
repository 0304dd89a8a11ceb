// Package memlog is the log in memory: for simulation, stepped and with faults,
// and for tests of code that blocks.
//
// # Model
//
// [Core] is the log as one value that is stepped: the partitions, and for each
// author and partition the connection over which its entries go. It numbers
// entries, as every implementation does, and knows what may go wrong between an
// author and the log. It decides nothing by itself and draws no lots: the loop
// around it, which owns time and chance, says what happens to each request.
//
//	Append ----> Sent       a request is on its way; the loop owes one Deliver
//	Deliver ---> Stored     readers find it
//	             Acknowledged   everything of that tag is stored, and the author knows
//	             Lost       the connection broke; the loop owes one Resend or Settle
//	Resend ----> Sent ...   all that was not acknowledged is sent, and stored, again
//	Settle ----> Acknowledged, Sent ...   the author asks first what is stored
//
// A delay or a pause is a Deliver that comes late; what belongs to one author and
// partition keeps its order, whatever the loop does. A connection is up, deaf (what
// is sent arrives, the answers do not) or down (nothing arrives). After [Crash] an
// author hears nothing more, while its requests that are on their way may still
// arrive, also much later: each until a Deliver with LoseRequest ends the rest.
//
// [Broker] and [Log] are a shell around a core for code that blocks: each request
// is delivered at once, under a lock, unless a fault was ordered.
//
// # Guarantees
//
// The same inputs give the same outputs. Nothing is durable: the log is gone with
// the process. Memory grows with what is kept, up to the retention; there is no
// other limit on it.
//
// # Neighbours that fail
//
// There are none.
package memlog
