package simulated_test

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/fairlead-batch/fairlead/services/executor/internal/lease"
	"github.com/fairlead-batch/fairlead/services/executor/internal/simulated"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

const (
	benchNodes = 10_000
	benchPods  = 100_000
)

// bigCluster has 10,000 nodes with room for ten pods each.
func bigCluster(tb testing.TB) *simulated.Cluster {
	tb.Helper()
	cfg := oneNode()
	cfg.Groups = []simulated.Group{{Prefix: "n", Count: benchNodes, Total: []job.Amount{{Resource: "cpu", Value: 10_000}}}}
	cfg.RecordsMax = 0
	read := cfg.Read
	cfg.Read = func(wire []byte) (simulated.Spec, error) {
		s, err := read(wire)
		s.Containers = []simulated.Container{{Name: "main", Command: []string{"sh", "-c", "sleep $(( (RANDOM % 60) + 100 ))"}}}
		return s, err
	}
	c, err := simulated.New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func numbered(i int) *lease.Lease {
	l := &lease.Lease{Namespace: "ns", Node: fmt.Sprintf("n%d", i%benchNodes), PodName: fmt.Sprintf("armada-%026d-0", i)}
	binary.BigEndian.PutUint64(l.Run[8:], uint64(i)) //nolint:gosec // not below zero
	l.Job = job.ID(l.Run)
	return l
}

// BenchmarkPods fills a cluster of 10,000 nodes with 100,000 running pods, and lets
// them end and go. It reports the time of a whole life and the memory of a pod that
// runs.
func BenchmarkPods(b *testing.B) {
	leases := make([]*lease.Lease, benchPods)
	for i := range leases {
		leases[i] = numbered(i)
	}
	var spent time.Duration
	var grown uint64
	for b.Loop() {
		c := bigCluster(b)
		before := heap()
		begun := time.Now()
		now := lease.Time{}
		for _, l := range leases {
			c.Step(now, lease.CreatePod{Lease: l, Before: 1 << 60})
			now = now.Add(time.Microsecond)
		}
		now = now.Add(2 * time.Second)
		c.Step(now) // all of them run
		spent += time.Since(begun)
		grown += heap() - before
		begun = time.Now()
		ended := 0
		for due, more := c.Due(); more; due, more = c.Due() {
			now = now.Add(max(0, due-now.Mono) + 10*time.Millisecond)
			var orders []lease.Order
			for _, f := range c.Step(now) {
				if f, ok := f.(lease.PodSeen); ok && f.Pod.Phase == lease.PodSucceeded {
					orders = append(orders, lease.DeletePod{Run: f.Pod.Run, Pod: f.Pod.Pod, How: lease.Graceful})
				}
			}
			ended += len(orders)
			c.Step(now, orders...)
		}
		spent += time.Since(begun)
		if ended != benchPods {
			b.Fatalf("%d pods ended well, want %d", ended, benchPods)
		}
	}
	lives := float64(b.N) * benchPods
	b.ReportMetric(float64(spent.Nanoseconds())/lives, "ns/life")
	b.ReportMetric(float64(grown)/lives, "bytes/pod")
	b.ReportMetric(0, "ns/op")
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
