package schedule_test

import (
	"maps"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// anyOrder is an order of loading that the draw decides.
func anyOrder(t *rapid.T) *rand.Rand {
	return rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "order"), 0)) //nolint:gosec // an order of facts
}

// TestPlanInvariants: whole rounds and rounds of one step keep every invariant, and
// Plan changes nothing.
func TestPlanInvariants(t *testing.T) {
	t.Parallel()
	for name, steps := range map[string]uint64{"whole": 0, "one step": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				w := drawWorld(t)
				s := w.load(t, anyOrder(t))
				before := s.Dump()
				plan := s.Plan(schedule.Round{Now: w.now, Steps: steps, MayReject: true})
				if diff := gocmp.Diff(before, s.Dump()); diff != "" {
					t.Fatalf("Plan changed the content (-before +after):\n%s", diff)
				}
				after := w.clone()
				after.facts(plan)
				checkInvariants(t, w, plan, after)
			})
		})
	}
}

func checkInvariants(t *rapid.T, w *world, plan *schedule.Plan, after *world) {
	t.Helper()
	for _, invariant := range []func(*world, *schedule.Plan, *world) error{
		noOvercommit, placedOnce, gangsWhole, domainsKept, limitsKept, floatingKept, quotasKept, keptForOthers, guaranteeKept, periodsKept, victimsMayGo, minimumRunTimeKept, victimsNeeded, gangVictimsNeeded, workConserved, gangsConserved, reservationsKept, sharesAddUp,
	} {
		if err := invariant(w, plan, after); err != nil {
			name := runtime.FuncForPC(reflect.ValueOf(invariant).Pointer()).Name()
			t.Errorf("%s: %v", name[strings.LastIndex(name, ".")+1:], err)
		}
	}
}

// TestPlanFixedPoint: after the facts of a plan that nothing stopped the next plan at
// the same moment decides nothing, but where settlesLater says so.
func TestPlanFixedPoint(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		s := w.load(t, anyOrder(t))
		plan := s.Plan(schedule.Round{Now: w.now})
		after := w.clone()
		if err := s.Apply(after.facts(plan)...); err != nil {
			t.Fatal(err)
		}
		next := s.Plan(schedule.Round{Now: w.now})
		if !w.settlesLater(plan) && len(next.Starts)+len(next.Preempts) > 0 {
			t.Fatalf("after\n%+v\nthe next plan is\n%+v", *plan, *next)
		}
	})
}

// TestPlanSettles: with victims that are gone at once and wait again, plans come to
// an end, within as many rounds as there are jobs.
func TestPlanSettles(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		w.cfg.PreemptionRule = schedule.RaiseLeast // by the other rule queues may take turns
		s := w.load(t, anyOrder(t))
		for range len(w.waiting) + len(w.runs) + 1 {
			plan := s.Plan(schedule.Round{Now: w.now})
			if len(plan.Starts)+len(plan.Preempts) == 0 {
				return
			}
			apply := func(deltas ...schedule.Delta) {
				if err := s.Apply(deltas...); err != nil {
					t.Fatal(err)
				}
			}
			w.now++
			apply(w.facts(plan)...)
			for _, p := range plan.Preempts {
				r := w.runs[p.Run]
				apply(schedule.RunGone{Run: p.Run}, schedule.JobQueued{Job: r.job})
				delete(w.runs, p.Run)
				w.waiting[r.Job] = r.job
			}
		}
		t.Fatalf("plans do not come to an end")
	})
}

// TestPlanLoadOrder: the same content told in any order gives the same plan.
func TestPlanLoadOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		round := schedule.Round{Now: w.now, Steps: rapid.Uint64Range(0, 3).Draw(t, "steps"), MayReject: true}
		one, other := w.load(t, anyOrder(t)), w.load(t, anyOrder(t))
		if diff := gocmp.Diff(one.Dump(), other.Dump()); diff != "" {
			t.Fatalf("content (-one +other):\n%s", diff)
		}
		if diff := gocmp.Diff(one.Plan(round), other.Plan(round)); diff != "" {
			t.Fatalf("plans (-one +other):\n%s", diff)
		}
	})
}

// TestPlanCut: where nothing is preempted, cut rounds at one moment start what one
// whole round starts.
func TestPlanCut(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		whole := w.load(t, anyOrder(t)).Plan(schedule.Round{Now: w.now})
		if len(whole.Preempts) > 0 {
			t.Skip("something is preempted")
		}
		if whole.Stop == schedule.StopLimit {
			t.Skip("what waits for the next period in one pool may start in another, if it is cut")
		}
		s := w.load(t, anyOrder(t))
		steps := rapid.Uint64Range(1, 3).Draw(t, "steps")
		var cut []schedule.Start
		for {
			plan := s.Plan(schedule.Round{Now: w.now, Steps: steps})
			if len(plan.Preempts) > 0 {
				t.Skip("something is preempted, for what it sees started lets it")
			}
			cut = append(cut, plan.Starts...)
			if err := s.Apply(w.facts(plan)...); err != nil {
				t.Fatal(err)
			}
			if plan.Stop != schedule.StopBudget {
				break
			}
			if plan.Steps == 0 {
				t.Fatal("a cut round decided nothing")
			}
		}
		if diff := gocmp.Diff(whole.Starts, cut, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("starts (-whole +cut):\n%s", diff)
		}
	})
}

