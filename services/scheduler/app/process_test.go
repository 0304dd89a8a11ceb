package app_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/fairlead-batch/fairlead/services/internal/config"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/freeport"
	"github.com/fairlead-batch/fairlead/services/internal/postgres/pgtest"
	"github.com/fairlead-batch/fairlead/services/internal/rpc"
	"github.com/fairlead-batch/fairlead/services/scheduler/app"
)

// patience is how long anything may take.
const patience = 20 * time.Second

// replica is a scheduler process.
type replica struct {
	t       *testing.T
	cfg     app.ProcessConfig
	metrics *prometheus.Registry
	conn    *grpc.ClientConn
	stop    func()
}

// start runs the process until the test ends or stop is called.
func start(t *testing.T, url string) *replica {
	t.Helper()
	r := &replica{t: t, cfg: processConfig(t, url), metrics: prometheus.NewRegistry()}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- app.Run(ctx, r.cfg, zap.NewNop(), r.metrics) }()
	client := rpc.DefaultClientConfig(r.cfg.GRPC.Address)
	client.WaitForReady = true
	conn, err := rpc.Dial(client)
	must(t, err)
	r.conn = conn
	ended := false
	r.stop = func() {
		if ended {
			return
		}
		ended = true
		_ = conn.Close()
		cancel()
		must(t, <-done)
	}
	t.Cleanup(r.stop)
	return r
}

// processConfig is read from a file, as an operator writes it.
func processConfig(t *testing.T, url string) app.ProcessConfig {
	t.Helper()
	file := filepath.Join(t.TempDir(), "scheduler.yaml")
	free, err := freeport.Address(t.Context())
	must(t, err)
	text := fmt.Sprintf(`
scheduler: {attemptsMax: 7, snapshotEvents: 10}
log: {partitions: 2, postgres: {url: %q}}
postgres: {url: %q, connectionsMax: 4}
grpc: {address: %q}
ops: {address: "127.0.0.1:0"}
`, url, url, free)
	must(t, os.WriteFile(file, []byte(text), 0o600))
	cfg, err := config.Load(app.DefaultProcessConfig(), []string{file}, nil)
	must(t, err)
	if cfg.Scheduler.AttemptsMax != 7 || cfg.Scheduler.ExecutorTimeout != app.DefaultConfig().ExecutorTimeout || cfg.Postgres.Schema != "scheduler" {
		t.Errorf("read %+v", cfg)
	}
	return cfg
}

// becomesReady waits until the process says that it could lead.
func (r *replica) becomesReady() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	for {
		answer, err := healthpb.NewHealthClient(r.conn).Check(ctx, &healthpb.HealthCheckRequest{})
		must(r.t, err)
		if answer.GetStatus() == healthpb.HealthCheckResponse_SERVING {
			return
		}
	}
}

// metric is the value of a metric without labels.
func (r *replica) metric(name string) float64 {
	r.t.Helper()
	families, err := r.metrics.Gather()
	must(r.t, err)
	for _, family := range families {
		if family.GetName() == "fairlead_scheduler_"+name {
			m := family.GetMetric()[0]
			return m.GetGauge().GetValue() + m.GetCounter().GetValue() // one of them is nil
		}
	}
	return 0
}

// leader waits until one of the replicas leads.
func leader(t *testing.T, replicas ...*replica) *replica {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	late := time.After(patience)
	for {
		for _, r := range replicas {
			if r.metric("leading") == 1 {
				return r
			}
		}
		select {
		case <-late:
			t.Fatal("nobody leads")
		case <-tick.C:
		}
	}
}

// TestRun: two replicas as an operator starts them, on a log and a database in
// Postgres. Both are ready and one leads; when it stops, the other one does, in a
// higher epoch.
func TestRun(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	must(t, app.Migrate(t.Context(), processConfig(t, url), zap.NewNop()))
	one, two := start(t, url), start(t, url)
	one.becomesReady()
	two.becomesReady()
	first := leader(t, one, two)
	follower := one
	if first == one {
		follower = two
	}
	if follower.metric("leading") != 0 || follower.metric("caught_up") != 1 || follower.metric("takeovers_total") != 0 {
		t.Errorf("the follower: leading %v, caught up %v, takeovers %v", follower.metric("leading"), follower.metric("caught_up"), follower.metric("takeovers_total"))
	}
	epoch := first.metric("epoch")
	first.stop()
	if leader(t, follower); follower.metric("epoch") <= epoch || follower.metric("takeovers_total") != 1 {
		t.Errorf("epoch %v after %v, takeovers %v", follower.metric("epoch"), epoch, follower.metric("takeovers_total"))
	}

	other := processConfig(t, url)
	other.Log.Partitions++
	if err := app.Run(t.Context(), other, zap.NewNop(), prometheus.NewRegistry()); !errors.Is(err, eventlog.ErrPartitions) {
		t.Errorf("with another partition count: error %v", err)
	}
}

func TestProcessConfigIsValidated(t *testing.T) {
	t.Parallel()
	must(t, app.DefaultProcessConfig().Validate())
	cfg := app.DefaultProcessConfig()
	cfg.StopWithin = 0
	if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), "stopWithin") {
		t.Errorf("error %v, want one about stopWithin", err)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
