package schedule_test

import (
	"fmt"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// The properties of the shares that a round comes to, where jobs are small and nodes are
// all alike and take any of them: Parkes, Procaccia and Shah, Beyond Dominant Resource
// Fairness (2012), show that indivisible jobs allow them up to one job and no more.

// party is a queue with jobs of one shape.
type party struct {
	queue schedule.QueueID
	// weight is a small whole number, wants how many jobs it has in all.
	weight, wants int64
	request       schedule.Vec
	// has is how many of its jobs run.
	has int64
}

// fairWorld is a pool of nodes that are all alike, and queues that want of it.
type fairWorld struct {
	*world
	nodes   int64
	each    schedule.Vec
	parties []*party
}

func newFairWorld(nodes int64, each schedule.Vec, parties []*party) *fairWorld {
	w := &fairWorld{nodes: nodes, each: each, parties: parties, world: &world{
		cfg: schedule.Config{
			Resources: []string{"cpu", "mem"}, Dominant: []string{"cpu", "mem"}, Pools: []schedule.PoolID{"p"},
			Classes: []schedule.Class{{ID: "c", Preemptible: true}}, Protected: schedule.Million, Lookback: 1 << 20,
		},
		nodes: map[schedule.NodeID]schedule.Node{}, queues: map[schedule.QueueID]schedule.Queue{}, shapes: map[schedule.ShapeID]schedule.Shape{},
		waiting: map[schedule.JobID]schedule.Job{}, runs: map[schedule.RunID]worldRun{}, now: 1000,
	}}
	for i := range nodes {
		id := schedule.NodeID(fmt.Sprintf("x/n%d", i))
		w.world.nodes[id] = schedule.Node{ID: id, Executor: "x", Pool: "p", Total: each, Other: schedule.Vec{0, 0}}
	}
	for i, p := range parties {
		p.queue = schedule.QueueID(fmt.Sprintf("q%d", i))
		w.queues[p.queue] = schedule.Queue{ID: p.queue, Weight: p.weight * schedule.Million}
		w.shapes[schedule.ShapeID(i+1)] = schedule.Shape{Request: p.request, Class: "c"}
	}
	return w
}

// arrive queues the jobs of a party.
func (w *fairWorld) arrive(t *rapid.T, s *schedule.State, i int) {
	for range w.parties[i].wants {
		j := schedule.Job{ID: w.id(), Queue: w.parties[i].queue, Shape: schedule.ShapeID(i + 1)}
		w.waiting[j.ID] = j
		if err := s.Apply(schedule.JobQueued{Job: j}); err != nil {
			t.Fatal(err)
		}
	}
}

// settle plans until nothing more is decided. Who is preempted is gone at once and waits
// again.
func (w *fairWorld) settle(t *rapid.T, s *schedule.State) {
	for range len(w.waiting) + len(w.runs) + 1 {
		w.now++
		plan := s.Plan(schedule.Round{Now: w.now})
		if len(plan.Starts)+len(plan.Preempts) == 0 {
			w.count()
			return
		}
		deltas := w.facts(plan)
		for _, p := range plan.Preempts {
			r := w.runs[p.Run]
			deltas = append(deltas, schedule.RunGone{Run: p.Run}, schedule.JobQueued{Job: r.job})
			delete(w.runs, p.Run)
			w.waiting[r.Job] = r.job
		}
		if err := s.Apply(deltas...); err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("the rounds do not come to an end")
}

func (w *fairWorld) count() {
	for _, p := range w.parties {
		p.has = 0
		for _, r := range w.runs {
			if r.job.Queue == p.queue {
				p.has++
			}
		}
	}
}

// live has the parties arrive, all at once or one after the other, each after the ones
// before have taken what they want.
func (w *fairWorld) live(t *rapid.T) {
	s := w.load(t, anyOrder(t))
	together := rapid.Bool().Draw(t, "together")
	for i := range w.parties {
		w.arrive(t, s, i)
		if !together {
			w.settle(t, s)
		}
	}
	w.settle(t, s)
}

// TestIdealShare: with one shape that divides the node and one class, no queue stays more
// than one job below its ideal share, whoever held the pool before; and with equal weights
// none is more than one above. With unequal ones it may be: to give each slot to whom it
// takes to the smallest weighted share is Jefferson's method, which gives nobody less than
// its quota rounded down, and the large more than theirs rounded up (Balinski and Young,
// Fair Representation, 1982).
func TestIdealShare(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		nodes, slots := rapid.Int64Range(1, 4).Draw(t, "nodes"), rapid.Int64Range(1, 5).Draw(t, "slots")
		var parties []*party
		heaviest := rapid.SampledFrom([]int64{1, 3}).Draw(t, "heaviest")
		for range rapid.IntRange(1, 5).Draw(t, "queues") {
			parties = append(parties, &party{
				weight: rapid.Int64Range(1, heaviest).Draw(t, "weight"), wants: rapid.Int64Range(0, 2*nodes*slots).Draw(t, "wants"),
				request: schedule.Vec{2, 1},
			})
		}
		w := newFairWorld(nodes, schedule.Vec{2 * slots, slots}, parties)
		w.live(t)
		if err := withinOneJob(parties, big.NewRat(nodes*slots, 1), heaviest == 1); err != nil {
			t.Fatal(err)
		}
	})
}

