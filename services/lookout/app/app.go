package app

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"google.golang.org/grpc"

	apipb "github.com/fairlead-batch/fairlead/proto/gen/api"
	"github.com/fairlead-batch/fairlead/services/internal/auth"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/project"
	"github.com/fairlead-batch/fairlead/services/internal/run"
	"github.com/fairlead-batch/fairlead/services/lookout/internal/api"
)

// Deps are what lookout stands on. All but Grants and Metrics are needed.
type Deps struct {
	Log eventlog.Log
	// Partitions is how many partitions the events stream of Log has.
	Partitions uint32
	// Store stays the caller's.
	Store     Store
	Authorize auth.Authorizer
	// Grants says who may do what on a queue, and whether there is such a queue. Nil:
	// GetQueueInfo needs the global permission, and an unknown queue has no job sets.
	Grants func(ctx context.Context, queue string) ([]auth.Grant, bool, error)
	// Holder names this process among the replicas; no other may ever have it.
	Holder string
	Now    func() time.Time
	Logger *zap.Logger
	// Metrics is where metrics are registered. Nil: nowhere.
	Metrics prometheus.Registerer
}

// App is lookout, made and not running.
type App struct {
	loop    *project.Loop
	catchup *project.Catchup
	server  *api.Server
}

// New puts it together. It does no I/O.
func New(cfg Config, deps Deps) (*App, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("check configuration: %w", err)
	}
	partitions := make([]eventlog.Partition, deps.Partitions)
	for n := range deps.Partitions {
		partitions[n] = eventlog.Partition{Stream: eventlog.Events, Number: n}
	}
	a := &App{catchup: project.NewCatchup(deps.Log, deps.Store.Keeper().Places, partitions)}
	moved, err := deps.Store.Projection(len(partitions), deps.Metrics)
	if err != nil {
		return nil, fmt.Errorf("make projection: %w", err)
	}
	a.loop, err = project.NewLoop(moved, project.Deps{
		Name: projection, Holder: deps.Holder, Partitions: partitions, Source: deps.Log, Keeper: deps.Store.Keeper(),
		Moved: a.catchup.Moved, Now: deps.Now, Log: deps.Logger, Registerer: deps.Metrics,
	})
	if err != nil {
		return nil, fmt.Errorf("make projection: %w", err)
	}
	a.server = api.New(api.Deps{
		Partitions: deps.Partitions, Jobs: deps.Store, Active: deps.Store, Catchup: a.catchup, Grants: deps.Grants,
		Authorize: deps.Authorize, IDsMax: cfg.QueryItemsMax, CaughtUpWithin: cfg.CaughtUpWithin,
	})
	return a, nil
}

// Register puts api.Jobs on a server, and api.Submit with the one method that is
// lookout's. A server with an api.Submit of its own takes [App.RegisterJobs], and
// answers that method by [App.GetQueueInfo].
func (a *App) Register(on grpc.ServiceRegistrar) {
	a.RegisterJobs(on)
	a.server.RegisterQueueInfo(on)
}

// RegisterJobs puts api.Jobs on a server.
func (a *App) RegisterJobs(on grpc.ServiceRegistrar) { apipb.RegisterJobsServer(on, a.server) }

// GetQueueInfo answers api.Submit/GetQueueInfo. ctx is that of a call that went
// through package rpc.
func (a *App) GetQueueInfo(ctx context.Context, req *apipb.QueueInfoRequest) (*apipb.QueueInfo, error) {
	return a.server.GetQueueInfo(ctx, req)
}

// Parts are what has to run for calls to be answered, in the order in which they
// start. The server comes after them.
func (a *App) Parts() []run.Part {
	return []run.Part{a.catchup.Part("lookout catchup"), a.loop.Part()}
}
