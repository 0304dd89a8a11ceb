// Package client is Fairlead's Go client: queues, submission, events and queries
// over gRPC. It speaks the public API (package api of module proto), so it works
// with any server of that API.
//
// # What it adds to the generated code
//
//   - [Client.SubmitJobs] splits a long list into requests that the server takes,
//     and says how far it got when one fails.
//   - [Client.Watch] follows a job set across lost connections, each event once and
//     in order.
//   - [Job] takes a pod spec as anything that can write itself in Kubernetes' wire
//     form, such as k8s.io/api's corev1.PodSpec, without this module depending on it.
//
// # What it guarantees
//
// All methods are safe for concurrent use. Errors are gRPC statuses, wrapped with
// what was being done; google.golang.org/grpc/status reads them. Nothing that may have
// had an effect is sent twice: only watches and the connection itself are tried again.
//
// # When the server fails
//
// A call fails at once with Unavailable while there is no connection, unless it asks
// to wait (grpc.WaitForReady); a deadline is the caller's, in the context. The server
// is called upon again about every 5 s while anybody asks for it. A connection that is silent is
// asked every 30 s whether it still lives. A watch goes on where it was.
package client
