package schedule_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// shuffled is a snapshot with its rows in another order.
func shuffled(in schedule.Snapshot, order *rand.Rand) schedule.Snapshot {
	return schedule.Snapshot{
		Shapes: mixed(in.Shapes, order), Gangs: mixed(in.Gangs, order), Jobs: mixed(in.Jobs, order), Held: mixed(in.Held, order),
		Runs: mixed(in.Runs, order), Members: mixed(in.Members, order), Nodes: mixed(in.Nodes, order), Queues: mixed(in.Queues, order),
		Lost: mixed(in.Lost, order), Buckets: mixed(in.Buckets, order), Charges: mixed(in.Charges, order), Usage: mixed(in.Usage, order), Started: mixed(in.Started, order), Reservations: mixed(in.Reservations, order),
	}
}

func mixed[T any](rows []T, order *rand.Rand) []T {
	rows = slices.Clone(rows)
	order.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	return rows
}

// drawLived draws a state that has a history: plans of it were applied, jobs were held,
// ended and given back, and a queue was deleted.
func drawLived(t *rapid.T) (*world, *schedule.State) {
	w := drawWorld(t)
	w.cfg.Rate, w.cfg.QueueRate = drawRate(t), drawRate(t)
	s := w.load(t, anyOrder(t))
	apply := func(deltas ...schedule.Delta) {
		if err := s.Apply(deltas...); err != nil {
			t.Fatal(err)
		}
	}
	for range rapid.IntRange(0, 2).Draw(t, "rounds") {
		apply(w.facts(s.Plan(schedule.Round{Now: w.now}))...)
		w.now += 60
	}
	for _, r := range byID(w.runs) {
		switch rapid.IntRange(0, 7).Draw(t, "fate") {
		case 0:
			apply(schedule.RunGone{Run: r.ID, At: w.now - 1}, schedule.JobQueued{Job: r.job})
		case 1:
			apply(schedule.JobGone{Job: r.Job}, schedule.RunGone{Run: r.ID, At: w.now - 20, Ended: true})
		case 2:
			apply(schedule.RunGone{Run: r.ID, At: w.now, Ended: true})
		case 3:
			apply(schedule.JobGone{Job: r.Job})
		}
	}
	for _, j := range byID(w.waiting) {
		switch rapid.IntRange(0, 9).Draw(t, "fate") {
		case 0:
			apply(schedule.JobHeld{Job: j.ID})
		case 1:
			apply(schedule.JobGone{Job: j.ID})
		}
	}
	if rapid.IntRange(0, 5).Draw(t, "deleted") == 0 {
		apply(schedule.QueueGone{Queue: "q0"})
	}
	return w, s
}

// drawRate draws a rate of few tokens, or none.
func drawRate(t *rapid.T) schedule.Rate {
	if rapid.Bool().Draw(t, "unlimited") {
		return schedule.Rate{}
	}
	return schedule.Rate{PerToken: rapid.Int64Range(1, 100).Draw(t, "per token"), Burst: rapid.Uint32Range(1, 9).Draw(t, "burst")}
}

