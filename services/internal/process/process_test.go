package process_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
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
	"github.com/fairlead-batch/fairlead/services/internal/eventlog/pglog"
	"github.com/fairlead-batch/fairlead/services/internal/postgres"
	"github.com/fairlead-batch/fairlead/services/internal/postgres/pgtest"
	"github.com/fairlead-batch/fairlead/services/internal/process"
	"github.com/fairlead-batch/fairlead/services/internal/rpc"
	"github.com/fairlead-batch/fairlead/services/internal/run"
)

// patience is how long a process may take to be up.
const patience = 20 * time.Second

// toyConfig is the configuration of the smallest service that there can be: it
// writes one entry to the log.
type toyConfig struct {
	process.Config `koanf:",squash"`
	// Fails makes the toy's part fail once it has written.
	Fails bool
}

func toyDefaults() toyConfig {
	return toyConfig{Config: process.DefaultConfig("toy")}
}

// toy tells a test what becomes of it.
type toy struct {
	closed  []string
	written chan struct{}
}

var errToy = errors.New("the toy broke")

func (y *toy) serve(ctx context.Context, cfg toyConfig, logger *zap.Logger, metrics process.Registry) error {
	p := process.New(cfg.StopWithin, process.Deps{Logger: logger, Metrics: metrics, Now: time.Now})
	defer p.Close()
	pool, err := p.Postgres(ctx, cfg.Postgres)
	if err != nil {
		return err
	}
	p.OnClose(func() { // before its pool
		y.closed = append(y.closed, fmt.Sprint("store, ping: ", pool.Ping(context.WithoutCancel(ctx))))
	})
	log, err := p.Log(ctx, cfg.Log, 7)
	if err != nil {
		return err
	}
	return p.Serve(ctx, cfg.Config, writing{y, cfg, log})
}

// writing is the toy's service.
type writing struct {
	*toy
	cfg toyConfig
	log eventlog.Log
}

func (w writing) Register(grpc.ServiceRegistrar) {}

func (w writing) Parts() []run.Part { return []run.Part{{Name: "toy", Run: w.run}} }

func (w writing) run(ctx context.Context) error {
	writer, err := w.log.Appender(eventlog.Author(process.NewID(time.Now())))
	if err != nil {
		return err
	}
	entry := eventlog.Draft{Partition: eventlog.ControlPartition, Kind: eventlog.Facts, Body: []byte("x")}
	if err := errors.Join(eventlog.Append(ctx, writer, entry), writer.Close(ctx)); err != nil {
		return err
	}
	close(w.written)
	if w.cfg.Fails {
		return errToy
	}
	<-ctx.Done()
	return nil
}

// call is a run of the toy's program.
type call struct {
	*toy
	grpc, ops string
	out, err  bytes.Buffer
	files     []string
}

func newCall(t *testing.T, url, extra string) *call {
	t.Helper()
	c := &call{toy: &toy{written: make(chan struct{})}, grpc: freeAddress(t), ops: freeAddress(t)}
	c.files = []string{
		file(t, fmt.Sprintf("log: {partitions: 2, postgres: {url: %q}}\npostgres: {url: %q}\ngrpc: {address: nowhere}", url, url)),
		file(t, fmt.Sprintf("grpc: {address: %q}\nops: {address: %q}\n%s", c.grpc, c.ops, extra)),
	}
	return c
}

func (c *call) execute(ctx context.Context, subcommand string, environ ...string) error {
	args := []string{subcommand}
	for _, name := range c.files {
		args = append(args, "-c", name)
	}
	return process.Command[toyConfig]{
		Name: "toy", Short: "Write an entry", Defaults: toyDefaults(), Serve: c.serve,
	}.Execute(ctx, process.Invocation{Args: args, Environ: environ, Out: &c.out, Err: &c.err})
}

func file(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "toy.yaml")
	must(t, os.WriteFile(name, []byte(text), 0o600))
	return name
}

func freeAddress(t *testing.T) string {
	t.Helper()
	lis, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	defer lis.Close()
	return lis.Addr().String()
}

// TestServe: the program as an operator starts it, from two files of which the last
// wins, on a real log; it is ready, it shows metrics, and it stops cleanly.
func TestServe(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	c := newCall(t, url, "")
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.execute(ctx, "serve") }()
	<-c.written

	client := rpc.DefaultClientConfig(c.grpc)
	client.WaitForReady = true
	conn, err := rpc.Dial(client)
	must(t, err)
	defer conn.Close()
	bounded, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	answer, err := healthpb.NewHealthClient(conn).Check(bounded, &healthpb.HealthCheckRequest{})
	if err != nil || answer.GetStatus() != healthpb.HealthCheckResponse_SERVING {
		t.Errorf("health %v, error %v; want serving", answer, err)
	}
	for path, want := range map[string]string{
		"/readyz": "204", "/livez": "204", "/metrics": `fairlead_part_panics_total{part="toy"} 0`,
	} {
		if got := get(t, "http://"+c.ops+path); !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s in it", path, got, want)
		}
	}
	stop()
	must(t, <-ended)
	if len(c.closed) != 1 || c.closed[0] != "store, ping: <nil>" {
		t.Errorf("closed %q, want the store alone, while its pool was open", c.closed)
	}

	other := newCall(t, url, "log: {partitions: 3}")
	if err := other.execute(t.Context(), "serve"); !errors.Is(err, eventlog.ErrPartitions) {
		t.Errorf("with another partition count: error %v", err)
	}
	if !strings.Contains(other.err.String(), "partition count does not match") || len(other.closed) != 1 {
		t.Errorf("it printed %q, closed %q", other.err.String(), other.closed)
	}
}

