// Package api answers the calls of api.Event.
//
// # Model
//
// A stream is read from the rows until it meets what is live.
//
//	replay   pages of the rows, each with the position it was read at, until the
//	         newest position at the time of the call is reached: the end, without watch
//	live     join the live tail at a position L; wait until the rows have reached L and
//	         read them to their end; then what comes, but for what the rows held
//	behind   the live buffer was full: replay again, from the last message sent
//
// Messages come out of rows and of the live tail as the same bytes, and are sent
// as bytes: a message on its way is decoded by nobody.
//
// # Guarantees
//
//   - Each event is sent once and in order, from the id that was asked for, whatever
//     happens between rows and tail.
//   - What was acknowledged before a call is in its answer. Where that takes longer
//     than the bound the call ends as Unavailable; what was sent until then counts,
//     and a client goes on behind its last id.
//   - A slow client is sent what it takes, and slows nobody.
//
// # When a neighbour fails
//
// Rows or log away: Unavailable. The projection is behind: without watch, and where
// a watch begins, Unavailable after the bound; a stream that is live goes on.
package api
