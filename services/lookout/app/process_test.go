package app_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	apipb "github.com/fairlead-batch/fairlead/proto/gen/api"
	"github.com/fairlead-batch/fairlead/services/internal/config"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog/pglog"
	"github.com/fairlead-batch/fairlead/services/internal/eventwire"
	"github.com/fairlead-batch/fairlead/services/internal/freeport"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/internal/postgres"
	"github.com/fairlead-batch/fairlead/services/internal/postgres/pgtest"
	"github.com/fairlead-batch/fairlead/services/internal/rpc"
	"github.com/fairlead-batch/fairlead/services/lookout/app"
)

// TestRun: the process as an operator starts it, on a log and a database in
// Postgres, from a configuration file.
func TestRun(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	cfg := processConfig(t, url)
	must(t, app.Migrate(t.Context(), cfg, zap.NewNop()))
	appendOne(t, cfg, url)

	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- app.Run(ctx, cfg, zap.NewNop(), prometheus.NewRegistry()) }()
	client := rpc.DefaultClientConfig(cfg.GRPC.Address)
	client.WaitForReady = true
	conn, err := rpc.Dial(client)
	must(t, err)
	defer conn.Close()
	bounded, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	id := job.ID{15: 1}.String()
	got, err := apipb.NewJobsClient(conn).GetJobStatus(bounded, &apipb.JobStatusRequest{JobIds: []string{id}})
	if err != nil || got.GetJobStates()[id] != apipb.JobState_QUEUED {
		t.Errorf("status %v, %v; want queued", got, err)
	}
	info, err := apipb.NewSubmitClient(conn).GetQueueInfo(bounded, &apipb.QueueInfoRequest{Name: "q"})
	if err != nil || len(info.GetActiveJobSets()) != 1 {
		t.Errorf("queue info %v, %v; want one job set", info, err)
	}
	cancel()
	must(t, <-done)
}

// processConfig is read from a file, as an operator writes it.
func processConfig(t *testing.T, url string) app.ProcessConfig {
	t.Helper()
	file := filepath.Join(t.TempDir(), "lookout.yaml")
	port, err := freeport.Port(t.Context())
	must(t, err)
	text := fmt.Sprintf(`
lookout: {queryItemsMax: 100}
log: {partitions: 2, postgres: {url: %q}}
postgres: {url: %q, connectionsMax: 4}
grpc: {address: "127.0.0.1:%d"}
ops: {address: "127.0.0.1:0"}
`, url, url, port)
	must(t, os.WriteFile(file, []byte(text), 0o600))
	cfg, err := config.Load(app.DefaultProcessConfig(), []string{file}, nil)
	must(t, err)
	if cfg.Lookout.QueryItemsMax != 100 || cfg.Lookout.CaughtUpWithin != app.DefaultConfig().CaughtUpWithin || cfg.Postgres.Schema != "lookout" {
		t.Errorf("read %+v", cfg)
	}
	return cfg
}

// appendOne writes a job, as submit does.
func appendOne(t *testing.T, cfg app.ProcessConfig, url string) {
	t.Helper()
	pool, err := postgres.Open(t.Context(), postgres.Config{URL: url, Schema: "log"}, postgres.Deps{})
	must(t, err)
	defer pool.Close()
	log, err := pglog.Open(t.Context(), pool, pglog.Config{Partitions: cfg.Log.Partitions}, pglog.Deps{})
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- log.Run(ctx) }()
	writer, err := log.Appender(eventlog.Author{7})
	must(t, err)
	body, err := eventwire.Encode(eventwire.Body{Batches: []job.Batch{{Queue: "q", JobSet: "s", Events: []job.Event{submitted(1)}}}})
	must(t, err)
	p := eventlog.PartitionOf("q", "s", cfg.Log.Partitions)
	must(t, eventlog.Append(t.Context(), writer, eventlog.Draft{Partition: p, Kind: eventlog.Facts, Body: body}))
	must(t, writer.Close(t.Context()))
	cancel()
	must(t, <-done)
}
