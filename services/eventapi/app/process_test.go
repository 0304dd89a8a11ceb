package app_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"google.golang.org/protobuf/types/known/emptypb"

	apipb "github.com/fairlead-batch/fairlead/proto/gen/api"
	"github.com/fairlead-batch/fairlead/services/eventapi/app"
	"github.com/fairlead-batch/fairlead/services/internal/config"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog/pglog"
	"github.com/fairlead-batch/fairlead/services/internal/eventwire"
	"github.com/fairlead-batch/fairlead/services/internal/freeport"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/internal/postgres"
	"github.com/fairlead-batch/fairlead/services/internal/postgres/pgtest"
	"github.com/fairlead-batch/fairlead/services/internal/rpc"
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
	r := &replica{t: t, client: apipb.NewEventClient(conn)}
	bounded, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	_, err = r.client.Health(bounded, &emptypb.Empty{})
	must(t, err)
	r.becomes(apipb.HealthCheckResponse_SERVING)
	submitted(t, r.history("s"), 1, 1)
	cancel()
	must(t, <-done)
}

// processConfig is read from a file, as an operator writes it.
func processConfig(t *testing.T, url string) app.ProcessConfig {
	t.Helper()
	file := filepath.Join(t.TempDir(), "eventapi.yaml")
	port, err := freeport.Port(t.Context())
	must(t, err)
	text := fmt.Sprintf(`
events: {retention: 48h, watchBuffer: 256KiB}
log: {partitions: 2, postgres: {url: %q}}
postgres: {url: %q, connectionsMax: 4}
grpc: {address: "127.0.0.1:%d"}
ops: {address: "127.0.0.1:0"}
`, url, url, port)
	must(t, os.WriteFile(file, []byte(text), 0o600))
	cfg, err := config.Load(app.DefaultProcessConfig(), []string{file}, nil)
	must(t, err)
	if cfg.Events.Retention != 48*time.Hour || cfg.Events.CaughtUpWithin != app.DefaultConfig().CaughtUpWithin || cfg.Postgres.Schema != "eventapi" {
		t.Errorf("read %+v", cfg)
	}
	return cfg
}

// appendOne writes a queue and a job, as submit does.
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
	for _, entry := range []struct {
		p    eventlog.Partition
		body eventwire.Body
	}{
		{eventlog.ControlPartition, eventwire.Body{Settings: []eventwire.Setting{{Generation: 1, QueueSet: &eventwire.Queue{Name: "q"}}}}},
		{eventlog.PartitionOf("q", "s", cfg.Log.Partitions), eventwire.Body{Batches: []job.Batch{{Queue: "q", JobSet: "s", Events: []job.Event{submit(1)}}}}},
	} {
		body, err := eventwire.Encode(entry.body)
		must(t, err)
		must(t, eventlog.Append(t.Context(), writer, eventlog.Draft{Partition: entry.p, Kind: eventlog.Facts, Body: body}))
	}
	must(t, writer.Close(t.Context()))
	cancel()
	must(t, <-done)
}

func TestConfigValidate(t *testing.T) {
	t.Parallel()
	must(t, app.DefaultConfig().Validate())
	must(t, app.DefaultProcessConfig().Validate())
	tests := map[string]func(c *app.Config){
		"an hour of retention": func(c *app.Config) { c.Retention = time.Hour },
		"ages of retention":    func(c *app.Config) { c.Retention = 1 << 62 },
		"no patience":          func(c *app.Config) { c.CaughtUpWithin = 0 },
		"no buffer":            func(c *app.Config) { c.WatchBuffer = 1000 },
	}
	for name, change := range tests {
		cfg := app.DefaultConfig()
		change(&cfg)
		if cfg.Validate() == nil {
			t.Errorf("%s is fine", name)
		}
	}
}
