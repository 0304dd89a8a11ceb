package store_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/fairlead-batch/fairlead/services/eventapi/internal/store"
	"github.com/fairlead-batch/fairlead/services/eventapi/internal/stream"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/internal/postgres/pgtest"
)

// BenchmarkLoad is a start with a million unfinished jobs: their states from the rows
// into books. cpu-ns/op is of this process, the rest is Postgres'.
func BenchmarkLoad(b *testing.B) {
	const jobs, parts = 1_000_000, 16
	pool := pgtest.Schema(b, store.Migrations())
	kept := stream.Kept{Job: job.Job{State: job.Queued, Last: job.Time(today.UnixNano())}}.Bytes()
	if _, err := pool.Exec(b.Context(), `INSERT INTO jobs (id, number, kept)
		SELECT decode(md5(n::text), 'hex'), n % $2, $3 FROM generate_series(1, $1) AS n`, jobs, parts, kept); err != nil {
		b.Fatal(err)
	}
	p, err := store.NewPostgres(pool, parts, retention)
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	all := make([]eventlog.Partition, parts)
	for n := range all {
		all[n] = eventlog.Partition{Stream: eventlog.Events, Number: uint32(n)}
	}
	if err := p.Keeper().Prepare(b.Context(), all); err != nil {
		b.Fatal(err)
	}
	began := used(b)
	for b.Loop() {
		var books [parts]*stream.Book
		_, err := p.Load(b.Context(), func() store.Take {
			for n := range books {
				books[n] = stream.NewBook()
			}
			return func(number uint32, id job.ID, kept []byte) { books[number].Load(id, kept) }
		})
		if err != nil {
			b.Fatal(err)
		}
		if n := books[0].Len(); n != jobs/parts {
			b.Fatalf("%d jobs of partition 0, want %d", n, jobs/parts)
		}
	}
	b.ReportMetric(float64(used(b)-began)/float64(b.N), "cpu-ns/op")
}

// used is the CPU that this process has used.
func used(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
