package soak_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	executor "github.com/fairlead-batch/fairlead/services/executor/app"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog/pglog"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog/pulsarlog"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog/pulsarlog/pulsartest"
	"github.com/fairlead-batch/fairlead/services/internal/postgres"
	"github.com/fairlead-batch/fairlead/services/internal/postgres/pgembed"
	"github.com/fairlead-batch/fairlead/services/internal/process"
	"github.com/fairlead-batch/fairlead/services/standalone/processtest"
)

const partitions = 4

// upWithin is how long a process may take to be ready: more than any takes on a
// machine that is busy with all of them.
const upWithin = 5 * time.Minute

// bed is a Fairlead of processes.
type bed struct {
	t  testing.TB
	in processtest.Installation
	// broker is nil where the log is in Postgres.
	broker *pulsartest.Broker
	db     *database

	submit, lookout                  *processtest.Service
	schedulers, eventapis, executors []*processtest.Service
	// clusters are those of the executors.
	clusters []executor.Simulated
}

// newBed starts all, and ends all with the test. It skips the test where the log is to
// be in Pulsar and that cannot be had.
func newBed(t testing.TB, log process.LogKind) *bed {
	t.Helper()
	b := &bed{t: t}
	if log == process.LogInPulsar {
		b.broker = pulsartest.Start(t)
	}
	b.db = startDatabase(t)
	b.in = processtest.Installation{Bin: processtest.Build(t), Dir: t.TempDir(), Postgres: b.db.url}
	b.in.Log = fmt.Sprintf("{partitions: %d, postgres: {url: %q}}", partitions, b.db.url)
	if b.broker != nil {
		b.in.Log = fmt.Sprintf("{kind: pulsar, partitions: %d, pulsar: {serviceURL: %q, adminURL: %q, startWithin: 5m}}",
			partitions, b.broker.ServiceURL, b.broker.AdminURL)
	}
	// The usual limits, 50 jobs a second of a queue, would be all that is measured.
	const unlimited = "scheduler: {scheduling: {rate: {burst: 0}, queueRate: {burst: 0}}}\n"
	b.schedulers = []*processtest.Service{b.start("scheduler-1", unlimited), b.start("scheduler-2", unlimited)}
	b.eventapis = []*processtest.Service{b.start("eventapi-1", ""), b.start("eventapi-2", "")}
	b.lookout = b.start("lookout", "")
	for _, name := range []string{"a", "b"} {
		cluster := executor.DefaultSimulated()
		cluster.Journal = filepath.Join(b.in.Dir, "cluster-"+name)
		b.clusters = append(b.clusters, cluster)
		b.executors = append(b.executors, b.start("executor-"+name, fmt.Sprintf("name: %s\nschedulers: [%q, %q]\nsimulated: {journal: %q}\n",
			name, b.schedulers[0].GRPC, b.schedulers[1].GRPC, cluster.Journal)))
	}
	b.submit = b.start("submit", fmt.Sprintf(`
backends: {eventapi: {target: %q}, lookout: {target: %q}}
routes: {api.Event: eventapi, api.Jobs: lookout, /api.Submit/GetQueueInfo: lookout}
`, b.eventapis[0].GRPC, b.lookout.GRPC))
	for _, s := range b.services() {
		b.ready(s)
	}
	return b
}

// services are all of them.
func (b *bed) services() []*processtest.Service {
	all := []*processtest.Service{b.submit, b.lookout}
	return append(append(append(all, b.schedulers...), b.eventapis...), b.executors...)
}

func (b *bed) start(name, extra string) *processtest.Service {
	b.t.Helper()
	s, err := b.in.Start(b.t.Context(), name, extra)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		s.Close()
		if b.t.Failed() {
			b.t.Logf("%s said, in the end:\n%s", s.Name, s.Said())
		}
	})
	return s
}

// startAnew starts one more replica, on another installation's database, and connects
// to it.
func (b *bed) startAnew(in processtest.Installation, name string) *grpc.ClientConn {
	b.t.Helper()
	with := bed{t: b.t, in: in}
	s := with.start(name, "")
	with.ready(s)
	return with.dial(s)
}

func (b *bed) ready(s *processtest.Service) {
	b.t.Helper()
	ctx, cancel := context.WithTimeoutCause(b.t.Context(), upWithin, fmt.Errorf("not within %s", upWithin))
	defer cancel()
	if err := s.AwaitReady(ctx); err != nil {
		b.t.Fatal(err)
	}
}

// dial connects to a service; calls wait for it when it is not there.
func (b *bed) dial(s *processtest.Service) *grpc.ClientConn {
	b.t.Helper()
	conn, err := grpc.NewClient(s.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.WaitForReady(true), grpc.MaxCallRecvMsgSize(64<<20)))
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// log opens the log, to read it.
func (b *bed) log(ctx context.Context) eventlog.Log {
	b.t.Helper()
	var log interface {
		eventlog.Log
		Run(ctx context.Context) error
	}
	var err error
	if b.broker != nil {
		log, err = pulsarlog.Open(ctx, pulsarlog.Config{
			ServiceURL: b.broker.ServiceURL, AdminURL: b.broker.AdminURL, Partitions: partitions,
		}, pulsarlog.Deps{})
	} else {
		pool, openErr := postgres.Open(ctx, postgres.Config{URL: b.db.url, Schema: "log"}, postgres.Deps{})
		if openErr != nil {
			b.t.Fatal(openErr)
		}
		b.t.Cleanup(pool.Close)
		log, err = pglog.Open(ctx, pool, pglog.Config{Partitions: partitions}, pglog.Deps{})
	}
	if err != nil {
		b.t.Fatal(err)
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- log.Run(running) }()
	b.t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			b.t.Errorf("the log that was read ended with %v", err)
		}
	})
	return log
}

// database is a Postgres of the test's own that may be killed, with fsync on.
type database struct {
	cfg    pgembed.Config
	server *pgembed.Server
	url    string
}

func startDatabase(t testing.TB) *database {
	t.Helper()
	cache, err := pgembed.DefaultCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "fairlead-soak-") //nolint:usetesting // where we are root, the server's user could not enter t.TempDir
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o711); err != nil { //nolint:gosec // see above
		t.Fatal(err)
	}
	d := &database{cfg: pgembed.Config{DataDir: dir, CacheDir: cache, Settings: map[string]string{"max_connections": "200"}}}
	if err := d.restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.server.Stop(context.WithoutCancel(t.Context())) })
	d.url, d.cfg.Port = d.server.URL(), d.server.Port()
	return d
}

func (d *database) restart(ctx context.Context) (err error) {
	d.server, err = pgembed.Start(ctx, d.cfg, zap.NewNop())
	return err
}

// kill ends the server and all its processes, as a crash does.
func (d *database) kill() error {
	if err := syscall.Kill(d.server.Pid(), syscall.SIGKILL); err != nil {
		return fmt.Errorf("kill Postgres: %w", err)
	}
	<-d.server.Done()
	return nil
}

// firstLines are the first of many errors, in one.
func firstLines(errs []error) error {
	const most = 20
	if len(errs) <= most {
		return errors.Join(errs...)
	}
	return errors.Join(append(errs[:most:most], fmt.Errorf("and %d more", len(errs)-most))...)
}
