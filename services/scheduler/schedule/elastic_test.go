package schedule_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// drawElasticWorld draws a world with elastic gangs of which some members run and some wait,
// beside jobs that may take the places of those that run.
func drawElasticWorld(t *rapid.T) *world {
	w := drawWorld(t)
	w.cfg.GangMax = 0
	w.cfg.Rate, w.cfg.QueueRate = drawRate(t), drawRate(t)
	first := len(w.shapes) + 1
	for i, class := range []schedule.ClassID{"low", "low", "mid", "high"} {
		w.shapes[schedule.ShapeID(first+i)] = schedule.Shape{Request: vecOf(w.cfg, int64(1+i%2), 0), Class: class}
	}
	for range rapid.IntRange(1, 3).Draw(t, "elastic gangs") {
		n := rapid.IntRange(2, 5).Draw(t, "members")
		g := schedule.Gang{
			ID: schedule.GangID(fmt.Sprintf("g%d", len(w.gangs))), Queue: schedule.QueueID(fmt.Sprintf("q%d", rapid.IntRange(0, 2).Draw(t, "queue"))), Cardinality: uint32(n),
		}
		if g.Groups = drawGroups(t, w.cfg); rapid.Bool().Draw(t, "bound") {
			g.Tier, g.Label = drawBound(t, w.cfg)
		} else {
			for i := range g.Groups {
				g.Groups[i].Tier, g.Groups[i].Label = "", ""
			}
		}
		for drawElastic(t, &g); g.Min == 0; drawElastic(t, &g) {
			continue
		}
		w.gangs[g.ID] = g
		shapes := rapid.SampledFrom([][]int{{first, first + 1}, {first + 2}}).Draw(t, "class") // its members are of one
		for range n {
			j := w.drawJob(t, 3)
			j.Queue, j.Shape, j.Gang, j.Group = g.Queue, schedule.ShapeID(rapid.SampledFrom(shapes).Draw(t, "shape")), g.ID, anyGroup(t, g)
			j.NotBefore, j.Avoid = 0, nil
			if g.Tier == "" && g.Label == "" && rapid.IntRange(0, 2).Draw(t, "runs") > 0 {
				w.drawRun(t, j)
				continue
			}
			w.waiting[j.ID] = j
		}
	}
	for range rapid.IntRange(0, 3).Draw(t, "takers") {
		j := w.drawJob(t, 3)
		j.Shape = schedule.ShapeID(rapid.IntRange(first, first+3).Draw(t, "shape"))
		w.waiting[j.ID] = j
	}
	return w
}

// TestElasticIsRefplan: with elastic gangs a plan is what refplan makes of the content, over
// some rounds in which members end, of themselves or not, and keeps every invariant.
func TestElasticIsRefplan(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := drawElasticWorld(t)
		s := w.load(t, anyOrder(t))
		for range rapid.IntRange(1, 4).Draw(t, "rounds") {
			if rapid.IntRange(0, 3).Draw(t, "load") == 0 {
				s = loaded(t, w.cfg, shuffled(s.SnapshotAssumed(), anyOrder(t)))
			}
			round := schedule.Round{Now: w.now, Steps: rapid.Uint64Range(0, 3).Draw(t, "steps"), KeepShares: rapid.IntRange(0, 3).Draw(t, "keep") == 0}
			plan := s.Plan(round)
			if diff := gocmp.Diff(refplan(&w.cfg, s.SnapshotAssumed(), round), plan, cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("plan (-refplan +plan):\n%s", diff)
			}
			w.drawChange(t, s, plan)
		}
	})
}

// TestElasticInvariants: with elastic gangs a whole round keeps every invariant, the next at
// the same moment decides nothing, and cut rounds that preempt nothing start the same.
func TestElasticInvariants(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := drawElasticWorld(t)
		s := w.load(t, anyOrder(t))
		plan := s.Plan(schedule.Round{Now: w.now})
		after := w.clone()
		facts := after.facts(plan)
		checkInvariants(t, w, plan, after)
		if err := s.Apply(facts...); err != nil {
			t.Fatal(err)
		}
		// Who may not take the place of one of his own gang that is away may take that of him who
		// took it, at the next moment that is asked for.
		if next := s.Plan(schedule.Round{Now: w.now}); len(w.cfg.Classes[2].Away) == 0 && !w.settlesLater(plan) && len(next.Starts)+len(next.Preempts) > 0 {
			t.Fatalf("after\n%+v\nthe next plan is\n%+v", *plan, *next)
		}
		if len(plan.Preempts) > 0 || plan.Stop == schedule.StopLimit {
			return
		}
		cut := w.clone()
		if starts, whole := cutStarts(t, cut, cut.load(t, anyOrder(t))); whole {
			if diff := gocmp.Diff(plan.Starts, starts, cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("starts (-whole +cut):\n%s", diff)
			}
		}
	})
}

