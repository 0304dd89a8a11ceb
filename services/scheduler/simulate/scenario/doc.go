// Package scenario reads what is to be simulated: Armada's simulator files as they are,
// clusters, workloads and a scheduling configuration, and makes a [simulate.World] of
// them.
//
// # Model
//
//	cluster.yaml   --ReadCluster---> Cluster  --\
//	workload.yaml  --ReadWorkload--> Workload ---+--Build--> simulate.World
//	config.yaml    --ReadRules-----> Rules    --/
//
// A configuration may be a scheduler's own (it has the key scheduler), and is read as the
// scheduler reads it; or Armada's, nested under scheduling or not, of which the keys that
// we have too become ours, and the others that Armada knows are named in a warning.
//
// # Guarantees
//
// Reading is strict, by package config: an unknown key, a value that does not fit, a name
// that stands for nothing is an error with its file, line and rule, all of a file at once.
package scenario
