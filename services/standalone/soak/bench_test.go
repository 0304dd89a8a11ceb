package soak_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/fairlead-batch/fairlead/proto/gen/api"
	"github.com/fairlead-batch/fairlead/services/internal/process"
)

// clients is how many submit at once.
const clients = 10

// BenchmarkSubmit measures what is acknowledged durably by the five programs, over
// gRPC, with ten clients, on either kind of log; everything else works on the same
// jobs beside it. An operation is one call:
//
//	go test ./services/standalone/soak -run '^$' -bench Submit -benchtime 200x
func BenchmarkSubmit(b *testing.B) {
	for _, log := range []process.LogKind{process.LogInPulsar, process.LogInPostgres} {
		b.Run(string(log), func(b *testing.B) {
			bed := newBed(b, log)
			for _, jobs := range []int{100, 1000} {
				b.Run(fmt.Sprintf("jobs=%d", jobs), func(b *testing.B) { benchmarkSubmit(b, bed, jobs) })
			}
		})
	}
}

func benchmarkSubmit(b *testing.B, bed *bed, jobs int) {
	b.Helper()
	u := &users{truth: newTruth(), submit: api.NewSubmitClient(bed.dial(bed.submit)), random: rand.New(rand.NewPCG(1, uint64(jobs)))} //nolint:gosec // the same each time
	if err := u.createQueue(b.Context()); err != nil {
		b.Fatal(err)
	}
	sets := make([]*jobSet, jobSets)
	for i := range sets {
		sets[i] = &jobSet{name: fmt.Sprintf("bench-%d", i)}
	}
	// Made before the clock runs, and without client ids, as loadgen's.
	requests := make([]*api.JobSubmitRequest, b.N)
	for i := range requests {
		requests[i], _ = u.request(jobs, sets[i%len(sets)])
		for _, item := range requests[i].GetJobRequestItems() {
			item.ClientId = ""
		}
	}
	var group sync.WaitGroup
	var next atomic.Int64
	b.ResetTimer()
	for range clients {
		group.Go(func() {
			for i := next.Add(1) - 1; i < int64(b.N); i = next.Add(1) - 1 {
				if _, err := u.submit.SubmitJobs(context.WithoutCancel(b.Context()), requests[i]); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	b.StopTimer()
	b.ReportMetric(float64(jobs)*float64(b.N)/b.Elapsed().Seconds(), "jobs/s")
}
