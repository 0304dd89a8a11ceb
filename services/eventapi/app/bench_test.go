package app_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	corev1 "github.com/fairlead-batch/fairlead/proto/gen/k8s.io/api/core/v1"
	"github.com/fairlead-batch/fairlead/services/eventapi/app"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/eventwire"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/internal/postgres"
	"github.com/fairlead-batch/fairlead/services/internal/postgres/pgtest"
)

// livesAnEntry is how many jobs share an entry: a call of submit, a round of the
// scheduler, a batch of reports.
const livesAnEntry = 100

// lives are entries of whole lives of one partition. So many go through their steps
// side by side.
func lives(tb testing.TB, count, together int) []eventlog.Entry {
	tb.Helper()
	filler := strings.Repeat("x", 800)
	bytes, err := proto.Marshal(&corev1.PodSpec{Hostname: &filler})
	if err != nil {
		tb.Fatal(err)
	}
	spec, shape := &job.PodSpec{Bytes: bytes}, &job.Shape{Requests: []job.Amount{{Resource: "cpu", Value: 1000}, {Resource: "memory", Value: 1 << 30}}}
	pod := job.Pod{Name: "armada-01k0000000000000000000000-0", Namespace: "default", UID: "2c5ea4c0-4067-11e9-8bad-9b1deb4d3b7d", Node: "node-17"}
	steps := []func(h job.Head, run job.RunID) job.Event{
		func(h job.Head, _ job.RunID) job.Event { return job.SubmittedEvent{Head: h, Spec: spec, Shape: shape} },
		func(h job.Head, run job.RunID) job.Event {
			return job.LeasedEvent{Head: h, Run: run, Executor: "cluster-1", Pool: "default", Node: "node-17"}
		},
		func(h job.Head, run job.RunID) job.Event { return job.RunAcknowledgedEvent{Head: h, Run: run} },
		func(h job.Head, run job.RunID) job.Event { return job.RunPendingEvent{Head: h, Run: run, Pod: pod} },
		func(h job.Head, run job.RunID) job.Event { return job.RunRunningEvent{Head: h, Run: run, Pod: pod} },
		func(h job.Head, run job.RunID) job.Event { return job.RunSucceededEvent{Head: h, Run: run, Pod: pod} },
		func(h job.Head, run job.RunID) job.Event { return job.SucceededEvent{Head: h, Run: run} },
	}
	var list []eventlog.Entry
	calls := together / livesAnEntry // entries that one step of a group takes
	for i := range count / livesAnEntry * len(steps) {
		group, rest := i/(calls*len(steps)), i%(calls*len(steps))
		step, first := steps[rest/calls], group*together+rest%calls*livesAnEntry
		events := make([]job.Event, livesAnEntry)
		for n := range events {
			events[n] = step(head(first+n), job.RunID(jobID(first+n)))
		}
		body, err := eventwire.Encode(eventwire.Body{Batches: []job.Batch{{Queue: "q", JobSet: "s", Cause: job.Cause{User: "ann"}, Events: events}}})
		if err != nil {
			tb.Fatal(err)
		}
		at := uint64(i + 1)
		list = append(list, eventlog.Entry{
			At: eventlog.Position{Entry: at}, Header: eventlog.Header{Author: eventlog.Author{1}, Sequence: at, Kind: eventlog.Facts}, Body: body,
		})
	}
	return list
}

// BenchmarkProjection is whole lives of jobs into rows in Postgres, in transactions
// that hold whole lives or, which costs more, a step or two of each.
func BenchmarkProjection(b *testing.B) {
	for name, test := range map[string]struct{ together, entries int }{"whole lives": {100, 700}, "parts of lives": {5000, 70}} {
		b.Run(name, func(b *testing.B) {
			pool, err := postgres.Open(b.Context(), postgres.Config{URL: pgtest.URL(b), Schema: "eventapi"}, postgres.Deps{})
			if err != nil {
				b.Fatal(err)
			}
			defer pool.Close()
			store, err := app.OpenStore(b.Context(), pool, 1, app.DefaultConfig())
			if err != nil {
				b.Fatal(err)
			}
			defer store.Close()
			part := eventlog.Partition{Stream: eventlog.Events}
			if err := store.Keeper().Prepare(b.Context(), []eventlog.Partition{part}); err != nil {
				b.Fatal(err)
			}
			if err := store.Retain(b.Context(), time.Now()); err != nil {
				b.Fatal(err)
			}
			const each = 10_000
			list := lives(b, each*((b.N+each-1)/each), test.together)
			b.ResetTimer()
			for from := 0; from < len(list); from += test.entries {
				to := min(from+test.entries, len(list))
				run := eventlog.Run{Partition: part, From: eventlog.Position{Entry: uint64(from)}, Entries: list[from:to], To: list[to-1].At}
				done, err := store.Projection().Advance(b.Context(), time.Now(), []eventlog.Run{run})
				if err != nil || done[0].Err != nil {
					b.Fatal(err, done)
				}
			}
			b.ReportMetric(float64(len(list)/7*livesAnEntry)/b.Elapsed().Seconds(), "lives/s")
		})
	}
}

// BenchmarkChangeToSubscriber is from before the append of an entry to its event at
// a client, with the rows on Postgres written beside it.
func BenchmarkChangeToSubscriber(b *testing.B) {
	cfg := app.DefaultConfig()
	pool, err := postgres.Open(b.Context(), postgres.Config{URL: pgtest.URL(b), Schema: "eventapi"}, postgres.Deps{})
	if err != nil {
		b.Fatal(err)
	}
	defer pool.Close()
	store, err := app.OpenStore(b.Context(), pool, partitions, cfg)
	w := newWorld(b, cfg, store, err)
	stream := w.start("a").watch("s", "")
	w.tell("s", submit(0))
	stream.next(2)
	took := make([]time.Duration, 0, b.N)
	for n := 1; b.Loop(); n++ {
		began := time.Now()
		w.tell("s", submit(n))
		stream.next(1)
		took = append(took, time.Since(began))
		stream.next(1)
		stream.got = nil
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms-p50")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "ms-p99")
}
