package app_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	executorv1 "github.com/fairlead-batch/fairlead/proto/gen/fairlead/executor/v1"
	"github.com/fairlead-batch/fairlead/services/executor/app"
	"github.com/fairlead-batch/fairlead/services/internal/freeport"
)

// scheduler serves the executor stream with a leader behind it.
type scheduler struct {
	executorv1.UnimplementedExecutorServiceServer

	mu     sync.Mutex
	leader *leader
	stream executorv1.ExecutorService_ConnectServer
	// cut ends the open session, when it is closed.
	cut chan struct{}
	// changed is closed and made anew whenever something was heard.
	changed chan struct{}
}

func newScheduler(l *leader) *scheduler {
	return &scheduler{leader: l, changed: make(chan struct{})}
}

// Connect serves one session.
func (s *scheduler) Connect(stream executorv1.ExecutorService_ConnectServer) error {
	s.mu.Lock()
	s.stream, s.cut = stream, make(chan struct{})
	cut := s.cut
	s.mu.Unlock()
	ended := make(chan error, 1)
	var reader sync.WaitGroup
	reader.Go(func() {
		for {
			up, err := stream.Recv()
			if err != nil {
				ended <- err
				return
			}
			s.hear(up)
		}
	})
	select {
	case <-cut: // Recv ends when this handler has returned
		return status.Error(codes.Aborted, "a newer session took over")
	case err := <-ended:
		if errors.Is(err, io.EOF) {
			return nil
		}
		return err
	}
}

func (s *scheduler) hear(up *executorv1.Up) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.leader.hear(up) {
		if err := s.stream.Send(m); err != nil {
			return // the session is over
		}
	}
	close(s.changed)
	s.changed = make(chan struct{})
}

// order sends what from gives.
func (s *scheduler) order(t testing.TB, from func(*leader) *executorv1.Down) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.stream.Send(from(s.leader)); err != nil {
		t.Error(err)
	}
}

// await waits until something holds of the leader.
func (s *scheduler) await(t testing.TB, what string, holds func(*leader) bool) {
	t.Helper()
	patience := time.After(20 * time.Second)
	for {
		s.mu.Lock()
		done, changed := holds(s.leader), s.changed
		s.mu.Unlock()
		if done {
			return
		}
		select {
		case <-changed:
		case <-patience:
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

func (s *scheduler) cutSession() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.cut)
}

// serve serves schedulers in memory, each under its name, and returns how to dial
// them.
func serve(t testing.TB, schedulers map[string]*scheduler) func(context.Context, string) (*grpc.ClientConn, error) {
	t.Helper()
	listeners := map[string]*bufconn.Listener{}
	for name, s := range schedulers {
		lis, server := bufconn.Listen(1<<20), grpc.NewServer()
		executorv1.RegisterExecutorServiceServer(server, s)
		var serving sync.WaitGroup
		serving.Go(func() {
			if err := server.Serve(lis); err != nil {
				t.Error(err)
			}
		})
		t.Cleanup(func() { server.Stop(); serving.Wait() })
		listeners[name] = lis
	}
	return func(_ context.Context, target string) (*grpc.ClientConn, error) {
		return grpc.NewClient("passthrough:///"+target, grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
				if lis := listeners[target]; lis != nil {
					return lis.DialContext(ctx)
				}
				return nil, errors.New("connection refused")
			}))
	}
}

// start runs a service until the test ends, and returns how to ask whether it is ready.
func start(t testing.TB, cfg app.Config, deps app.Deps) (ready func() error) {
	t.Helper()
	deps.NewID = func(at time.Time) [16]byte { return ulid.MustNew(ulid.Timestamp(at), ulid.DefaultEntropy()) }
	deps.Now, deps.Logger = time.Now, zap.NewNop()
	if deps.Registry == nil {
		deps.Registry = prometheus.NewRegistry()
	}
	service, err := app.NewService(cfg, deps)
	if err != nil {
		t.Fatal(err)
	}
	part := service.Parts()[0]
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := part.Run(ctx); err != nil {
			t.Errorf("the executor ended: %v", err)
		}
	})
	t.Cleanup(func() { cancel(); running.Wait() })
	return part.Ready
}

func lease(t *testing.T, number int, annotations map[string]string) func(*leader) *executorv1.Down {
	t.Helper()
	wire := spec(t, "sleep", "infinity")
	return func(l *leader) *executorv1.Down { return l.lease(number, "node-0", wire, annotations) }
}

func settled(n int) func(*leader) bool { return func(l *leader) bool { return l.settled == n } }

// TestServiceLife: a job's life over a real stream, with a replica that is away, and
// what the metrics say of it.
func TestServiceLife(t *testing.T) {
	t.Parallel()
	cfg := testConfig()
	cfg.Schedulers = []string{"away", "here"}
	s, reg := newScheduler(newLeader(3)), prometheus.NewRegistry()
	ready := start(t, cfg, app.Deps{Dial: serve(t, map[string]*scheduler{"here": s}), Registry: reg})
	s.await(t, "hello", func(l *leader) bool { return l.hellos == 1 })
	s.order(t, lease(t, 1, map[string]string{"sim/run-duration": "10ms", "sim/exit-code": "3"}))
	s.await(t, "the end of the run", settled(1))
	s.mu.Lock()
	if diff := cmp.Diff(life("RunFailedEvent"), s.leader.told); diff != "" {
		t.Errorf("reports (-want +got):\n%s", diff)
	}
	s.mu.Unlock()
	if err := ready(); err != nil {
		t.Errorf("with a leader it is not ready: %v", err)
	}
	want := `
		# HELP fairlead_executor_pods_created_total Pods made.
		# TYPE fairlead_executor_pods_created_total counter
		fairlead_executor_pods_created_total{executor="exec"} 1
		# HELP fairlead_executor_nodes Nodes of the cluster.
		# TYPE fairlead_executor_nodes gauge
		fairlead_executor_nodes{executor="exec"} 2
	`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "fairlead_executor_pods_created_total", "fairlead_executor_nodes"); err != nil {
		t.Error(err)
	}
	if problems, err := testutil.GatherAndLint(reg); err != nil || len(problems) > 0 {
		t.Errorf("metrics: %v %v", problems, err)
	}
}

