package app

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/fairlead-batch/fairlead/services/internal/fault"
	"github.com/fairlead-batch/fairlead/services/internal/postgres"
	"github.com/fairlead-batch/fairlead/services/internal/process"
	"github.com/fairlead-batch/fairlead/services/internal/rpc"
)

// ProcessConfig is what an operator may set on a scheduler as a process of its own.
type ProcessConfig struct {
	// Scheduler is the service itself.
	Scheduler Config
	// Log is where the log is.
	Log process.LogConfig
	// Postgres is the database of the leader lock, the same for all replicas. Default
	// schema: scheduler.
	Postgres postgres.Config
	// GRPC is the port that executors dial. Default :50051.
	GRPC rpc.Config
	// Ops is the port of metrics and health. Default :9090.
	Ops rpc.HTTPConfig
	// StopWithin is how long the process may take to stop. Default 30s.
	StopWithin time.Duration
}

// DefaultProcessConfig returns what is used where the operator says nothing.
func DefaultProcessConfig() ProcessConfig {
	return ProcessConfig{
		Scheduler:  DefaultConfig(),
		Log:        process.DefaultLogConfig(),
		Postgres:   postgres.Config{Schema: "scheduler"},
		GRPC:       rpc.DefaultConfig(),
		Ops:        rpc.DefaultHTTPConfig(":9090"),
		StopWithin: process.StopWithin,
	}
}

// Validate implements config.Validator.
func (c ProcessConfig) Validate() error {
	var check fault.Check
	process.CheckStopWithin(&check, c.StopWithin)
	return check.Err()
}

// Migrate brings the database of the service up to date.
func Migrate(ctx context.Context, cfg ProcessConfig, logger *zap.Logger) error {
	p := process.New(cfg.StopWithin, process.Deps{Logger: logger, Metrics: prometheus.NewRegistry(), Now: time.Now})
	defer p.Close()
	_, err := openPool(ctx, p, cfg)
	return err
}

// openPool opens the scheduler's database, up to date.
func openPool(ctx context.Context, p *process.Process, cfg ProcessConfig) (*pgxpool.Pool, error) {
	pool, err := p.Postgres(ctx, cfg.Postgres)
	if err != nil {
		return nil, err
	}
	if _, err := postgres.Migrate(ctx, pool, Migrations()); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	return pool, nil
}

// Run serves a scheduler replica until ctx is done, and returns why a part failed.
func Run(ctx context.Context, cfg ProcessConfig, logger *zap.Logger, metrics process.Registry) error {
	p := process.New(cfg.StopWithin, process.Deps{Logger: logger, Metrics: metrics, Now: time.Now})
	defer p.Close()
	pool, err := openPool(ctx, p, cfg)
	if err != nil {
		return err
	}
	log, err := p.Log(ctx, cfg.Log, 0)
	if err != nil {
		return err
	}
	service := New(cfg.Scheduler, Deps{
		Log: log, Partitions: cfg.Log.Partitions, Leader: NewPostgresLeader(pool, cfg.Postgres.Schema),
		Now: time.Now, NewID: process.NewID, Logger: logger, Metrics: metrics,
	})
	p.Add(service.Parts()...)
	if err := p.Ops(cfg.Ops); err != nil {
		return err
	}
	if err := p.GRPC(cfg.GRPC, service.Register); err != nil {
		return err
	}
	return p.Run(ctx)
}
