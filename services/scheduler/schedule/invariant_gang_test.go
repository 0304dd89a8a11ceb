package schedule_test

import (
	"fmt"
	"slices"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// gangsConserved: when a round is done no gang of equal members that may start and is bound to
// nothing has places for all of them in one pool that nobody holds and that are not reserved.
func gangsConserved(before *world, plan *schedule.Plan, after *world) error {
	if plan.Stop != schedule.StopDone || after.cfg.PeriodLimit.Length > 0 {
		return nil
	}
	for id, g := range after.gangs {
		members := after.equalMembers(id, &g)
		if len(members) == 0 || after.bounds(g.Queue) {
			continue
		}
		for _, pool := range after.cfg.Pools {
			if places := after.places(before, members[0], pool); places >= len(members) && !after.limitStops(members, pool) {
				return fmt.Errorf("gang %s waits and has %d places in %s", id, places, pool)
			}
		}
	}
	return nil
}

// equalMembers are those of a gang that is all there and waits, if they are alike and it is
// bound to nothing; else none.
func (w *world) equalMembers(id schedule.GangID, g *schedule.Gang) (members []schedule.Job) {
	bound := g.Label != "" || g.Tier != "" || slices.ContainsFunc(g.Groups, func(g schedule.Group) bool { return g.Label != "" || g.Tier != "" })
	if bound || w.cfg.GangMax > 0 && g.Cardinality > w.cfg.GangMax {
		return nil
	}
	for _, j := range w.waiting {
		if j.Gang != id || j.Queue != g.Queue {
			continue
		}
		if len(j.Avoid) > 0 || j.NotBefore > w.now || len(members) > 0 && j.Shape != members[0].Shape {
			return nil
		}
		members = append(members, j)
	}
	if len(members) != int(g.Cardinality) || !mayBeWhole(g, members) {
		return nil
	}
	return members
}

// mayBeWhole says whether members are enough for each group of an elastic gang, as far as that
// can be told by counting them: not where no more than so many may run.
func mayBeWhole(g *schedule.Gang, members []schedule.Job) bool {
	return g.Want == 0 && !slices.ContainsFunc(g.Groups, func(group schedule.Group) bool {
		have := 0
		for _, j := range members {
			if (&ref{}).within(*g, j.Group, group.ID) {
				have++
			}
		}
		return group.Want > 0 || have < int(group.Min)
	})
}

// places is for how many jobs alike there is room in a pool, on nodes that are not reserved.
func (w *world) places(before *world, j schedule.Job, pool schedule.PoolID) (sum int) {
	request := w.onNode(w.shapeOf(j))
	all := func(worldRun) bool { return true }
	for id, n := range w.nodes {
		if n.Pool != pool || w.mayNot(j, id) != "" || before.isReserved(id) {
			continue
		}
		room, pods := w.room(id, all), w.pods(id, all)
		for most := len(w.waiting); most > 0 && holds(room, request) && (n.MaxPods == 0 || pods < n.MaxPods); most-- {
			subFrom(room, request)
			pods++
			sum++
		}
	}
	return sum
}

// limitStops says whether members alike would go above a limit of their class, or ask for a
// floating resource, of which it is not asked how much is left.
func (w *world) limitStops(members []schedule.Job, pool schedule.PoolID) bool {
	shape := w.shapeOf(members[0])
	for _, f := range w.cfg.Floating {
		if shape.Request[slices.Index(w.cfg.Resources, f.Resource)] > 0 {
			return true
		}
	}
	held := w.classHeld(members[0].Queue, shape.Class, pool)
	for range members {
		addTo(held, shape.Request)
	}
	return w.overLimit(members[0].Queue, shape.Class, pool, held) != ""
}
