package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

// The waits between attempts to reach a server at start: doubled from the first
// to the second.
const (
	startWaitMin = 50 * time.Millisecond
	startWaitMax = time.Second
)

// Deps are what a pool tells of itself to, and its clock.
type Deps struct {
	// Log gets each query at debug, slow ones as warnings. nil: nothing is logged.
	Log *zap.Logger

	// Registerer gets the metrics. Pools with the same schema share them. nil: they
	// are kept and shown to nobody.
	Registerer prometheus.Registerer

	// Now is the clock that durations are measured with. nil: nothing is measured,
	// so there is no histogram and no warning about slow queries.
	Now func() time.Time
}

// Open returns a pool that has reached the server. The caller closes it. ctx bounds
// the opening alone. It does not make the schema: see Migrate.
func Open(ctx context.Context, cfg Config, deps Deps) (*pgxpool.Pool, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("check postgres configuration: %w", err)
	}
	cfg = cfg.WithDefaults()
	poolConfig, err := cfg.pool()
	if err != nil {
		return nil, err
	}
	tracer, err := newTracer(cfg, deps)
	if err != nil {
		return nil, err
	}
	poolConfig.ConnConfig.Tracer = tracer
	pool, err := pgxpool.NewWithConfig(ctx, poolConfig)
	if err != nil {
		return nil, fmt.Errorf("make connection pool: %w", err)
	}
	if err := reach(ctx, pool, cfg.StartWithin, tracer.log); err != nil {
		pool.Close()
		return nil, fmt.Errorf("connect to postgres: %w", err)
	}
	return pool, nil
}

// reach waits for a connection until within is over.
func reach(ctx context.Context, pool *pgxpool.Pool, within time.Duration, log *zap.Logger) error {
	ctx, cancel := context.WithTimeoutCause(ctx, within, fmt.Errorf("not reached within startWithin, %s", within))
	defer cancel()
	for wait := startWaitMin; ; wait = min(2*wait, startWaitMax) {
		err := pool.Ping(ctx)
		if err == nil {
			return nil
		}
		if !passes(err) {
			return err
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		}
		log.Info("postgres cannot be reached yet", zap.Error(err), zap.Duration("wait", wait))
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		case <-time.After(wait):
		}
	}
}

// passes reports whether waiting may mend err: the server is not there, is
// starting, or is full. Anything else that it says is about our configuration.
func passes(err error) bool {
	var said *pgconn.PgError
	if !errors.As(err, &said) {
		return true
	}
	return said.Code == "57P03" || said.Code == "57P01" || said.Code == "53300"
}
