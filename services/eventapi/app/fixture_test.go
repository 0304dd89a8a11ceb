package app_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	apipb "github.com/fairlead-batch/fairlead/proto/gen/api"
	"github.com/fairlead-batch/fairlead/services/eventapi/app"
	"github.com/fairlead-batch/fairlead/services/internal/auth"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog/memlog"
	"github.com/fairlead-batch/fairlead/services/internal/eventwire"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/internal/postgres"
	"github.com/fairlead-batch/fairlead/services/internal/postgres/pgtest"
	"github.com/fairlead-batch/fairlead/services/internal/project"
	"github.com/fairlead-batch/fairlead/services/internal/rpc/rpctest"
	"github.com/fairlead-batch/fairlead/services/internal/run"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Main(m)) }

const partitions = 2

// patience bounds what a test waits for; it is never waited for where all is well.
const patience = 20 * time.Second

// world is a log, a store, and the replicas of a test.
type world struct {
	t      testing.TB
	log    *memlog.Log
	broker *memlog.Broker
	writer eventlog.Appender
	store  *pausing
	cfg    app.Config
	now    func() time.Time
}

// pausing is a store whose rows can be kept from moving.
type pausing struct {
	app.Store
	mu     sync.Mutex
	paused bool
}

func (p *pausing) Projection() project.Advancer { return pausedRows{p.Store.Projection(), p} }

func (p *pausing) pause(paused bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.paused = paused
}

type pausedRows struct {
	project.Advancer
	store *pausing
}

func (p pausedRows) Advance(ctx context.Context, now time.Time, runs []eventlog.Run) ([]project.Advanced, error) {
	p.store.mu.Lock()
	paused := p.store.paused
	p.store.mu.Unlock()
	if paused {
		return nil, fmt.Errorf("the database is paused")
	}
	return p.Advancer.Advance(ctx, now, runs)
}

// onBothStores runs a test on memory and on Postgres.
func onBothStores(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	cfg := app.DefaultConfig()
	cfg.WatchBuffer = 64 << 10
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		store, err := app.NewMemoryStore(partitions, cfg)
		test(t, newWorld(t, cfg, store, err))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		pool, err := postgres.Open(t.Context(), postgres.Config{URL: pgtest.URL(t), Schema: "eventapi"}, postgres.Deps{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(pool.Close)
		store, err := app.OpenStore(t.Context(), pool, partitions, cfg)
		test(t, newWorld(t, cfg, store, err))
	})
}

func newWorld(t testing.TB, cfg app.Config, store app.Store, err error) *world {
	t.Helper()
	must(t, err)
	t.Cleanup(store.Close)
	broker, err := memlog.NewBroker(memlog.Config{Partitions: partitions}, memlog.ResendAll, time.Now)
	must(t, err)
	t.Cleanup(broker.Close)
	log, err := broker.Open(partitions)
	must(t, err)
	writer, err := log.Appender(eventlog.Author{1})
	must(t, err)
	w := &world{t: t, log: log, broker: broker, writer: writer, store: &pausing{Store: store}, cfg: cfg, now: time.Now}
	w.control(eventwire.Setting{Generation: 1, QueueSet: &eventwire.Queue{Name: "q", PriorityFactor: 1}})
	return w
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) append(p eventlog.Partition, body eventwire.Body) {
	w.t.Helper()
	b, err := eventwire.Encode(body)
	must(w.t, err)
	must(w.t, eventlog.Append(w.t.Context(), w.writer, eventlog.Draft{Partition: p, Kind: eventlog.Facts, Body: b}))
}

func (w *world) control(settings ...eventwire.Setting) {
	w.t.Helper()
	w.append(eventlog.ControlPartition, eventwire.Body{Settings: settings})
}

// tell appends one entry of facts on a job set of queue q.
func (w *world) tell(jobSet string, events ...job.Event) {
	w.t.Helper()
	w.append(eventlog.PartitionOf("q", jobSet, partitions), eventwire.Body{Batches: []job.Batch{{Queue: "q", JobSet: jobSet, Cause: job.Cause{User: "ann"}, Events: events}}})
}

// submit is the fact that makes a job; it is told as submitted and queued.
func submit(n int, spec ...byte) job.Event {
	return job.SubmittedEvent{Head: head(n), Spec: &job.PodSpec{Bytes: spec}, Shape: &job.Shape{}}
}

func head(n int) job.Head {
	return job.Head{Job: jobID(n), Time: job.Time(time.Now().UnixNano())}
}

func jobID(n int) job.ID { return job.ID{1, byte(n >> 16), byte(n >> 8), byte(n)} }

// submitMany appends so many jobs, from a number on, one entry each.
func (w *world) submitMany(jobSet string, from, count int) {
	w.t.Helper()
	for n := from; n < from+count; n++ {
		w.tell(jobSet, submit(n))
	}
}

// replica is a process of the event API.
type replica struct {
	t       testing.TB
	client  apipb.EventClient
	metrics *prometheus.Registry
	// stop ends it as a process does; it may be called twice.
	stop func()
}

