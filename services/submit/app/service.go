package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"google.golang.org/grpc"

	apipb "github.com/fairlead-batch/fairlead/proto/gen/api"
	"github.com/fairlead-batch/fairlead/services/internal/auth"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/eventwire"
	"github.com/fairlead-batch/fairlead/services/internal/fault"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/internal/postgres"
	"github.com/fairlead-batch/fairlead/services/internal/rpc/frontdoor"
	"github.com/fairlead-batch/fairlead/services/internal/run"
	"github.com/fairlead-batch/fairlead/services/submit/internal/api"
	"github.com/fairlead-batch/fairlead/services/submit/internal/events"
	"github.com/fairlead-batch/fairlead/services/submit/internal/store"
)

// startRetry is how often a start is tried again while the log or the database is away.
const startRetry = time.Second

// Store keeps queues, claims and authors. The two that there are pass one suite.
type Store interface {
	events.Store
	api.Queues
}

// OpenStore brings the pool's schema up to date and gives the store in it. The pool
// is of postgres.Open with a schema of submit's own, and stays the caller's.
func OpenStore(ctx context.Context, pool *pgxpool.Pool) (Store, error) {
	if _, err := postgres.Migrate(ctx, pool, store.Migrations()); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	return store.New(pool), nil
}

// NewMemoryStore gives an empty store in memory, which the replicas of a simulation
// share.
func NewMemoryStore() Store { return store.NewMemory() }

// Clock is time, and the only way in which calls and steps wait for it.
type Clock = events.Clock

// RealClock is the machine's.
func RealClock() Clock { return Clock{Now: time.Now, Sleep: sleep, Timeout: context.WithTimeout} }

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Deps are what submit stands on. All but Alone and Metrics are needed.
type Deps struct {
	// Store stays the caller's.
	Store Store
	Log   eventlog.Log
	// Partitions is how many partitions the events stream of Log has.
	Partitions uint32
	Clock      Clock
	// NewID makes a ULID of a time. Safe for concurrent use.
	NewID     func(time.Time) [16]byte
	Authorize auth.Authorizer
	Logger    *zap.Logger
	// Alone runs a function while no other process of this installation does. Nil:
	// there is no other.
	Alone func(ctx context.Context, fn func(ctx context.Context) error) error
	// Metrics is where metrics are registered; one Service a registerer. Nil: nowhere.
	Metrics prometheus.Registerer
}

// Service is submit, made and not running.
type Service struct {
	cfg       Config
	deps      Deps
	publisher *events.Publisher
	server    *api.Server
}

// New puts it together. It does no I/O.
func New(cfg Config, deps Deps) (*Service, error) {
	if err := errors.Join(cfg.Submission.Validate(), cfg.Publishing.Validate()); err != nil {
		return nil, fmt.Errorf("check configuration: %w", err)
	}
	if deps.Alone == nil {
		deps.Alone = func(ctx context.Context, fn func(context.Context) error) error { return fn(ctx) }
	}
	publisher := events.New(cfg.Publishing.limits(deps.Partitions), events.Deps{
		Store: deps.Store, Log: deps.Log, Clock: deps.Clock, Metrics: deps.Metrics,
		NewID: func() [16]byte { return deps.NewID(deps.Clock.Now()) },
	})
	return &Service{
		cfg: cfg, deps: deps, publisher: publisher,
		server: api.New(api.Deps{
			Rules: cfg.Submission.rules(), Defaults: cfg.Submission.defaults(), Queues: deps.Store, Publisher: publisher,
			Ready: publisher.Ready, Auth: deps.Authorize, Now: deps.Clock.Now,
		}),
	}, nil
}

// API is submit's calls, for callers in the same process that have put a principal
// into the context (auth.With).
func (s *Service) API() interface {
	apipb.SubmitServer
	apipb.QueueServiceServer
} {
	return s.server
}

// Register puts submit's services on a server. GetQueueInfo is left to the front
// door: it is lookout's. What nobody has built yet answers Unimplemented.
func (s *Service) Register(on grpc.ServiceRegistrar) {
	on.RegisterService(frontdoor.Except(api.SubmitDesc(), "GetQueueInfo"), s.server)
	s.registerOthers(on)
}

// QueueInfo answers api.Submit/GetQueueInfo.
type QueueInfo func(context.Context, *apipb.QueueInfoRequest) (*apipb.QueueInfo, error)

