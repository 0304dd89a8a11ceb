// Package app puts the scheduler together: the core of package lead with the log,
// the leader lock, and the executor streams around it.
//
// # Model
//
// A process leads in terms. A term makes a new core from the stored snapshot, reads
// the log from there, waits for the leader lock, and leads until it is deposed, loses
// the lock, or finds an own entry unread for too long. Then everything it had ahead of
// the log is thrown away, and the next term begins. One goroutine steps the core;
// others hand it what the log, the lock and executors say. Questions of users are answered
// between two steps; a what-if takes a copy of the state along. A follower is ready when
// it has read what the log held as its term began, so that it could lead at once.
//
// A replica stores a snapshot of its state when the stored one is too far behind, which
// bounds what a start reads, and lets the log forget what stands before it.
//
// # When a neighbour fails
//
//   - The log is away: appends and reads wait; after publishTimeout the leader steps
//     down. Runs go on in their clusters.
//   - Postgres is away: the lock cannot be checked, so heartbeats are not answered
//     and the leader steps down; executors make no new pods once their start window
//     is over.
//   - An executor is away: its runs are kept until executorTimeout, then given up.
package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"google.golang.org/grpc"

	executorv1 "github.com/fairlead-batch/fairlead/proto/gen/fairlead/executor/v1"
	schedulerv1 "github.com/fairlead-batch/fairlead/proto/gen/fairlead/scheduler/v1"
	"github.com/fairlead-batch/fairlead/proto/gen/schedulerobjects"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/internal/run"
	"github.com/fairlead-batch/fairlead/services/scheduler/internal/api"
)

// Deps are what a scheduler stands on. All but Metrics are needed.
type Deps struct {
	Log eventlog.Log
	// Partitions is how many partitions the events stream of Log has.
	Partitions uint32
	Leader     Leader
	Snapshots  Snapshots
	// Now tells the time.
	Now func() time.Time
	// NewID makes a ULID of a time. Safe for concurrent use.
	NewID  func(time.Time) [16]byte
	Logger *zap.Logger
	// Metrics is where metrics are registered; one Service a registerer. Nil: nowhere.
	Metrics prometheus.Registerer
}

// Leader decides which process may lead.
type Leader interface {
	// Lock waits until this process holds the leader lock.
	Lock(ctx context.Context) (Lock, error)
	// TakeEpoch takes an epoch above every one taken before and above this.
	TakeEpoch(ctx context.Context, above uint64) (uint64, error)
}

// Lock is a held leader lock.
type Lock interface {
	// Check says whether it was still held when it was called.
	Check(ctx context.Context) error
	Release()
}

// Service is a scheduler. Register it, then run its parts.
type Service struct {
	cfg    Config
	deps   Deps
	server *api.Server
	// questions and reporting answer who asks; asks is how they reach the core.
	questions *api.Questions
	reporting *api.Reporting
	asks      chan question
	rounds    rounds
	// standing is what others see of the present term.
	standing standing
}

// New makes a scheduler. The configuration was validated.
func New(cfg Config, deps Deps) *Service {
	s := &Service{cfg: cfg, deps: deps, server: api.New(), asks: make(chan question)}
	s.questions = api.NewQuestions(api.Mind{Ask: s.ask, Rounds: s.rounds.newestFirst, Now: deps.Now},
		api.Limits{JobsPerSecond: cfg.Questions.JobsPerSecond, WhatIfs: cfg.Questions.WhatIfsMax})
	s.reporting = api.NewReporting(s.questions)
	if deps.Metrics != nil {
		deps.Metrics.MustRegister(newCollector(&s.standing))
	}
	return s
}

// Register adds the executor stream to a server, and what answers questions.
func (s *Service) Register(r grpc.ServiceRegistrar) {
	executorv1.RegisterExecutorServiceServer(r, s.server)
	schedulerv1.RegisterExplainServiceServer(r, s.questions)
	schedulerobjects.RegisterSchedulerReportingServer(r, s.reporting)
}

// Parts are what has to run.
func (s *Service) Parts() []run.Part {
	return []run.Part{{Name: "scheduler", Run: s.run, Ready: s.standing.ready}}
}

// run leads in terms until it is told to stop.
func (s *Service) run(ctx context.Context) error {
	for {
		err := s.runTerm(ctx)
		s.standing.over()
		if ctx.Err() != nil {
			return nil //nolint:nilerr // told to stop
		}
		if !errors.Is(err, errStepDown) {
			return fmt.Errorf("lead: %w", err)
		}
	}
}

func (s *Service) newID(at job.Time) [16]byte { return s.deps.NewID(time.Unix(0, int64(at))) }
