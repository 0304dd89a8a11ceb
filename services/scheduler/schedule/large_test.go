package schedule_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// crowd is a world of some size by a seed: a dozen nodes that are full, queues of unequal
// weight of which one holds most, and jobs of a few shapes that wait, so that walks are
// many and what a walk found out is used in the next.
type crowd struct {
	random *rand.Rand
	cfg    schedule.Config
	state  *schedule.State
	now    schedule.Time
	next   uint64
}

func newCrowd(t *testing.T, seed uint64) *crowd {
	t.Helper()
	c := &crowd{random: rand.New(rand.NewPCG(seed, 0)), now: 1000, cfg: schedule.Config{ //nolint:gosec // by the seed
		Resources: []string{"cpu", "mem", "gpu"}, Dominant: []string{"cpu", "mem"}, Pools: []schedule.PoolID{"p", "q"},
		Classes:  []schedule.Class{{ID: "low", Preemptible: true}, {ID: "firm"}, {ID: "high", Priority: 5, Preemptible: true}},
		Lookback: 1000,
	}}
	c.cfg.Protected = int64(c.random.IntN(3)) * schedule.Million / 2
	c.cfg.LeastLostWork = seed%4 == 3
	if seed%3 == 2 {
		c.cfg.Classes[2].MinRunTime = 2
	}
	if c.random.IntN(3) == 0 {
		c.cfg.Lookback = 5 + c.random.IntN(20)
	}
	if c.random.IntN(3) == 0 {
		c.cfg.Floating = []schedule.Floating{{Resource: "gpu", Pools: map[schedule.PoolID]int64{"p": int64(3 + c.random.IntN(6)), "q": 1}}}
	}
	var rows schedule.Snapshot
	for i := range 8 {
		class := c.cfg.Classes[max(0, c.random.IntN(6)-3)].ID
		rows.Shapes = append(rows.Shapes, schedule.ShapeAdded{ID: schedule.ShapeID(i), Shape: schedule.Shape{
			Request: schedule.Vec{int64(1 + c.random.IntN(6)), int64(c.random.IntN(5)), max(0, int64(c.random.IntN(5)-3))}, Class: class,
		}})
	}
	for i := range 12 {
		rows.Nodes = append(rows.Nodes, schedule.Node{
			ID: schedule.NodeID(fmt.Sprintf("e/n%02d", i)), Executor: "e", Pool: c.cfg.Pools[c.random.IntN(8)/7],
			Total: schedule.Vec{int64(8 + 4*c.random.IntN(3)), 16, int64(c.random.IntN(3))}, Other: schedule.Vec{0, 0, 0},
		})
	}
	for i := range 6 {
		q := schedule.Queue{ID: schedule.QueueID(fmt.Sprintf("q%d", i)), Weight: int64(1+c.random.IntN(4)) * schedule.Million}
		if seed%3 == 1 { // the first four are part of two, of which one has jobs and is part of the other
			q.Parent = []schedule.QueueID{"q4", "q5", "q4", "q5", "q5", ""}[i]
		}
		if seed%4 == 2 && i%2 == 0 {
			q.Quotas = []schedule.Quota{{Guarantee: map[string]int64{"cpu": int64(10 + 5*i)}, Borrow: map[string]int64{"cpu": 30}, Lend: map[string]int64{"cpu": int64(8 + i)}}}
		}
		rows.Queues = append(rows.Queues, q)
	}
	for range 60 {
		rows.Jobs = append(rows.Jobs, c.job(c.random.IntN(2)*c.random.IntN(6)))
	}
	for i := range 6 {
		g := schedule.Gang{ID: schedule.GangID(fmt.Sprintf("g%d", i)), Cardinality: uint32(2 + c.random.IntN(2))}
		first := c.job(c.random.IntN(6))
		g.Queue = first.Queue
		rows.Gangs = append(rows.Gangs, schedule.GangRow{Gang: g})
		for range g.Cardinality {
			first.ID, first.Gang = c.id(), g.ID
			if alike := c.random.IntN(8); i%2 == 1 && rows.Shapes[alike].Shape.Class == rows.Shapes[first.Shape].Shape.Class {
				first.Shape = schedule.ShapeID(alike)
			}
			rows.Jobs = append(rows.Jobs, first)
		}
	}
	state, err := schedule.Load(&c.cfg, rows)
	if err != nil {
		t.Fatal(err)
	}
	c.state = state
	return c
}