// cutStarts are the starts of rounds of one step; false: one preempts.
func cutStarts(t rapid.TB, w *world, s *schedule.State) (starts []schedule.Start, whole bool) {
	t.Helper()
	for {
		plan := s.Plan(schedule.Round{Now: w.now, Steps: 1})
		if len(plan.Preempts) > 0 {
			return nil, false
		}
		starts = append(starts, plan.Starts...)
		if err := s.Apply(w.facts(plan)...); err != nil {
			t.Fatal(err)
		}
		if plan.Stop != schedule.StopBudget {
			return starts, true
		}
	}
}

// TestElasticWhy: of members of elastic gangs Why says what Try does, and each change that it
// names lets them start.
func TestElasticWhy(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := drawElasticWorld(t)
		w.reserved = nil
		s := w.load(t, anyOrder(t))
		rows := s.Snapshot()
		for _, j := range rows.Jobs {
			why, _ := s.Why(j.ID, w.now)
			if starts := startsIn(s.Try(j.ID, schedule.Round{Now: w.now}), j.ID); starts != why.Starts {
				t.Fatalf("it starts alone: %v, and why says\n%s", starts, why.Text())
			}
			for _, c := range why.Changes {
				if !startsIn(tried(t, w.cfg, rows, j, c), j.ID) {
					t.Fatalf("job %x does not start after %+v\n%s", j.ID, c, why.Text())
				}
			}
		}
	})
}

// TestElasticDone: what ended of itself is there, what was told to go is not, and both are in
// the content however it is told.
func TestElasticDone(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := drawElasticWorld(t)
		w.reserved = nil
		s := w.load(t, anyOrder(t))
		apply := func(deltas ...schedule.Delta) {
			if err := s.Apply(deltas...); err != nil {
				t.Fatal(err)
			}
		}
		want := map[string]uint32{}
		for _, id := range slices.SortedFunc(maps.Keys(w.runs), func(a, b schedule.RunID) int { return slices.Compare(a[:], b[:]) }) {
			r := w.runs[id]
			fate := rapid.IntRange(0, 4).Draw(t, "fate")
			switch fate {
			case 0: // it runs on
				continue
			case 1: // it ends of itself, and nothing is known of its job
				apply(schedule.RunGone{Run: id, At: w.now, Ended: true})
			case 2:
				apply(schedule.RunGone{Run: id, At: w.now, Ended: true}, schedule.JobGone{Job: r.Job})
				if w.gangs[r.job.Gang].Min > 0 {
					want[string(r.job.Gang)+"/"+string(r.job.Group)]++
				}
			case 3: // it was made to end
				apply(schedule.RunPhased{Run: id, Phase: schedule.Releasing}, schedule.JobGone{Job: r.Job}, schedule.RunGone{Run: id, At: w.now})
			case 4: // it failed, and its job waits again
				apply(schedule.RunGone{Run: id, At: w.now, Ended: true}, schedule.JobQueued{Job: r.job})
			}
		}
		rows := s.Snapshot()
		got, known := map[string]uint32{}, map[string]bool{}
		for _, g := range rows.Gangs {
			known[string(g.ID)] = true
			for _, done := range g.Done {
				got[string(g.ID)+"/"+string(done.Group)] = done.Members
			}
		}
		for key := range want {
			if gang, _, _ := strings.Cut(key, "/"); !known[gang] {
				delete(want, key) // it is over
			}
		}
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Fatalf("members that ended of themselves (-want +got):\n%s", diff)
		}
		again := loaded(t, w.cfg, shuffled(rows, anyOrder(t)))
		if diff := gocmp.Diff(rows, again.Snapshot(), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("content (-before +loaded):\n%s", diff)
		}
		if s.Digest() != again.Digest() {
			t.Fatal("equal content has two digests")
		}
	})
}

// TestElasticStaysAsTold: a gang that is known stays elastic, or none, whatever is told later;
// a group that comes later has its numbers in an elastic gang alone.
func TestElasticStaysAsTold(t *testing.T) {
	t.Parallel()
	b := newOverlayBed(t)
	gang := func(id schedule.GangID, least uint32, groups ...schedule.Group) schedule.GangAdded {
		return schedule.GangAdded{Gang: schedule.Gang{ID: id, Queue: "q", Cardinality: 4, Min: least, Groups: groups}}
	}
	b.apply(gang("g", 2), gang("g", 0, schedule.Group{ID: "x", Min: 1}), gang("h", 0), gang("h", 3, schedule.Group{ID: "x", Min: 1, Want: 2}))
	rows := b.state.Snapshot().Gangs
	want := []schedule.GangRow{
		{Gang: schedule.Gang{ID: "g", Queue: "q", Cardinality: 4, Min: 2, Groups: []schedule.Group{{ID: "x", Min: 1}}}},
		{Gang: schedule.Gang{ID: "h", Queue: "q", Cardinality: 4, Groups: []schedule.Group{{ID: "x"}}}},
	}
	if diff := gocmp.Diff(want, rows); diff != "" {
		t.Errorf("gangs (-want +got):\n%s", diff)
	}
}