// RegisterWith is Register for a process that has lookout in it, too.
func (s *Service) RegisterWith(on grpc.ServiceRegistrar, info QueueInfo) {
	on.RegisterService(api.SubmitDesc(), withQueueInfo{s.server, info})
	s.registerOthers(on)
}

// withQueueInfo is the whole of api.Submit.
type withQueueInfo struct {
	*api.Server
	info QueueInfo
}

// GetQueueInfo is lookout's.
func (s withQueueInfo) GetQueueInfo(ctx context.Context, req *apipb.QueueInfoRequest) (*apipb.QueueInfo, error) {
	return s.info(ctx, req)
}

func (s *Service) registerOthers(on grpc.ServiceRegistrar) {
	apipb.RegisterQueueServiceServer(on, s.server)
	apipb.RegisterRetryPolicyServiceServer(on, apipb.UnimplementedRetryPolicyServiceServer{})
	apipb.RegisterExecutorServer(on, apipb.UnimplementedExecutorServer{})
	apipb.RegisterNodeServer(on, apipb.UnimplementedNodeServer{})
}

// Parts are what has to run for the calls to be answered, in the order in which
// they start. The log comes before them, and the server after.
func (s *Service) Parts() []run.Part {
	return []run.Part{
		{Name: "author", Run: s.author, Ready: s.publisher.Ready},
		{Name: "relay", Run: s.repeated(s.cfg.Publishing.RelayEvery, s.RelayAll)},
		{Name: "janitor", Run: s.repeated(s.cfg.Publishing.SweepEvery, s.Sweep)},
	}
}

// Start sees to it that log and store belong together, and makes this process an
// author. The error wraps events.ErrMismatch when they do not; after a fault of
// kind Unavailable it may be called again.
func (s *Service) Start(ctx context.Context) error {
	p := s.cfg.Publishing
	want := eventwire.LogCreated{Installation: p.Installation, Incarnation: uint64(p.Incarnation), Partitions: s.deps.Partitions}
	if want.Installation == "" {
		want.Installation = job.ID(s.deps.NewID(s.deps.Clock.Now())).String()
	}
	if err := s.deps.Alone(ctx, func(ctx context.Context) error { return s.publisher.Agree(ctx, want) }); err != nil {
		return err
	}
	if err := s.publisher.Open(ctx); err != nil {
		return fmt.Errorf("open author: %w", err)
	}
	return nil
}

// Tend says that this process lives, and lets go of authors that it was before.
func (s *Service) Tend(ctx context.Context) error { return s.publisher.Tend(ctx) }

// RelayAll tells the other services of changes of queues that they do not know yet.
func (s *Service) RelayAll(ctx context.Context) error { return s.publisher.RelayAll(ctx) }

// Sweep does the janitor's round.
func (s *Service) Sweep(ctx context.Context) error { return s.publisher.Sweep(ctx) }

// Stop ends this process' author. Call it when all calls have ended.
func (s *Service) Stop(ctx context.Context) error { return s.publisher.Close(ctx) }

// author starts, tends, and at last stops.
func (s *Service) author(ctx context.Context) error {
	for {
		err := s.Start(ctx)
		if err == nil {
			break
		}
		if fault.KindOf(err) != fault.Unavailable && ctx.Err() == nil {
			return fmt.Errorf("start: %w", err)
		}
		s.deps.Logger.Warn("cannot start yet, trying again", zap.Error(err), zap.Duration("wait", startRetry))
		if err := s.deps.Clock.Sleep(ctx, startRetry); err != nil {
			return err
		}
	}
	err := s.repeated(s.cfg.Publishing.TendEvery, s.Tend)(ctx)
	stopCtx, cancel := s.deps.Clock.Timeout(context.WithoutCancel(ctx), s.cfg.Publishing.PublishTimeout)
	defer cancel()
	if stopErr := s.Stop(stopCtx); stopErr != nil {
		// The janitor of another process will do it; nothing acknowledged depends on it.
		s.deps.Logger.Warn("author was not closed", zap.Error(stopErr))
	}
	return err
}

// repeated is a part's Run that does a step again and again. A step that fails is
// logged, and tried again with the next.
func (s *Service) repeated(every time.Duration, step func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		for {
			if err := s.deps.Clock.Sleep(ctx, every); err != nil {
				return err
			}
			if s.publisher.Ready() != nil { // which the author part sees to
				continue
			}
			if err := step(ctx); err != nil && ctx.Err() == nil {
				s.deps.Logger.Warn("background work failed, trying again", zap.Error(err), zap.Duration("wait", every))
			}
		}
	}
}
