package app

import (
	"context"
	"fmt"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/fairlead-batch/fairlead/services/internal/auth"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog/pglog"
	"github.com/fairlead-batch/fairlead/services/internal/fault"
	"github.com/fairlead-batch/fairlead/services/internal/postgres"
	"github.com/fairlead-batch/fairlead/services/internal/rpc"
	"github.com/fairlead-batch/fairlead/services/internal/run"
)

// ProcessConfig is what an operator may set on lookout as a process of its own.
type ProcessConfig struct {
	// Lookout is the service itself.
	Lookout Config
	// Log is where the log is.
	Log LogConfig
	// Postgres is the database of the service. Default schema: lookout.
	Postgres postgres.Config
	// GRPC is the port of its services. Default :50051.
	GRPC rpc.Config
	// Ops is the port of metrics and health. Default :9090.
	Ops rpc.HTTPConfig
	// StopWithin is how long the process may take to stop. Default 30s.
	StopWithin time.Duration
}

// LogConfig says where the log is.
type LogConfig struct {
	// Partitions is how many the events stream has, as it was agreed when the log was
	// made. Default 16.
	Partitions uint32
	// Postgres is the database of a log in Postgres. Default schema: log.
	Postgres postgres.Config
}

// Validate implements config.Validator.
func (c LogConfig) Validate() error {
	var check fault.Check
	if c.Partitions < 1 || c.Partitions > 4096 {
		check.Violate("partitions", c.Partitions, "must be from 1 to 4096")
	}
	return check.Err()
}

// DefaultProcessConfig returns what is used where the operator says nothing.
func DefaultProcessConfig() ProcessConfig {
	return ProcessConfig{
		Lookout:    DefaultConfig(),
		Log:        LogConfig{Partitions: 16, Postgres: postgres.Config{Schema: "log"}},
		Postgres:   postgres.Config{Schema: "lookout"},
		GRPC:       rpc.DefaultConfig(),
		Ops:        rpc.DefaultHTTPConfig(":9090"),
		StopWithin: 30 * time.Second,
	}
}

// Validate implements config.Validator.
func (c ProcessConfig) Validate() error {
	var check fault.Check
	if c.StopWithin <= 0 {
		check.Violate("stopWithin", c.StopWithin, "must be above 0")
	}
	return check.Err()
}

// Migrate brings the database of the service up to date.
func Migrate(ctx context.Context, cfg ProcessConfig, logger *zap.Logger) error {
	pool, err := postgres.Open(ctx, cfg.Postgres, postgres.Deps{Log: logger, Now: time.Now})
	if err != nil {
		return fmt.Errorf("open postgres: %w", err)
	}
	defer pool.Close()
	_, err = OpenStore(ctx, pool)
	return err
}

// Registry takes metrics and gives them out again.
type Registry interface {
	prometheus.Registerer
	prometheus.Gatherer
}

// Run serves lookout until ctx is done, and returns why a part failed.
func Run(ctx context.Context, cfg ProcessConfig, logger *zap.Logger, metrics Registry) error {
	watched := postgres.Deps{Log: logger, Registerer: metrics, Now: time.Now}
	pool, err := postgres.Open(ctx, cfg.Postgres, watched)
	if err != nil {
		return fmt.Errorf("open postgres: %w", err)
	}
	defer pool.Close()
	store, err := OpenStore(ctx, pool)
	if err != nil {
		return err
	}
	logPool, err := postgres.Open(ctx, cfg.Log.Postgres, watched)
	if err != nil {
		return fmt.Errorf("open postgres of the log: %w", err)
	}
	defer logPool.Close()
	log, err := pglog.Open(ctx, logPool, pglog.Config{Partitions: cfg.Log.Partitions}, pglog.Deps{Log: logger, Registerer: metrics})
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	group := run.New(cfg.StopWithin, run.Observe(logger, metrics))
	group.Add(run.Part{Name: "log", Run: log.Run, Ready: log.Ready})
	a, err := New(cfg.Lookout, Deps{
		Log: log, Partitions: cfg.Log.Partitions, Store: store, Authorize: auth.AllowAll{}, Holder: ulid.Make().String(),
		Now: time.Now, Logger: logger, Metrics: metrics,
	})
	if err != nil {
		return err
	}
	group.Add(a.Parts()...)
	servers, err := serve(a, cfg, logger, metrics, group.Ready)
	if err != nil {
		return err
	}
	group.Add(servers...)
	return group.Run(ctx)
}

// serve makes the two servers.
func serve(a *App, cfg ProcessConfig, logger *zap.Logger, metrics Registry, ready func() error) ([]run.Part, error) {
	server, err := rpc.NewServer(cfg.GRPC, rpc.Deps{
		Auth: auth.Anonymous{}, Log: logger, Metrics: metrics, Now: time.Now,
		NewID: func() string { return ulid.Make().String() }, Ready: ready,
	})
	if err != nil {
		return nil, fmt.Errorf("make gRPC server: %w", err)
	}
	a.Register(server)
	alive := func() error { return nil } // a part that fails ends the process
	ops, err := rpc.NewHTTP(cfg.Ops, rpc.Ops(rpc.Health{Ready: ready, Alive: alive}, metrics), logger)
	if err != nil {
		return nil, fmt.Errorf("make ops server: %w", err)
	}
	return []run.Part{{Name: "grpc", Run: server.Run}, {Name: "ops", Run: ops.Run}}, nil
}
