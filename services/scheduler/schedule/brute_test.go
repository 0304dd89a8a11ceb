package schedule_test

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// The rule by brute force, on up to 5 nodes and 8 jobs: all nodes and all sets of victims,
// all domains and all ways to place a gang. What a round chose must be the best of them. It
// shares nothing with refplan, which says how the choice is come to.

// brute is a tiny world of one queue, in which only classes preempt.
type brute struct {
	cfg   schedule.Config
	rows  schedule.Snapshot
	now   schedule.Time
	asked []schedule.Job
}

const bruteHigh = 3 // the shape of class high that the asked jobs are of

func drawBrute(t *rapid.T) *brute {
	b := &brute{now: 10e9, cfg: schedule.Config{
		Resources: []string{"cpu", "mem"}, Dominant: []string{"cpu"}, Pools: []schedule.PoolID{"p"}, Lookback: 100,
		Classes: []schedule.Class{{ID: "low", Preemptible: true}, {ID: "mid", Priority: 5, Preemptible: true}, {ID: "firm"}, {ID: "high", Priority: 10}},
	}}
	b.cfg.LeastLostWork = rapid.Bool().Draw(t, "work")
	b.cfg.Classes[0].MinRunTime = schedule.Time(rapid.SampledFrom([]int64{0, 0, 5e9}).Draw(t, "least"))
	b.rows.Queues = []schedule.Queue{{ID: "q", Weight: schedule.Million}}
	amounts := func(most int64) schedule.Vec {
		return schedule.Vec{rapid.Int64Range(0, most).Draw(t, "cpu"), rapid.Int64Range(0, most).Draw(t, "mem")}
	}
	for i, class := range []schedule.ClassID{"low", "mid", "firm", "high"} {
		b.rows.Shapes = append(b.rows.Shapes, schedule.ShapeAdded{ID: schedule.ShapeID(i), Shape: schedule.Shape{Request: amounts(3), Class: class}})
	}
	for i := range rapid.IntRange(1, 5).Draw(t, "nodes") {
		n := schedule.Node{
			ID: schedule.NodeID(fmt.Sprintf("e/n%d", i)), Executor: "e", Pool: "p", Total: amounts(5), Other: schedule.Vec{0, 0},
			Labels:  map[string]string{"rack": rapid.SampledFrom([]string{"r", "s", "t"}).Draw(t, "rack")},
			MaxPods: rapid.SampledFrom([]int32{0, 0, 0, 2}).Draw(t, "pods"),
		}
		b.rows.Nodes = append(b.rows.Nodes, n)
	}
	return b
}

// drawRuns draws runs that their nodes have room for.
func (b *brute) drawRuns(t *rapid.T) {
	for i := range rapid.IntRange(0, 7).Draw(t, "runs") {
		n := rapid.SampledFrom(b.rows.Nodes).Draw(t, "node")
		r := schedule.RunRow{Queue: "q", Shape: schedule.ShapeID(rapid.IntRange(0, 2).Draw(t, "shape"))}
		r.Run = schedule.Run{
			ID: schedule.RunID{15: byte(i + 1)}, Job: schedule.JobID{15: byte(i + 1)}, Node: n.ID, Pool: "p", Level: b.class(r.Shape).Priority,
			Since: schedule.Time(rapid.Int64Range(0, 9).Draw(t, "since") * 1e9),
			Phase: rapid.SampledFrom([]schedule.Phase{schedule.Running, schedule.Running, schedule.Releasing}).Draw(t, "phase"),
		}
		if b.fits(&n, b.request(r.Shape), func(schedule.RunRow) bool { return true }) {
			b.rows.Runs = append(b.rows.Runs, r)
		}
	}
}

func (b *brute) class(shape schedule.ShapeID) schedule.Class {
	i := slices.IndexFunc(b.cfg.Classes, func(c schedule.Class) bool { return c.ID == b.rows.Shapes[shape].Shape.Class })
	return b.cfg.Classes[i]
}

func (b *brute) request(shape schedule.ShapeID) schedule.Vec {
	return b.rows.Shapes[shape].Shape.Request
}

// room is what a node has beside some of its runs, and how many these are.
func (b *brute) room(n *schedule.Node, counts func(schedule.RunRow) bool) (room schedule.Vec, pods int32) {
	room = slices.Clone(n.Total)
	for _, r := range b.rows.Runs {
		if r.Node == n.ID && counts(r) {
			subFrom(room, b.request(r.Shape))
			pods++
		}
	}
	return room, pods
}

