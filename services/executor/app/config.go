package app

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/fairlead-batch/fairlead/services/executor/internal/lease"
	"github.com/fairlead-batch/fairlead/services/internal/config"
	"github.com/fairlead-batch/fairlead/services/internal/fault"
	"github.com/fairlead-batch/fairlead/services/internal/process"
	"github.com/fairlead-batch/fairlead/services/internal/rpc"
)

// Config is what an operator may set on an executor.
type Config struct {
	// Name is the executor's, unique in the installation. Needed.
	Name string
	// Installation is the one that it belongs to; schedulers of another refuse it.
	// Empty: any will do.
	Installation string
	// Pool is that of nodes that name none. Default "default".
	Pool string
	// Schedulers are all scheduler replicas, each with an address of its own, as gRPC
	// targets: host:port. Needed.
	Schedulers []string
	// TLS is that of the connections to schedulers. Default off.
	TLS rpc.ClientTLS
	// HTTP is the server of health and metrics. Default :8080.
	HTTP rpc.HTTPConfig
	// StopWithin is how long the process may take to stop. Default 10s.
	StopWithin time.Duration

	// HeartbeatInterval is the time between heartbeats. Default 1s.
	HeartbeatInterval time.Duration
	// StartWindow is how long after a heartbeat that a leader answered pods may be
	// made. The scheduler's executorTimeout must be longer, by what a call to the
	// cluster may take. Default 30s.
	StartWindow time.Duration
	// RedialMax is the longest pause before a scheduler is dialled again. Default 2s.
	RedialMax time.Duration
	// CreateWithin is how long a pod that cannot be made is tried before its run is
	// given back. Default 2m.
	CreateWithin time.Duration
	// PendingWithin is how long a pod may be there without running before its run is
	// given back. Default 5m.
	PendingWithin time.Duration
	// ImagePullWithin is how long an image may fail to be pulled before its run fails.
	// Default 90s.
	ImagePullWithin time.Duration
	// ForceAfter is how long past its grace period a pod may be going before its
	// removal is forced. Default 30s.
	ForceAfter time.Duration
	// Limits bound what the executor holds.
	Limits Limits
	// Cluster is the kind of cluster: simulated or kubernetes. Default simulated.
	Cluster string
	// Simulated is the cluster where it is simulated: nodes that exist in memory only.
	Simulated Simulated
	// Kubernetes says how the cluster is used where it is a real one.
	Kubernetes Kubernetes
}

// Limits bound what an executor holds.
type Limits struct {
	// Runs is the most runs at once; the lease of another is returned. Default 200000.
	Runs int
	// Creates is the most pods that are being made at once. Default 1000.
	Creates int
	// Reports is the most reports under way to the leader at once. Default 20000.
	Reports int
}

// Simulated is what an operator may set on a simulated cluster.
type Simulated struct {
	// Nodes are the nodes, by kind. Default: 100 of 32 cores and 256Gi.
	Nodes []NodeKind
	// StartDelay is the time from a pod's creation to its start. Default 10ms.
	StartDelay time.Duration
	// StopDelay is the time that a running pod takes to go once it is deleted. Default 10ms.
	StopDelay time.Duration
	// MissingNamespaces are those in which no pod can be made. Default
	// invalid-namespace, the name that Armada's tests use.
	MissingNamespaces []string
	// RecordsMax is how many pods are kept on record for tests. Default 0, none.
	RecordsMax int
	// Journal is a file that the cluster is kept in, so that its pods outlive the
	// executor, as those of a real cluster do. For tests and for trying things out: it is
	// never cut. Default none: the cluster ends with the process.
	Journal string
	// JournalMax is the size that the file may have; then no more pods are made.
	// Default 1GiB.
	JournalMax config.Size
}

// NodeKind is a number of nodes that are alike.
type NodeKind struct {
	// Name begins the names of the nodes: name-0, name-1 …
	Name  string
	Count int
	// Pool is that of the nodes. Default: the executor's.
	Pool string
	// Resources are what a node has, as Kubernetes writes amounts: cpu: "32".
	Resources map[string]string
	// Labels go beside kubernetes.io/hostname.
	Labels map[string]string
	Taints []Taint
	// MaxPods is the most pods of a node. Default 0, no limit.
	MaxPods int32
}

// Taint is a Kubernetes taint. Effect is NoSchedule, PreferNoSchedule or NoExecute.
type Taint struct {
	Key, Value, Effect string
}

// DefaultConfig returns what is used where the operator says nothing.
func DefaultConfig() Config {
	inner := lease.DefaultConfig()
	return Config{
		Pool: "default", HTTP: rpc.DefaultHTTPConfig(":8080"), StopWithin: 10 * time.Second,
		HeartbeatInterval: inner.HeartbeatInterval, StartWindow: inner.StartWindow, RedialMax: inner.RedialMax,
		CreateWithin: inner.CreateWithin, PendingWithin: inner.PendingWithin, ImagePullWithin: inner.ImagePullWithin,
		ForceAfter: inner.ForceAfter,
		Limits:     Limits{Runs: inner.RunsMax, Creates: inner.CreatesMax, Reports: inner.ReportsInFlightMax},
		Cluster:    ClusterSimulated,
		Simulated:  DefaultSimulated(), Kubernetes: DefaultKubernetes(),
	}
}

