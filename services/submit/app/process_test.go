package app_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
	"k8s.io/apimachinery/pkg/api/resource"

	apipb "github.com/fairlead-batch/fairlead/proto/gen/api"
	"github.com/fairlead-batch/fairlead/services/internal/config"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/freeport"
	"github.com/fairlead-batch/fairlead/services/internal/postgres/pgtest"
	"github.com/fairlead-batch/fairlead/services/internal/rpc"
	"github.com/fairlead-batch/fairlead/services/submit/app"
)

// processConfig is read from a file, as an operator writes it.
func processConfig(t testing.TB, url, extra string) app.ProcessConfig {
	t.Helper()
	file := filepath.Join(t.TempDir(), "submit.yaml")
	text := fmt.Sprintf(`
submission:
  priorityClasses: {gold: {preemptible: true}}
  defaultJobLimits: {memory: 2Gi}
  maxOversubscriptionByResourceRequest: {nvidia.com/gpu: 2}
publishing: {installation: here}
log: {partitions: %d, postgres: {url: %q}}
postgres: {url: %q, connectionsMax: 4}
grpc: {address: "127.0.0.1:%d"}
ops: {address: "127.0.0.1:0"}
http: {address: "127.0.0.1:0"}
%s`, partitions, url, url, freePort(t), extra)
	must(t, os.WriteFile(file, []byte(text), 0o600))
	cfg, err := config.Load(app.DefaultProcessConfig(), []string{file}, nil)
	must(t, err)
	return cfg
}

func freePort(t testing.TB) uint16 {
	t.Helper()
	port, err := freeport.Port(t.Context())
	must(t, err)
	return port
}

// serve runs the process until the returned func is called.
func serve(t testing.TB, cfg app.ProcessConfig) (*grpc.ClientConn, func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- app.Run(ctx, cfg, zap.NewNop(), prometheus.NewRegistry()) }()
	client := rpc.DefaultClientConfig(cfg.GRPC.Address)
	client.WaitForReady = true
	conn, err := rpc.Dial(client)
	must(t, err)
	ended := false
	end := func() {
		if ended {
			return
		}
		ended = true
		_ = conn.Close()
		cancel()
		must(t, <-done)
	}
	t.Cleanup(end)
	bounded, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	_, err = apipb.NewSubmitClient(conn).Health(bounded, &emptypb.Empty{})
	must(t, err)
	return conn, end
}

