package app

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	apipb "github.com/fairlead-batch/fairlead/proto/gen/api"
	"github.com/fairlead-batch/fairlead/services/eventapi/internal/api"
	"github.com/fairlead-batch/fairlead/services/eventapi/internal/events"
	"github.com/fairlead-batch/fairlead/services/eventapi/internal/store"
	"github.com/fairlead-batch/fairlead/services/eventapi/internal/stream"
	"github.com/fairlead-batch/fairlead/services/internal/auth"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/project"
	"github.com/fairlead-batch/fairlead/services/internal/run"
)

// retainEvery is how often old days are dropped and tables of coming ones made,
// which are there two days ahead.
const retainEvery = time.Hour

// Deps are what the event API stands on. All but Metrics are needed.
type Deps struct {
	Log eventlog.Log
	// Partitions is how many partitions the events stream of Log has.
	Partitions uint32
	// Store stays the caller's.
	Store     Store
	Authorize auth.Authorizer
	// Holder names this process among the replicas; no other may ever have it.
	Holder string
	// Ready says why this process cannot work now; nil: it can. Usually the Ready of
	// the run.Group that has the parts.
	Ready  func() error
	Now    func() time.Time
	Logger *zap.Logger
	// Metrics is where metrics are registered; one App a registerer. Nil: nowhere.
	Metrics prometheus.Registerer
}

// App is the event API, made and not running.
type App struct {
	deps    Deps
	loop    *project.Loop
	catchup *project.Catchup
	live    *events.Live
	queues  *events.Queues
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
	a := &App{
		deps:    deps,
		catchup: project.NewCatchup(deps.Log, deps.Store.Keeper().Places, partitions),
		live: events.NewLive(events.LiveDeps{
			Source: deps.Log, Partitions: deps.Partitions, Load: deps.Store.Load, BufferBytes: int(cfg.WatchBuffer),
			Log: deps.Logger, Registerer: deps.Metrics,
		}),
		queues: events.NewQueues(deps.Log, cfg.CaughtUpWithin, deps.Logger),
	}
	var err error
	a.loop, err = project.NewLoop(deps.Store.Projection(), project.Deps{
		Name: store.Projection, Holder: deps.Holder, Partitions: partitions, Source: deps.Log, Keeper: deps.Store.Keeper(),
		Moved: a.catchup.Moved, Now: deps.Now, Log: deps.Logger, Registerer: deps.Metrics,
	})
	if err != nil {
		return nil, fmt.Errorf("make projection: %w", err)
	}
	a.server = api.New(api.Deps{
		Partitions: deps.Partitions, History: deps.Store, Catchup: a.catchup, Watch: a.watch, Grants: a.queues.Grants,
		Authorize: deps.Authorize, CaughtUpWithin: cfg.CaughtUpWithin, Ready: deps.Ready, Registerer: deps.Metrics,
	})
	return a, nil
}

// watch joins the live tail.
func (a *App) watch(ctx context.Context, set stream.Set) (api.Watcher, eventlog.Position, error) {
	watcher, at, err := a.live.Watch(ctx, set)
	if err != nil {
		return nil, eventlog.Position{}, err // not a nil *Watcher, which is no nil Watcher
	}
	return watcher, at, nil
}

// Register puts api.Event on a server.
func (a *App) Register(on grpc.ServiceRegistrar) { apipb.RegisterEventServer(on, a.server) }

// Parts are what has to run for the streams to be answered, in the order in which
// they start. The server comes after them.
func (a *App) Parts() []run.Part {
	return []run.Part{
		a.catchup.Part("catchup"),
		{Name: "projection", Run: a.projection, Ready: a.loop.Ready},
		a.queues.Part(),
		a.live.Part(),
	}
}

// projection moves the rows and makes and drops the tables that they lie in.
func (a *App) projection(ctx context.Context) error {
	if err := a.retain(ctx); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return a.loop.Run(ctx) })
	group.Go(func() error {
		for {
			if err := pause(ctx, retainEvery); err != nil {
				return err
			}
			if err := a.retain(ctx); err != nil {
				return err
			}
		}
	})
	return group.Wait()
}

// retain tries until it is done.
func (a *App) retain(ctx context.Context) error {
	for wait := project.RetryFirst; ; wait = min(2*wait, project.RetryMax) {
		err := a.deps.Store.Retain(ctx, a.deps.Now())
		if err == nil {
			return nil
		}
		if ctx.Err() == nil {
			a.deps.Logger.Warn("old events cannot be dropped, trying again", zap.Duration("wait", wait), zap.Error(err))
		}
		if err := pause(ctx, wait); err != nil {
			return err
		}
	}
}

func pause(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
