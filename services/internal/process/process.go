package process

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/oklog/ulid/v2"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"google.golang.org/grpc"

	"github.com/fairlead-batch/fairlead/services/internal/auth"
	"github.com/fairlead-batch/fairlead/services/internal/postgres"
	"github.com/fairlead-batch/fairlead/services/internal/rpc"
	"github.com/fairlead-batch/fairlead/services/internal/run"
)

// Registry takes metrics and gives them out again.
type Registry interface {
	prometheus.Registerer
	prometheus.Gatherer
}

// Deps are what a process stands on. All are needed.
type Deps struct {
	Logger *zap.Logger
	// Metrics is the process' own: one process a registry.
	Metrics Registry
	// Now tells the time.
	Now func() time.Time
}

// Process holds the parts of one process, and what they stand on. Make it with New,
// and close it in any case. It is for one goroutine.
type Process struct {
	deps    Deps
	group   *run.Group
	closers []func()
}

// New makes a process without parts, which may take stopWithin to stop. The caller
// closes it.
func New(stopWithin time.Duration, deps Deps) *Process {
	return &Process{deps: deps, group: run.New(stopWithin, run.Observe(deps.Logger, deps.Metrics))}
}

// Postgres opens a pool, which Close closes.
func (p *Process) Postgres(ctx context.Context, cfg postgres.Config) (*pgxpool.Pool, error) {
	pool, err := postgres.Open(ctx, cfg, postgres.Deps{Log: p.deps.Logger, Registerer: p.deps.Metrics, Now: p.deps.Now})
	if err != nil {
		return nil, fmt.Errorf("open postgres, schema %s: %w", cfg.Schema, err)
	}
	p.OnClose(pool.Close)
	return pool, nil
}

// OnClose has something done by Close, before what was opened earlier is closed.
func (p *Process) OnClose(do func()) { p.closers = append(p.closers, do) }

// Add appends parts, in the order in which they start.
func (p *Process) Add(parts ...run.Part) { p.group.Add(parts...) }

// Ready says why the process cannot work now, nil when it can. Safe for concurrent
// use.
func (p *Process) Ready() error { return p.group.Ready() }

// Ops adds the server of health and metrics.
func (p *Process) Ops(cfg rpc.HTTPConfig) error {
	alive := func() error { return nil } // a part that fails ends the process
	server, err := rpc.NewHTTP(cfg, rpc.Ops(rpc.Health{Ready: p.Ready, Alive: alive}, p.deps.Metrics), p.deps.Logger)
	if err != nil {
		return fmt.Errorf("make ops server: %w", err)
	}
	p.Add(run.Part{Name: "ops", Run: server.Run})
	return nil
}

// Service is what a process serves.
type Service interface {
	// Parts are what has to run for calls to be answered, in the order in which they
	// start.
	Parts() []run.Part
	// Register puts the calls on a server.
	Register(on grpc.ServiceRegistrar)
}

// Serve adds a service's parts and the two servers, and runs all parts until ctx is
// done. It returns why one failed. It is called once.
func (p *Process) Serve(ctx context.Context, cfg Config, service Service, options ...grpc.ServerOption) error {
	if _, err := p.prepare(cfg, service, options); err != nil {
		return err
	}
	return p.Run(ctx)
}

// Public is the REST side of a process that stands at the public address.
type Public struct {
	// HTTP is its port.
	HTTP rpc.HTTPConfig
	// Handler makes what answers there, as a client of the process' own gRPC server.
	Handler func(context.Context, grpc.ClientConnInterface) (http.Handler, error)
}

// ServePublic is Serve with a REST side.
func (p *Process) ServePublic(ctx context.Context, cfg Config, service Service, public Public, options ...grpc.ServerOption) error {
	server, err := p.prepare(cfg, service, options)
	if err != nil {
		return err
	}
	if err := p.public(ctx, server, public); err != nil {
		return err
	}
	return p.Run(ctx)
}

// prepare adds a service's parts and the two servers.
func (p *Process) prepare(cfg Config, service Service, options []grpc.ServerOption) (*rpc.Server, error) {
	p.Add(service.Parts()...)
	if err := p.Ops(cfg.Ops); err != nil {
		return nil, err
	}
	return p.grpc(cfg.GRPC, service, options)
}

// public adds the REST side. It lets work in, so it comes behind the server of calls.
func (p *Process) public(ctx context.Context, server *rpc.Server, public Public) error {
	loop, err := server.Loopback(rpc.DefaultClientConfig(""))
	if err != nil {
		return fmt.Errorf("connect inside the process: %w", err)
	}
	p.OnClose(func() { _ = loop.Close() }) // nothing is called through it any more
	handler, err := public.Handler(ctx, loop)
	if err != nil {
		return err
	}
	alive := func() error { return nil } // a part that fails ends the process
	rest, err := rpc.NewHTTP(public.HTTP, rpc.Public(rpc.Health{Ready: p.Ready, Alive: alive}, handler), p.deps.Logger)
	if err != nil {
		return fmt.Errorf("make http server: %w", err)
	}
	p.Add(run.Part{Name: "http", Run: rest.Run})
	return nil
}

// grpc adds the server of calls. It lets work in, so it comes last.
func (p *Process) grpc(cfg rpc.Config, service Service, options []grpc.ServerOption) (*rpc.Server, error) {
	server, err := rpc.NewServer(cfg, rpc.Deps{
		Auth: auth.Anonymous{}, Log: p.deps.Logger, Metrics: p.deps.Metrics, Now: p.deps.Now,
		NewID: NewName, Ready: p.Ready, Options: options,
	})
	if err != nil {
		return nil, fmt.Errorf("make gRPC server: %w", err)
	}
	service.Register(server)
	p.Add(run.Part{Name: "grpc", Run: server.Run})
	return server, nil
}

// Run runs the parts until ctx is done, and returns why one failed. It is for a
// process without calls, and called once; others take Serve.
func (p *Process) Run(ctx context.Context) error { return p.group.Run(ctx) }

// Close closes what was opened, the last one first. Call it when Run has returned,
// or instead of Run.
func (p *Process) Close() {
	for _, closeIt := range slices.Backward(p.closers) {
		closeIt()
	}
	p.closers = nil
}

// NewID makes a ULID of a time. Safe for concurrent use.
func NewID(at time.Time) [16]byte { return ulid.MustNew(ulid.Timestamp(at), ulid.DefaultEntropy()) }

// NewName makes a name that nobody has had, such as that of a process among its
// replicas: a ULID of now. Safe for concurrent use.
func NewName() string { return ulid.Make().String() }