func (c *crowd) id() (id [16]byte) {
	c.next++
	binary.BigEndian.PutUint64(id[8:], c.next)
	return id
}

func (c *crowd) job(queue int) schedule.Job {
	return schedule.Job{
		ID: c.id(), Queue: schedule.QueueID(fmt.Sprintf("q%d", queue)), Shape: schedule.ShapeID(c.random.IntN(8)),
		Priority: uint32(c.random.IntN(3)), Submitted: schedule.Time(c.random.IntN(9)),
	}
}

// facts are a plan as facts; of who is preempted some are gone at once and wait again.
func (c *crowd) facts(plan *schedule.Plan) (deltas []schedule.Delta) {
	jobs := map[schedule.RunID]schedule.RunRow{}
	for _, r := range c.state.Snapshot().Runs {
		jobs[r.ID] = r
	}
	for _, p := range plan.Preempts {
		deltas = append(deltas, schedule.RunPhased{Run: p.Run, Phase: schedule.Releasing})
		if r := jobs[p.Run]; c.random.IntN(2) == 0 {
			deltas = append(deltas, schedule.RunGone{Run: p.Run}, schedule.JobQueued{Job: schedule.Job{ID: r.Job, Queue: r.Queue, Shape: r.Shape, Gang: r.Gang}})
		}
	}
	for _, s := range plan.Starts {
		deltas = append(deltas, schedule.RunLeased{Run: schedule.Run{
			ID: c.id(), Job: s.Job, Node: s.Node, Pool: s.Pool, Level: s.Level, Since: c.now, Phase: schedule.Leased,
		}})
	}
	return deltas
}

// changes are some runs that end and some jobs that come, of queues that have less.
func (c *crowd) changes() (deltas []schedule.Delta) {
	for _, r := range c.state.Snapshot().Runs {
		if c.random.IntN(12) == 0 {
			deltas = append(deltas, schedule.JobGone{Job: r.Job}, schedule.RunGone{Run: r.ID})
		}
	}
	for range c.random.IntN(15) {
		deltas = append(deltas, schedule.JobQueued{Job: c.job(c.random.IntN(6))})
	}
	return deltas
}

// TestPlanIsRefplanCrowded: as TestPlanIsRefplan, in worlds where a round takes many
// victims in many walks. Of these there must be some, else it shows nothing.
func TestPlanIsRefplanCrowded(t *testing.T) {
	t.Parallel()
	victims, starts := 0, 0
	for seed := range uint64(16) {
		c := newCrowd(t, seed)
		for turn := range 6 {
			round := schedule.Round{Now: c.now, MayReject: true, KeepShares: turn == 2}
			if turn == 4 {
				round.Steps = 3
			}
			plan := c.state.Plan(round)
			if diff := gocmp.Diff(refplan(&c.cfg, c.state.SnapshotAssumed(), round), plan, cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("seed %d, turn %d, plan (-refplan +plan):\n%s", seed, turn, diff)
			}
			victims, starts = victims+len(plan.Preempts), starts+len(plan.Starts)
			if err := c.state.Apply(c.facts(plan)...); err != nil {
				t.Fatal(err)
			}
			if err := c.state.Apply(c.changes()...); err != nil {
				t.Fatal(err)
			}
			c.now += schedule.Time(c.random.IntN(3))
		}
	}
	if victims < 50 || starts < 300 {
		t.Errorf("%d victims and %d starts are too few to show anything", victims, starts)
	}
	t.Logf("%d victims, %d starts", victims, starts)
}
