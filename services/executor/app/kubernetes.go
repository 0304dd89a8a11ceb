package app

import (
	"fmt"
	"time"

	"github.com/fairlead-batch/fairlead/services/executor/internal/kube"
	"github.com/fairlead-batch/fairlead/services/internal/fault"
)

// The kinds of clusters that an executor runs on.
const (
	// ClusterSimulated is one of nodes that exist in memory only.
	ClusterSimulated = "simulated"
	// ClusterKubernetes is a real one.
	ClusterKubernetes = "kubernetes"
)

// Kubernetes is what an operator may set on the use of a Kubernetes cluster.
type Kubernetes struct {
	// Kubeconfig is the path of a kubeconfig file. Empty: the cluster that the executor
	// runs in, by its service account.
	Kubeconfig string
	// LeaseNamespace and LeaseName name the Lease object that keeps the newest epoch, and
	// the executor's name as its holder: an executor of another name refuses to start. The
	// namespace must be there. Default fairlead-executor in default.
	LeaseNamespace, LeaseName string
	// PoolLabel is the label of nodes that names their pool. Default armadaproject.io/pool.
	PoolLabel string
	// PriorityClasses are names of the cluster's priority classes by Fairlead's. Pods of
	// a class that is not here are made without one. Default none.
	PriorityClasses map[string]string
	// Workers is how many pods are made or removed at once. Default 8.
	Workers int
	// CallTimeout is how long one call to the API server may take. Default 10s.
	CallTimeout time.Duration
	// SyncTimeout is how long the first lists of pods and nodes may take. Default 2m.
	SyncTimeout time.Duration
	// ProbeInterval is the time between looks whether the API server is there. While it is
	// not, the cluster's nodes take no new jobs. Default 5s.
	ProbeInterval time.Duration
	// ExplainInterval is the time between looks into the events of pods that do not start
	// and do not say why. Default 15s.
	ExplainInterval time.Duration
}

// DefaultKubernetes returns what is used where the operator says nothing.
func DefaultKubernetes() Kubernetes {
	inner := kube.DefaultConfig()
	return Kubernetes{
		LeaseNamespace: inner.LeaseNamespace, LeaseName: inner.LeaseName, PoolLabel: inner.PoolLabel,
		Workers: inner.Workers, CallTimeout: inner.CallTimeout, SyncTimeout: inner.SyncTimeout, ProbeInterval: inner.ProbeInterval,
		ExplainInterval: inner.ExplainInterval,
	}
}

// Validate implements config.Validator.
func (k Kubernetes) Validate() error {
	var check fault.Check
	if k.LeaseNamespace == "" {
		check.Violate("leaseNamespace", nil, "must not be empty")
	}
	if k.LeaseName == "" {
		check.Violate("leaseName", nil, "must not be empty")
	}
	if k.Workers < 1 {
		check.Violate("workers", k.Workers, "must be at least 1")
	}
	if k.CallTimeout <= 0 {
		check.Violate("callTimeout", k.CallTimeout, "must be above 0")
	}
	if k.SyncTimeout <= 0 {
		check.Violate("syncTimeout", k.SyncTimeout, "must be above 0")
	}
	if k.ProbeInterval <= 0 {
		check.Violate("probeInterval", k.ProbeInterval, "must be above 0")
	}
	if k.ExplainInterval <= 0 {
		check.Violate("explainInterval", k.ExplainInterval, "must be above 0")
	}
	return check.Err()
}

// newKube connects to the cluster of an executor; it makes no call yet.
func newKube(executor string, cfg Kubernetes, deps kube.Deps) (*kube.Cluster, error) {
	client, err := kube.Connect(cfg.Kubeconfig)
	if err != nil {
		return nil, err
	}
	deps.Client = client
	cluster, err := kube.New(kube.Config{
		Executor: executor, LeaseNamespace: cfg.LeaseNamespace, LeaseName: cfg.LeaseName, PoolLabel: cfg.PoolLabel, PriorityClasses: cfg.PriorityClasses,
		Workers: cfg.Workers, CallTimeout: cfg.CallTimeout, SyncTimeout: cfg.SyncTimeout, ProbeInterval: cfg.ProbeInterval,
		ExplainInterval: cfg.ExplainInterval,
	}, deps)
	if err != nil {
		return nil, fmt.Errorf("use Kubernetes: %w", err)
	}
	return cluster, nil
}
