package schedule_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// largeConfig and largeWorld are the world of the figures in docs/benchmarks.md: jobs of
// 20 shapes (5 cpu sizes x 4 memory ratios, interleaved) in so many queues, on so many
// nodes of 32 cpu and 256 Gi. One class, preemptible; limits, tokens and look-back are
// there and do not bind.
func largeConfig() *schedule.Config {
	return &schedule.Config{
		Resources: []string{"cpu", "memory"}, Dominant: []string{"cpu", "memory"}, Pools: []schedule.PoolID{"default"},
		Classes:   []schedule.Class{{ID: "preemptible", Preemptible: true, Limit: map[string]int64{"cpu": schedule.Million}}},
		Protected: schedule.Million, Lookback: 1 << 20,
		Rate: schedule.Rate{PerToken: 1, Burst: 1 << 30}, QueueRate: schedule.Rate{PerToken: 1, Burst: 1 << 30},
	}
}

const largeMiB = 1 // memory is counted in MiB

func largeWorld(jobs, queues, nodes int) schedule.Snapshot {
	content := schedule.Snapshot{Shapes: make([]schedule.ShapeAdded, 0, 20), Jobs: make([]schedule.Job, jobs)}
	for _, cpu := range []int64{1, 2, 4, 8, 16} {
		for _, perCPU := range []int64{1, 2, 4, 8} {
			content.Shapes = append(content.Shapes, schedule.ShapeAdded{ID: schedule.ShapeID(len(content.Shapes) + 1), Shape: schedule.Shape{
				Request: schedule.Vec{cpu * 1000, cpu * perCPU << 10 * largeMiB}, Class: "preemptible",
			}})
		}
	}
	names := make([]schedule.QueueID, queues)
	for i := range names {
		names[i] = schedule.QueueID(fmt.Sprintf("queue-%04d", i))
		content.Queues = append(content.Queues, schedule.Queue{ID: names[i], Weight: schedule.Million})
	}
	for i := range nodes {
		content.Nodes = append(content.Nodes, schedule.Node{
			ID: schedule.NodeID(fmt.Sprintf("cluster/node-%05d", i)), Executor: "cluster", Pool: "default",
			Total: schedule.Vec{32_000, 256 << 10 * largeMiB}, Other: schedule.Vec{0, 0},
		})
	}
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // ids of a benchmark
	for i := range content.Jobs {
		j := &content.Jobs[i]
		binary.LittleEndian.PutUint64(j.ID[:8], random.Uint64())
		binary.LittleEndian.PutUint64(j.ID[8:], random.Uint64())
		j.Queue, j.Shape = names[i%queues], content.Shapes[i/queues%len(content.Shapes)].ID
		j.Submitted = schedule.Time(i) * 100_000 // 10 a millisecond
	}
	return content
}

// BenchmarkLoad: a million queued jobs, 100 queues, 20 shapes, 10,000 nodes; and the
// snapshot, the digest and the fork of what was loaded.
func BenchmarkLoad(b *testing.B) {
	content := largeWorld(1_000_000, 100, 10_000)
	load := func(b *testing.B) *schedule.State {
		b.Helper()
		s, err := schedule.Load(largeConfig(), content)
		if err != nil {
			b.Fatal(err)
		}
		return s
	}
	b.Run("load", func(b *testing.B) {
		measure(b, func(int) { load(b) })
	})
	s := load(b)
	b.Run("snapshot", func(b *testing.B) {
		measure(b, func(int) { s.Snapshot() })
	})
	b.Run("digest", func(b *testing.B) {
		measure(b, func(int) { s.Digest() })
	})
	b.Run("fork", func(b *testing.B) {
		measure(b, func(int) { s.Fork() })
	})
	runtime.KeepAlive(content)
}
