package simulated

import (
	"time"

	"github.com/fairlead-batch/fairlead/services/executor/internal/lease"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// Config is what a simulated cluster is made of.
type Config struct {
	Groups []Group
	// StartDelay is the time from a pod's creation to its start. Zero: it starts in
	// the step in which it is made.
	StartDelay time.Duration
	// StopDelay is the time that a running pod takes to go once it was deleted; its
	// grace period is a limit on it.
	StopDelay time.Duration
	// MissingNamespaces are those in which no pod can be made.
	MissingNamespaces []string
	// RecordsMax is how many pods are kept on record; after that no new ones are. Zero:
	// none.
	RecordsMax int
	// Read reads a pod spec in Kubernetes' wire form; its error refuses the pod. It must
	// answer the same each time, and what it returned is not changed.
	Read func(spec []byte) (Spec, error)
}

// Group is a number of nodes that are alike.
type Group struct {
	// Prefix and a number from 0 make the nodes' names.
	Prefix string
	Count  int
	// Pool is empty for the executor's own.
	Pool string
	// Total is what pods may ask for on one node.
	Total []job.Amount
	// Labels go beside kubernetes.io/hostname, which is the node's name.
	Labels map[string]string
	Taints []lease.Taint
	// MaxPods is the most pods of a node; zero: no limit.
	MaxPods int32
}

// Spec is what of a pod spec matters here.
type Spec struct {
	Init, Containers []Container
	// Requests are what the pod asks for in all.
	Requests []job.Amount
	// Grace is the time that it has to end when it is deleted.
	Grace time.Duration
	// Deadline is how long it may run; zero: without limit.
	Deadline time.Duration
}

// Container is a container of a pod.
type Container struct {
	Name, Image string
	// Command are its command and arguments; none: what its image does, which is not
	// known.
	Command []string
}
