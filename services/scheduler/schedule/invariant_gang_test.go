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
			for _, site := range append([]schedule.PoolID{pool}, after.cfg.AwayPools[pool]...) {
				for _, level := range after.gangLevels(members[0], pool) {
					if places := after.places(before, members[0], visitAt{pool, site, level}); places >= len(members) && !after.limitStops(members, pool) {
						return fmt.Errorf("gang %s waits and has %d places in %s at level %d, on the account of %s", id, places, site, level, pool)
					}
				}
			}
		}
	}
	return nil
}

// equalMembers are those of a gang that is all there and waits, if they are alike and it is
// bound to nothing; else none.
func (w *world) equalMembers(id schedule.GangID, g *schedule.Gang) (members []schedule.Job) {
	bound := g.Label != "" || g.Tier != "" || slices.ContainsFunc(g.Groups, func(g schedule.Group) bool { return g.Label != "" || g.Tier != "" })
	above := func(most uint32) bool { return most > 0 && g.Cardinality > most }
	if bound || above(w.cfg.GangMax) || above(w.cfg.Rate.Burst) || above(w.cfg.QueueRate.Burst) {
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

// visitAt is how jobs may run: on the account of a pool, on the nodes of it or a host, at a level.
type visitAt struct {
	pool, site schedule.PoolID
	level      int32
}

// gangLevels are the levels at which members of a gang may run in a pool, all at one.
func (w *world) gangLevels(j schedule.Job, pool schedule.PoolID) []int32 {
	class := w.classes[w.shapeOf(j).Class]
	levels := []int32{class.Priority}
	for _, away := range class.Away {
		if !w.cfg.Switches[pool].GangAway {
			levels = append(levels, away.Level)
		}
	}
	return levels
}

// places is for how many jobs alike there is room on nodes that are not reserved.
func (w *world) places(before *world, j schedule.Job, at visitAt) (sum int) {
	request := w.onNode(w.shapeOf(j))
	all := func(worldRun) bool { return true }
	for id, n := range w.nodes {
		if n.Pool != at.site || w.mayNot(j, id, at.pool) != "" || before.isReserved(id) || !slices.Contains(w.levelsOn(w.shapeOf(j), &n, at.pool), at.level) {
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
	return w.overLimit(w.total(pool), members[0].Queue, shape.Class, pool, held) != ""
}
