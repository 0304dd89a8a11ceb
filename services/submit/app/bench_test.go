package app_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	apipb "github.com/fairlead-batch/fairlead/proto/gen/api"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog/pglog"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/internal/postgres"
	"github.com/fairlead-batch/fairlead/services/internal/postgres/pgtest"
)

// clients submit at once in a benchmark.
const clients = 10

// BenchmarkProcess is jobs that are acknowledged by a process with its log and
// database in Postgres (without fsync, as all of pgtest), over gRPC, by ten clients
// in calls of 100 jobs and 1,000, with 20 distinct specs. The clients run in the
// same process and are in cpu-µs/job, which hardly depends on what else the machine
// does; the database server is not. In the end the log is counted.
func BenchmarkProcess(b *testing.B) {
	for _, size := range []int{100, 1000} {
		for name, clientID := range map[string]func() string{
			"without client ids": func() string { return "" },
			"with client ids":    func() string { return ulid.Make().String() },
		} {
			b.Run(fmt.Sprintf("calls of %d %s", size, name), func(b *testing.B) {
				url := pgtest.URL(b)
				conn, end := serve(b, processConfig(b, url, ""))
				defer end()
				submit := apipb.NewSubmitClient(conn)
				whenReady(b, func() (*emptypb.Empty, error) {
					return submit.CreateQueue(b.Context(), &apipb.Queue{Name: "q", PriorityFactor: 1})
				})
				before := cpu(b)
				b.ResetTimer()
				flood(b, conn, size, clientID)
				b.StopTimer()
				jobs := b.N * size
				b.ReportMetric(float64(jobs)/b.Elapsed().Seconds(), "jobs/s")
				b.ReportMetric(float64((cpu(b)-before).Microseconds())/float64(jobs), "cpu-µs/job")
				if got := jobsInLog(b, url); got != jobs {
					b.Errorf("%d jobs were acknowledged, and the log has %d", jobs, got)
				}
			})
		}
	}
}

// flood makes b.N calls.
func flood(b *testing.B, conn *grpc.ClientConn, size int, clientID func() string) {
	b.Helper()
	var calls atomic.Int64
	var group sync.WaitGroup
	for range clients {
		group.Go(func() {
			req := request(b, make([]string, size)...)
			req.JobSetId = ulid.Make().String()
			for i, item := range req.GetJobRequestItems() {
				spec := proto.CloneOf(item.GetPodSpecs()[0])
				spec.Containers[0].Args = []string{"sleep", fmt.Sprint(i % 20)}
				item.PodSpecs[0] = spec
			}
			for calls.Add(1) <= int64(b.N) {
				for _, item := range req.GetJobRequestItems() {
					item.ClientId = clientID()
				}
				if _, err := apipb.NewSubmitClient(conn).SubmitJobs(b.Context(), req); err != nil {
					b.Error(err)
				}
			}
		})
	}
	group.Wait()
}

// cpu is what this process has used.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	must(b, syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// jobsInLog counts the distinct jobs of a log.
func jobsInLog(b testing.TB, url string) int {
	b.Helper()
	pool, err := postgres.Open(b.Context(), postgres.Config{URL: url, Schema: "log"}, postgres.Deps{})
	must(b, err)
	defer pool.Close()
	log, err := pglog.Open(b.Context(), pool, pglog.Config{Partitions: partitions}, pglog.Deps{})
	must(b, err)
	ids := map[job.ID]bool{}
	for n := range uint32(partitions) {
		for _, body := range bodies(b, log, eventlog.Partition{Stream: eventlog.Events, Number: n}) {
			for _, batch := range body.Batches {
				for _, e := range batch.Events {
					ids[e.Of().Job] = true
				}
			}
		}
	}
	return len(ids)
}