// drawAssumed lays a plan over a state, in part.
func drawAssumed(t *rapid.T, w *world, s *schedule.State) (decisions []schedule.DecisionID) {
	assume := func(id schedule.DecisionID, err error) {
		if err != nil {
			t.Fatal(err)
		}
		decisions = append(decisions, id)
	}
	plan := s.Plan(schedule.Round{Now: w.now})
	for _, name := range plan.Unreserves {
		assume(s.AssumeUnreserved(name), nil)
	}
	for _, r := range plan.Reservations {
		assume(s.AssumeReserved(r))
	}
	for _, p := range plan.Preempts {
		assume(s.AssumeReleasing(p.Run))
	}
	for _, start := range plan.Starts {
		r := schedule.Run{ID: w.id(), Job: start.Job, Node: start.Node, Pool: start.Pool, Level: start.Level, Since: w.now, Phase: schedule.Leased}
		assume(s.AssumeLeased(r))
		// What is told of the job meanwhile lies under its lease.
		var err error
		switch rapid.IntRange(0, 9).Draw(t, "meanwhile") {
		case 0:
			err = s.Apply(schedule.JobGone{Job: start.Job})
		case 1:
			err = s.Apply(schedule.JobHeld{Job: start.Job})
		case 2:
			err = s.Apply(schedule.JobReprioritized{Job: start.Job, Priority: 7})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return decisions
}

// TestLoadSnapshot: what is loaded from a snapshot, in any order of its rows, has its
// content and its digest, and plans what the first state plans.
func TestLoadSnapshot(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w, s := drawLived(t)
		rows := s.Snapshot()
		loaded, err := schedule.Load(&w.cfg, shuffled(rows, anyOrder(t)))
		if err != nil {
			t.Fatal(err)
		}
		if diff := gocmp.Diff(rows, loaded.Snapshot(), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("snapshots (-first +loaded):\n%s", diff)
		}
		if diff := gocmp.Diff(s.Dump(), loaded.Dump()); diff != "" {
			t.Fatalf("content (-first +loaded):\n%s", diff)
		}
		if s.Digest() != loaded.Digest() {
			t.Fatal("another digest")
		}
		for range 2 {
			round := schedule.Round{Now: w.now, Steps: rapid.Uint64Range(0, 3).Draw(t, "steps"), MayReject: true}
			if diff := gocmp.Diff(s.Plan(round), loaded.Plan(round)); diff != "" {
				t.Fatalf("plans (-first +loaded):\n%s", diff)
			}
			w.now += 500
		}
	})
}

// TestSnapshotLeavesOutAssumptions: snapshot and digest are those of the facts alone,
// under assumptions as after they were taken back.
func TestSnapshotLeavesOutAssumptions(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w, s := drawLived(t)
		decisions := drawAssumed(t, w, s)
		under, digest := s.Snapshot(), s.Digest()
		loaded, err := schedule.Load(&w.cfg, shuffled(under, anyOrder(t)))
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range decisions {
			s.Forget(id)
		}
		if diff := gocmp.Diff(s.Snapshot(), under, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("snapshots (-facts +under assumptions):\n%s", diff)
		}
		if diff := gocmp.Diff(s.Dump(), loaded.Dump()); diff != "" {
			t.Fatalf("content (-facts +loaded):\n%s", diff)
		}
		if s.Digest() != digest || loaded.Digest() != digest {
			t.Fatal("another digest")
		}
	})
}

// TestFork: a fork plans what its parent plans, assumptions and all, and nothing that is
// done to it shows in its parent.
func TestFork(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w, s := drawLived(t)
		drawAssumed(t, w, s)
		before := s.Dump()
		fork, round := s.Fork(), schedule.Round{Now: w.now + 500, MayReject: true}
		plan := fork.Plan(round)
		if err := fork.Apply(w.facts(plan)...); err != nil {
			t.Fatal(err)
		}
		for _, r := range fork.Snapshot().Runs {
			if err := fork.Apply(schedule.JobGone{Job: r.Job}, schedule.RunGone{Run: r.ID}); err != nil {
				t.Fatal(err)
			}
		}
		for _, j := range fork.Snapshot().Jobs {
			if err := fork.Apply(schedule.JobReprioritized{Job: j.ID, Priority: 99}, schedule.JobHeld{Job: j.ID}); err != nil {
				t.Fatal(err)
			}
		}
		for id := range w.nodes {
			if err := fork.Apply(schedule.NodeGone{Node: id}); err != nil {
				t.Fatal(err)
			}
		}
		if diff := gocmp.Diff(before, s.Dump()); diff != "" {
			t.Fatalf("parent (-before +after):\n%s", diff)
		}
		if diff := gocmp.Diff(s.Plan(round), plan); diff != "" {
			t.Fatalf("plans (-parent +fork):\n%s", diff)
		}
	})
}

