package schedule_test

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// refEntry is a job in the order of its queue: once at home, where away is 0, and once for
// each way to be away from home.
type refEntry struct {
	schedule.Job
	away int
	// number is its place among the jobs of the queue.
	number int
}

// homeOrAway is how a job runs at home, or away; false: it may not.
func (r *ref) homeOrAway(j schedule.Job, away int) (schedule.Away, bool) {
	class := r.class(j.Shape)
	there := r.cfg.Tolerate[r.pool]
	if away == 0 {
		return schedule.Away{Level: class.Priority, Tolerate: there}, true
	}
	if away > len(class.Away) {
		return schedule.Away{}, false
	}
	at, may := r.awayFor(j.Shape, class.Away[away-1])
	at.Tolerate = append(at.Tolerate, there...)
	return at, may
}

// awayFor is a way to be away from home as a shape goes in it, with all that it tolerates
// then; false: it does not.
func (r *ref) awayFor(shape schedule.ShapeID, a schedule.Away) (schedule.Away, bool) {
	may := len(a.Types) == 0
	out := schedule.Away{Level: a.Level, Tolerate: slices.Clone(a.Tolerate)}
	for _, t := range a.Types {
		all := true
		for _, w := range t.When {
			amount := r.shape(shape).Request[slices.Index(r.cfg.Resources, w.Resource)]
			all = all && cmp.Compare(amount, w.Value) == map[string]int{"<": -1, "==": 0, ">": 1}[w.Operator]
		}
		if all {
			out.Tolerate, may = append(out.Tolerate, t.Tolerate...), true
		}
	}
	return out, may
}

// off is what is switched off in the pool.
func (r *ref) off() schedule.Switches { return r.cfg.Switches[r.pool] }

// keeps says whether nothing is preempted for a share in the pool.
func (r *ref) keeps() bool { return r.round.KeepShares || r.off().FairShare }

// atHome is how a job runs at home.
func (r *ref) atHome(j schedule.Job) schedule.Away {
	at, _ := r.homeOrAway(j, 0)
	return at
}

// level is the level at which the next gang of a queue would start.
func (r *ref) level(q *refQueue) int32 {
	at, _ := r.homeOrAway(q.next[0], q.away)
	return at.Level
}

// entries are the jobs of a queue in the order of the levels at which they would run; then as
// in the queue.
func (r *ref) entries(queued []schedule.Job) (out []refEntry) {
	for i, j := range queued {
		for away := 0; away <= len(r.class(j.Shape).Away); away++ {
			out = append(out, refEntry{j, away, i})
		}
	}
	level := func(e refEntry) int32 {
		at, _ := r.homeOrAway(e.Job, e.away) // also where it may not go
		return at.Level
	}
	slices.SortFunc(out, func(a, b refEntry) int {
		return cmp.Or(cmp.Compare(level(b), level(a)), cmp.Compare(r.bid(b.Queue, b.Shape), r.bid(a.Queue, a.Shape)), cmp.Compare(a.Priority, b.Priority), cmp.Compare(a.Submitted, b.Submitted), bytes.Compare(a.ID[:], b.ID[:]))
	})
	return out
}

// mayAll says whether all members of a gang may be at home, or away in a way.
func (r *ref) mayAll(next []schedule.Job, away int) bool {
	if off := r.off(); away == 0 && off.Home || away > 0 && (off.Away || off.GangAway && next[0].Gang != "") {
		return false
	}
	return !slices.ContainsFunc(next, func(j schedule.Job) bool {
		_, may := r.homeOrAway(j, away)
		return !may || !r.home() && !r.class(j.Shape).Preemptible
	})
}

// mayBeAway says whether a node matches a shape away from home, on the account of a pool.
func (r *ref) mayBeAway(shape schedule.ShapeID, n *schedule.Node, pool schedule.PoolID) bool {
	return slices.ContainsFunc(r.class(shape).Away, func(a schedule.Away) bool {
		at, may := r.awayFor(shape, a)
		match := r.shape(shape).Match
		match.Tolerations = slices.Concat(match.Tolerations, at.Tolerate, r.cfg.Tolerate[pool])
		return may && match.Mismatch(n) == ""
	})
}

type refShapeAway struct {
	schedule.ShapeID
	away int
}

type refGangAway struct {
	schedule.GangID
	away int
}
