package app

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"time"

	eventapi "github.com/fairlead-batch/fairlead/services/eventapi/app"
	executor "github.com/fairlead-batch/fairlead/services/executor/app"
	"github.com/fairlead-batch/fairlead/services/internal/fault"
	"github.com/fairlead-batch/fairlead/services/internal/rpc"
	lookout "github.com/fairlead-batch/fairlead/services/lookout/app"
	scheduler "github.com/fairlead-batch/fairlead/services/scheduler/app"
	"github.com/fairlead-batch/fairlead/services/scheduler/policy"
	submit "github.com/fairlead-batch/fairlead/services/submit/app"
)

// Config is what a user may set on a standalone Fairlead. Nothing has to be set.
type Config struct {
	// DataDir is the folder that holds everything. Default: /var/lib/fairlead for
	// root, else fairlead in the user's data folder ($XDG_DATA_HOME, ~/.local/share).
	DataDir string
	// GRPC is the server of all APIs. Default :50051, on every address.
	GRPC rpc.Config
	// HTTP is the server of health and metrics. Default :8080.
	HTTP rpc.HTTPConfig
	// Postgres is a server to be used instead of the embedded one, as a connection
	// string. Its database is Fairlead's alone. Default: none.
	Postgres string
	// PostgresBinaries is a folder with postgres and initdb; empty: fetched once.
	PostgresBinaries string
	// Fsync says whether what is acknowledged survives a crash of the machine. Turn
	// it off in tests only. Default true.
	Fsync bool
	// Partitions is how many partitions the events stream has. It cannot be changed
	// later. Default 16.
	Partitions uint32
	// Scheduler is the rules of scheduling. Its rate limits are off by default.
	Scheduler scheduler.Config
	// EventAPI and Lookout are the views.
	EventAPI eventapi.Config
	Lookout  lookout.Config
	// Submit is what is accepted, and with which defaults.
	Submit submit.Config
	// Clusters are simulated, each with an executor. Default: one of 100 nodes of 32
	// cores and 256Gi.
	Clusters []Cluster
}

// Cluster is a simulated cluster.
type Cluster struct {
	// Name is its executor's; no other cluster may have it. Needed.
	Name string
	// Pool its nodes are in. Empty: default.
	Pool string
	// Nodes are its nodes, by kind. None: 100 of 32 cores and 256Gi.
	Nodes []executor.NodeKind
	// ImagePullWithin is how long an image may fail to be pulled before its run fails.
	// 0: 90s.
	ImagePullWithin time.Duration
}

// executor is the configuration of the cluster's executor.
func (c Cluster) executor() executor.Config {
	cfg := executor.DefaultConfig()
	cfg.Name, cfg.Schedulers = c.Name, []string{inProcess}
	cfg.Pool = cmp.Or(c.Pool, cfg.Pool)
	cfg.ImagePullWithin = cmp.Or(c.ImagePullWithin, cfg.ImagePullWithin)
	if len(c.Nodes) > 0 {
		cfg.Simulated.Nodes = c.Nodes
	}
	return cfg
}

// Validate implements config.Validator.
func (c Cluster) Validate() error {
	var check fault.Check
	if c.Name == "" {
		check.Violate("name", nil, "must not be empty")
	}
	if c.ImagePullWithin < 0 {
		check.Violate("imagePullWithin", c.ImagePullWithin, "must not be negative")
	}
	return check.Err()
}

// DefaultConfig returns what is used where the user says nothing.
func DefaultConfig() Config {
	rules := scheduler.DefaultConfig()
	rules.Scheduling.Rate = policy.Rate{}
	rules.Scheduling.QueueRate = policy.Rate{}
	return Config{
		DataDir: defaultDataDir(), GRPC: rpc.DefaultConfig(), HTTP: rpc.DefaultHTTPConfig(":8080"),
		Fsync: true, Partitions: 16,
		Submit: submit.DefaultConfig(), Scheduler: rules, EventAPI: eventapi.DefaultConfig(), Lookout: lookout.DefaultConfig(),
		Clusters: []Cluster{{Name: "local"}},
	}
}

// inProcess stands where an executor names its scheduler: there is only this one.
const inProcess = "standalone"

func defaultDataDir() string {
	if os.Geteuid() == 0 {
		return "/var/lib/fairlead" // the database's own user cannot enter root's home
	}
	if dir := os.Getenv("XDG_DATA_HOME"); dir != "" {
		return filepath.Join(dir, "fairlead")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "fairlead-data"
	}
	return filepath.Join(home, ".local", "share", "fairlead")
}

// Validate implements config.Validator.
func (c Config) Validate() error {
	var check fault.Check
	if c.DataDir == "" && c.Postgres == "" {
		check.Violate("dataDir", nil, "must be a folder")
	}
	if c.Partitions == 0 || c.Partitions > 256 {
		check.Violate("partitions", c.Partitions, "must be from 1 to 256")
	}
	if len(c.Clusters) == 0 {
		check.Violate("clusters", nil, "must have at least one cluster")
	}
	names := map[string]bool{}
	for i, cluster := range c.Clusters {
		if names[cluster.Name] {
			check.Violate(fmt.Sprintf("clusters[%d].name", i), cluster.Name, "must be a name that no other cluster has")
		}
		names[cluster.Name] = true
	}
	return check.Err()
}
