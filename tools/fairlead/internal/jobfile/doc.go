// Package jobfile reads the files in which people write their jobs, in Armada's form:
// YAML or JSON, any number of documents, each with jobs of one job set.
//
//	queue: research
//	jobSetId: sweep-1
//	jobs:
//	- namespace: default
//	  priority: 0
//	  podSpec: {...}
//
// # Model
//
// A document becomes a [Submission]: queue, job set and jobs as they go over the wire.
// Keys are those of Armada's files and mean what they mean there; a pod spec is
// Kubernetes' own, with quantities such as 100m. What is not known is refused with the
// line, for a misspelled key that is dropped in silence is a job that runs otherwise
// than it was meant.
//
// # What is checked, and what is not
//
// Here: that every key is known and every value fits, that queue and job set are named,
// that each job has exactly one pod spec. The rules of the server (limits, namespaces,
// priority classes) are the server's alone; it says all that is wrong at once as well.
package jobfile
