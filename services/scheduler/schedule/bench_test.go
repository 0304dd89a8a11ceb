package schedule_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"runtime"
	"syscall"
	"testing"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// The world of the figures in docs/benchmarks.md: jobs of 20 shapes (5 cpu sizes x 4
// memory ratios, interleaved), submitted 10 a millisecond, in so many queues of equal
// weight, on so many nodes of 32 cpu and 256 Gi. One class, preemptible; limits, tokens
// and look-back are there and do not bind.
const (
	benchCPU  = 1000    // thousandths
	benchGi   = 1 << 10 // MiB
	benchNow  = schedule.Time(1e15)
	benchPool = schedule.PoolID("default")
)

func benchConfig() *schedule.Config {
	return &schedule.Config{
		Resources: []string{"cpu", "memory"}, Dominant: []string{"cpu", "memory"}, Pools: []schedule.PoolID{benchPool},
		Classes:   []schedule.Class{{ID: "preemptible", Preemptible: true, Limit: map[string]int64{"cpu": schedule.Million}}},
		Protected: schedule.Million, Lookback: 1 << 20, Tiers: []schedule.Tier{{ID: "rack", Label: "rack"}},
		Rate: schedule.Rate{PerToken: 1, Burst: 1 << 30}, QueueRate: schedule.Rate{PerToken: 1, Burst: 1 << 30},
	}
}

// benchWorld is random numbers and the rows that they made.
type benchWorld struct {
	random *rand.Rand
	schedule.Snapshot
}

func newBenchWorld(queues, nodes int) *benchWorld {
	w := &benchWorld{random: rand.New(rand.NewPCG(1, 2))} //nolint:gosec // the same world each time
	for i := range queues {
		w.Queues = append(w.Queues, schedule.Queue{ID: schedule.QueueID(fmt.Sprintf("queue-%04d", i)), Weight: schedule.Million})
	}
	for i := range nodes {
		w.Nodes = append(w.Nodes, benchNode("cluster", i, 32*benchCPU, 256*benchGi))
	}
	return w
}

func benchNode(executor string, i int, cpu, memory int64) schedule.Node {
	return schedule.Node{
		ID: schedule.NodeID(fmt.Sprintf("%s/node-%05d", executor, i)), Executor: schedule.ExecutorID(executor), Pool: benchPool,
		Total: schedule.Vec{cpu, memory}, Other: schedule.Vec{0, 0},
	}
}

func (w *benchWorld) shape(cpu, memory int64) schedule.ShapeID {
	id := schedule.ShapeID(len(w.Shapes) + 1)
	w.Shapes = append(w.Shapes, schedule.ShapeAdded{ID: id, Shape: schedule.Shape{Request: schedule.Vec{cpu, memory}, Class: "preemptible"}})
	return id
}

func (w *benchWorld) id() (id [16]byte) {
	binary.LittleEndian.PutUint64(id[:8], w.random.Uint64())
	binary.LittleEndian.PutUint64(id[8:], w.random.Uint64())
	return id
}

// standardShapes are the 20.
func (w *benchWorld) standardShapes() {
	for _, cpu := range []int64{1, 2, 4, 8, 16} {
		for _, perCPU := range []int64{1, 2, 4, 8} {
			w.shape(cpu*benchCPU, cpu*perCPU*benchGi)
		}
	}
}

// job is the i-th job of the world.
func (w *benchWorld) job(i int) schedule.Job {
	queues := len(w.Queues)
	return schedule.Job{
		ID: w.id(), Queue: w.Queues[i%queues].ID, Shape: w.Shapes[i/queues%len(w.Shapes)].ID, Submitted: schedule.Time(i) * 100_000,
	}
}

// standardWorld is the world with so many jobs.
func standardWorld(jobs, queues, nodes int) *benchWorld {
	w := newBenchWorld(queues, nodes)
	w.standardShapes()
	w.Jobs = make([]schedule.Job, jobs)
	for i := range w.Jobs {
		w.Jobs[i] = w.job(i)
	}
	return w
}

// shapesWorld is 100,000 jobs, each of its own shape: 0.1 to 16.1 cpu, 1 to 9 Gi a cpu.
func shapesWorld() *benchWorld {
	w := newBenchWorld(100, 5_000)
	for i := range 100_000 {
		cpu := 100 + w.random.Int64N(16_001)
		w.shape(cpu, cpu*(benchGi+w.random.Int64N(8*benchGi+1))/benchCPU)
		j := w.job(0)
		j.Queue, j.Shape, j.Submitted = w.Queues[i%100].ID, schedule.ShapeID(i+1), schedule.Time(i)*100_000
		w.Jobs = append(w.Jobs, j)
	}
	return w
}

