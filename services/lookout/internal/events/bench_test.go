package events_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/zap"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	pg "github.com/fairlead-batch/fairlead/services/internal/postgres"
	"github.com/fairlead-batch/fairlead/services/internal/postgres/pgembed"
	"github.com/fairlead-batch/fairlead/services/internal/project"
	"github.com/fairlead-batch/fairlead/services/lookout/internal/events"
	"github.com/fairlead-batch/fairlead/services/lookout/internal/store"
	"github.com/fairlead-batch/fairlead/services/lookout/internal/viewtest"
)

// durable is a pool on a server as a user has it: fsync on, data on disk; and the
// server's process.
func durable(b *testing.B) (pool *pgxpool.Pool, pid int) {
	b.Helper()
	cache, err := pgembed.DefaultCacheDir()
	if err != nil {
		b.Fatal(err)
	}
	folder, err := os.MkdirTemp("/var/tmp", "lookout-bench-") //nolint:usetesting // a user's folder is on disk, and the server's user may enter it
	if err != nil {
		b.Fatal(err)
	}
	if err := os.Chmod(folder, 0o755); err != nil {
		b.Fatal(err)
	}
	server, err := pgembed.Start(b.Context(), pgembed.Config{DataDir: filepath.Join(folder, "data"), CacheDir: cache}, zap.NewNop())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := server.Stop(context.WithoutCancel(b.Context())); err != nil {
			b.Error(err)
		}
		_ = os.RemoveAll(folder)
	})
	pool, err = pg.Open(b.Context(), pg.Config{URL: server.URL(), Schema: "lookout"}, pg.Deps{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(pool.Close)
	if _, err := pg.Migrate(b.Context(), pool, store.Migrations()); err != nil {
		b.Fatal(err)
	}
	return pool, server.Pid()
}

// BenchmarkLives takes lives of a thousand jobs at a time from encoded entries into
// the rows, decoding included: all phases of a life in one transaction, or one after
// another. An iteration is a thousand lives.
func BenchmarkLives(b *testing.B) {
	const lives = 1000
	for name, phases := range map[string]int{"in one batch": 1, "in four batches": viewtest.Phases} {
		b.Run(name, func(b *testing.B) {
			pool, server := durable(b)
			db := store.NewPostgres(pool, "lookout.events")
			writer, err := events.NewWriter(db, 1, nil)
			if err != nil {
				b.Fatal(err)
			}
			p := eventlog.Partition{Stream: eventlog.Events}
			if err := db.Prepare(b.Context(), []eventlog.Partition{p}); err != nil {
				b.Fatal(err)
			}
			projection := project.New(db, writer.Write)
			var log []eventlog.Entry
			var ends []int // of the runs
			for i := range b.N {
				all := viewtest.Lives(0, i*lives, lives)
				for phase, list := range all {
					for _, e := range logOf(b, list)[p] {
						e.At.Entry = uint64(len(log) + 1)
						e.Sequence = e.At.Entry
						log = append(log, e)
					}
					if (phase+1)%(viewtest.Phases/phases) == 0 {
						ends = append(ends, len(log))
					}
				}
			}
			ours, theirs := ownCPU(b), serverCPU(b, server)
			b.ResetTimer()
			from := 0
			for _, to := range ends {
				done, err := projection.Advance(b.Context(), time.Time{}, []eventlog.Run{cut(p, log, from, to)})
				if err != nil || done[0].Applied != to-from {
					b.Fatal(done, err)
				}
				from = to
			}
			b.StopTimer()
			count := float64(b.N * lives)
			b.ReportMetric(count/b.Elapsed().Seconds(), "lives/s")
			b.ReportMetric(float64(ownCPU(b)-ours)/count, "go-ns/life")
			b.ReportMetric(float64(serverCPU(b, server)-theirs)/count, "postgres-ns/life")
		})
	}
}

// ownCPU is what this process has used.
func ownCPU(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// serverCPU is what all processes of a server have used: 0 where there is no /proc.
func serverCPU(b *testing.B, postmaster int) (used time.Duration) {
	b.Helper()
	processes, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		b.Fatal(err)
	}
	for _, process := range processes {
		pid, err := strconv.Atoi(filepath.Base(process))
		if err != nil {
			continue
		}
		if stat := statOf(pid); stat[1] == postmaster || pid == postmaster {
			used += time.Duration(stat[11]+stat[12]+stat[13]+stat[14]) * 10 * time.Millisecond // in ticks of 100 a second
		}
	}
	return used
}

// statOf are the numbers of /proc/pid/stat behind the name, from the state on; zeros
// for a process that is gone.
func statOf(pid int) (out [15]int) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return out
	}
	_, rest, _ := strings.Cut(string(content), ") ")
	for i, field := range strings.Fields(rest)[:len(out)] {
		out[i], _ = strconv.Atoi(field)
	}
	return out
}
