package schedule_test

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// The order by the rule, on one node and in a tree of queues two deep, where
// nobody may be preempted. At each start the queue goes first that the rule names, and in it
// what stands first of all that there is room for: it is worked out anew each time, from what
// is held then, and shares nothing with refplan.

// bruteGang is a gang, or a job of its own, that starts as a whole.
type bruteGang struct {
	queue   schedule.QueueID
	members []schedule.Job
	class   int32
	ask     schedule.Vec
	started bool
}

// last is the member that stands last: the gang has its place.
func (g *bruteGang) last() schedule.Job { return slices.MaxFunc(g.members, bruteBefore) }

// bruteBefore is the order of jobs of one class.
func bruteBefore(a, b schedule.Job) int {
	return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(a.Submitted, b.Submitted), slices.Compare(a.ID[:], b.ID[:]))
}

// bruteOrder is a world of one node.
type bruteOrder struct {
	cfg   schedule.Config
	rows  schedule.Snapshot
	gangs []*bruteGang
	held  map[schedule.QueueID]schedule.Vec
	room  schedule.Vec
}

const (
	bruteCPU, bruteMem = 24, 18
	bruteSize          = 4
)

func drawBruteOrder(t *rapid.T) *bruteOrder {
	b := &bruteOrder{
		held: map[schedule.QueueID]schedule.Vec{}, room: schedule.Vec{bruteCPU, bruteMem},
		cfg: schedule.Config{
			Resources: []string{"cpu", "mem"}, Dominant: []string{"cpu", "mem"}, Pools: []schedule.PoolID{"p"}, Lookback: 100,
			Classes: []schedule.Class{{ID: "low"}, {ID: "high", Priority: 10}},
		},
	}
	b.rows.Nodes = []schedule.Node{{ID: "e/n", Executor: "e", Pool: "p", Total: schedule.Vec{bruteCPU, bruteMem}, Other: schedule.Vec{0, 0}}}
	for _, q := range []schedule.Queue{{ID: "a"}, {ID: "b"}, {ID: "c"}, {ID: "d", Parent: "a"}, {ID: "e", Parent: "a"}, {ID: "f", Parent: "c"}} {
		q.Weight = schedule.Million / rapid.Int64Range(1, 3).Draw(t, "factor")
		b.rows.Queues = append(b.rows.Queues, q)
	}
	for i := range 5 {
		shape := schedule.Shape{Class: b.cfg.Classes[rapid.IntRange(0, 1).Draw(t, "class")].ID, Request: schedule.Vec{
			rapid.Int64Range(0, bruteSize).Draw(t, "cpu"), rapid.Int64Range(0, bruteSize).Draw(t, "mem"),
		}}
		b.rows.Shapes = append(b.rows.Shapes, schedule.ShapeAdded{ID: schedule.ShapeID(i), Shape: shape})
	}
	for i := range rapid.IntRange(1, 12).Draw(t, "gangs") {
		b.drawGang(t, byte(i+1))
	}
	return b
}

// drawGang draws one that waits, or a run.
func (b *bruteOrder) drawGang(t *rapid.T, n byte) {
	shape := b.rows.Shapes[rapid.IntRange(0, len(b.rows.Shapes)-1).Draw(t, "shape")]
	g := &bruteGang{
		queue: rapid.SampledFrom([]schedule.QueueID{"b", "d", "e", "f"}).Draw(t, "queue"), // those without parts
		ask:   make(schedule.Vec, 2),
	}
	if shape.Shape.Class == "high" {
		g.class = 10
	}
	job := func(member byte) schedule.Job {
		return schedule.Job{
			ID: schedule.JobID{14: n, 15: member}, Queue: g.queue, Shape: shape.ID,
			Priority: rapid.Uint32Range(0, 1).Draw(t, "priority"), Submitted: schedule.Time(rapid.Int64Range(0, 2).Draw(t, "at")),
		}
	}
	switch rapid.IntRange(0, 3).Draw(t, "kind") {
	case 0: // it runs already
		if j := job(0); holds(b.room, shape.Shape.Request) {
			b.rows.Runs = append(b.rows.Runs, schedule.RunRow{Queue: g.queue, Shape: shape.ID, Run: schedule.Run{
				ID: schedule.RunID(j.ID), Job: j.ID, Node: "e/n", Pool: "p", Level: g.class, Phase: schedule.Running,
			}})
			b.hold(g.queue, shape.Shape.Request)
		}
		return
	case 1:
		gang := schedule.Gang{ID: schedule.GangID(fmt.Sprintf("g%d", n)), Queue: g.queue, Cardinality: 2}
		b.rows.Gangs = append(b.rows.Gangs, schedule.GangRow{Gang: gang})
		for member := range byte(2) {
			j := job(member)
			j.Gang = gang.ID
			g.members = append(g.members, j)
		}
	default:
		g.members = append(g.members, job(0))
	}
	for _, j := range g.members {
		addTo(g.ask, shape.Shape.Request)
		b.rows.Jobs = append(b.rows.Jobs, j)
	}
	b.gangs = append(b.gangs, g)
}

