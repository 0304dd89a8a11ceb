package pulsarlog_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
)

const jobsAnEntry = 100

// jobsBody is a body of about 22 KB that compresses as entries of jobs do: ids are
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

// BenchmarkAppend: one by one, each waited for, and as many as the appender takes.
func BenchmarkAppend(b *testing.B) {
	needServer(b)
	body := jobsBody(1)
	b.Run("one by one", func(b *testing.B) {
		a := benchAppender(b)
		var took []time.Duration
		for i := 0; b.Loop(); i++ {
			begun := time.Now()
			if err := eventlog.Append(b.Context(), a, draft(i, body)); err != nil {
				b.Fatal(err)
			}
			took = append(took, time.Since(begun))
		}
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
		b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
	})
	b.Run("asynchronous", func(b *testing.B) {
		a := benchAppender(b)
		b.SetBytes(int64(len(body)))
		var last *eventlog.Receipt
		var err error
		for i := 0; b.Loop(); i++ {
			if last, err = a.Append(b.Context(), draft(i, body)); err != nil {
				b.Fatal(err)
			}
		}
		if err := last.Wait(b.Context()); err != nil {
			b.Fatal(err)
		}
		if err := a.Close(b.Context()); err != nil { // the other partitions' too
			b.Fatal(err)
		}
		b.ReportMetric(float64(b.N*jobsAnEntry)/b.Elapsed().Seconds(), "jobs/s")
	})
}

func draft(i int, body []byte) eventlog.Draft {
	p := eventlog.Partition{Stream: eventlog.Events, Number: uint32(i % 16)}
	return eventlog.Draft{Partition: p, Kind: eventlog.Facts, Body: body}
}

// benchAppender has written to each partition, so the producers are there.
func benchAppender(b *testing.B) eventlog.Appender {
	b.Helper()
	config := newConfig(b, server.ServiceURL)
	config.Partitions = 16
	log := openLog(b, config)
	var author eventlog.Author
	author[0], author[1] = 1, byte(b.N)
	a, err := log.Appender(author)
	if err != nil {
		b.Fatal(err)
	}
	for i := range 16 {
		if err := eventlog.Append(b.Context(), a, draft(i, []byte("first"))); err != nil {
			b.Fatal(err)
		}
	}
	return a
}