// idealOf is the part of some slots that each of some queues should have: what it wants, or
// its part by weight of what those leave that want less.
func idealOf(parties []*party, slots *big.Rat) map[*party]*big.Rat {
	ideal, open, left := map[*party]*big.Rat{}, parties, slots
	for {
		weights, unmet, given := int64(0), []*party(nil), int64(0)
		for _, p := range open {
			weights += p.weight
		}
		for _, p := range open {
			ideal[p] = new(big.Rat).Mul(left, big.NewRat(p.weight, weights))
			if wants := big.NewRat(p.wants, 1); wants.Cmp(ideal[p]) <= 0 {
				ideal[p] = wants
				given += p.wants
				continue
			}
			unmet = append(unmet, p)
		}
		if len(unmet) == len(open) {
			return ideal
		}
		open, left = unmet, new(big.Rat).Sub(left, big.NewRat(given, 1))
	}
}

// withinOneJob: no queue has less than its ideal part of the slots by more than one job, nor
// more where that is asked.
func withinOneJob(parties []*party, slots *big.Rat, both bool) error { //nolint:revive // what is asked
	one := big.NewRat(1, 1)
	for p, ideal := range idealOf(parties, slots) {
		off := new(big.Rat).Sub(big.NewRat(p.has, 1), ideal)
		if both && off.Cmp(one) > 0 || off.Neg(off).Cmp(one) > 0 {
			return fmt.Errorf("%s has %d, and its part of %s slots is %s", p.queue, p.has, slots.RatString(), ideal.RatString())
		}
	}
	return nil
}

// drawParties draws queues of equal weight, with small jobs, on one node.
func drawParties(t *rapid.T) *fairWorld {
	var parties []*party
	for range rapid.IntRange(2, 4).Draw(t, "queues") {
		parties = append(parties, &party{
			weight: 1, wants: rapid.Int64Range(0, 60).Draw(t, "wants"),
			request: schedule.Vec{rapid.Int64Range(1, 4).Draw(t, "cpu"), rapid.Int64Range(1, 4).Draw(t, "mem")},
		})
	}
	return newFairWorld(1, schedule.Vec{rapid.Int64Range(40, 80).Draw(t, "cpu"), rapid.Int64Range(40, 80).Draw(t, "mem")}, parties)
}

// fitsTimes is how many jobs fit into an amount.
func fitsTimes(request, room schedule.Vec) int64 {
	return min(room[0]/request[0], room[1]/request[1])
}

// TestSharingIncentive: no queue would have more, by more than one job, of a pool of its
// own that is an equal part of this one.
func TestSharingIncentive(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := drawParties(t)
		w.live(t)
		n := int64(len(w.parties))
		for _, p := range w.parties {
			own := min(p.wants, fitsTimes(p.request, schedule.Vec{w.each[0] / n, w.each[1] / n}))
			if p.has < own-1 {
				t.Fatalf("%s has %d jobs, alone on its part it would have %d", p.queue, p.has, own)
			}
		}
	})
}

// TestEnvyFree: no queue would have more of what another has, by more than one job of
// either.
func TestEnvyFree(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := drawParties(t)
		w.live(t)
		for _, p := range w.parties {
			for _, other := range w.parties {
				if other.has == 0 {
					continue
				}
				less := other.has - 1
				theirs := fitsTimes(p.request, schedule.Vec{less * other.request[0], less * other.request[1]})
				if p.has < min(p.wants, theirs)-1 {
					t.Fatalf("%s has %d jobs, of what %s has it could run %d", p.queue, p.has, other.queue, theirs)
				}
			}
		}
	})
}