// TestDigestTells: any change of content is another digest.
func TestDigestTells(t *testing.T) {
	t.Parallel()
	vec := schedule.Vec{1}
	for name, delta := range map[string]schedule.Delta{
		"a shape":         schedule.ShapeAdded{ID: 9, Shape: schedule.Shape{Request: vec, Class: "c"}},
		"a gang":          schedule.GangAdded{Gang: schedule.Gang{ID: "g", Queue: "q", Cardinality: 1}},
		"an elastic gang": schedule.GangAdded{Gang: schedule.Gang{ID: "g", Queue: "q", Cardinality: 1, Min: 1}},
		"a job":           schedule.JobQueued{Job: schedule.Job{ID: jobID("j"), Queue: "q", Shape: 1}},
		"an end":          schedule.JobGone{Job: jobID("waits")},
		"a hold":          schedule.JobHeld{Job: jobID("waits")},
		"a priority":      schedule.JobReprioritized{Job: jobID("waits"), Priority: 1},
		"a run":           schedule.RunLeased{Run: schedule.Run{ID: runID("w"), Job: jobID("waits"), Node: "e/n", Pool: "p", Phase: schedule.Leased}},
		"a phase":         schedule.RunPhased{Run: runID("r"), Phase: schedule.Running},
		"an end of run":   schedule.RunGone{Run: runID("r")},
		"a node":          schedule.NodeSet{Node: schedule.Node{ID: "e/m", Executor: "e", Total: vec, Other: vec}},
		"no node":         schedule.NodeGone{Node: "e/n"},
		"a queue":         schedule.QueueSet{Queue: schedule.Queue{ID: "q", Weight: 2}},
		"a parent":        schedule.QueueSet{Queue: schedule.Queue{ID: "q", Parent: "team", Weight: 1}},
		"a quota":         schedule.QueueSet{Queue: schedule.Queue{ID: "q", Weight: 1, Quotas: []schedule.Quota{{Borrow: map[string]int64{"cpu": 1}}}}},
		"no queue":        schedule.QueueGone{Queue: "q"},
		"a short run":     schedule.RunGone{Run: runID("r"), At: 1, Ended: true},
		"a lost cluster":  schedule.ExecutorLost{Executor: "e"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newOverlayBed(t).state
			before := s.Digest()
			if err := s.Apply(delta); err != nil {
				t.Fatal(err)
			}
			if s.Digest() == before {
				t.Error("the same digest")
			}
		})
	}
}

