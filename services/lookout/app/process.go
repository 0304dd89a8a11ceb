package app

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/fairlead-batch/fairlead/services/internal/auth"
	"github.com/fairlead-batch/fairlead/services/internal/fault"
	"github.com/fairlead-batch/fairlead/services/internal/postgres"
	"github.com/fairlead-batch/fairlead/services/internal/process"
	"github.com/fairlead-batch/fairlead/services/internal/rpc"
)

// ProcessConfig is what an operator may set on lookout as a process of its own.
type ProcessConfig struct {
	// Lookout is the service itself.
	Lookout Config
	// Log is where the log is.
	Log process.LogConfig
	// Postgres is the database of the service. Default schema: lookout.
	Postgres postgres.Config
	// GRPC is the port of its services. Default :50051.
	GRPC rpc.Config
	// Ops is the port of metrics and health. Default :9090.
	Ops rpc.HTTPConfig
	// StopWithin is how long the process may take to stop. Default 30s.
	StopWithin time.Duration
}

// DefaultProcessConfig returns what is used where the operator says nothing.
func DefaultProcessConfig() ProcessConfig {
	return ProcessConfig{
		Lookout:    DefaultConfig(),
		Log:        process.DefaultLogConfig(),
		Postgres:   postgres.Config{Schema: "lookout"},
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
	_, err := openStore(ctx, p, cfg)
	return err
}

func openStore(ctx context.Context, p *process.Process, cfg ProcessConfig) (Store, error) {
	pool, err := p.Postgres(ctx, cfg.Postgres)
	if err != nil {
		return nil, err
	}
	return OpenStore(ctx, pool)
}

// Run serves lookout until ctx is done, and returns why a part failed.
func Run(ctx context.Context, cfg ProcessConfig, logger *zap.Logger, metrics process.Registry) error {
	p := process.New(cfg.StopWithin, process.Deps{Logger: logger, Metrics: metrics, Now: time.Now})
	defer p.Close()
	store, err := openStore(ctx, p, cfg)
	if err != nil {
		return err
	}
	log, err := p.Log(ctx, cfg.Log, 0)
	if err != nil {
		return err
	}
	a, err := New(cfg.Lookout, Deps{
		Log: log, Partitions: cfg.Log.Partitions, Store: store, Authorize: auth.AllowAll{}, Holder: process.NewName(),
		Now: time.Now, Logger: logger, Metrics: metrics,
	})
	if err != nil {
		return err
	}
	p.Add(a.Parts()...)
	if err := p.Ops(cfg.Ops); err != nil {
		return err
	}
	if err := p.GRPC(cfg.GRPC, a.Register); err != nil {
		return err
	}
	return p.Run(ctx)
}