// TestPartFails: a part that fails ends the process, and the error names it.
func TestPartFails(t *testing.T) {
	t.Parallel()
	c := newCall(t, pgtest.URL(t), "fails: true")
	if err := c.execute(t.Context(), "serve"); !errors.Is(err, errToy) || !strings.Contains(c.err.String(), "toy: the toy broke") {
		t.Errorf("error %v, printed %q", err, c.err.String())
	}
}

// TestIncarnation: a log that is made new is of the incarnation asked for.
func TestIncarnation(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	c := newCall(t, url, "fails: true")
	if err := c.execute(t.Context(), "serve"); !errors.Is(err, errToy) {
		t.Fatal(err)
	}
	pool, err := postgres.Open(t.Context(), postgres.Config{URL: url, Schema: "log"}, postgres.Deps{})
	must(t, err)
	defer pool.Close()
	log, err := pglog.Open(t.Context(), pool, pglog.Config{Partitions: 2}, pglog.Deps{})
	must(t, err)
	bounds, err := log.Bounds(t.Context(), eventlog.ControlPartition)
	if err != nil || bounds.Newest.Incarnation != 7 {
		t.Errorf("bounds %+v, error %v; want incarnation 7", bounds, err)
	}
}

func TestSubcommands(t *testing.T) {
	t.Parallel()
	url := "postgres://nobody@127.0.0.1:1/none"
	t.Run("config is read back to the same", func(t *testing.T) {
		t.Parallel()
		c := newCall(t, url, "")
		must(t, c.execute(t.Context(), "config", "FAIRLEAD__STOP_WITHIN=7s", "FAIRLEAD__LOG__PARTITIONS=5"))
		got, err := config.Load(toyDefaults(), []string{file(t, c.out.String())}, nil)
		must(t, err)
		if got.GRPC.Address != c.grpc || got.StopWithin != 7*time.Second || got.Log.Partitions != 5 || got.Log.Kind != process.LogInPostgres {
			t.Errorf("printed %s", c.out.String())
		}
	})
	t.Run("version", func(t *testing.T) {
		t.Parallel()
		c := newCall(t, url, "")
		c.files = nil // which it does not need
		must(t, c.execute(t.Context(), "version"))
		if !strings.HasPrefix(c.out.String(), "toy ") {
			t.Errorf("printed %q", c.out.String())
		}
	})
	t.Run("migrate where there is nothing to migrate", func(t *testing.T) {
		t.Parallel()
		c := newCall(t, url, "")
		if err := c.execute(t.Context(), "migrate"); err == nil || !strings.Contains(c.err.String(), `unknown command "migrate"`) {
			t.Errorf("error %v, printed %q", err, c.err.String())
		}
	})
	t.Run("migrate", func(t *testing.T) {
		t.Parallel()
		c := newCall(t, url, "")
		var migrated toyConfig
		err := process.Command[toyConfig]{
			Name: "toy", Defaults: toyDefaults(), Serve: c.serve,
			Migrate: func(_ context.Context, cfg toyConfig, _ *zap.Logger) error { migrated = cfg; return errToy },
		}.Execute(t.Context(), process.Invocation{Args: []string{"migrate", "--config", c.files[0]}, Out: io.Discard, Err: &c.err})
		if !errors.Is(err, errToy) || migrated.Postgres.URL != url {
			t.Errorf("error %v with %+v", err, migrated)
		}
	})
}

func TestWrongConfigurations(t *testing.T) {
	t.Parallel()
	url := "postgres://nobody@127.0.0.1:1/none"
	tests := map[string]struct{ extra, want string }{
		"a key that is not there": {"lgo: {}", "lgo"},
		"another kind of log":     {"log: {kind: kafka}", "log.kind: is kafka, must be postgres or pulsar"},
		"no partitions":           {"log: {partitions: 0}", "log.partitions: is 0, must be from 1 to 256"},
		"too many partitions":     {"log: {partitions: 257}", "log.partitions: is 257, must be from 1 to 256"},
		"no time to stop":         {"stopWithin: 0s", "stopWithin: is 0s, must be above 0"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCall(t, url, test.extra)
			if err := c.execute(t.Context(), "serve"); err == nil || !strings.Contains(c.err.String(), test.want) {
				t.Errorf("error %v, printed %q, want %q in it", err, c.err.String(), test.want)
			}
		})
	}
}

// TestPartitionsMax: what is refused here is just what the log itself refuses.
func TestPartitionsMax(t *testing.T) {
	t.Parallel()
	for _, partitions := range []uint32{0, 1, 256, 257} {
		cfg := process.DefaultLogConfig()
		cfg.Partitions = partitions
		cfg.Postgres.URL = "postgres://nobody@127.0.0.1:1/none"
		ours, its := cfg.Validate(), pglog.Config{Partitions: partitions}.Validate()
		if (ours == nil) != (its == nil) {
			t.Errorf("%d partitions: %v, the log says %v", partitions, ours, its)
		}
	}
}

// TestPostgresIsAway: a start without a database fails and leaves nothing behind.
func TestPostgresIsAway(t *testing.T) {
	t.Parallel()
	p := process.New(time.Second, process.Deps{Logger: zap.NewNop(), Metrics: prometheus.NewRegistry(), Now: time.Now})
	defer p.Close()
	cfg := process.DefaultLogConfig()
	cfg.Postgres.URL, cfg.Postgres.StartWithin = "postgres://nobody@127.0.0.1:1/none", time.Millisecond
	if _, err := p.Log(t.Context(), cfg, 0); err == nil || !strings.Contains(err.Error(), "open log: open postgres, schema log:") {
		t.Errorf("error %v", err)
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	must(t, err)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	must(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	must(t, err)
	return resp.Status + "\n" + string(body)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