// DefaultSimulated returns the simulated cluster that is used where the operator
// says nothing.
func DefaultSimulated() Simulated {
	return Simulated{
		Nodes: []NodeKind{{
			Name: "node", Count: 100, Resources: map[string]string{"cpu": "32", "memory": "256Gi", "ephemeral-storage": "1Ti"},
		}},
		StartDelay: 10 * time.Millisecond, StopDelay: 10 * time.Millisecond, MissingNamespaces: []string{"invalid-namespace"},
		JournalMax: config.GiB,
	}
}

// Validate implements config.Validator.
func (c Config) Validate() error {
	var check fault.Check
	if c.Name == "" {
		check.Violate("name", nil, "must not be empty")
	}
	if len(c.Schedulers) == 0 {
		check.Violate("schedulers", nil, "must name every scheduler replica, as host:port")
	}
	for _, d := range []struct {
		key   string
		value time.Duration
	}{
		{"heartbeatInterval", c.HeartbeatInterval},
		{"startWindow", c.StartWindow},
		{"redialMax", c.RedialMax},
		{"createWithin", c.CreateWithin},
		{"pendingWithin", c.PendingWithin},
		{"imagePullWithin", c.ImagePullWithin},
	} {
		if d.value <= 0 {
			check.Violate(d.key, d.value, "must be above 0")
		}
	}
	if c.Cluster != ClusterSimulated && c.Cluster != ClusterKubernetes {
		check.Violate("cluster", c.Cluster, "must be "+ClusterSimulated+" or "+ClusterKubernetes)
	}
	process.CheckStopWithin(&check, c.StopWithin)
	if c.ForceAfter < 0 {
		check.Violate("forceAfter", c.ForceAfter, "must not be negative")
	}
	if c.StartWindow > 0 && c.HeartbeatInterval >= c.StartWindow {
		check.Violate("heartbeatInterval", c.HeartbeatInterval, "must be below startWindow, "+c.StartWindow.String()+": else no pod is made between two heartbeats")
	}
	return check.Err()
}

// Validate implements config.Validator.
func (l Limits) Validate() error {
	var check fault.Check
	for _, n := range []struct {
		key   string
		value int
	}{{"runs", l.Runs}, {"creates", l.Creates}, {"reports", l.Reports}} {
		if n.value < 1 {
			check.Violate(n.key, n.value, "must be at least 1")
		}
	}
	return check.Err()
}

// Validate implements config.Validator.
func (s Simulated) Validate() error {
	var check fault.Check
	if s.StartDelay < 0 {
		check.Violate("startDelay", s.StartDelay, "must not be negative")
	}
	if s.StopDelay < 0 {
		check.Violate("stopDelay", s.StopDelay, "must not be negative")
	}
	if s.RecordsMax < 0 {
		check.Violate("recordsMax", s.RecordsMax, "must not be negative")
	}
	if s.Journal != "" && s.JournalMax < config.MiB {
		check.Violate("journalMax", s.JournalMax, "must be at least 1MiB")
	}
	return check.Err()
}

// Validate implements config.Validator.
func (k NodeKind) Validate() error {
	var check fault.Check
	if k.Name == "" {
		check.Violate("name", nil, "must not be empty")
	}
	if k.Count < 0 {
		check.Violate("count", k.Count, "must not be negative")
	}
	if k.MaxPods < 0 {
		check.Violate("maxPods", k.MaxPods, "must not be negative")
	}
	for _, name := range slices.Sorted(maps.Keys(k.Resources)) {
		text := k.Resources[name]
		if _, err := amount(name, text); err != nil {
			check.Violate("resources["+name+"]", text, "must be an amount as Kubernetes writes it, such as 32 or 256Gi")
		}
	}
	for i, t := range k.Taints {
		switch t.Effect {
		case "NoSchedule", "PreferNoSchedule", "NoExecute":
		default:
			check.Violate(fmt.Sprintf("taints[%d].effect", i), t.Effect, "must be NoSchedule, PreferNoSchedule or NoExecute")
		}
	}
	return check.Err()
}

// lease is the configuration of the lease core.
func (c Config) lease() lease.Config {
	inner := lease.DefaultConfig()
	inner.Installation, inner.Executor, inner.Pool, inner.Replicas = c.Installation, c.Name, c.Pool, len(c.Schedulers)
	inner.HeartbeatInterval, inner.StartWindow, inner.RedialMax = c.HeartbeatInterval, c.StartWindow, c.RedialMax
	inner.CreateWithin, inner.PendingWithin, inner.ImagePullWithin = c.CreateWithin, c.PendingWithin, c.ImagePullWithin
	inner.ForceAfter = c.ForceAfter
	inner.RunsMax, inner.CreatesMax, inner.ReportsInFlightMax = c.Limits.Runs, c.Limits.Creates, c.Limits.Reports
	return inner
}