// TestPlanIsRefplan: on any content, whether facts told it or rows, at any moment and
// under any budget, a plan is what refplan makes of that content.
func TestPlanIsRefplan(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w, s := drawLived(t)
		for range rapid.IntRange(1, 4).Draw(t, "rounds") {
			switch rapid.IntRange(0, 5).Draw(t, "state") {
			case 0:
				s = s.Fork()
			case 1:
				loaded, err := schedule.Load(&w.cfg, shuffled(s.SnapshotAssumed(), anyOrder(t)))
				if err != nil {
					t.Fatal(err)
				}
				s = loaded
			case 2:
				drawAssumed(t, w, s)
			}
			round := schedule.Round{Now: w.now, Steps: rapid.Uint64Range(0, 3).Draw(t, "steps"), MayReject: rapid.Bool().Draw(t, "reject"), KeepShares: rapid.IntRange(0, 3).Draw(t, "keep") == 0}
			if rapid.IntRange(0, 5).Draw(t, "some pools") == 0 {
				round.Pools = rapid.SliceOfN(rapid.SampledFrom(append(slices.Clone(w.cfg.Pools), "none")), 1, 2).Draw(t, "pools")
			}
			plan := s.Plan(round)
			if diff := gocmp.Diff(refplan(&w.cfg, s.SnapshotAssumed(), round), plan, cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("plan (-refplan +plan):\n%s", diff)
			}
			w.drawChange(t, s, plan)
		}
	})
}

// forgetShapes has all shapes go that nothing is of, by no fact and by no assumption, and
// come back, to other places.
func (w *world) forgetShapes(apply func(...schedule.Delta), contents ...schedule.Snapshot) {
	used := map[schedule.ShapeID]bool{}
	for _, rows := range contents {
		for _, j := range slices.Concat(rows.Jobs, rows.Held) {
			used[j.Shape] = true
		}
		for i := range rows.Runs {
			used[rows.Runs[i].Shape] = true
		}
	}
	var back []schedule.Delta
	for _, id := range slices.Sorted(maps.Keys(w.shapes)) {
		if !used[id] {
			apply(schedule.ShapeGone{ID: id})
			back = append(back, schedule.ShapeAdded{ID: id, Shape: w.shapes[id]})
		}
	}
	apply(back...)
}

// drawChange applies a plan, or not, and tells the state of something else.
func (w *world) drawChange(t *rapid.T, s *schedule.State, plan *schedule.Plan) {
	apply := func(deltas ...schedule.Delta) {
		if err := s.Apply(deltas...); err != nil {
			t.Fatal(err)
		}
	}
	rows := s.Snapshot()
	if rapid.IntRange(0, 3).Draw(t, "apply") > 0 {
		for _, name := range plan.Unreserves {
			apply(schedule.ReservationGone{Job: name})
		}
		defer func() {
			for _, r := range plan.Reservations {
				apply(schedule.ReservationSet{Reservation: r})
			}
		}()
		for _, p := range plan.Preempts {
			if slices.ContainsFunc(rows.Runs, func(r schedule.RunRow) bool { return r.ID == p.Run }) {
				apply(schedule.RunPhased{Run: p.Run, Phase: schedule.Releasing})
			}
		}
		for _, start := range plan.Starts {
			if slices.ContainsFunc(rows.Jobs, func(j schedule.Job) bool { return j.ID == start.Job }) {
				apply(schedule.RunLeased{Run: schedule.Run{ID: w.id(), Job: start.Job, Node: start.Node, Pool: start.Pool, Level: start.Level, Since: w.now, Phase: schedule.Leased}})
			}
		}
	}
	w.now += schedule.Time(rapid.SampledFrom([]int64{0, 0, 1, 5, 100, 1e9, 30e9}).Draw(t, "later"))
	for range rapid.IntRange(0, 4).Draw(t, "changes") {
		rows = s.Snapshot()
		switch rapid.IntRange(0, 10).Draw(t, "change") {
		case 10:
			w.forgetShapes(apply, rows, s.SnapshotAssumed())
		case 0, 1, 2:
			if len(rows.Runs) > 0 {
				r := rapid.SampledFrom(rows.Runs).Draw(t, "run")
				apply(schedule.RunGone{Run: r.ID, At: schedule.Time(rapid.SampledFrom([]int64{0, int64(w.now)}).Draw(t, "ended at")), Ended: rapid.Bool().Draw(t, "ended")}, schedule.JobGone{Job: r.Job})
			}
		case 3:
			if len(rows.Jobs) > 0 {
				apply(schedule.JobReprioritized{Job: rapid.SampledFrom(rows.Jobs).Draw(t, "job").ID, Priority: rapid.Uint32Range(0, 2).Draw(t, "priority")})
			}
		case 4:
			if len(rows.Jobs) > 0 {
				apply(schedule.JobGone{Job: rapid.SampledFrom(rows.Jobs).Draw(t, "job").ID})
			}
		case 5, 6:
			apply(schedule.JobQueued{Job: w.drawJob(t, 4)})
		case 7:
			n := drawNode(t, w.cfg, rapid.IntRange(0, 5).Draw(t, "node"))
			w.nodes[n.ID] = n
			apply(schedule.NodeSet{Node: n})
		case 8:
			apply(schedule.ExecutorLost{Executor: "x"}, schedule.TimePassed{Now: w.now})
		case 9:
			apply(schedule.ExecutorBack{Executor: "x"}, schedule.QueueSet{Queue: drawQueue(t, rapid.IntRange(0, 3).Draw(t, "queue"))})
		}
	}
}
