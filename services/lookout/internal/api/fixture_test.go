package api_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	apipb "github.com/fairlead-batch/fairlead/proto/gen/api"
	"github.com/fairlead-batch/fairlead/services/internal/auth"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog/memlog"
	"github.com/fairlead-batch/fairlead/services/internal/eventwire"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/internal/project"
	"github.com/fairlead-batch/fairlead/services/internal/rpc/rpctest"
	"github.com/fairlead-batch/fairlead/services/lookout/internal/api"
	"github.com/fairlead-batch/fairlead/services/lookout/internal/events"
	"github.com/fairlead-batch/fairlead/services/lookout/internal/store"
	"github.com/fairlead-batch/fairlead/services/lookout/internal/viewtest"
)

const partitions = 2

// patience bounds what a test waits for; it is never waited for where all is well.
const patience = 20 * time.Second

// world is a log, rows that move when the test says so, and a server.
type world struct {
	t          *testing.T
	log        *memlog.Log
	writer     eventlog.Appender
	rows       *store.Memory
	projection *project.Projection[*project.MemoryTx]
	jobs       apipb.JobsClient
	submit     apipb.SubmitClient
	// waits gets a value when a call waits for the rows.
	waits chan struct{}
}

// waiting tells when a call waits.
type waiting struct {
	*project.Catchup
	waits chan struct{}
}

func (w waiting) Reached(ctx context.Context, p eventlog.Partition, at eventlog.Position) error {
	select {
	case w.waits <- struct{}{}:
	default: // nobody asks
	}
	return w.Catchup.Reached(ctx, p, at)
}

// newWorld makes one; change may change what the server works with.
func newWorld(t *testing.T, change func(*api.Deps)) *world {
	t.Helper()
	broker, err := memlog.NewBroker(memlog.Config{Partitions: partitions}, memlog.ResendAll, time.Now)
	must(t, err)
	t.Cleanup(broker.Close)
	log, err := broker.Open(partitions)
	must(t, err)
	writer, err := log.Appender(eventlog.Author{1})
	must(t, err)
	rows := store.NewMemory("test")
	both := []eventlog.Partition{{Stream: eventlog.Events}, {Stream: eventlog.Events, Number: 1}}
	must(t, rows.Prepare(t.Context(), both))
	consumer, err := events.NewWriter(rows, partitions, nil)
	must(t, err)
	catchup := project.NewCatchup(log, rows.Places, both)
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = catchup.Run(ctx) // ends by stop alone
	}()
	t.Cleanup(func() {
		stop()
		<-ended
	})
	w := &world{t: t, log: log, writer: writer, rows: rows, projection: project.New(rows, consumer.Write), waits: make(chan struct{}, 1)}
	deps := api.Deps{
		Partitions: partitions, Jobs: rows, Active: rows, Catchup: waiting{catchup, w.waits}, Authorize: auth.AllowAll{},
		IDsMax: 4, CaughtUpWithin: patience,
	}
	change(&deps)
	conn := rpctest.Serve(t, func(on grpc.ServiceRegistrar) {
		server := api.New(deps)
		apipb.RegisterJobsServer(on, server)
		server.RegisterQueueInfo(on)
	})
	w.jobs, w.submit = apipb.NewJobsClient(conn), apipb.NewSubmitClient(conn)
	return w
}

func asIs(*api.Deps) {}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// told appends the entries of a script, each where its job set belongs.
func (w *world) told(script string) {
	w.t.Helper()
	for _, entry := range viewtest.Script(script) {
		w.append(entry.Batches...)
	}
}

func (w *world) append(batches ...job.Batch) {
	w.t.Helper()
	for _, batch := range batches {
		body, err := eventwire.Encode(eventwire.Body{Batches: []job.Batch{batch}})
		must(w.t, err)
		p := eventlog.PartitionOf(batch.Queue, batch.JobSet, partitions)
		must(w.t, eventlog.Append(w.t.Context(), w.writer, eventlog.Draft{Partition: p, Kind: eventlog.Facts, Body: body}))
	}
}

// project moves the rows to the end of the log.
func (w *world) project() {
	w.t.Helper()
	places, err := w.rows.Places(w.t.Context())
	must(w.t, err)
	for _, place := range places {
		bounds, err := w.log.Bounds(w.t.Context(), place.Partition)
		must(w.t, err)
		for at := place.At; at.Before(bounds.Newest); {
			reader, err := w.log.Read(w.t.Context(), place.Partition, at)
			must(w.t, err)
			run, err := reader.Next(w.t.Context())
			must(w.t, err)
			reader.Close()
			done, err := w.projection.Advance(w.t.Context(), time.Now(), []eventlog.Run{run})
			must(w.t, errors.Join(err, done[0].Err))
			at = done[0].Place.At
		}
	}
}

// done is a script whose entries are in the rows.
func (w *world) done(script string) {
	w.t.Helper()
	w.told(script)
	w.project()
}

// ids are the texts of the ids that scripts call by these letters.
func ids(letters string) (out []string) {
	for _, letter := range letters {
		out = append(out, viewtest.Job(string(letter)).String())
	}
	return out
}

// code fails the test unless err has that code and its text these words.
func code(t *testing.T, err error, want codes.Code, words ...string) {
	t.Helper()
	if status.Code(err) != want {
		t.Errorf("error %v, want %s", err, want)
	}
	for _, word := range words {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("error %v does not say %q", err, word)
		}
	}
}
