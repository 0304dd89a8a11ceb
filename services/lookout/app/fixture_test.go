package app_test

import (
	"context"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"google.golang.org/grpc"

	apipb "github.com/fairlead-batch/fairlead/proto/gen/api"
	"github.com/fairlead-batch/fairlead/services/internal/auth"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog/memlog"
	"github.com/fairlead-batch/fairlead/services/internal/eventwire"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/internal/postgres"
	"github.com/fairlead-batch/fairlead/services/internal/postgres/pgtest"
	"github.com/fairlead-batch/fairlead/services/internal/rpc/rpctest"
	"github.com/fairlead-batch/fairlead/services/internal/run"
	"github.com/fairlead-batch/fairlead/services/lookout/app"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Main(m)) }

const partitions = 2

// patience bounds what a test waits for; it is never waited for where all is well.
const patience = 20 * time.Second

// world is a log and a store, for the replicas of a test.
type world struct {
	t      *testing.T
	log    *memlog.Log
	writer eventlog.Appender
	store  app.Store
}

// onBothStores runs a test on memory and on Postgres.
func onBothStores(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		test(t, newWorld(t, app.NewMemoryStore()))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		pool, err := postgres.Open(t.Context(), postgres.Config{URL: pgtest.URL(t), Schema: "lookout"}, postgres.Deps{})
		must(t, err)
		t.Cleanup(pool.Close)
		store, err := app.OpenStore(t.Context(), pool)
		must(t, err)
		test(t, newWorld(t, store))
	})
}

func newWorld(t *testing.T, store app.Store) *world {
	t.Helper()
	broker, err := memlog.NewBroker(memlog.Config{Partitions: partitions}, memlog.ResendAll, time.Now)
	must(t, err)
	t.Cleanup(broker.Close)
	log, err := broker.Open(partitions)
	must(t, err)
	writer, err := log.Appender(eventlog.Author{1})
	must(t, err)
	return &world{t: t, log: log, writer: writer, store: store}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// told appends one entry of facts on a job set of queue q.
func (w *world) told(jobSet string, list ...job.Event) {
	w.t.Helper()
	body, err := eventwire.Encode(eventwire.Body{Batches: []job.Batch{{Queue: "q", JobSet: jobSet, Events: list}}})
	must(w.t, err)
	p := eventlog.PartitionOf("q", jobSet, partitions)
	must(w.t, eventlog.Append(w.t.Context(), w.writer, eventlog.Draft{Partition: p, Kind: eventlog.Facts, Body: body}))
}

// replica is a running lookout. Its stop ends it.
type replica struct {
	jobs   apipb.JobsClient
	submit apipb.SubmitClient
	ready  func() error
	stop   func()
}

func (w *world) start(holder string) replica {
	w.t.Helper()
	a, err := app.New(app.DefaultConfig(), app.Deps{
		Log: w.log, Partitions: partitions, Store: w.store, Authorize: auth.AllowAll{}, Holder: holder, Now: time.Now, Logger: zap.NewNop(),
	})
	must(w.t, err)
	group := run.New(patience, run.Events{})
	group.Add(a.Parts()...)
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- group.Run(ctx) }()
	stop := func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Errorf("replica %s ended with: %v", holder, err)
		}
		ended <- nil
	}
	w.t.Cleanup(stop)
	conn := rpctest.Serve(w.t, func(on grpc.ServiceRegistrar) { a.Register(on) })
	return replica{jobs: apipb.NewJobsClient(conn), submit: apipb.NewSubmitClient(conn), ready: group.Ready, stop: stop}
}