// TestServiceReconnects: a session that is cut is followed by another, and what was
// not acknowledged is said again.
func TestServiceReconnects(t *testing.T) {
	t.Parallel()
	s := newScheduler(newLeader(3))
	start(t, testConfig(), app.Deps{Dial: serve(t, map[string]*scheduler{"scheduler-0:50051": s})})
	s.await(t, "hello", func(l *leader) bool { return l.hellos == 1 })
	s.order(t, func(l *leader) *executorv1.Down { l.mute = true; return lease(t, 1, nil)(l) })
	s.await(t, "the acknowledgement of the lease", func(l *leader) bool { return len(l.told) == 1 })
	s.mu.Lock()
	s.leader.mute, s.leader.known = false, nil
	s.mu.Unlock()
	s.cutSession()
	s.await(t, "the pod", func(l *leader) bool { return slices.Contains(l.told, "\x01 job.RunRunningEvent") })
	s.mu.Lock()
	defer s.mu.Unlock()
	want := append([]string{"\x01 job.RunAcknowledgedEvent"}, life("")[:3]...)
	if diff := cmp.Diff(want, s.leader.told); diff != "" {
		t.Errorf("reports (-want +got):\n%s", diff)
	}
	if len(s.leader.known) != 1 || s.leader.known[0].GetPhase() != executorv1.RunPhase_RUN_PHASE_LEASED {
		t.Errorf("the second hello has %v, want the leased run", s.leader.known)
	}
}

// TestServiceTakeOver: a second replica leads with a higher epoch; what the first
// says then counts no more.
func TestServiceTakeOver(t *testing.T) {
	t.Parallel()
	cfg := testConfig()
	cfg.Schedulers = []string{"old", "new"}
	older, newer := newScheduler(newLeader(3)), newScheduler(newLeader(0))
	start(t, cfg, app.Deps{Dial: serve(t, map[string]*scheduler{"old": older, "new": newer})})
	for _, s := range []*scheduler{older, newer} {
		s.await(t, "hello", func(l *leader) bool { return l.hellos == 1 })
	}
	newer.order(t, func(l *leader) *executorv1.Down {
		l.epoch = 4
		return l.say(&executorv1.Down{Message: &executorv1.Down_Welcome{Welcome: &executorv1.Welcome{Leads: true}}})[0]
	})
	newer.order(t, lease(t, 2, map[string]string{"sim/run-duration": "1ms"}))
	newer.await(t, "the end of the run", settled(1))
	older.order(t, lease(t, 1, nil))
	newer.order(t, lease(t, 3, map[string]string{"sim/run-duration": "1ms"}))
	newer.await(t, "the end of another run", settled(2))
	older.mu.Lock()
	defer older.mu.Unlock()
	if len(older.leader.told) != 0 {
		t.Errorf("the old leader was told %v", older.leader.told)
	}
}

// TestServiceNotReady: without a leader it says so, runs, and stops when it is told.
func TestServiceNotReady(t *testing.T) {
	t.Parallel()
	ready := start(t, testConfig(), app.Deps{Dial: serve(t, nil)})
	if err := ready(); err == nil || !strings.Contains(err.Error(), "no scheduler leads") {
		t.Errorf("ready: %v", err)
	}
}

// TestServiceDialFails: a target that is none ends the part.
func TestServiceDialFails(t *testing.T) {
	t.Parallel()
	bad := errors.New("not a target")
	service, err := app.NewService(testConfig(), app.Deps{
		NewID: ids, Now: time.Now, Logger: zap.NewNop(), Registry: prometheus.NewRegistry(),
		Dial: func(context.Context, string) (*grpc.ClientConn, error) { return nil, bad },
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := service.Parts()[0].Run(t.Context()); !errors.Is(err, bad) {
		t.Errorf("run: %v, want %v", err, bad)
	}
}

// TestRun: the whole process over TCP, with its health and its metrics.
func TestRun(t *testing.T) {
	t.Parallel()
	s := newScheduler(newLeader(3))
	lis, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	executorv1.RegisterExecutorServiceServer(server, s)
	var parts sync.WaitGroup
	parts.Go(func() { server.Serve(lis) }) //nolint:errcheck // it ends with Stop
	free, err := freeport.Address(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cfg := testConfig()
	cfg.Schedulers, cfg.HTTP.Address = []string{lis.Addr().String()}, free
	ctx, cancel := context.WithCancel(t.Context())
	parts.Go(func() {
		if err := app.Run(ctx, cfg, zap.NewNop(), prometheus.NewRegistry()); err != nil {
			t.Errorf("run: %v", err)
		}
	})
	t.Cleanup(func() { cancel(); server.Stop(); parts.Wait() })
	s.await(t, "hello", func(l *leader) bool { return l.hellos == 1 })
	s.order(t, lease(t, 1, map[string]string{"sim/run-duration": "1ms"}))
	s.await(t, "the end of the run", settled(1))
	for path, want := range map[string]string{"/readyz": "", "/metrics": `fairlead_executor_pods_created_total{executor="exec"} 1`} {
		if got := get(t, "http://"+cfg.HTTP.Address+path); !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q in it", path, got, want)
		}
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode >= http.StatusBadRequest {
		t.Fatalf("%s: %s %v", url, res.Status, err)
	}
	return string(body)
}
