package schedule_test

import (
	"encoding/binary"
	"fmt"
	"syscall"
	"testing"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// The benchmarks' world: 100 nodes of 64.5 cpus, 10,000 queued jobs of 20 shapes in 10
// queues. Of it some 500 start: what runs already leaves 5 places a node.
const (
	benchNodes, benchJobs, benchShapes, benchQueues = 100, 10_000, 20, 10
	benchNow                                        = schedule.Time(1e9)
)

func benchID(n int) (id [16]byte) {
	binary.BigEndian.PutUint64(id[8:], uint64(n))
	return id
}

func benchJob(n int) schedule.JobQueued {
	return schedule.JobQueued{Job: schedule.Job{
		ID: benchID(n), Queue: schedule.QueueID(fmt.Sprintf("q%d", n%benchQueues)), Shape: schedule.ShapeID(n/benchQueues%benchShapes + 1),
		Priority: uint32(n % 7), Submitted: schedule.Time(n),
	}}
}

// benchState is the world with so many cpus of each node taken.
func benchState(b *testing.B, taken int64) *schedule.State {
	b.Helper()
	s, err := schedule.New(schedule.Config{
		Resources: []string{"cpu", "memory"}, Dominant: []string{"cpu", "memory"}, Pools: []schedule.PoolID{"default"},
		Classes: []schedule.Class{{ID: "low", Preemptible: true}, {ID: "firm"}}, Protected: schedule.Million, Lookback: 100_000,
	})
	if err != nil {
		b.Fatal(err)
	}
	var deltas []schedule.Delta
	for i := range benchShapes {
		class := schedule.ClassID([]string{"low", "firm"}[i%2])
		deltas = append(deltas, schedule.ShapeAdded{ID: schedule.ShapeID(i + 1), Shape: schedule.Shape{
			Request: schedule.Vec{1000 + int64(i)%4*10, 1 << 30}, Class: class,
			Match: schedule.Match{Selector: map[string]string{"zone": []string{"a", "b"}[i/2%2]}},
		}})
	}
	for i := range benchQueues {
		deltas = append(deltas, schedule.QueueSet{Queue: schedule.Queue{ID: schedule.QueueID(fmt.Sprintf("q%d", i)), Weight: schedule.Million}})
	}
	for i := range benchNodes {
		deltas = append(deltas, schedule.NodeSet{Node: schedule.Node{
			ID: schedule.NodeID(fmt.Sprintf("e/n%03d", i)), Executor: "e", Pool: "default",
			Total: schedule.Vec{64_500, 256 << 30}, Other: schedule.Vec{taken * 1000, 0}, Labels: map[string]string{"zone": []string{"a", "b"}[i%2]},
		}})
	}
	for i := range benchJobs {
		deltas = append(deltas, benchJob(i+1))
	}
	if err := s.Apply(deltas...); err != nil {
		b.Fatal(err)
	}
	return s
}

func cpu() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return float64(usage.Utime.Nano() + usage.Stime.Nano())
}

// measure runs a benchmark's loop and reports the processor time a turn, which other
// work on the machine does not stretch.
func measure(b *testing.B, turn func(i int)) {
	b.Helper()
	b.ReportAllocs()
	from, i := cpu(), 0
	for b.Loop() {
		turn(i)
		i++
	}
	b.ReportMetric((cpu()-from)/float64(i), "cpu-ns/op")
}