func (b *brute) fits(n *schedule.Node, request schedule.Vec, counts func(schedule.RunRow) bool) bool {
	room, pods := b.room(n, counts)
	return holds(room, request) && (n.MaxPods == 0 || pods < n.MaxPods)
}

// wait has so many jobs wait, in a gang if it is given.
func (b *brute) wait(n int, gang schedule.GangID) {
	for i := range n {
		b.asked = append(b.asked, schedule.Job{ID: schedule.JobID{14: 1, 15: byte(i)}, Queue: "q", Shape: bruteHigh, Gang: gang})
	}
	b.rows.Jobs = b.asked
}

func (b *brute) plan(t *rapid.T) *schedule.Plan {
	plan, err := schedule.Load(&b.cfg, b.rows)
	if err != nil {
		t.Fatal(err)
	}
	return plan.Plan(schedule.Round{Now: b.now})
}

// option is a node, the victims there, and all that options are compared by: smaller goes
// first.
type option struct {
	node    schedule.NodeID
	victims []schedule.RunID
	// room is 0 where it is free, 1 where it is being released, 2 where victims must go.
	room                  int
	highest, lost, number int64
	left                  schedule.Vec
}

func (o *option) compare(p *option) int {
	return cmp.Or(cmp.Compare(o.room, p.room), cmp.Compare(o.highest, p.highest), cmp.Compare(o.lost, p.lost), cmp.Compare(o.number, p.number),
		slices.Compare(o.left, p.left), cmp.Compare(o.node, p.node))
}

// takeable are the runs of a node that may go for a job of class high, the best in rank
// first.
func (b *brute) takeable(n *schedule.Node) (out []schedule.RunRow) {
	for _, r := range b.rows.Runs {
		if c := b.class(r.Shape); r.Node == n.ID && r.Phase != schedule.Releasing && c.Preemptible && b.now-r.Since >= c.MinRunTime {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(x, y schedule.RunRow) int {
		return cmp.Or(cmp.Compare(y.Level, x.Level), cmp.Compare(x.Since, y.Since), slices.Compare(x.ID[:], y.ID[:]))
	})
	return out
}

// victimSet is, of all sets of runs with which gone a job fits, the one that keeps the best
// in rank; false: there is none.
func (b *brute) victimSet(n *schedule.Node, request schedule.Vec) (best []schedule.RunRow, found bool) {
	runs := b.takeable(n)
	for set := 1<<len(runs) - 1; set > 0; set-- {
		var goes []schedule.RunRow
		for i, r := range runs {
			if set>>(len(runs)-1-i)&1 == 1 { // the best in rank is the highest bit: a smaller set keeps the better
				goes = append(goes, r)
			}
		}
		stays := func(r schedule.RunRow) bool {
			return r.Phase != schedule.Releasing && !slices.ContainsFunc(goes, func(v schedule.RunRow) bool { return v.ID == r.ID })
		}
		if b.fits(n, request, stays) {
			best, found = goes, true
		}
	}
	return best, found
}

// options are all ways to start a job, a node each.
func (b *brute) options() (list []option) {
	request := b.request(bruteHigh)
	left := func(n *schedule.Node, counts func(schedule.RunRow) bool) (out schedule.Vec) {
		room, _ := b.room(n, counts)
		for i, amount := range request {
			if amount > 0 {
				out = append(out, room[i])
			}
		}
		return out
	}
	all := func(schedule.RunRow) bool { return true }
	stays := func(r schedule.RunRow) bool { return r.Phase != schedule.Releasing }
	for i := range b.rows.Nodes {
		n := &b.rows.Nodes[i]
		switch {
		case b.fits(n, request, all):
			list = append(list, option{node: n.ID, left: left(n, all)})
		case b.fits(n, request, stays):
			list = append(list, option{node: n.ID, room: 1, left: left(n, stays)})
		default:
			goes, found := b.victimSet(n, request)
			if !found {
				continue
			}
			o := option{node: n.ID, room: 2, highest: -1, number: int64(len(goes))}
			for _, v := range goes {
				o.victims = append(o.victims, v.ID)
				o.highest = max(o.highest, int64(v.Level))
				if b.cfg.LeastLostWork {
					o.lost += b.request(v.Shape)[0] * int64(b.now-v.Since) / 1e9
				}
			}
			o.left = left(n, func(r schedule.RunRow) bool { return stays(r) && !slices.Contains(o.victims, r.ID) })
			list = append(list, o)
		}
	}
	return list
}

// TestBruteVictims: a job starts on the best node by the rule, with the victims that keep
// the best in rank.
func TestBruteVictims(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b := drawBrute(t)
		b.drawRuns(t)
		b.wait(1, "")
		plan := b.plan(t)
		list := b.options()
		if len(list) == 0 {
			if len(plan.Starts)+len(plan.Preempts) > 0 {
				t.Fatalf("there is no way to start it, and the plan is %+v", *plan)
			}
			return
		}
		best := slices.MinFunc(list, func(x, y option) int { return x.compare(&y) })
		if len(plan.Starts) != 1 || plan.Starts[0].Node != best.node {
			t.Fatalf("the best is %+v, and the plan is %+v", best, *plan)
		}
		var victims []schedule.RunID
		for _, p := range plan.Preempts {
			victims = append(victims, p.Run)
		}
		if !slices.Equal(victims, best.victims) {
			t.Fatalf("the victims are %x, not %x", victims, best.victims)
		}
	})
}

