package kube

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"k8s.io/client-go/kubernetes"
)

// Config is how an executor uses its cluster. DefaultConfig's values are meant where
// a field has one; New fails for what cannot work.
type Config struct {
	// Executor is the executor's name. Needed.
	Executor string
	// LeaseNamespace and LeaseName name the Lease object that holds the epoch. It is one
	// executor's: Run fails where it is another's. Default fairlead-executor in default.
	LeaseNamespace, LeaseName string
	// PoolLabel is the label that says a node's pool. Default armadaproject.io/pool.
	PoolLabel string
	// PriorityClasses are Kubernetes' by Fairlead's. A pod of a class that is not here
	// gets none: a name that the cluster does not know would be refused.
	PriorityClasses map[string]string
	// Workers is how many orders are carried out at once. More of them make a busy API
	// server slower, not faster. Default 8.
	Workers int
	// CallTimeout is how long one call may take. Default 10s.
	CallTimeout time.Duration
	// SyncTimeout is how long the first lists may take. Default 2m.
	SyncTimeout time.Duration
	// ProbeInterval is the time between looks whether the API server is there. Default 5s.
	ProbeInterval time.Duration
	// ExplainInterval is the time between looks into the events of pods that do not start
	// and do not say why. Default 15s.
	ExplainInterval time.Duration
}

// DefaultConfig returns what is used where nobody says otherwise.
func DefaultConfig() Config {
	return Config{
		LeaseNamespace: "default", LeaseName: "fairlead-executor", PoolLabel: "armadaproject.io/pool",
		Workers: 8, CallTimeout: 10 * time.Second, SyncTimeout: 2 * time.Minute, ProbeInterval: 5 * time.Second, ExplainInterval: 15 * time.Second,
	}
}

// Deps are what a cluster stands on.
type Deps struct {
	// Client is the API server's, without a rate limit of its own: Workers is the limit.
	// Connect makes one.
	Client kubernetes.Interface
	// Now is the monotonic clock of the orders (lease.Time.Mono). Safe for concurrent use.
	Now    func() time.Duration
	Logger *zap.Logger
	// Registry gets the metrics; nil: they are not shown.
	Registry prometheus.Registerer
}
