package pglog_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog/pglog"
	"github.com/fairlead-batch/fairlead/services/internal/postgres"
)

const jobsAnEntry = 100

// jobsBody is a body of about 20 KB that compresses as entries of jobs do: ids are
// noise, most else repeats.
func jobsBody(seed uint64) []byte {
	random := rand.New(rand.NewPCG(seed, 0))
	var b []byte
	for i := range jobsAnEntry {
		b = fmt.Appendf(b, "id:%016x%016x queue:queue-%d jobset:sweep-7 spec:%d priority:%d cpu:1 memory:1Gi ", random.Uint64(), random.Uint64(), seed%3, i%20, random.IntN(1000))
		b = append(b, "namespace:default user:alice groups:research,everybody annotations:none class:armada-default created:2026-01-01T00:00:00Z "...)
	}
	return b
}

// benchLog is a log on a server with fsync on.
func benchLog(b *testing.B, partitions uint32) *process {
	b.Helper()
	s := server(b, serverConfig(b))
	pool, err := postgres.Open(b.Context(), postgres.Config{URL: s.URL(), Schema: "log"}, postgres.Deps{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(pool.Close)
	return startProcess(b, pool, pglog.Config{Partitions: partitions})
}

// BenchmarkAppend: so many clients, each appending an entry of 100 jobs and waiting
// for it, to a partition of its own.
func BenchmarkAppend(b *testing.B) {
	for _, clients := range []int{1, 10, 50} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			log := benchLog(b, 16)
			appendAll(b, log, clients)
		})
	}
}

func appendAll(b *testing.B, log eventlog.Log, clients int) {
	b.Helper()
	appender, err := log.Appender(eventlog.Author{1})
	if err != nil {
		b.Fatal(err)
	}
	bodies := make([][]byte, 64)
	for i := range bodies {
		bodies[i] = jobsBody(uint64(i))
	}
	var left atomic.Int64
	left.Store(int64(b.N))
	latencies := make([][]time.Duration, clients)
	b.SetBytes(int64(len(bodies[0])))
	b.ResetTimer()
	var all sync.WaitGroup
	for c := range clients {
		all.Go(func() {
			p := eventlog.Partition{Stream: eventlog.Events, Number: uint32(c % 16)}
			for i := c; left.Add(-1) >= 0; i++ {
				start := time.Now()
				draft := eventlog.Draft{Partition: p, Kind: eventlog.Facts, Body: bodies[i%len(bodies)]}
				if err := eventlog.Append(b.Context(), appender, draft); err != nil {
					b.Error(err)
					return
				}
				latencies[c] = append(latencies[c], time.Since(start))
			}
		})
	}
	all.Wait()
	b.StopTimer()
	sorted := slices.Concat(latencies...)
	slices.Sort(sorted)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "entries/s")
	b.ReportMetric(float64(b.N*jobsAnEntry)/b.Elapsed().Seconds(), "jobs/s")
	b.ReportMetric(float64(sorted[len(sorted)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(sorted[len(sorted)*99/100].Microseconds())/1000, "p99-ms")
}

// BenchmarkTail: from the call of Append to the entry at a reader that waits for
// it, in the process that writes and in another one.
func BenchmarkTail(b *testing.B) {
	for _, where := range []string{"here", "elsewhere"} {
		b.Run(where, func(b *testing.B) {
			log := benchLog(b, 16)
			reads := log
			if where == "elsewhere" {
				reads = startProcess(b, log.pool, pglog.Config{Partitions: 16})
			}
			p := eventlog.Partition{Stream: eventlog.Events}
			reader, err := reads.Read(b.Context(), p, eventlog.Position{})
			if err != nil {
				b.Fatal(err)
			}
			defer reader.Close()
			appender, err := log.Appender(eventlog.Author{1})
			if err != nil {
				b.Fatal(err)
			}
			draft := eventlog.Draft{Partition: p, Kind: eventlog.Facts, Body: jobsBody(1)}
			for b.Loop() {
				receipt, err := appender.Append(b.Context(), draft)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := reader.Next(b.Context()); err != nil {
					b.Fatal(err)
				}
				if err := receipt.Wait(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkReplay: a partition read from its beginning, out of the database.
func BenchmarkReplay(b *testing.B) {
	const n = 4000
	log := benchLog(b, 16)
	appender, err := log.Appender(eventlog.Author{1})
	if err != nil {
		b.Fatal(err)
	}
	p := eventlog.Partition{Stream: eventlog.Events}
	drafts := make([]eventlog.Draft, n)
	for i := range drafts {
		drafts[i] = eventlog.Draft{Partition: p, Kind: eventlog.Facts, Body: jobsBody(uint64(i))}
	}
	if err := eventlog.Append(b.Context(), appender, drafts...); err != nil {
		b.Fatal(err)
	}
	reads := startProcess(b, log.pool, pglog.Config{Partitions: 16, TailBytesMax: -1})
	for b.Loop() {
		reader, err := reads.Read(b.Context(), p, eventlog.Position{})
		if err != nil {
			b.Fatal(err)
		}
		for got := 0; got < n; {
			run, err := reader.Next(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			got += len(run.Entries)
		}
		reader.Close()
	}
	b.ReportMetric(float64(b.N*n)/b.Elapsed().Seconds(), "entries/s")
	b.SetBytes(int64(n * len(drafts[0].Body)))
}
