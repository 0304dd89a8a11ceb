package app_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/zap"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog/memlog"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog/pglog"
	"github.com/fairlead-batch/fairlead/services/internal/eventwire"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/internal/postgres"
	"github.com/fairlead-batch/fairlead/services/internal/postgres/pgtest"
	"github.com/fairlead-batch/fairlead/services/internal/run"
	"github.com/fairlead-batch/fairlead/services/scheduler/app"
)

// submitted is an entry in which a job was submitted.
func submitted(t *testing.T, id byte) eventlog.Draft {
	t.Helper()
	e := job.SubmittedEvent{
		Head: job.Head{Job: job.ID{id}, Time: job.Time(id)}, Class: "armada-default", Spec: &job.PodSpec{Bytes: []byte{id}},
		Shape: &job.Shape{Requests: []job.Amount{{Resource: "cpu", Value: 1000}}},
	}
	body, err := eventwire.Encode(eventwire.Body{Batches: []job.Batch{{Queue: "q", JobSet: "s", Events: []job.Event{e}}}})
	must(t, err)
	return eventlog.Draft{Partition: eventlog.PartitionOf("q", "s", 2), Kind: eventlog.Facts, Body: body}
}

// publish appends entries as a process of users does.
func publish(t *testing.T, log eventlog.Log, author eventlog.Author, drafts ...eventlog.Draft) {
	t.Helper()
	appender, err := log.Appender(author)
	must(t, err)
	receipt, err := appender.Append(t.Context(), drafts...)
	must(t, err)
	must(t, receipt.Wait(t.Context()))
	must(t, appender.Close(t.Context()))
}

// reaches waits until a metric of the process is what is wanted.
func (r *replica) reaches(name string, want func(float64) bool) {
	r.t.Helper()
	late := time.After(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !want(r.metric(name)) {
		select {
		case <-late:
			r.t.Fatalf("%s is %v", name, r.metric(name))
		case <-tick.C:
		}
	}
}

// TestStartsFromSnapshot: a process stores a snapshot when enough stands behind the
// stored one, and lets the log forget it; the next begins from there and reads the rest.
func TestStartsFromSnapshot(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	cfg := processConfig(t, url)
	must(t, app.Migrate(t.Context(), cfg, zap.NewNop()))
	first := start(t, url)
	leader(t, first)

	pool, err := postgres.Open(t.Context(), cfg.Log.Postgres.Config, postgres.Deps{Log: zap.NewNop()})
	must(t, err)
	defer pool.Close()
	log, err := pglog.Open(t.Context(), pool, pglog.Config{Partitions: 2}, pglog.Deps{Log: zap.NewNop()})
	must(t, err)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- run.All(ctx, time.Second, run.Part{Name: "log", Run: log.Run}) }()
	defer func() {
		stop()
		must(t, <-ended)
	}()
	var drafts []eventlog.Draft
	for id := range byte(20) { // twice the limit: for a leader
		drafts = append(drafts, submitted(t, id+1))
	}
	publish(t, log, eventlog.Author{1}, drafts...)
	first.reaches("snapshots_stored_total", func(n float64) bool { return n == 1 })
	first.reaches("snapshot_events_behind", func(n float64) bool { return n == 0 })
	first.stop()

	publish(t, log, eventlog.Author{2}, submitted(t, 100))
	second := start(t, url)
	leader(t, second)
	if n := second.metric("snapshot_events_behind"); n > 1 { // it may have stored a snapshot of its own
		t.Errorf("it read %v events, want the one behind the snapshot", n)
	}
	stored := app.NewPostgresSnapshots(schedulerPool(t, cfg), cfg.Postgres.Schema)
	snapshot, err := stored.Load(t.Context())
	must(t, err)
	p := snapshot.Partitions[drafts[0].Partition.Number]
	if len(p.Jobs) < len(drafts) || len(p.Entries) != len(p.Jobs) {
		t.Fatalf("the snapshot has %d jobs of %d entries, want %d or one more", len(p.Jobs), len(p.Entries), len(drafts))
	}
	entry := app.EntryRef{Partition: drafts[0].Partition.Number, At: p.Entries[3]}
	found, err := stored.Submitted(t.Context(), []app.EntryRef{entry})
	if err != nil || len(found) != 1 || string(found[0].Body) != string(drafts[3].Body) {
		t.Errorf("the fourth entry is stored as %v, %v", found, err)
	}
}

// TestForgotten: with no snapshot and a log that has forgotten its beginning a scheduler
// does not lead, until an operator says that it is to begin where the log begins.
func TestForgotten(t *testing.T) {
	t.Parallel()
	log := forgetful(t)
	cfg := app.DefaultConfig()
	deps := app.Deps{
		Log: log, Partitions: 2, Leader: nobody{}, Snapshots: app.NewMemorySnapshots(), Now: time.Now, Logger: zap.NewNop(),
		NewID: func(at time.Time) [16]byte { return [16]byte{byte(at.UnixNano())} },
	}
	err := app.New(cfg, deps).Parts()[0].Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "acceptForgotten") {
		t.Fatalf("Run = %v, want an error that names acceptForgotten", err)
	}
	cfg.AcceptForgotten = true
	service := app.New(cfg, deps)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- service.Parts()[0].Run(ctx) }()
	for service.Parts()[0].Ready() != nil {
		select {
		case err := <-ended:
			t.Fatalf("Run = %v", err)
		case <-time.After(time.Millisecond):
		}
	}
	stop()
	must(t, <-ended)
}

// forgetful is a log that has forgotten how it begins.
func forgetful(t *testing.T) *memlog.Log {
	t.Helper()
	now := time.Unix(1000, 0)
	broker, err := memlog.NewBroker(memlog.Config{Partitions: 2, Retention: time.Minute}, memlog.SettleFirst, func() time.Time { return now })
	must(t, err)
	t.Cleanup(broker.Close)
	log, err := broker.Open(2)
	must(t, err)
	t.Cleanup(log.Close)
	publish(t, log, eventlog.Author{1}, submitted(t, 1), submitted(t, 2))
	now = now.Add(time.Hour)
	broker.Trim()
	return log
}

// nobody is a lock that nobody ever gets.
type nobody struct{}

func (nobody) Lock(ctx context.Context) (app.Lock, error) {
	<-ctx.Done()
	return nil, context.Cause(ctx)
}

func (nobody) TakeEpoch(context.Context, uint64) (uint64, error) {
	return 0, errors.New("nobody leads")
}

// schedulerPool is the scheduler's own database.
func schedulerPool(t *testing.T, cfg app.ProcessConfig) *pgxpool.Pool {
	t.Helper()
	pool, err := postgres.Open(t.Context(), cfg.Postgres, postgres.Deps{Log: zap.NewNop()})
	must(t, err)
	t.Cleanup(pool.Close)
	return pool
}
