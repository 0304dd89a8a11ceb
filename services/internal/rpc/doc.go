// Package rpc is the way into a service and out to another: the gRPC server with one
// boundary around every handler, the HTTP servers beside it, and the client's side.
//
// # The boundary
//
// Every call, unary or stream, typed or forwarded, over gRPC or through the REST
// gateway, goes through the same steps in this order:
//
//	request id      the caller's x-request-id, or a new one
//	metrics         calls by method and kind, seconds, open calls
//	log             one line a call, with the whole error
//	translation     any error -> a status the caller may see
//	recovery        a panic -> an error, counted
//	authentication  credentials -> the principal in the context
//	handler
//
// So handlers return plain errors, never log them, and never choose a gRPC code:
//
//   - A [fault.Error] gets its code from the one table in this package, its own text
//     (after [x-request-id: "…"], cut at 2000 bytes as Armada does), an
//     errdetails.ErrorInfo with the kind in upper case, and for invalid input an
//     errdetails.BadRequest with the violations. Message and details together stay below
//     what gRPC's C core takes; violations that do not fit are in the text alone.
//   - A status error that a handler returns as it is, unwrapped, is kept, as is that of a
//     forwarded call.
//   - When the call is over anyway, its caller gone or its deadline past, the code is
//     Canceled or DeadlineExceeded.
//   - Everything else is Internal, "internal error". The text, and a panic's stack, are in
//     the log at error level under the request id.
//
// Log levels: error for our bugs, warn for what the caller could not get (Unavailable),
// debug for all else.
//
// # Stopping
//
// When a server is told to stop it accepts no more calls. Unary calls may end; streams
// served here end at once with Unavailable and the cause [ErrStopping] in their
// context, for a watch has no end of its own and its client continues at another
// replica; forwarded calls have half of the grace. When the grace is over all are cut.
// A handler that ignores its context holds up Run even then: run.Group names it.
//
// # Inside one process
//
// [Server.Loopback] connects without a port or TLS: what the REST gateway and, in
// standalone, the front door use. Such calls go through the boundary like all others.
//
// # HTTP
//
// [NewHTTP] serves [Public] (the REST gateway of [NewGateway], which is a client of the
// gRPC server, and health) on one port and [Ops] (metrics and health) on another. Health
// tells the truth: /readyz, /health and the grpc health service answer from the
// readiness of all parts, /livez from liveness alone.
//
// # Neighbours that fail
//
// A backend that is down: calls on a connection from [Dial] fail with Unavailable, at once
// or, with WaitForReady, at their deadline; the connection is retried with growing
// pauses up to BackoffMax. Nothing repeats a call that may have had an effect.
// Certificates that are being replaced: the last good pair is used until the new one is
// whole.
package rpc
