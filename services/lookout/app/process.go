package app

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/fairlead-batch/fairlead/services/internal/auth"
	"github.com/fairlead-batch/fairlead/services/internal/process"
)

// ProcessConfig is what an operator may set on lookout as a process of its own.
type ProcessConfig struct {
	// Lookout is the service itself.
	Lookout Config
	// Config is that of every process.
	process.Config `koanf:",squash"`
}

// DefaultProcessConfig returns what is used where the operator says nothing.
func DefaultProcessConfig() ProcessConfig {
	return ProcessConfig{Lookout: DefaultConfig(), Config: process.DefaultConfig("lookout")}
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
	return p.Serve(ctx, cfg.Config, a)
}
