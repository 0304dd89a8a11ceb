package app

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/fairlead-batch/fairlead/services/internal/postgres"
	"github.com/fairlead-batch/fairlead/services/internal/process"
)

// ProcessConfig is what an operator may set on a scheduler as a process of its own.
type ProcessConfig struct {
	// Scheduler is the service itself.
	Scheduler Config
	// Config is that of every process.
	process.Config `koanf:",squash"`
}

// DefaultProcessConfig returns what is used where the operator says nothing.
func DefaultProcessConfig() ProcessConfig {
	return ProcessConfig{Scheduler: DefaultConfig(), Config: process.DefaultConfig("scheduler")}
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
		Snapshots: NewPostgresSnapshots(pool, cfg.Postgres.Schema),
		Now:       time.Now, NewID: process.NewID, Logger: logger, Metrics: metrics,
	})
	return p.Serve(ctx, cfg.Config, service)
}
