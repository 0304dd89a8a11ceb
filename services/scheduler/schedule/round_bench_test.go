package schedule_test

import (
	"runtime"
	"slices"
	"testing"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// BenchmarkRound has a case for each figure of docs/benchmarks.md. What a turn is stands
// with each case; what readies it is not in cpu-ns/op.
func BenchmarkRound(b *testing.B) {
	standard := standardWorld(1_000_000, 100, 10_000)
	b.Run("load", func(b *testing.B) { benchLoad(b, standard) })
	b.Run("full", func(b *testing.B) { benchFull(b, standard) })
	b.Run("unchanged", func(b *testing.B) { benchUnchanged(b, standard) })
	b.Run("churn", func(b *testing.B) { benchChurn(b, standard) })
	b.Run("churn-reserved", func(b *testing.B) { benchChurnReserved(b, standard) })
	b.Run("churn-shares", func(b *testing.B) { benchChurnShares(b, standard) })
	b.Run("greedy", func(b *testing.B) { benchGreedy(b, standard) })
	b.Run("greedy-whole", func(b *testing.B) { benchGreedyWhole(b, standard) })
	b.Run("memory", func(b *testing.B) { benchMemory(b, standard) })
	b.Run("apply", func(b *testing.B) { benchApply(b, standard) })
	b.Run("reprioritize", func(b *testing.B) { benchReprioritize(b, standard) })
	b.Run("executor", func(b *testing.B) { benchExecutor(b, standard) })
	b.Run("fork", func(b *testing.B) { benchFork(b, standard) })
	b.Run("why", func(b *testing.B) { benchWhy(b, standard) })
	b.Run("whatif", func(b *testing.B) { benchWhatIf(b, standard) })
	b.Run("snapshot", func(b *testing.B) { benchSnapshot(b, standard) })
	b.Run("kueue", benchKueue)
	queues := standardWorld(1_000_000, 1_000, 5_000)
	b.Run("queues-full", func(b *testing.B) { benchFull(b, queues) })
	b.Run("queues-churn", func(b *testing.B) { benchChurn(b, queues) })
	shapes := shapesWorld()
	b.Run("shapes-full", func(b *testing.B) { benchFull(b, shapes) })
	b.Run("shapes-churn", func(b *testing.B) { benchChurn(b, shapes) })
	b.Run("shapes-unchanged", func(b *testing.B) { benchUnchanged(b, shapes) })
	racks := racksWorld()
	b.Run("racks", func(b *testing.B) { benchFull(b, racks) })
	b.Run("racks-waiting", func(b *testing.B) { benchRacksWaiting(b, racks) })
}

// benchLoad: a state of a world's rows.
func benchLoad(b *testing.B, w *benchWorld) {
	b.Helper()
	var clock watch
	for b.Loop() {
		runtime.GC() // what the world itself is made of is no cost of loading it
		clock.measure(func() { newBench(b, w) })
	}
	clock.report(b, "job", len(w.Jobs)*clock.turns)
}

// benchFull: the first round on empty nodes.
func benchFull(b *testing.B, w *benchWorld) {
	b.Helper()
	var clock watch
	l, starts := newBench(b, w), 0
	for b.Loop() {
		l.state = l.state.Fork() // the round is the first of its state
		clock.measure(func() { starts += len(l.plan().Starts) })
	}
	clock.report(b, "start", starts)
}

// benchUnchanged: the plan of a full pool again, time having moved.
func benchUnchanged(b *testing.B, w *benchWorld) {
	b.Helper()
	l := newBench(b, w)
	l.fill()
	b.ReportAllocs()
	from, turns := cpu(), 0
	for b.Loop() {
		l.plan()
		turns++
	}
	b.ReportMetric((cpu()-from)/float64(turns), "cpu-ns/op")
}

// benchChurn: 2 % of what runs ended; one round.
func benchChurn(b *testing.B, w *benchWorld) {
	b.Helper()
	var clock watch
	l, starts := newBench(b, w), 0
	l.fill()
	for b.Loop() {
		l.end(len(l.runs) / 50)
		var plan *schedule.Plan
		clock.measure(func() { plan = l.plan() })
		starts += len(plan.Starts)
		l.lease(plan)
	}
	clock.report(b, "start", starts)
}

// benchChurnReserved: the same with 100 whole nodes reserved for a gang. Jobs may run for an
// hour, the gang is to start in half of one, and the round looks for more to reserve.
func benchChurnReserved(b *testing.B, w *benchWorld) {
	b.Helper()
	limited := *w
	limited.Shapes = slices.Clone(w.Shapes)
	for i := range limited.Shapes {
		limited.Shapes[i].Shape.Limit = 3600
	}
	cfg := benchConfig()
	cfg.ReserveAfter, cfg.ReservationsMax = 60e9, 4
	s, err := schedule.Load(cfg, limited.Snapshot)
	if err != nil {
		b.Fatal(err)
	}
	l := &bench{b: b, world: &limited, state: s, now: benchNow, keep: true}
	l.fill()
	l.now += 1800e9
	whole := schedule.Shape{Request: schedule.Vec{32 * benchCPU, 32 * benchGi}, Class: "preemptible", Limit: 3600}
	l.apply(schedule.ShapeAdded{ID: 1 << 20, Shape: whole}, schedule.GangAdded{Gang: schedule.Gang{ID: "gang", Queue: w.Queues[0].ID, Cardinality: 100}})
	for range 100 {
		l.apply(schedule.JobQueued{Job: schedule.Job{ID: w.id(), Queue: w.Queues[0].ID, Shape: 1 << 20, Gang: "gang"}})
	}
	l.keep = false
	plan := l.plan()
	if len(plan.Reservations) != 1 {
		b.Fatalf("%d reservations", len(plan.Reservations))
	}
	l.apply(schedule.ReservationSet{Reservation: plan.Reservations[0]})
	l.lease(plan)
	var clock watch
	starts := 0
	for b.Loop() {
		l.end(len(l.runs) / 50)
		clock.measure(func() { plan = l.plan() })
		starts += len(plan.Starts)
		l.lease(plan)
	}
	clock.report(b, "start", starts)
}

// benchChurnShares: the same, the queues' weights having become 1/(1 + n mod 10) since the
// pool was filled, and preemption for shares being due. A round is cut at 1,500 steps.
func benchChurnShares(b *testing.B, w *benchWorld) {
	b.Helper()
	var clock watch
	l, victims := newBench(b, w), 0
	l.fill()
	for i, q := range w.Queues {
		q.Weight = schedule.Million / int64(1+i%10)
		l.apply(schedule.QueueSet{Queue: q})
	}
	for b.Loop() {
		l.end(len(l.runs) / 50)
		l.now += 1000
		var plan *schedule.Plan
		clock.measure(func() { plan = l.state.Plan(schedule.Round{Now: l.now, Steps: 1_500, MayReject: true}) })
		victims += len(plan.Preempts)
		l.lease(plan)
		l.runs = l.runs[:0]
		for _, r := range l.state.Snapshot().Runs {
			l.runs = append(l.runs, r.Run)
		}
	}
	clock.report(b, "victim", victims)
}

// benchGreedy: one queue holds all, of 60,000 jobs of the 20 shapes at random; then 99
// queues bring 10,000 jobs each. A round is cut at 1,000 steps.
func benchGreedy(b *testing.B, w *benchWorld) {
	b.Helper()
	l := greedyBench(b, w)
	var clock watch
	victims := 0
	for b.Loop() {
		l.now += 1000
		var plan *schedule.Plan
		clock.measure(func() { plan = l.state.Plan(schedule.Round{Now: l.now, Steps: 1_000, MayReject: true}) })
		victims += len(plan.Preempts)
		l.lease(plan)
	}
	clock.report(b, "victim", victims)
}

// benchGreedyWhole: all of it in one round, the first of its state.
func benchGreedyWhole(b *testing.B, w *benchWorld) {
	b.Helper()
	l := greedyBench(b, w)
	l.now += 1000
	var clock watch
	victims := 0
	for b.Loop() {
		state := l.state.Fork()
		var plan *schedule.Plan
		clock.measure(func() { plan = state.Plan(schedule.Round{Now: l.now, MayReject: true}) })
		victims += len(plan.Preempts)
	}
	clock.report(b, "victim", victims)
}

// greedyBench is a world in which the first queue holds everything and all others have come.
func greedyBench(b *testing.B, w *benchWorld) *bench {
	b.Helper()
	empty := *w
	empty.Jobs = nil
	l := newBench(b, &empty)
	for i := range 60_000 {
		j := w.job(i)
		j.Queue, j.Shape = w.Queues[0].ID, w.Shapes[w.random.IntN(len(w.Shapes))].ID
		l.apply(schedule.JobQueued{Job: j})
	}
	l.fill()
	for i := range 10_000 * (len(w.Queues) - 1) {
		j := w.job(i)
		j.Queue = w.Queues[1+i%(len(w.Queues)-1)].ID
		l.apply(schedule.JobQueued{Job: j})
	}
	return l
}

// benchMemory: the heap that a queued job takes.
func benchMemory(b *testing.B, w *benchWorld) {
	b.Helper()
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	for b.Loop() {
		empty := *w
		empty.Jobs = nil
		without := newBench(b, &empty)
		before := heap()
		l := newBench(b, w)
		after := heap()
		runtime.KeepAlive(without)
		runtime.KeepAlive(l)
		b.ReportMetric(float64(after-before)/float64(len(w.Jobs)), "B/job")
	}
}

// benchApply: facts in equal parts that submit, start, end and reprioritize.
func benchApply(b *testing.B, w *benchWorld) {
	b.Helper()
	var clock watch
	l, facts := newBench(b, w), 0
	next, oldest := len(w.Jobs), 0
	for b.Loop() {
		deltas := make([]schedule.Delta, 0, 40_000)
		for i := range 10_000 {
			// Runs end on the nodes that they started on; priorities of jobs in the middle of
			// their queues change, and change back.
			j, r := w.job(next), w.Jobs[oldest]
			run := schedule.Run{ID: schedule.RunID(r.ID), Job: r.ID, Node: w.Nodes[i%len(w.Nodes)].ID, Pool: benchPool, Since: l.now, Phase: schedule.Leased}
			deltas = append(deltas, schedule.JobQueued{Job: j}, schedule.RunLeased{Run: run}, schedule.RunGone{Run: run.ID},
				schedule.JobReprioritized{Job: w.Jobs[(oldest+len(w.Jobs)/2)%len(w.Jobs)].ID, Priority: uint32(facts/40_000%2 + 1)})
			w.Jobs[oldest] = j
			next, oldest = next+1, (oldest+1)%len(w.Jobs)
			facts += 4
		}
		clock.measure(func() { l.apply(deltas...) })
	}
	clock.report(b, "fact", facts)
}

// benchReprioritize: 100,000 queued jobs of one queue get another priority.
func benchReprioritize(b *testing.B, w *benchWorld) {
	b.Helper()
	var clock watch
	l, set := newBench(b, w), make([]schedule.JobID, 100_000)
	l.apply(schedule.QueueSet{Queue: schedule.Queue{ID: "set", Weight: schedule.Million}})
	for i := range set {
		j := w.job(i)
		j.Queue = "set"
		set[i] = j.ID
		l.apply(schedule.JobQueued{Job: j})
	}
	priority := uint32(0)
	for b.Loop() {
		priority++
		deltas := make([]schedule.Delta, len(set))
		for i, id := range set {
			deltas[i] = schedule.JobReprioritized{Job: id, Priority: priority}
		}
		clock.measure(func() { l.apply(deltas...) })
	}
	clock.report(b, "fact", len(set)*clock.turns)
}

// benchExecutor: an executor of 1,000 nodes with 32 runs of 1 cpu each is lost, with a
// round, and is back, with a round.
func benchExecutor(b *testing.B, w *benchWorld) {
	b.Helper()
	var clock watch
	l := newBench(b, w)
	l.fill()
	for i := range 1_000 {
		n := benchNode("other", i, 32*benchCPU, 256*benchGi)
		l.apply(schedule.NodeSet{Node: n})
		for range 32 {
			j := w.job(0)
			l.apply(schedule.JobQueued{Job: j}, schedule.RunLeased{Run: schedule.Run{
				ID: schedule.RunID(j.ID), Job: j.ID, Node: n.ID, Pool: benchPool, Since: l.now, Phase: schedule.Leased,
			}})
		}
	}
	l.fill()
	for b.Loop() {
		clock.measure(func() {
			l.apply(schedule.ExecutorLost{Executor: "other"})
			l.plan()
			l.apply(schedule.ExecutorBack{Executor: "other"})
			l.plan()
		})
	}
	clock.report(b, "", 0)
}

// benchFork: a fork of a million jobs and what runs.
func benchFork(b *testing.B, w *benchWorld) {
	b.Helper()
	var clock watch
	l := newBench(b, w)
	l.fill()
	var fork *schedule.State
	for b.Loop() {
		fork = nil
		runtime.GC()
		clock.measure(func() { fork = l.state.Fork() })
	}
	runtime.KeepAlive(fork)
	clock.report(b, "", 0)
}

// benchWhy: why one job of a full pool waits.
func benchWhy(b *testing.B, w *benchWorld) {
	b.Helper()
	var clock watch
	l := newBench(b, w)
	l.fill()
	rows := l.state.Snapshot()
	for b.Loop() {
		clock.measure(func() {
			if _, waits := l.state.Why(rows.Jobs[len(rows.Jobs)/2].ID, benchNow); !waits {
				b.Fatal("it does not wait")
			}
		})
	}
	clock.report(b, "", 0)
}

// benchWhatIf: what would become of ten more jobs, of a shape each, in a full pool, between
// two rounds that preempt for shares: those cost what such a round costs.
func benchWhatIf(b *testing.B, w *benchWorld) {
	b.Helper()
	var clock watch
	l := newBench(b, w)
	l.fill()
	q := schedule.Question{Round: schedule.Round{Now: benchNow, KeepShares: true}}
	for i := range 10 {
		id := schedule.ShapeID(1_000_000 + i)
		q.Facts = append(q.Facts,
			schedule.ShapeAdded{ID: id, Shape: schedule.Shape{Request: schedule.Vec{int64(i+1) * benchCPU, 3 * benchGi}, Class: "preemptible"}},
			schedule.JobQueued{Job: schedule.Job{ID: schedule.JobID{0xff, byte(i)}, Queue: w.Queues[i].ID, Shape: id}})
	}
	for b.Loop() {
		runtime.GC()
		clock.measure(func() {
			if _, err := l.state.WhatIf(q); err != nil {
				b.Fatal(err)
			}
		})
	}
	clock.report(b, "", 0)
}

// benchSnapshot: the rows of a full pool with a million jobs, and their digest.
func benchSnapshot(b *testing.B, w *benchWorld) {
	b.Helper()
	l := newBench(b, w)
	l.fill()
	for name, do := range map[string]func(){"rows": func() { l.state.Snapshot() }, "digest": func() { l.state.Digest() }} {
		b.Run(name, func(b *testing.B) {
			var clock watch
			for b.Loop() {
				clock.measure(do)
			}
			clock.report(b, "", 0)
		})
	}
}

// benchRacksWaiting: the gang of racks waits, for one rack has not room enough.
func benchRacksWaiting(b *testing.B, w *benchWorld) {
	b.Helper()
	var clock watch
	l := newBench(b, w)
	n := w.Nodes[0]
	n.Unschedulable = true
	l.apply(schedule.NodeSet{Node: n})
	for b.Loop() {
		l.state = l.state.Fork()
		clock.measure(func() {
			if len(l.plan().Starts) > 0 {
				b.Fatal("it starts")
			}
		})
	}
	clock.report(b, "", 0)
}