// whenReady calls until a process that just started can publish.
func whenReady[T any](t testing.TB, call func() (T, error)) T {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; {
		out, err := call()
		if err == nil {
			return out
		}
		if status.Code(err) != codes.Unavailable || time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// The process as an operator starts it, on a log and a database in Postgres: what
// was acknowledged by one start is known to the next.
func TestRun(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	cfg := processConfig(t, url, "")
	must(t, app.Migrate(t.Context(), cfg, zap.NewNop()))
	conn, end := serve(t, cfg)
	submit := apipb.NewSubmitClient(conn)
	whenReady(t, func() (*emptypb.Empty, error) {
		return submit.CreateQueue(t.Context(), &apipb.Queue{Name: "q", PriorityFactor: 1})
	})
	first := whenReady(t, func() (*apipb.JobSubmitResponse, error) { return submit.SubmitJobs(t.Context(), request(t, "a", "b")) })
	_, err := submit.GetQueueInfo(t.Context(), &apipb.QueueInfoRequest{Name: "q"})
	if status.Code(err) != codes.Unimplemented {
		t.Errorf("GetQueueInfo without a route: %v", err)
	}
	_, err = apipb.NewRetryPolicyServiceClient(conn).GetRetryPolicies(t.Context(), &apipb.RetryPolicyListRequest{})
	if status.Code(err) != codes.Unimplemented || !strings.Contains(err.Error(), "GetRetryPolicies not implemented") {
		t.Errorf("GetRetryPolicies: %v", err)
	}
	end()

	conn, end = serve(t, cfg)
	submit = apipb.NewSubmitClient(conn)
	again := whenReady(t, func() (*apipb.JobSubmitResponse, error) { return submit.SubmitJobs(t.Context(), request(t, "b", "c")) })
	if again.GetJobResponseItems()[0].GetJobId() != first.GetJobResponseItems()[1].GetJobId() {
		t.Errorf("first %v, again %v", first, again)
	}
	end()

	other := cfg
	other.Log.Partitions++
	if err := app.Run(t.Context(), other, zap.NewNop(), prometheus.NewRegistry()); !errors.Is(err, eventlog.ErrPartitions) {
		t.Errorf("with another partition count: error %v", err)
	}
	other = cfg
	other.Publishing.Incarnation = 2
	if err := app.Run(t.Context(), other, zap.NewNop(), prometheus.NewRegistry()); err == nil || !strings.Contains(err.Error(), "do not belong together") {
		t.Errorf("with another incarnation: error %v", err)
	}
}

// Two processes start at once on an empty log and database, and are sent the same
// jobs at once: one writes the log's first entry, and each job is there once.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	cfg := processConfig(t, url, "")
	must(t, app.Migrate(t.Context(), cfg, zap.NewNop()))
	var clients []apipb.SubmitClient
	for range 2 {
		conn, _ := serve(t, processConfig(t, url, ""))
		clients = append(clients, apipb.NewSubmitClient(conn))
	}
	whenReady(t, func() (*emptypb.Empty, error) {
		return clients[0].CreateQueue(t.Context(), &apipb.Queue{Name: "q", PriorityFactor: 1})
	})
	answers := make([]*apipb.JobSubmitResponse, 16)
	var group sync.WaitGroup
	for i := range answers {
		group.Go(func() {
			ids := []string{"a", "b", "c", fmt.Sprint("own ", i)}
			if i%3 == 0 {
				ids = []string{"c", "b", fmt.Sprint("own ", i), "a"}
			}
			req := request(t, ids...)
			answers[i] = whenReady(t, func() (*apipb.JobSubmitResponse, error) { return clients[i%2].SubmitJobs(t.Context(), req) })
		})
	}
	group.Wait()
	known := map[string]bool{}
	for _, answer := range answers {
		for _, item := range answer.GetJobResponseItems() {
			known[item.GetJobId()] = true
		}
	}
	if want := 3 + len(answers); len(known) != want || jobsInLog(t, url) != want {
		t.Errorf("%d ids were answered and %d jobs are in the log, want %d", len(known), jobsInLog(t, url), want)
	}
}

// info is lookout as far as the front door leads to it.
type info struct {
	apipb.UnimplementedSubmitServer
}

func (info) GetQueueInfo(_ context.Context, req *apipb.QueueInfoRequest) (*apipb.QueueInfo, error) {
	return &apipb.QueueInfo{Name: req.GetName()}, nil
}

type jobs struct{ apipb.UnimplementedJobsServer }

func (jobs) GetJobStatus(context.Context, *apipb.JobStatusRequest) (*apipb.JobStatusResponse, error) {
	return &apipb.JobStatusResponse{JobStates: map[string]apipb.JobState{"a": apipb.JobState_RUNNING}}, nil
}

// One address serves all: what is not submit's goes where the table says.
func TestFrontDoor(t *testing.T) {
	t.Parallel()
	backend := grpc.NewServer()
	apipb.RegisterSubmitServer(backend, info{})
	apipb.RegisterJobsServer(backend, jobs{})
	lis, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	served := make(chan error, 1)
	go func() { served <- backend.Serve(lis) }()
	defer func() { backend.Stop(); must(t, <-served) }()

	conn, end := serve(t, processConfig(t, pgtest.URL(t), fmt.Sprintf(`
backends: {lookout: {target: %q}, away: {target: "127.0.0.1:1"}}
routes: {api.Jobs: lookout, /api.Submit/GetQueueInfo: lookout, api.Event: away}
`, lis.Addr())))
	defer end()
	got, err := apipb.NewSubmitClient(conn).GetQueueInfo(t.Context(), &apipb.QueueInfoRequest{Name: "q"})
	if err != nil || got.GetName() != "q" {
		t.Errorf("GetQueueInfo: %v, error %v", got, err)
	}
	states, err := apipb.NewJobsClient(conn).GetJobStatus(t.Context(), &apipb.JobStatusRequest{JobIds: []string{"a"}})
	if err != nil || states.GetJobStates()["a"] != apipb.JobState_RUNNING {
		t.Errorf("GetJobStatus: %v, error %v", states, err)
	}
	if _, err = apipb.NewEventClient(conn).Health(t.Context(), &emptypb.Empty{}); status.Code(err) != codes.Unavailable {
		t.Errorf("a backend that is away: %v", err)
	}
	if _, err = apipb.NewQueueServiceClient(conn).GetQueue(t.Context(), &apipb.QueueGetRequest{Name: "none"}); status.Code(err) != codes.NotFound {
		t.Errorf("submit's own: %v", err)
	}
}

func isAmount(cfg app.ProcessConfig, name, want string) bool {
	got := cfg.Submission.DefaultJobLimits[name]
	return got.Cmp(resource.MustParse(want)) == 0
}

func TestProcessConfigIsValidated(t *testing.T) {
	t.Parallel()
	must(t, app.DefaultProcessConfig().Validate())
	cfg := processConfig(t, "postgres://nobody@127.0.0.1/none", "")
	if cfg.Publishing.Installation != "here" || cfg.Publishing.PublishTimeout != 10*time.Second || !cfg.Submission.PriorityClasses["gold"].Preemptible ||
		len(cfg.Submission.PriorityClasses) != 3 || !isAmount(cfg, "memory", "2Gi") || !isAmount(cfg, "cpu", "1") {
		t.Errorf("read %+v", cfg.Submission)
	}
	tests := map[string]func(*app.ProcessConfig){
		"stopWithin": func(c *app.ProcessConfig) { c.StopWithin = 0 },
		"routes[api.Jobs]": func(c *app.ProcessConfig) {
			c.Routes = map[string]string{"api.Jobs": "nowhere"}
		},
		"backends[lookout].target": func(c *app.ProcessConfig) { c.Backends = map[string]app.Backend{"lookout": {}} },
	}
	for key, spoil := range tests {
		cfg := app.DefaultProcessConfig()
		spoil(&cfg)
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("error %v, want one about %s", err, key)
		}
	}
}
