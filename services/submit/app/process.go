package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/oklog/ulid/v2"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"google.golang.org/grpc"

	"github.com/fairlead-batch/fairlead/services/internal/auth"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog/pglog"
	"github.com/fairlead-batch/fairlead/services/internal/fault"
	"github.com/fairlead-batch/fairlead/services/internal/postgres"
	"github.com/fairlead-batch/fairlead/services/internal/rpc"
	"github.com/fairlead-batch/fairlead/services/internal/rpc/frontdoor"
	"github.com/fairlead-batch/fairlead/services/internal/run"
)

// ProcessConfig is what an operator may set on submit as a process of its own.
type ProcessConfig struct {
	// Submission and Publishing are Config's.
	Submission Submission
	Publishing Publishing
	// Log is where the log is.
	Log LogConfig
	// Postgres is the database of the service. Default schema: submit.
	Postgres postgres.Config
	// GRPC is the public port. Default :50051.
	GRPC rpc.Config
	// Ops is the port of metrics and health. Default :9090.
	Ops rpc.HTTPConfig
	// Backends are the services behind the front door, by a name of yours. Default none.
	Backends map[string]Backend
	// Routes is the front door's table: a service (api.Event) or a full method
	// (/api.Submit/GetQueueInfo) to the name of a backend. Default none: what submit
	// does not serve itself is Unimplemented.
	Routes map[string]string
	// StopWithin is how long the process may take to stop. Default 30s.
	StopWithin time.Duration
}

// Backend is a service behind the front door.
type Backend struct {
	// Target is a gRPC target: host:port, or dns:///host:port for all addresses of a name.
	Target string
	// TLS is off by default.
	TLS rpc.ClientTLS
}

// LogConfig says where the log is.
type LogConfig struct {
	// Partitions is how many the events stream has. It is agreed at the very first
	// start and cannot be changed. Default 16.
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
	core := DefaultConfig()
	return ProcessConfig{
		Submission: core.Submission,
		Publishing: core.Publishing,
		Log:        LogConfig{Partitions: 16, Postgres: postgres.Config{Schema: "log"}},
		Postgres:   postgres.Config{Schema: "submit"},
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
	for _, route := range slices.Sorted(maps.Keys(c.Routes)) {
		if _, known := c.Backends[c.Routes[route]]; !known {
			check.Violate(fmt.Sprintf("routes[%s]", route), c.Routes[route], "must be one of backends")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Backends)) {
		if c.Backends[name].Target == "" {
			check.Violate(fmt.Sprintf("backends[%s].target", name), "", "must be set")
		}
	}
	return check.Err()
}

// Registry takes metrics and gives them out again.
type Registry interface {
	prometheus.Registerer
	prometheus.Gatherer
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

// Run serves submit and the front door until ctx is done, and returns why a part
// failed.
func Run(ctx context.Context, cfg ProcessConfig, logger *zap.Logger, metrics Registry) error {
	watched := postgres.Deps{Log: logger, Registerer: metrics, Now: time.Now}
	pool, err := postgres.Open(ctx, cfg.Postgres, watched)
	if err != nil {
		return fmt.Errorf("open postgres: %w", err)
	}
	defer pool.Close()
	rows, err := OpenStore(ctx, pool)
	if err != nil {
		return err
	}
	logPool, err := postgres.Open(ctx, cfg.Log.Postgres, watched)
	if err != nil {
		return fmt.Errorf("open postgres of the log: %w", err)
	}
	defer logPool.Close()
	log, err := pglog.Open(ctx, logPool, pglog.Config{Partitions: cfg.Log.Partitions, Incarnation: cfg.Publishing.Incarnation},
		pglog.Deps{Log: logger, Registerer: metrics})
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	service, err := New(Config{Submission: cfg.Submission, Publishing: cfg.Publishing}, Deps{
		Store: rows, Log: log, Partitions: cfg.Log.Partitions, Clock: RealClock(), Logger: logger, Metrics: metrics,
		NewID:     newULID,
		Authorize: auth.AllowAll{}, Alone: alone(pool),
	})
	if err != nil {
		return err
	}
	group := run.New(cfg.StopWithin, run.Observe(logger, metrics))
	group.Add(run.Part{Name: "log", Run: log.Run, Ready: log.Ready})
	group.Add(service.Parts()...)
	table, closeBackends, err := dial(cfg)
	if err != nil {
		return err
	}
	defer closeBackends()
	door := frontdoor.New(table)
	servers, err := serve(service, cfg, metrics, rpc.Deps{
		Auth: auth.Anonymous{}, Log: logger, Metrics: metrics, Now: time.Now,
		NewID: func() string { return ulid.Make().String() }, Ready: group.Ready, Options: door.ServerOptions(),
	})
	if err != nil {
		return err
	}
	group.Add(servers...)
	err = group.Run(ctx)
	door.Wait()
	return err
}

func newULID(at time.Time) [16]byte { return ulid.MustNew(ulid.Timestamp(at), ulid.DefaultEntropy()) }

// alone holds the lock under which the schema is migrated, so that of several
// processes that start for the first time one writes the log's first entry.
func alone(pool *pgxpool.Pool) func(context.Context, func(context.Context) error) error {
	return func(ctx context.Context, fn func(context.Context) error) error {
		return postgres.UnderLock(ctx, pool, postgres.MigrationLock, func(ctx context.Context, _ *pgx.Conn) error { return fn(ctx) })
	}
}

// dial connects to the backends. Connections are made as they are needed: a backend
// need not be there.
func dial(cfg ProcessConfig) (frontdoor.Table, func(), error) {
	conns := map[string]*grpc.ClientConn{}
	closeAll := func() {
		for _, conn := range conns {
			_ = conn.Close() // ends calls that are under way, which the server has done already
		}
	}
	for name, backend := range cfg.Backends {
		client := rpc.DefaultClientConfig(backend.Target)
		client.TLS = backend.TLS
		conn, err := rpc.Dial(client)
		if err != nil {
			closeAll()
			return nil, nil, fmt.Errorf("dial backend %s: %w", name, err)
		}
		conns[name] = conn
	}
	table := frontdoor.Table{}
	for route, name := range cfg.Routes {
		conn, known := conns[name]
		if !known {
			closeAll()
			return nil, nil, errors.New("route " + route + " leads to no backend")
		}
		table[route] = conn
	}
	return table, closeAll, nil
}

// serve makes the two servers.
func serve(service *Service, cfg ProcessConfig, metrics prometheus.Gatherer, deps rpc.Deps) ([]run.Part, error) {
	server, err := rpc.NewServer(cfg.GRPC, deps)
	if err != nil {
		return nil, fmt.Errorf("make gRPC server: %w", err)
	}
	service.Register(server)
	alive := func() error { return nil } // a part that fails ends the process
	ops, err := rpc.NewHTTP(cfg.Ops, rpc.Ops(rpc.Health{Ready: deps.Ready, Alive: alive}, metrics), deps.Log)
	if err != nil {
		return nil, fmt.Errorf("make ops server: %w", err)
	}
	return []run.Part{{Name: "ops", Run: ops.Run}, {Name: "grpc", Run: server.Run}}, nil
}
