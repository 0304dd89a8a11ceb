package app

import (
	"context"
	"fmt"
	"time"

	"github.com/oklog/ulid/v2"
	"google.golang.org/grpc"

	apipb "github.com/fairlead-batch/fairlead/proto/gen/api"
	"github.com/fairlead-batch/fairlead/proto/gen/binoculars"
	eventapi "github.com/fairlead-batch/fairlead/services/eventapi/app"
	executor "github.com/fairlead-batch/fairlead/services/executor/app"
	"github.com/fairlead-batch/fairlead/services/internal/auth"
	"github.com/fairlead-batch/fairlead/services/internal/postgres"
	"github.com/fairlead-batch/fairlead/services/internal/rpc"
	lookout "github.com/fairlead-batch/fairlead/services/lookout/app"
	scheduler "github.com/fairlead-batch/fairlead/services/scheduler/app"
	submit "github.com/fairlead-batch/fairlead/services/submit/app"
)

// addServices makes the services on the log, each with its own schema, and the
// server that all of them answer on.
func (p *process) addServices(ctx context.Context) (err error) {
	p.server, err = rpc.NewServer(p.cfg.GRPC, rpc.Deps{
		Auth: auth.Anonymous{}, Log: p.logger, Metrics: p.metrics, Now: time.Now,
		NewID: func() string { return ulid.Make().String() }, Ready: p.group.Ready,
	})
	if err != nil {
		return fmt.Errorf("make gRPC server: %w", err)
	}
	for _, add := range []func(context.Context) error{p.addSubmit, p.addScheduler, p.addEventAPI, p.addLookout, p.addExecutors} {
		if err := add(ctx); err != nil {
			return err
		}
	}
	// What nobody answers yet says so.
	binoculars.RegisterBinocularsServer(p.server, binoculars.UnimplementedBinocularsServer{})
	return nil
}

func newID(at time.Time) [16]byte { return ulid.MustNew(ulid.Timestamp(at), ulid.DefaultEntropy()) }

func (p *process) addSubmit(ctx context.Context) error {
	pool, err := p.db.pool(ctx, "submit")
	if err != nil {
		return err
	}
	store, err := submit.OpenStore(ctx, pool)
	if err != nil {
		return fmt.Errorf("open submit: %w", err)
	}
	service, err := submit.New(p.cfg.Submit, submit.Deps{
		Store: store, Log: p.log, Partitions: p.cfg.Partitions, Clock: submit.RealClock(), NewID: newID,
		Authorize: auth.AllowAll{}, Logger: p.logger.Named("submit"), Metrics: p.of("submit"),
	})
	if err != nil {
		return fmt.Errorf("make submit: %w", err)
	}
	service.RegisterWith(p.server, func(ctx context.Context, req *apipb.QueueInfoRequest) (*apipb.QueueInfo, error) {
		return p.lookout.GetQueueInfo(ctx, req)
	})
	p.group.Add(service.Parts()...)
	return nil
}

func (p *process) addScheduler(ctx context.Context) error {
	pool, err := p.db.pool(ctx, "scheduler")
	if err != nil {
		return err
	}
	if _, err := postgres.Migrate(ctx, pool, scheduler.Migrations()); err != nil {
		return fmt.Errorf("open scheduler: %w", err)
	}
	service := scheduler.New(p.cfg.Scheduler, scheduler.Deps{
		Log: p.log, Partitions: p.cfg.Partitions, Leader: scheduler.NewPostgresLeader(pool, "scheduler"),
		Snapshots: scheduler.NewPostgresSnapshots(pool, "scheduler"),
		Now:       time.Now, NewID: newID, Logger: p.logger.Named("scheduler"), Metrics: p.of("scheduler"),
	})
	service.Register(p.server)
	p.group.Add(service.Parts()...)
	return nil
}

func (p *process) addEventAPI(ctx context.Context) error {
	pool, err := p.db.pool(ctx, "eventapi")
	if err != nil {
		return err
	}
	store, err := eventapi.OpenStore(ctx, pool, p.cfg.Partitions, p.cfg.EventAPI)
	if err != nil {
		return fmt.Errorf("open eventapi: %w", err)
	}
	p.db.closeFirst(store.Close)
	service, err := eventapi.New(p.cfg.EventAPI, eventapi.Deps{
		Log: p.log, Partitions: p.cfg.Partitions, Store: store, Authorize: auth.AllowAll{}, Holder: p.holder(),
		Ready: p.group.Ready, Now: time.Now, Logger: p.logger.Named("eventapi"), Metrics: p.of("eventapi"),
	})
	if err != nil {
		return fmt.Errorf("make eventapi: %w", err)
	}
	service.Register(p.server)
	p.group.Add(service.Parts()...)
	return nil
}

// holder names this process among those that could move a projection. The embedded
// database is for one process at a time, so there the name may stay, and the next
// start need not wait until the lease of a killed one has run out.
func (p *process) holder() string {
	if p.db.server != nil {
		return "standalone"
	}
	return ulid.Make().String()
}

func (p *process) addLookout(ctx context.Context) error {
	pool, err := p.db.pool(ctx, "lookout")
	if err != nil {
		return err
	}
	store, err := lookout.OpenStore(ctx, pool)
	if err != nil {
		return fmt.Errorf("open lookout: %w", err)
	}
	p.lookout, err = lookout.New(p.cfg.Lookout, lookout.Deps{
		Log: p.log, Partitions: p.cfg.Partitions, Store: store, Authorize: auth.AllowAll{},
		Holder: p.holder(), Now: time.Now, Logger: p.logger.Named("lookout"), Metrics: p.of("lookout"),
	})
	if err != nil {
		return fmt.Errorf("make lookout: %w", err)
	}
	p.lookout.RegisterJobs(p.server)
	p.group.Add(p.lookout.Parts()...)
	return nil
}

func (p *process) addExecutors(context.Context) error {
	for _, cluster := range p.cfg.Clusters {
		service, err := executor.NewService(cluster.executor(), executor.Deps{
			NewID: newID, Now: time.Now, Logger: p.logger.Named("executor"), Registry: p.of("executor-" + cluster.Name),
			Dial: func(context.Context, string) (*grpc.ClientConn, error) {
				return p.server.Loopback(rpc.DefaultClientConfig(""))
			},
		})
		if err != nil {
			return fmt.Errorf("make executor %s: %w", cluster.Name, err)
		}
		for _, part := range service.Parts() {
			part.Name += " " + cluster.Name
			p.group.Add(part)
		}
	}
	return nil
}
