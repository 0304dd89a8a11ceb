// Package app is the whole of Fairlead in one process: submit, scheduler, executor,
// eventapi and lookout over one log in an embedded Postgres, with simulated clusters.
//
// # Model
//
//	gRPC :50051, REST :8080
//	  |
//	submit   eventapi   lookout   scheduler <- executor (simulated cluster), in memory
//	  \          |         |         /
//	         the log (pglog), a schema for each
//	              embedded Postgres, in the data folder
//
// The services are those of production; what differs is what they stand on. Nothing
// is kept outside of the data folder.
//
// # Guarantees
//
// What was acknowledged is there after a kill -9 or a crash of the machine: the next
// start goes on where this one ended. The pods of a simulated cluster are in memory
// only: they end with the process, and their jobs fail as those of a lost node do.
//
// # When a neighbour fails
//
// A part that fails ends the process, which the next start repairs; so does the
// embedded database.
package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog/pglog"
	"github.com/fairlead-batch/fairlead/services/internal/rpc"
	"github.com/fairlead-batch/fairlead/services/internal/rpc/rest"
	"github.com/fairlead-batch/fairlead/services/internal/run"
	lookout "github.com/fairlead-batch/fairlead/services/lookout/app"
)

const (
	// stopWithin is how long the process may take to stop, the database not counted.
	stopWithin = 20 * time.Second
	// readyEvery is how often a start is looked at.
	readyEvery = 20 * time.Millisecond
	// connectionsMax is how many connections each service may have.
	connectionsMax = 16
)

// Registry takes metrics and gives them out again.
type Registry interface {
	prometheus.Registerer
	prometheus.Gatherer
}

// Addresses are where a running Fairlead listens.
type Addresses struct{ GRPC, HTTP net.Addr }

// Run serves until ctx is done, and returns why a part failed. started is called
// once, when every part is ready; nil: nobody wants to know.
func Run(ctx context.Context, cfg Config, logger *zap.Logger, metrics Registry, started func(Addresses)) (err error) {
	db, err := openDatabase(ctx, cfg, logger, metrics)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.close(ctx)) }()
	p := &process{cfg: cfg, logger: logger, metrics: metrics, db: db, group: run.New(stopWithin, run.Observe(logger, metrics))}
	p.group.Add(run.Part{Name: "database", Run: db.run})
	if err := p.openLog(ctx); err != nil {
		return err
	}
	if err := p.addServices(ctx); err != nil {
		return err
	}
	if err := p.addServers(ctx, started); err != nil {
		return err
	}
	return p.group.Run(ctx)
}

// process is what the services are put together in.
type process struct {
	cfg     Config
	logger  *zap.Logger
	metrics Registry
	db      *database
	group   *run.Group
	log     *pglog.Log
	server  *rpc.Server
	lookout *lookout.App
}

// of is the metrics of one service.
func (p *process) of(service string) prometheus.Registerer {
	return prometheus.WrapRegistererWith(prometheus.Labels{"service": service}, p.metrics)
}

func (p *process) openLog(ctx context.Context) error {
	pool, err := p.db.pool(ctx, "log")
	if err != nil {
		return err
	}
	p.log, err = pglog.Open(ctx, pool, pglog.Config{Partitions: p.cfg.Partitions}, pglog.Deps{Log: p.logger, Registerer: p.metrics})
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	p.group.Add(
		run.Part{Name: "log", Run: p.log.Run, Ready: p.log.Ready},
		run.Part{Name: "trim", Run: func(ctx context.Context) error { return p.log.KeepTrimmed(ctx, time.Now) }})
	return nil
}

// addServers makes the gRPC server, on its port and inside the process, and the
// HTTP server.
func (p *process) addServers(ctx context.Context, started func(Addresses)) error {
	loop, err := p.server.Loopback(rpc.DefaultClientConfig(""))
	if err != nil {
		return fmt.Errorf("connect inside the process: %w", err)
	}
	gateway, err := rest.Handler(ctx, loop)
	if err != nil {
		return err
	}
	health := rpc.Health{Ready: p.group.Ready, Alive: func() error { return nil }} // a part that fails ends the process
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", rpc.Ops(health, p.metrics))
	mux.Handle("/", rpc.Public(health, gateway))
	public, err := rpc.NewHTTP(p.cfg.HTTP, mux, p.logger)
	if err != nil {
		return fmt.Errorf("make http server: %w", err)
	}
	at := Addresses{}
	if at.GRPC, err = p.server.Listen(ctx); err != nil {
		return err
	}
	if at.HTTP, err = public.Listen(ctx); err != nil {
		return err
	}
	p.group.Add(
		run.Part{Name: "grpc", Run: p.server.Run},
		run.Part{Name: "http", Run: public.Run},
		run.Part{Name: "rest", Run: func(ctx context.Context) error { // closes what the gateway calls through
			<-ctx.Done()
			return loop.Close()
		}})
	if started != nil {
		p.group.Add(run.Part{Name: "announcement", Run: func(ctx context.Context) error { return p.announce(ctx, at, started) }})
	}
	return nil
}

// announce says where we listen as soon as every part is ready.
func (p *process) announce(ctx context.Context, at Addresses, started func(Addresses)) error {
	tick := time.NewTicker(readyEvery)
	defer tick.Stop()
	for p.group.Ready() != nil {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
	started(at)
	<-ctx.Done()
	return nil
}