func (b *bruteOrder) hold(queue schedule.QueueID, amount schedule.Vec) {
	for id := queue; id != ""; id = b.queue(id).Parent {
		if b.held[id] == nil {
			b.held[id] = make(schedule.Vec, 2)
		}
		addTo(b.held[id], amount)
	}
	subFrom(b.room, amount)
}

func (b *bruteOrder) queue(id schedule.QueueID) schedule.Queue {
	return b.rows.Queues[slices.IndexFunc(b.rows.Queues, func(q schedule.Queue) bool { return q.ID == id })]
}

// cost is what a queue weighs with a gang more: its largest share of a resource, in 2^-32 of
// the pool, over its weight, each rounded down.
func (b *bruteOrder) cost(id schedule.QueueID, g *bruteGang) *big.Int {
	most := new(big.Int)
	for i, total := range []int64{bruteCPU, bruteMem} {
		sum := g.ask[i]
		if held := b.held[id]; held != nil {
			sum += held[i]
		}
		share := new(big.Int).Div(new(big.Int).Lsh(big.NewInt(sum), 32), big.NewInt(total))
		if share.Cmp(most) > 0 {
			most = share
		}
	}
	return most.Div(most.Mul(most, big.NewInt(schedule.Million)), big.NewInt(b.queue(id).Weight))
}

// nextOf is the gang that goes first of a queue and its parts; nil: there is none that there
// is room for.
func (b *bruteOrder) nextOf(id schedule.QueueID) (first *bruteGang) {
	for _, g := range b.gangs {
		if g.queue != id || g.started || !holds(b.room, g.ask) {
			continue
		}
		if first == nil || cmp.Or(cmp.Compare(first.class, g.class), bruteBefore(g.last(), first.last())) < 0 {
			first = g
		}
	}
	if first != nil {
		return first
	}
	return b.nextBelow(id)
}

// nextBelow is the gang that goes first of the parts of a queue; no queue: of all.
func (b *bruteOrder) nextBelow(parent schedule.QueueID) (first *bruteGang) {
	var from schedule.QueueID
	for _, q := range b.rows.Queues { // by name
		if q.Parent != parent {
			continue
		}
		g := b.nextOf(q.ID)
		if g == nil {
			continue
		}
		if first == nil || cmp.Or(cmp.Compare(first.class, g.class), b.cost(q.ID, g).Cmp(b.cost(from, first))) < 0 {
			from, first = q.ID, g
		}
	}
	return first
}

// TestBruteOrder: what starts does in the order of the rule, and nothing is left out.
func TestBruteOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b := drawBruteOrder(t)
		s, err := schedule.Load(&b.cfg, b.rows)
		if err != nil {
			t.Fatal(err)
		}
		starts := s.Plan(schedule.Round{Now: 10}).Starts
		for g := b.nextBelow(""); g != nil; g = b.nextBelow("") {
			for range g.members {
				if len(starts) == 0 || !slices.ContainsFunc(g.members, func(j schedule.Job) bool { return j.ID == starts[0].Job }) {
					t.Fatalf("next is %+v, with %v held, and the plan has %+v", *g, b.held, starts)
				}
				starts = starts[1:]
			}
			g.started = true
			b.hold(g.queue, g.ask)
		}
		if len(starts) > 0 {
			t.Fatalf("nothing more is to start, and the plan has %+v", starts)
		}
	})
}
