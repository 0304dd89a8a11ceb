package process

import (
	"context"
	"fmt"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog/pglog"
	"github.com/fairlead-batch/fairlead/services/internal/fault"
	"github.com/fairlead-batch/fairlead/services/internal/postgres"
	"github.com/fairlead-batch/fairlead/services/internal/run"
)

// LogKind says what keeps the log.
type LogKind string

// The kinds of log.
const (
	LogInPostgres LogKind = "postgres"
	LogInPulsar   LogKind = "pulsar"
)

// partitionsMax is the limit of either kind, known here so that it is refused with its key.
const partitionsMax = 256

// LogConfig says where the log is. All services of an installation are told the same.
type LogConfig struct {
	// Kind is what keeps the log: postgres or pulsar. Default postgres.
	Kind LogKind
	// Partitions is how many the events stream has. It is agreed at the very first
	// start and cannot be changed. Default 16.
	Partitions uint32
	// Postgres is the database of a log in Postgres. Default schema: log.
	Postgres LogPostgres
	// Pulsar is where a log in Pulsar is.
	Pulsar LogPulsar
}

// LogPostgres is the database of a log in Postgres. Where the log is elsewhere it is
// left empty.
type LogPostgres struct {
	postgres.Config `koanf:",squash"`
}

// Validate implements config.Validator. An empty one is wrong where it is needed,
// which LogConfig says.
func (c LogPostgres) Validate() error {
	if c.named() {
		return c.Config.Validate()
	}
	return nil
}

func (c LogPostgres) named() bool { return c.URL != "" || c.Host != "" }

// DefaultLogConfig returns what is used where the operator says nothing.
func DefaultLogConfig() LogConfig {
	return LogConfig{
		Kind: LogInPostgres, Partitions: 16,
		Postgres: LogPostgres{Config: postgres.Config{Schema: "log"}}, Pulsar: DefaultLogPulsar(),
	}
}

// Validate implements config.Validator.
func (c LogConfig) Validate() error {
	var check fault.Check
	switch c.Kind {
	case LogInPostgres:
		if !c.Postgres.named() {
			check.Violate("postgres.url", nil, "must be set, or postgres.host, where kind is postgres")
		}
	case LogInPulsar:
		if c.Pulsar.ServiceURL == "" {
			check.Violate("pulsar.serviceURL", nil, "must be set where kind is pulsar, such as pulsar://pulsar:6650")
		}
		if c.Pulsar.AdminURL == "" {
			check.Violate("pulsar.adminURL", nil, "must be set where kind is pulsar, such as http://pulsar:8080")
		}
	default:
		check.Violate("kind", c.Kind, "must be postgres or pulsar")
	}
	if c.Partitions < 1 || c.Partitions > partitionsMax {
		check.Violate("partitions", c.Partitions, fmt.Sprintf("must be from 1 to %d", partitionsMax))
	}
	return check.Err()
}

// ranLog is a log that is run as a part.
type ranLog interface {
	eventlog.Log
	Run(ctx context.Context) error
	Ready() error
}

// Log opens the log and adds it as a part; parts that use it are added after it. A
// log that is made new by this is of the incarnation; zero: 1. The error wraps
// eventlog.ErrPartitions when another number of partitions was agreed.
func (p *Process) Log(ctx context.Context, cfg LogConfig, incarnation uint32) (eventlog.Log, error) {
	log, err := p.openLog(ctx, cfg, incarnation)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	p.Add(run.Part{Name: "log", Run: log.Run, Ready: log.Ready})
	return log, nil
}

// openLog is the one place that knows all kinds of log.
func (p *Process) openLog(ctx context.Context, cfg LogConfig, incarnation uint32) (ranLog, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Kind == LogInPulsar {
		return p.openPulsar(ctx, cfg, incarnation)
	}
	pool, err := p.Postgres(ctx, cfg.Postgres.Config)
	if err != nil {
		return nil, err
	}
	log, err := pglog.Open(ctx, pool, pglog.Config{Partitions: cfg.Partitions, Incarnation: incarnation},
		pglog.Deps{Log: p.deps.Logger, Registerer: p.deps.Metrics})
	if err != nil {
		return nil, err
	}
	p.Add(run.Part{Name: "trim", Run: func(ctx context.Context) error { return log.KeepTrimmed(ctx, p.deps.Now) }})
	return log, nil
}
