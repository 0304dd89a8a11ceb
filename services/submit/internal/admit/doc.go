// Package admit is the rules of submission: what a request must be to be
// accepted, and what becomes of it. It answers "where is the rule for X?" for
// everything that submit refuses, defaults or rewrites.
//
// # Model
//
// A request comes in as a value ([Submission], [Queue], [JobChange], ...) that the
// api package decoded. A rule looks at that value and at [Rules], which the
// operator configured, and at nothing else. What passes becomes facts
// (job.SubmittedEvent and its like) or a job.Command for the log.
//
//	Submission --Check--> violations, all at once
//	           --Submitted--> job.SubmittedEvent, once an id is known
//
// Of a pod spec the rules see a [Pod]: the few fields that they are about.
// Items with equal specs share one *Pod, so a rule on a spec is applied once for
// each distinct spec of a request, and reported at the first item that has it.
//
// # Guarantees
//
//   - Same values, same answer: no clock, no random number, no map order, no I/O.
//   - A refusal is a fault of kind Invalid with every violation that was found
//     (at most 100, then a count): the field's path as it stands in the API, the
//     value, and the rule. Where Armada's clients look at a text, the rule has it.
//   - Nothing is changed in place: what the rules rewrite is a new value.
//
// Defaults that change the pod spec itself are package podspec's, since they need
// Kubernetes' types; their numbers come from the same configuration.
package admit
