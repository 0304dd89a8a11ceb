// Package events is what the executor says to schedulers and hears from them: the
// messages of package lease on the wire of fairlead.executor.v1, and back. It
// decides nothing, has no state, and is safe for concurrent use.
//
// A message that is damaged, or of a kind that this program does not know, is an
// error: an order that is passed over in silence would never be carried out. The
// stream is to be closed, which an operator sees; executors are upgraded before
// schedulers.
package events