// TestBruteDomains: a gang of equal members under a rack starts in the best domain in which
// any way to place all of them needs no victim; nobody may be preempted for it.
func TestBruteDomains(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b := drawBrute(t)
		b.cfg.Classes[0].Preemptible, b.cfg.Classes[1].Preemptible = false, false
		b.cfg.Tiers = []schedule.Tier{{ID: "rack", Label: "rack"}}
		b.drawRuns(t)
		members := rapid.IntRange(2, 4).Draw(t, "members")
		b.wait(members, "g")
		gang := schedule.Gang{ID: "g", Queue: "q", Cardinality: uint32(members), Tier: "rack"}
		if rapid.Bool().Draw(t, "group") {
			gang.Tier, gang.Groups = "", []schedule.Group{{ID: "x", Tier: "rack"}}
			for i := range b.rows.Jobs {
				b.rows.Jobs[i].Group = "x"
			}
		}
		b.rows.Gangs = []schedule.GangRow{{Gang: gang}}
		plan := b.plan(t)
		want := b.bestRack(members)
		if want == "" {
			if len(plan.Starts) > 0 {
				t.Fatalf("no rack holds %d, and the plan is %+v", members, *plan)
			}
			return
		}
		if len(plan.Starts) != members {
			t.Fatalf("rack %s holds %d, and the plan is %+v", want, members, *plan)
		}
		for _, s := range plan.Starts {
			i := slices.IndexFunc(b.rows.Nodes, func(n schedule.Node) bool { return n.ID == s.Node })
			if rack := b.rows.Nodes[i].Labels["rack"]; rack != want {
				t.Fatalf("%x starts in rack %s, not %s", s.Job, rack, want)
			}
		}
	})
}

// bestRack is the rack with the least left of what is asked for among those in which some
// way to place so many jobs fits; empty: there is none.
func (b *brute) bestRack(members int) (best string) {
	var least schedule.Vec
	stays := func(r schedule.RunRow) bool { return r.Phase != schedule.Releasing }
	for _, rack := range []string{"r", "s", "t"} {
		var nodes []*schedule.Node
		sum := schedule.Vec{0, 0}
		for i := range b.rows.Nodes {
			if n := &b.rows.Nodes[i]; n.Labels["rack"] == rack {
				room, _ := b.room(n, stays)
				addTo(sum, room)
				nodes = append(nodes, n)
			}
		}
		for i, amount := range b.request(bruteHigh) {
			if amount == 0 {
				sum[i] = 0
			}
		}
		if len(nodes) > 0 && b.someWay(nodes, members) && (best == "" || slices.Compare(sum, least) < 0) {
			best, least = rack, sum
		}
	}
	return best
}

// someWay tries every way to place jobs on nodes.
func (b *brute) someWay(nodes []*schedule.Node, members int) bool {
	ways := 1
	for range members {
		ways *= len(nodes)
	}
	for way := range ways {
		placed := make([]int64, len(nodes))
		for range members {
			placed[way%len(nodes)]++
			way /= len(nodes)
		}
		fit := true
		for i, n := range nodes {
			room, pods := b.room(n, func(r schedule.RunRow) bool { return r.Phase != schedule.Releasing })
			for j, amount := range b.request(bruteHigh) {
				fit = fit && (amount == 0 || placed[i] == 0 || amount*placed[i] <= room[j])
			}
			fit = fit && (n.MaxPods == 0 || int64(pods)+placed[i] <= int64(n.MaxPods) || placed[i] == 0)
		}
		if fit {
			return true
		}
	}
	return false
}
