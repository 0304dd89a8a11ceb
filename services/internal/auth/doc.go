// Package auth says who is calling and what they may do.
//
// # Model
//
//	credentials --Authenticator--> Principal --in the call's context--> handler
//	                                                                      |
//	                          Authorizer <--"may this principal do that?"-+
//
// Who is calling is found out once, in package rpc's interceptor, and carried in the
// context by [With]; nothing else puts a principal there, and a handler reads it with
// [From]. What they may do is asked by the handler that knows the thing concerned: it
// asks one [Question] with the global permission and, where a queue is concerned, the
// verb and the queue's grants. So REST and gRPC, which share the interceptors and the
// handlers, cannot differ.
//
// # Today
//
// Everyone is [Anonymous] and may do everything ([AllowAll]). The real schemes will be
// further Authenticators in a [Chain] and one further Authorizer; no handler changes.
//
// # Guarantees and failures
//
// An Authenticator that cannot reach what it asks (an OIDC provider, a Kubernetes API)
// returns an error that is not [ErrMissing], and the call is refused: nobody becomes
// anonymous because a provider is down.
package auth
