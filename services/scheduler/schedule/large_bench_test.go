package schedule_test

import (
	"math/rand/v2"
	"testing"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

const largeNow = schedule.Time(1e15)

// larger is a state of the large world and what it has run.
type larger struct {
	b      *testing.B
	state  *schedule.State
	now    schedule.Time
	runs   []schedule.Run
	random *rand.Rand
}

func newLarger(b *testing.B, content *schedule.Snapshot) *larger {
	b.Helper()
	s, err := schedule.Load(largeConfig(), *content)
	if err != nil {
		b.Fatal(err)
	}
	return &larger{b: b, state: s, now: largeNow, random: rand.New(rand.NewPCG(1, 2))} //nolint:gosec // draws of a benchmark
}

func (l *larger) apply(deltas ...schedule.Delta) {
	l.b.Helper()
	if err := l.state.Apply(deltas...); err != nil {
		l.b.Fatal(err)
	}
}

func (l *larger) plan() *schedule.Plan {
	l.now++
	return l.state.Plan(schedule.Round{Now: l.now, MayReject: true})
}

// lease makes facts of a plan.
func (l *larger) lease(plan *schedule.Plan) {
	l.b.Helper()
	for _, p := range plan.Preempts {
		l.apply(schedule.RunPhased{Run: p.Run, Phase: schedule.Releasing})
	}
	for _, start := range plan.Starts {
		r := schedule.Run{ID: schedule.RunID(start.Job), Job: start.Job, Node: start.Node, Pool: start.Pool, Level: start.Level, Since: l.now, Phase: schedule.Leased}
		l.runs = append(l.runs, r)
		l.apply(schedule.RunLeased{Run: r})
	}
}

// end ends so many runs, chosen at random.
func (l *larger) end(n int) {
	l.b.Helper()
	for range n {
		i, last := l.random.IntN(len(l.runs)), len(l.runs)-1
		l.apply(schedule.RunGone{Run: l.runs[i].ID})
		l.runs[i] = l.runs[last]
		l.runs = l.runs[:last]
	}
}

// BenchmarkRoundLarge measures rounds of the large world: docs/benchmarks.md.
func BenchmarkRoundLarge(b *testing.B) {
	content := largeWorld(1_000_000, 100, 10_000)
	b.Run("full", func(b *testing.B) { benchFull(b, &content) })
	b.Run("unchanged", func(b *testing.B) {
		l := newLarger(b, &content)
		l.lease(l.plan())
		l.lease(l.plan())
		l.plan()
		measure(b, func(int) { l.plan() })
	})
	b.Run("churn", func(b *testing.B) { benchChurn(b, &content) })
	many := largeWorld(1_000_000, 1000, 5_000)
	b.Run("queues/full", func(b *testing.B) { benchFull(b, &many) })
	b.Run("queues/churn", func(b *testing.B) { benchChurn(b, &many) })
}

func benchFull(b *testing.B, content *schedule.Snapshot) {
	b.Helper()
	l := newLarger(b, content)
	l.plan()
	starts := 0
	extra := schedule.ExecutorBack{Executor: "none"}
	measure(b, func(int) {
		l.apply(extra) // the plan is not applied: it is made anew
		starts = len(l.plan().Starts)
	})
	b.ReportMetric(float64(starts), "starts/op")
}

func benchChurn(b *testing.B, content *schedule.Snapshot) {
	b.Helper()
	l := newLarger(b, content)
	l.lease(l.plan())
	l.lease(l.plan())
	starts, victims, spent := 0, 0, 0.0
	for b.Loop() {
		l.end(len(l.runs) / 50)
		from := cpu()
		plan := l.plan()
		spent += cpu() - from
		starts += len(plan.Starts)
		victims += len(plan.Preempts)
		l.lease(plan)
		for _, p := range plan.Preempts {
			l.apply(schedule.RunGone{Run: p.Run})
		}
	}
	b.ReportMetric(spent/float64(b.N), "cpu-ns/op")
	b.ReportMetric(float64(starts)/float64(b.N), "starts/op")
	b.ReportMetric(float64(victims)/float64(b.N), "victims/op")
}
