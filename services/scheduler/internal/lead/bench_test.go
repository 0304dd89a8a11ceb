package lead_test

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"testing"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/scheduler/internal/lead"
)

// million is a snapshot of a million jobs that wait: 100 queues, 1,000 job sets, 20
// shapes, entries of 100 jobs.
func million() lead.Snapshot {
	const jobs, perEntry, sets, shapes = 1_000_000, 100, 1000, 20
	s := lead.Snapshot{Partitions: make([]lead.PartitionSnapshot, partitions)}
	for n := range s.Partitions {
		p := &s.Partitions[n]
		p.At = eventlog.Position{Incarnation: 1, Entry: jobs / partitions}
		for i := range sets / partitions {
			p.Sets = append(p.Sets, lead.SetSnapshot{Queue: fmt.Sprintf("queue-%d", i%100), Name: fmt.Sprintf("set-%d-%d", n, i)})
		}
		for i := range shapes {
			shape := &job.Shape{Requests: []job.Amount{{Resource: "cpu", Value: int64(1000 * (1 + i%5))}, {Resource: "memory", Value: int64(1 << (20 + i/5))}}}
			p.Specs = append(p.Specs, lead.SpecSnapshot{Shape: shape, Class: "armada-default"})
		}
		for i := range jobs / partitions {
			if i%perEntry == 0 {
				p.Entries = append(p.Entries, eventlog.Position{Incarnation: 1, Entry: uint64(i + 1)})
			}
			set := len(p.Sets) * i / (jobs / partitions) // set by set, as a core has them
			row := lead.JobSnapshot{
				Job:       job.Job{State: job.Queued, Priority: 1000, Last: job.Time(i)},
				Submitted: job.Time(i), Set: uint32(set), Spec: uint32(i % shapes), Entry: uint32(len(p.Entries) - 1),
			}
			binary.BigEndian.PutUint64(row.Job.ID[:], uint64(i+1))
			row.Job.ID[15] = byte(n)
			p.Jobs = append(p.Jobs, row)
		}
	}
	return s
}

func restored(b *testing.B, s lead.Snapshot) *lead.Core {
	b.Helper()
	core, err := lead.Restore(lead.Config{Partitions: partitions}, roundConfig(), nil, s)
	if err != nil {
		b.Fatal(err)
	}
	return core
}

// BenchmarkRestore makes a core of a snapshot of a million jobs, once in memory.
func BenchmarkRestore(b *testing.B) {
	s := million()
	b.ReportAllocs()
	for b.Loop() {
		restored(b, s)
	}
}

// BenchmarkSnapshot takes a snapshot of a million jobs: for so long the core stands still.
func BenchmarkSnapshot(b *testing.B) {
	core := restored(b, million())
	b.ReportAllocs()
	for b.Loop() {
		core.Snapshot()
	}
}

// BenchmarkMemory is what a waiting job takes of the heap, the round's part included.
func BenchmarkMemory(b *testing.B) {
	s := million()
	var before, after runtime.MemStats
	for b.Loop() {
		runtime.GC()
		runtime.ReadMemStats(&before)
		core := restored(b, s)
		runtime.GC()
		runtime.ReadMemStats(&after)
		runtime.KeepAlive(core)
	}
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/1_000_000, "B/job")
	b.ReportMetric(0, "ns/op")
	runtime.KeepAlive(s)
}