func (w *world) start(name string, change ...func(*app.Deps)) *replica {
	w.t.Helper()
	group := run.New(patience, run.Events{})
	metrics := prometheus.NewRegistry()
	deps := app.Deps{
		Log: w.log, Partitions: partitions, Store: w.store, Authorize: auth.AllowAll{}, Holder: name, Ready: group.Ready,
		Now: w.now, Logger: zap.NewNop(), Metrics: metrics,
	}
	for _, c := range change {
		c(&deps)
	}
	a, err := app.New(w.cfg, deps)
	must(w.t, err)
	group.Add(a.Parts()...)
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan error, 1)
	go func() { done <- group.Run(ctx) }()
	bed := rpctest.New(w.t, rpctest.Default(), a.Register)
	stop := sync.OnceFunc(func() {
		_ = bed.Stop()
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("replica %s: %v", name, err)
		}
	})
	w.t.Cleanup(stop)
	r := &replica{t: w.t, client: apipb.NewEventClient(bed.Conn), metrics: metrics, stop: stop}
	if len(change) == 0 {
		r.becomes(apipb.HealthCheckResponse_SERVING)
	}
	return r
}

// becomes asks for health until it is what is wanted.
func (r *replica) becomes(want apipb.HealthCheckResponse_ServingStatus) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	for {
		got, err := r.client.Health(ctx, &emptypb.Empty{})
		must(r.t, err)
		if got.GetStatus() == want {
			return
		}
	}
}

// follows waits until so many watches follow the tail of the log. What is told from then on
// reaches them though the rows stand still.
func (r *replica) follows(watches float64) {
	r.t.Helper()
	for end := time.Now().Add(patience); r.counted("fairlead_eventapi_watchers_open") != watches; {
		if time.Now().After(end) {
			r.t.Fatalf("after %s not %v watches follow the log", patience, watches)
		}
	}
}

// counted is the value of a metric.
func (r *replica) counted(name string) float64 {
	r.t.Helper()
	families, err := r.metrics.Gather()
	must(r.t, err)
	for _, f := range families {
		if f.GetName() == name {
			m := f.GetMetric()[0]
			return m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	r.t.Fatalf("no metric %s", name)
	return 0
}

// message is one event as a client sees it.
type message struct {
	ID, Kind, Job string
}

func read(m *apipb.EventStreamMessage) message {
	event := m.GetMessage().ProtoReflect()
	field := event.WhichOneof(event.Descriptor().Oneofs().ByName("events"))
	if field == nil {
		return message{ID: m.GetId(), Kind: "nothing"}
	}
	of := event.Get(field).Message()
	return message{ID: m.GetId(), Kind: string(field.Name()), Job: of.Get(of.Descriptor().Fields().ByName("job_id")).String()}
}

// all reads a stream that ends.
func (r *replica) all(req *apipb.JobSetRequest) ([]message, error) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	in, err := r.client.GetJobSetEvents(ctx, req)
	must(r.t, err)
	var out []message
	for {
		m, err := in.Recv()
		switch {
		case errors.Is(err, io.EOF):
			return out, nil
		case err != nil:
			return out, err
		}
		out = append(out, read(m))
	}
}

// history is all of a job set, which must be there.
func (r *replica) history(jobSet string) []message {
	r.t.Helper()
	out, err := r.all(&apipb.JobSetRequest{Queue: "q", Id: jobSet})
	must(r.t, err)
	return out
}

// watch is a stream that does not end by itself.
type watch struct {
	t  testing.TB
	in interface {
		Recv() (*apipb.EventStreamMessage, error)
	}
	got []message
	// end ends it, as a client that goes away.
	end context.CancelFunc
}

func (r *replica) watch(jobSet, from string) *watch {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 3*patience)
	r.t.Cleanup(cancel)
	in, err := r.client.GetJobSetEvents(ctx, &apipb.JobSetRequest{Queue: "q", Id: jobSet, Watch: true, FromMessageId: from})
	must(r.t, err)
	return &watch{t: r.t, in: in, end: cancel}
}

// next reads so many more messages.
func (w *watch) next(count int) []message {
	w.t.Helper()
	for range count {
		m, err := w.in.Recv()
		if err != nil {
			w.t.Fatalf("after %d messages: %v", len(w.got), err)
		}
		w.got = append(w.got, read(m))
	}
	return w.got
}

// ends reads up to the end and gives its code.
func (w *watch) ends() codes.Code {
	w.t.Helper()
	for {
		m, err := w.in.Recv()
		if err != nil {
			return status.Code(err)
		}
		w.got = append(w.got, read(m))
	}
}

func same(t *testing.T, what string, want, got []message) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%.3000s", what, diff)
	}
}

// submitted checks that jobs are told in order, each once, from a number on.
func submitted(t *testing.T, got []message, from, count int) {
	t.Helper()
	if len(got) != 2*count {
		t.Errorf("%d messages, want %d", len(got), 2*count)
		return
	}
	for i, m := range got {
		want := message{ID: m.ID, Kind: []string{"submitted", "queued"}[i%2], Job: jobID(from + i/2).String()}
		if m != want || i > 0 && got[i-1].ID >= m.ID {
			t.Errorf("message %d is %v, want %v; ids must rise", i, m, want)
			return
		}
	}
}
