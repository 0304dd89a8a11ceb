package app

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"google.golang.org/grpc"

	"github.com/fairlead-batch/fairlead/services/executor/internal/kube"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/internal/process"
	"github.com/fairlead-batch/fairlead/services/internal/rpc"
	"github.com/fairlead-batch/fairlead/services/internal/run"
)

// The limits of the loop around the core.
const (
	// inboxMax is how many inputs wait for the core; whoever has one more waits.
	inboxMax = 4096
	// stepInputsMax is how many inputs one step takes.
	stepInputsMax = 1024
	// sendMax is how many messages wait for one scheduler; with one more its stream is
	// closed.
	sendMax = 4096
)

// Deps are what an executor stands on. New needs NewID, and Now where the cluster is
// kept in a journal; NewService all but Cluster.
type Deps struct {
	// NewID makes a ULID of a time: the names of sessions.
	NewID func(time.Time) [16]byte
	// Cluster outlives the executor, for simulation; nil: one is made as configured. It is
	// not looked at where Config.Cluster is kubernetes.
	Cluster *Cluster
	// Now tells the time, with the monotonic clock's reading where there is one.
	Now func() time.Time
	// Dial connects to a scheduler; the service closes the connection. It does not
	// wait until the connection is up.
	Dial   func(ctx context.Context, target string) (*grpc.ClientConn, error)
	Logger *zap.Logger
	// Registry gets the metrics, each with the executor's name as a label.
	Registry prometheus.Registerer
}

// Run runs an executor of the configuration until ctx is done, and returns why a
// part failed.
func Run(ctx context.Context, cfg Config, logger *zap.Logger, metrics process.Registry) error {
	p := process.New(cfg.StopWithin, process.Deps{Logger: logger, Metrics: metrics, Now: time.Now})
	defer p.Close()
	service, err := NewService(cfg, Deps{
		NewID: process.NewID,
		Now:   time.Now,
		Dial: func(_ context.Context, target string) (*grpc.ClientConn, error) {
			client := rpc.DefaultClientConfig(target)
			client.TLS = cfg.TLS
			client.BackoffMax = cfg.RedialMax // the connection's own pauses are part of ours
			return rpc.Dial(client)
		},
		Logger: logger, Registry: metrics,
	})
	if err != nil {
		return err
	}
	p.Add(service.Parts()...)
	if err := p.Ops(cfg.HTTP); err != nil {
		return err
	}
	return p.Run(ctx)
}

// Service is the shell around a core. Make it with NewService and run its parts,
// once.
type Service struct {
	cfg  Config
	deps Deps
	core *Core
	// kube is the cluster where that is Kubernetes, else nil; wake then says that it has
	// something to tell.
	kube    *kube.Cluster
	wake    <-chan struct{}
	inbox   chan Input
	asks    chan chan<- Counts
	streams []*stream
	// begun is the zero of Time.Mono.
	begun time.Time
	// led says that a leader is heard, for readiness.
	led atomic.Bool
	// leader and epoch are what was logged last.
	leader int
	epoch  uint64
}

// NewService makes an executor. The configuration was validated. It fails where the
// cluster cannot be made, or the registry has its metrics already.
func NewService(cfg Config, deps Deps) (*Service, error) {
	s := &Service{
		cfg: cfg, deps: deps, inbox: make(chan Input, inboxMax), asks: make(chan chan<- Counts),
		streams: make([]*stream, len(cfg.Schedulers)), begun: deps.Now(), leader: -1,
	}
	registry := prometheus.WrapRegistererWith(prometheus.Labels{"executor": cfg.Name}, deps.Registry)
	if err := s.join(registry); err != nil {
		return nil, err
	}
	if err := registry.Register(newCollector(s.counts)); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	return s, nil
}

// join makes the core, over the configured kind of cluster.
func (s *Service) join(registry prometheus.Registerer) (err error) {
	if s.cfg.Cluster != ClusterKubernetes {
		s.core, err = New(s.cfg, s.deps)
		return err
	}
	s.kube, err = newKube(s.cfg.Name, s.cfg.Kubernetes, kube.Deps{
		Now: func() time.Duration { return s.now().Mono }, Logger: s.deps.Logger, Registry: registry,
	})
	if err != nil {
		return err
	}
	s.core, s.wake = newCore(s.cfg, s.deps, s.kube), s.kube.Wake()
	return nil
}