// racksWorld is a gang of 100 groups of 10 pods of 8 cpu and 8 Gi, each bound to a rack, and
// 1,000 nodes of 8 cpu and 32 Gi in 100 racks of 10.
func racksWorld() *benchWorld {
	w := newBenchWorld(1, 0)
	for i := range 1_000 {
		n := benchNode("cluster", i, 8*benchCPU, 32*benchGi)
		n.Labels = map[string]string{"rack": fmt.Sprintf("rack-%02d", i/10)}
		w.Nodes = append(w.Nodes, n)
	}
	gang := schedule.Gang{ID: "gang", Queue: w.Queues[0].ID, Cardinality: 1_000}
	w.shape(8*benchCPU, 8*benchGi)
	for i := range 100 {
		gang.Groups = append(gang.Groups, schedule.Group{ID: schedule.GroupID(fmt.Sprintf("group-%02d", i)), Tier: "rack"})
	}
	for i := range 1_000 {
		j := w.job(i)
		j.Gang, j.Group = gang.ID, gang.Groups[i%100].ID
		w.Jobs = append(w.Jobs, j)
	}
	w.Gangs = []schedule.GangRow{{Gang: gang}}
	return w
}

// bench is a state of a world, and what it has run.
type bench struct {
	b     *testing.B
	world *benchWorld
	state *schedule.State
	now   schedule.Time
	runs  []schedule.Run
	// keep is whether rounds keep the shares.
	keep bool
}

func newBench(b *testing.B, w *benchWorld) *bench {
	b.Helper()
	s, err := schedule.Load(benchConfig(), w.Snapshot)
	if err != nil {
		b.Fatal(err)
	}
	return &bench{b: b, world: w, state: s, now: benchNow, keep: true}
}

func (l *bench) apply(deltas ...schedule.Delta) {
	l.b.Helper()
	if err := l.state.Apply(deltas...); err != nil {
		l.b.Fatal(err)
	}
}

func (l *bench) plan() *schedule.Plan {
	l.now += 1000
	return l.state.Plan(schedule.Round{Now: l.now, MayReject: true, KeepShares: l.keep})
}

// lease makes facts of a plan; whom it preempts is gone at once.
func (l *bench) lease(plan *schedule.Plan) {
	l.b.Helper()
	for _, p := range plan.Preempts {
		l.apply(schedule.RunGone{Run: p.Run})
	}
	for _, start := range plan.Starts {
		r := schedule.Run{ID: schedule.RunID(start.Job), Job: start.Job, Node: start.Node, Pool: start.Pool, Level: start.Level, Since: l.now, Phase: schedule.Leased}
		l.runs = append(l.runs, r)
		l.apply(schedule.RunLeased{Run: r})
	}
}

// fill plans and leases until nothing more starts.
func (l *bench) fill() {
	l.b.Helper()
	for {
		plan := l.plan()
		if len(plan.Starts) == 0 {
			return
		}
		l.lease(plan)
	}
}

// end ends so many runs, chosen at random.
func (l *bench) end(n int) {
	l.b.Helper()
	for range n {
		i, last := l.world.random.IntN(len(l.runs)), len(l.runs)-1
		l.apply(schedule.RunGone{Run: l.runs[i].ID})
		l.runs[i] = l.runs[last]
		l.runs = l.runs[:last]
	}
}

func cpu() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return float64(usage.Utime.Nano() + usage.Stime.Nano())
}

// watch sums the processor time and the allocations of what is measured, which other work
// on the machine does not stretch, and leaves out what readies it.
type watch struct {
	cpu    float64
	allocs uint64
	turns  int
}

func (w *watch) measure(do func()) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	from := cpu()
	do()
	w.cpu += cpu() - from
	runtime.ReadMemStats(&after)
	w.allocs += after.Mallocs - before.Mallocs
	w.turns++
}

// report gives the figures a turn, with the steps that a turn took: starts, or facts.
func (w *watch) report(b *testing.B, what string, count int) {
	b.Helper()
	b.ReportMetric(w.cpu/float64(w.turns), "cpu-ns/op")
	b.ReportMetric(float64(w.allocs)/float64(w.turns), "allocs/op")
	if count > 0 {
		b.ReportMetric(float64(count)/float64(w.turns), what+"/op")
		b.ReportMetric(float64(count)/w.cpu*1e9, what+"/cpu-s")
		b.ReportMetric(float64(w.allocs)/float64(count), "allocs/"+what)
	}
}
