// Package frontdoor forwards gRPC calls to other services by their full method name,
// without decoding messages: Armada's clients expect every API at one address.
//
// # Model
//
//	client ---- stream ----> Door ---- stream ----> backend
//	                          |
//	        Table: "/api.Submit/GetQueueInfo" -> lookout's connection
//	               "api.Event"                -> eventapi's connection
//
// A [Door] is the handler for every method that its gRPC server has not registered
// itself: give the server [Door.ServerOptions]. A method's own entry in the [Table] goes
// before its service's. A service that is served here, but for some methods, is
// registered without them: see [Except].
//
// Unary calls are streams of one message each way, so all four kinds go one way. What
// passes through unchanged: messages, byte for byte and in order; the caller's metadata,
// deadline and cancellation; the backend's header, trailer and status with its details.
// The caller's address is added to x-forwarded-for, unless it is in this process. Compression is each connection's own:
// an answer to a gzip client is compressed again. The x-request-id that the boundary of
// package rpc gave the call goes along, so one id names it in every service's log.
//
// # Guarantees
//
// A call holds at most one message each way in memory, besides HTTP/2's flow control
// windows: a slow reader slows its writer. The size limits are those of the server and
// of the backends' connections. Nothing is repeated: only gRPC itself sends again what
// never left this process.
//
// # Neighbours that fail
//
//   - No entry for a method: Unimplemented, naming it.
//   - A backend that cannot be reached: Unavailable, naming the service and not the address.
//   - A backend that goes away in the middle: its stream's Unavailable, as gRPC gives it.
//   - A caller that goes away: the backend's call is cancelled.
package frontdoor
