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
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"google.golang.org/grpc"

	"github.com/fairlead-batch/fairlead/services/internal/auth"
	"github.com/fairlead-batch/fairlead/services/internal/fault"
	"github.com/fairlead-batch/fairlead/services/internal/postgres"
	"github.com/fairlead-batch/fairlead/services/internal/process"
	"github.com/fairlead-batch/fairlead/services/internal/rpc"
	"github.com/fairlead-batch/fairlead/services/internal/rpc/frontdoor"
	"github.com/fairlead-batch/fairlead/services/internal/rpc/rest"
)

// ProcessConfig is what an operator may set on submit as a process of its own.
type ProcessConfig struct {
	// Submission and Publishing are Config's.
	Submission Submission
	Publishing Publishing
	// Config is that of every process; its gRPC port is the public one.
	process.Config `koanf:",squash"`
	// HTTP is the public port of REST, for all services behind the front door. Default
	// :8080.
	HTTP rpc.HTTPConfig
	// Backends are the services behind the front door, by a name of yours. Default none.
	Backends map[string]Backend
	// Routes is the front door's table: a service (api.Event) or a full method
	// (/api.Submit/GetQueueInfo) to the name of a backend. Default none: what submit
	// does not serve itself is Unimplemented.
	Routes map[string]string
}

// Backend is a service behind the front door.
type Backend struct {
	// Target is a gRPC target: host:port, or dns:///host:port for all addresses of a name.
	Target string
	// TLS is off by default.
	TLS rpc.ClientTLS
}

// DefaultProcessConfig returns what is used where the operator says nothing.
func DefaultProcessConfig() ProcessConfig {
	core := DefaultConfig()
	return ProcessConfig{Submission: core.Submission, Publishing: core.Publishing, Config: process.DefaultConfig("submit"), HTTP: rpc.DefaultHTTPConfig(":8080")}
}

// Validate implements config.Validator.
func (c ProcessConfig) Validate() error {
	var check fault.Check
	process.CheckStopWithin(&check, c.StopWithin)
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

// Migrate brings the database of the service up to date.
func Migrate(ctx context.Context, cfg ProcessConfig, logger *zap.Logger) error {
	p := process.New(cfg.StopWithin, process.Deps{Logger: logger, Metrics: prometheus.NewRegistry(), Now: time.Now})
	defer p.Close()
	pool, err := p.Postgres(ctx, cfg.Postgres)
	if err != nil {
		return err
	}
	_, err = OpenStore(ctx, pool)
	return err
}

// Run serves submit and the front door until ctx is done, and returns why a part
// failed.
func Run(ctx context.Context, cfg ProcessConfig, logger *zap.Logger, metrics process.Registry) error {
	p := process.New(cfg.StopWithin, process.Deps{Logger: logger, Metrics: metrics, Now: time.Now})
	defer p.Close()
	pool, err := p.Postgres(ctx, cfg.Postgres)
	if err != nil {
		return err
	}
	rows, err := OpenStore(ctx, pool)
	if err != nil {
		return err
	}
	log, err := p.Log(ctx, cfg.Log, cfg.Publishing.Incarnation)
	if err != nil {
		return err
	}
	service, err := New(Config{Submission: cfg.Submission, Publishing: cfg.Publishing}, Deps{
		Store: rows, Log: log, Partitions: cfg.Log.Partitions, Clock: RealClock(), Logger: logger, Metrics: metrics,
		NewID: process.NewID, Authorize: auth.AllowAll{}, Alone: alone(pool),
	})
	if err != nil {
		return err
	}
	table, closeBackends, err := dial(cfg)
	if err != nil {
		return err
	}
	p.OnClose(closeBackends)
	door := frontdoor.New(table)
	p.OnClose(door.Wait)
	return p.ServePublic(ctx, cfg.Config, service, process.Public{HTTP: cfg.HTTP, Handler: rest.Handler}, door.ServerOptions()...)
}

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