// leaseAll applies what a plan starts as facts.
func leaseAll(b *testing.B, s *schedule.State, plan *schedule.Plan, offset int) {
	b.Helper()
	for i, start := range plan.Starts {
		err := s.Apply(schedule.RunLeased{Run: schedule.Run{
			ID: benchID(offset + i), Job: start.Job, Node: start.Node, Pool: start.Pool, Level: start.Level, Since: benchNow, Phase: schedule.Leased,
		}})
		if err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRound: full starts about 500 jobs; nothing is a round of a full pool in
// which one job more waits; unchanged is a plan asked again; churn ends ten runs,
// queues ten jobs and starts what fits, all facts included.
func BenchmarkRound(b *testing.B) {
	b.Run("full", func(b *testing.B) {
		s := benchState(b, 59)
		starts := 0
		extra := benchJob(benchJobs + 1)
		measure(b, func(int) {
			starts = len(s.Plan(schedule.Round{Now: benchNow}).Starts)
			// The plan is not applied, so the state is planned on anew each time.
			if err := s.Apply(extra, schedule.JobGone{Job: extra.Job.ID}); err != nil {
				b.Fatal(err)
			}
		})
		b.ReportMetric(float64(starts), "starts")
	})
	b.Run("nothing", func(b *testing.B) {
		s := benchState(b, 59)
		leaseAll(b, s, s.Plan(schedule.Round{Now: benchNow}), 1<<20)
		extra := benchJob(benchJobs + 1)
		measure(b, func(int) {
			if err := s.Apply(extra); err != nil {
				b.Fatal(err)
			}
			if plan := s.Plan(schedule.Round{Now: benchNow + 1, MayReject: true}); len(plan.Starts) > 0 {
				b.Fatalf("%d start", len(plan.Starts))
			}
			if err := s.Apply(schedule.JobGone{Job: extra.Job.ID}); err != nil {
				b.Fatal(err)
			}
		})
	})
	b.Run("unchanged", func(b *testing.B) {
		s := benchState(b, 64)
		s.Plan(schedule.Round{Now: benchNow})
		measure(b, func(i int) { s.Plan(schedule.Round{Now: benchNow + schedule.Time(i)}) })
	})
	b.Run("churn", func(b *testing.B) {
		s := benchState(b, 59)
		leaseAll(b, s, s.Plan(schedule.Round{Now: benchNow}), 1<<20)
		next, run, oldest := benchJobs+1, 1<<21, 1<<20
		starts := 0
		measure(b, func(i int) {
			for range 10 {
				if err := s.Apply(schedule.RunGone{Run: benchID(oldest)}, benchJob(next)); err != nil {
					b.Fatal(err)
				}
				oldest, next = oldest+1, next+1
				if oldest == 1<<20+400 {
					oldest = 1 << 21
				}
			}
			plan := s.Plan(schedule.Round{Now: benchNow + schedule.Time(i)})
			leaseAll(b, s, plan, run)
			run += len(plan.Starts)
			starts += len(plan.Starts)
		})
		b.ReportMetric(float64(starts)/float64(b.N), "starts")
	})
}

// BenchmarkPreempt: one queue holds the pool and nine want their shares of it.
func BenchmarkPreempt(b *testing.B) {
	s := benchState(b, 59)
	for i := range benchNodes * 5 {
		j := benchJob(1<<20 + 1)
		j.Job.ID, j.Job.Queue, j.Job.Shape = benchID(1<<20+i), "q0", 1
		err := s.Apply(j, schedule.RunLeased{Run: schedule.Run{
			ID: benchID(1<<21 + i), Job: j.Job.ID, Node: schedule.NodeID(fmt.Sprintf("e/n%03d", i%benchNodes)),
			Pool: "default", Since: schedule.Time(i), Phase: schedule.Leased,
		}})
		if err != nil {
			b.Fatal(err)
		}
	}
	victims, extra := 0, benchJob(benchJobs+1)
	measure(b, func(int) {
		victims = len(s.Plan(schedule.Round{Now: benchNow}).Preempts)
		if err := s.Apply(extra, schedule.JobGone{Job: extra.Job.ID}); err != nil {
			b.Fatal(err)
		}
	})
	b.ReportMetric(float64(victims), "victims")
}

// BenchmarkApply: a job's way through the state among 10,000 others, a fact a turn.
func BenchmarkApply(b *testing.B) {
	s := benchState(b, 0)
	measure(b, func(i int) {
		j := benchJob(benchJobs + 1 + i)
		run := benchID(1<<30 + i)
		err := s.Apply(j, schedule.RunLeased{Run: schedule.Run{
			ID: run, Job: j.Job.ID, Node: "e/n050", Pool: "default", Since: benchNow, Phase: schedule.Leased,
		}}, schedule.RunPhased{Run: run, Phase: schedule.Running}, schedule.RunGone{Run: run})
		if err != nil {
			b.Fatal(err)
		}
	})
}