// Parts are what has to run.
func (s *Service) Parts() []run.Part {
	parts := []run.Part{{Name: "executor", Run: s.run, Ready: s.ready}}
	if s.kube != nil {
		parts = append([]run.Part{{Name: "kubernetes", Run: s.kube.Run, Ready: s.kube.Serves}}, parts...)
	}
	return parts
}

var errNoLeader = errors.New("no scheduler leads that it can reach")

func (s *Service) ready() error {
	if !s.led.Load() {
		return errNoLeader
	}
	return nil
}

// now is the time by both clocks.
func (s *Service) now() Time {
	t := s.deps.Now()
	return Time{Mono: t.Sub(s.begun), Wall: job.Time(t.UnixNano())}
}

// run steps the core until it is told to stop.
func (s *Service) run(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, s.core.Close()) }()
	if s.kube != nil {
		select {
		case <-ctx.Done():
			return nil
		case <-s.kube.Ready():
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	var carriers sync.WaitGroup
	defer carriers.Wait()
	defer cancel()
	for i, target := range s.cfg.Schedulers {
		conn, err := s.deps.Dial(ctx, target)
		if err != nil {
			return fmt.Errorf("dial scheduler %s: %w", target, err)
		}
		defer conn.Close() //nolint:errcheck // nothing is lost with it
		s.streams[i] = &stream{replica: i, conn: conn, inbox: s.inbox}
	}
	return s.loop(ctx, func(st *stream) { carriers.Go(func() { s.carry(ctx, st) }) })
}

// loop is the one goroutine that has the core. dial is called with a stream that is
// to be opened.
func (s *Service) loop(ctx context.Context, dial func(*stream)) error {
	timer := time.NewTimer(0) // the first step needs no reason
	defer timer.Stop()
	var wake time.Duration
	batch := make([]Input, 0, stepInputsMax)
	for {
		batch = batch[:0]
		select {
		case <-ctx.Done():
			return nil
		case in := <-s.inbox:
			batch = s.drain(append(batch, in))
		case <-timer.C:
			batch = append(batch, Due{})
		case <-s.wake: // the step takes what it has to tell
		case ask := <-s.asks:
			ask <- s.core.Counts()
			continue
		}
		now := s.now()
		for _, o := range s.core.Step(now, batch...) {
			if set, ok := o.(SetTimer); ok {
				wake = set.At
				continue
			}
			s.carryOut(o, dial)
		}
		timer.Reset(max(0, wake-now.Mono))
		s.noteLeader()
	}
}

// drain takes what else waits, up to the limit of a step.
func (s *Service) drain(batch []Input) []Input {
	for len(batch) < stepInputsMax {
		select {
		case in := <-s.inbox:
			batch = append(batch, in)
		default:
			return batch
		}
	}
	return batch
}

func (s *Service) carryOut(o Output, dial func(*stream)) {
	switch o := o.(type) {
	case Dial:
		dial(s.streams[o.Replica])
	case HangUp:
		s.deps.Logger.Warn("scheduler hung up on", zap.String("scheduler", s.cfg.Schedulers[o.Replica]), zap.String("reason", o.Why))
		s.streams[o.Replica].hangUp()
	case Send:
		if !s.streams[o.Replica].send(o.Message) {
			s.deps.Logger.Warn("scheduler hung up on", zap.String("scheduler", s.cfg.Schedulers[o.Replica]),
				zap.String("reason", "it takes messages too slowly"))
		}
	case SetTimer:
	}
}

// noteLeader logs who leads, when that changes.
func (s *Service) noteLeader() {
	leader, epoch := s.core.Leader()
	if leader == s.leader && epoch == s.epoch {
		return
	}
	s.leader, s.epoch = leader, epoch
	s.led.Store(leader >= 0)
	if leader < 0 {
		s.deps.Logger.Info("no scheduler leads", zap.Uint64("epoch", epoch))
		return
	}
	s.deps.Logger.Info("scheduler leads", zap.String("scheduler", s.cfg.Schedulers[leader]), zap.Uint64("epoch", epoch))
}

// counts asks the loop. It says false when the loop does not answer in time, as
// before it runs and after.
func (s *Service) counts(within time.Duration) (Counts, bool) {
	answer := make(chan Counts, 1)
	patience := time.NewTimer(within)
	defer patience.Stop()
	select {
	case s.asks <- answer:
		return <-answer, true
	case <-patience.C:
		return Counts{}, false
	}
}