// TestLoadRefuses: rows that no facts lead to are refused.
func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	job := func(id string) schedule.Job { return schedule.Job{ID: jobID(id), Queue: "q", Shape: 1} }
	run := func(id string) schedule.RunRow {
		return schedule.RunRow{Run: schedule.Run{ID: runID(id), Job: jobID("of " + id), Phase: schedule.Running}, Queue: "q", Shape: 1}
	}
	gang := schedule.GangRow{Gang: schedule.Gang{ID: "g", Queue: "q", Cardinality: 1}}
	inGang := job("in gang")
	inGang.Gang = "g"
	charge := schedule.Charge{Run: runID("gone"), Queue: "q", Pool: "p", Amount: schedule.Vec{1}, Until: 9}
	usage := schedule.Usage{Queue: "q", Pool: "p", Epoch: 1, Amount: []schedule.Used{{Lo: 1}}}
	member := schedule.MemberRow{Job: jobID("m"), Queue: "q", Gang: "g"}
	tests := map[string]func(c *schedule.Snapshot){
		"a shape twice":          func(c *schedule.Snapshot) { c.Shapes = append(c.Shapes, c.Shapes[0]) },
		"a shape of no class":    func(c *schedule.Snapshot) { c.Shapes[0].Shape.Class = "" },
		"a huge request":         func(c *schedule.Snapshot) { c.Shapes[0].Shape.Request = schedule.Vec{math.MaxInt64} },
		"a queue twice":          func(c *schedule.Snapshot) { c.Queues = append(c.Queues, c.Queues[0]) },
		"a queue without weight": func(c *schedule.Snapshot) { c.Queues[0].Weight = 0 },
		"a node twice":           func(c *schedule.Snapshot) { c.Nodes = append(c.Nodes, c.Nodes[0]) },
		"a node of nobody":       func(c *schedule.Snapshot) { c.Nodes[0].Executor = "" },
		"a gang twice":           func(c *schedule.Snapshot) { c.Gangs = append(c.Gangs, gang, gang) },
		"a gang of nobody":       func(c *schedule.Snapshot) { c.Gangs = append(c.Gangs, schedule.GangRow{}) },
		"a gang that is over":    func(c *schedule.Snapshot) { c.Gangs = append(c.Gangs, gang); c.Gangs[0].Ended = 1 },
		"a gang that is elastic and none": func(c *schedule.Snapshot) {
			c.Gangs = append(c.Gangs, gang)
			c.Gangs[0].Ended, c.Gangs[0].Cardinality, c.Gangs[0].Done = 1, 2, []schedule.DoneRow{{Members: 1}}
		},
		"more done than ended": func(c *schedule.Snapshot) {
			c.Gangs = append(c.Gangs, gang)
			c.Gangs[0].Min, c.Gangs[0].Cardinality, c.Gangs[0].Done = 1, 2, []schedule.DoneRow{{Members: 1}}
		},
		"done in no group": func(c *schedule.Snapshot) {
			c.Gangs = append(c.Gangs, gang)
			c.Gangs[0].Min, c.Gangs[0].Cardinality, c.Gangs[0].Ended, c.Gangs[0].Done = 1, 2, 1, []schedule.DoneRow{{Group: "x", Members: 1}}
		},
		"a member that ended of no elastic gang": func(c *schedule.Snapshot) {
			c.Gangs, c.Members = append(c.Gangs, gang), append(c.Members, member)
			c.Members[0].Ended = true
		},
		"a job twice":             func(c *schedule.Snapshot) { c.Jobs = append(c.Jobs, c.Jobs[0]) },
		"a job without an id":     func(c *schedule.Snapshot) { c.Jobs[0].ID = schedule.JobID{} },
		"a job of no shape":       func(c *schedule.Snapshot) { c.Jobs[0].Shape = 7 },
		"a job of no gang":        func(c *schedule.Snapshot) { c.Jobs[0].Gang = "g" },
		"a job that waits, held":  func(c *schedule.Snapshot) { c.Held = append(c.Held, c.Jobs[0]) },
		"a held job twice":        func(c *schedule.Snapshot) { c.Held = append(c.Held, job("h"), job("h")) },
		"a held job of no queue":  func(c *schedule.Snapshot) { c.Held = append(c.Held, job("h")); c.Held[0].Queue = "" },
		"a run twice":             func(c *schedule.Snapshot) { c.Runs = append(c.Runs, run("r"), run("r")) },
		"a run without an id":     func(c *schedule.Snapshot) { c.Runs = append(c.Runs, run("r")); c.Runs[0].ID = schedule.RunID{} },
		"a run of no job":         func(c *schedule.Snapshot) { c.Runs = append(c.Runs, run("r")); c.Runs[0].Job = schedule.JobID{} },
		"a run of no shape":       func(c *schedule.Snapshot) { c.Runs = append(c.Runs, run("r")); c.Runs[0].Shape = 7 },
		"a run in no phase":       func(c *schedule.Snapshot) { c.Runs = append(c.Runs, run("r")); c.Runs[0].Phase = 0 },
		"a run beyond all phases": func(c *schedule.Snapshot) { c.Runs = append(c.Runs, run("r")); c.Runs[0].Phase = 4 },
		"a member of no gang":     func(c *schedule.Snapshot) { c.Members = append(c.Members, member) },
		"a member twice": func(c *schedule.Snapshot) {
			c.Gangs, c.Members = append(c.Gangs, gang), append(c.Members, member, member)
		},
		"a member that waits": func(c *schedule.Snapshot) {
			c.Gangs, c.Jobs, c.Members = append(c.Gangs, gang), append(c.Jobs, inGang), append(c.Members, member)
			c.Members[0].Job = inGang.ID
		},
		"a member with a run of another": func(c *schedule.Snapshot) {
			c.Gangs, c.Runs, c.Members = append(c.Gangs, gang), append(c.Runs, run("r")), append(c.Members, member)
			c.Members[0].Run = runID("r")
		},
		"a bucket twice": func(c *schedule.Snapshot) {
			c.Buckets = append(c.Buckets, schedule.Bucket{Free: 1}, schedule.Bucket{Free: 2})
		},
		"a charge twice":     func(c *schedule.Snapshot) { c.Charges = append(c.Charges, charge, charge) },
		"a charge of nobody": func(c *schedule.Snapshot) { c.Charges = append(c.Charges, charge); c.Charges[0].Queue = "" },
		"a charge of no run": func(c *schedule.Snapshot) { c.Charges = append(c.Charges, charge); c.Charges[0].Run = schedule.RunID{} },
		"a negative charge": func(c *schedule.Snapshot) {
			c.Charges = append(c.Charges, charge)
			c.Charges[0].Amount = schedule.Vec{-1}
		},
		"a usage twice":       func(c *schedule.Snapshot) { c.Usage = append(c.Usage, usage, usage) },
		"a usage of nobody":   func(c *schedule.Snapshot) { c.Usage = append(c.Usage, usage); c.Usage[0].Queue = "" },
		"a usage of nothing":  func(c *schedule.Snapshot) { c.Usage = append(c.Usage, usage); c.Usage[0].Amount = nil },
		"a usage beyond time": func(c *schedule.Snapshot) { c.Usage = append(c.Usage, usage); c.Usage[0].Epoch = math.MaxInt64 },
		"a usage of all there could be": func(c *schedule.Snapshot) {
			c.Usage = append(c.Usage, usage)
			c.Usage[0].Amount = []schedule.Used{{Hi: math.MaxUint64}}
		},
		"a bucket beyond time": func(c *schedule.Snapshot) { c.Buckets = append(c.Buckets, schedule.Bucket{Free: math.MaxInt64}) },
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := schedule.Config{
				Resources: []string{"cpu"}, Dominant: []string{"cpu"}, Pools: []schedule.PoolID{"p"},
				Classes: []schedule.Class{{ID: "c"}}, Lookback: 1,
			}
			content := schedule.Snapshot{
				Shapes: []schedule.ShapeAdded{{ID: 1, Shape: schedule.Shape{Request: schedule.Vec{1}, Class: "c"}}},
				Queues: []schedule.Queue{{ID: "q", Weight: 1}}, Jobs: []schedule.Job{job("j")},
				Nodes: []schedule.Node{{ID: "e/n", Executor: "e", Pool: "p", Total: schedule.Vec{1}, Other: schedule.Vec{0}}},
			}
			if _, err := schedule.Load(&cfg, content); err != nil {
				t.Fatal(err)
			}
			spoil(&content)
			if _, err := schedule.Load(&cfg, content); !errors.Is(err, schedule.ErrInvalid) {
				t.Errorf("error %v, want ErrInvalid", err)
			}
		})
	}
}

// TestGangOverWhileHeld: a gang is known as long as a member is held, which may still be
// told to have ended, or to have been leased all the same.
func TestGangOverWhileHeld(t *testing.T) {
	t.Parallel()
	b := newOverlayBed(t)
	member := func(id string) schedule.Delta {
		return schedule.JobQueued{Job: schedule.Job{ID: jobID(id), Queue: "q", Shape: 1, Gang: "g"}}
	}
	b.apply(schedule.GangAdded{Gang: schedule.Gang{ID: "g", Queue: "q", Cardinality: 1}},
		member("g1"), member("g2"), member("g3"), schedule.JobHeld{Job: jobID("g2")}, schedule.JobHeld{Job: jobID("g3")},
		schedule.JobGone{Job: jobID("g1")}, schedule.JobGone{Job: jobID("g2")})
	if gangs := b.state.Snapshot().Gangs; len(gangs) != 1 || gangs[0].Missed != 2 {
		t.Errorf("gangs %+v, want one that misses two", gangs)
	}
	b.apply(schedule.JobGone{Job: jobID("g3")})
	if gangs := b.state.Snapshot().Gangs; len(gangs) > 0 {
		t.Errorf("gangs %+v, want none", gangs)
	}
}
