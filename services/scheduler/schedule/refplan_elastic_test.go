package schedule_test

import (
	"slices"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// goesOf is who starts of a gang where a queue has come to a member, in the queue's order, and
// whether that goes by itself; nobody: it is to go on.
func (r *ref) goesOf(q *refQueue, j schedule.Job, away int) (next []schedule.Job, alone bool) {
	g := r.gangOf(q.ID, j.Gang)
	waiting := slices.DeleteFunc(slices.Clone(q.queued), func(m schedule.Job) bool { return m.Gang != j.Gang })
	next = waiting
	if g.Min == 0 && !r.whole(q, j.Gang, len(waiting)) {
		return nil, false
	}
	if g.Min > 0 {
		core, complete := r.core(g)
		switch {
		case !complete:
			return nil, false
		case len(core) == 0 && r.full(g, j.Group, nil):
			return nil, false
		case len(core) == 0:
			return []schedule.Job{j}, true
		}
		next = slices.DeleteFunc(waiting, func(m schedule.Job) bool { return !slices.Contains(core, m.ID) })
	}
	if q.seen[refGangAway{j.Gang, away}] || next[len(next)-1].ID != j.ID {
		return nil, false // it stands where its last member does
	}
	q.seen[refGangAway{j.Gang, away}] = true
	return next, false
}

func (r *ref) gangOf(queue schedule.QueueID, id schedule.GangID) schedule.GangRow {
	return r.rows.Gangs[slices.IndexFunc(r.rows.Gangs, func(g schedule.GangRow) bool { return g.Queue == queue && g.ID == id })]
}

// groupPath are the group of a member and those that it is in, and last the gang itself.
func (r *ref) groupPath(g schedule.GangRow, group schedule.GroupID) (path []schedule.Group) {
	for group != "" {
		at := g.Groups[slices.IndexFunc(g.Groups, func(x schedule.Group) bool { return x.ID == group })]
		path, group = append(path, at), at.Parent
	}
	return append(path, schedule.Group{Min: g.Min, Want: g.Want})
}

// running is how many members of a group, or of those in it, run and need not go; there the
// same with those that ended of themselves.
func (r *ref) running(g schedule.GangRow, group schedule.GroupID) (n int) {
	for _, run := range r.gangRuns(g.Queue, g.ID) {
		if refStays(run) && r.within(g.Gang, r.groupOf(run), group) {
			n++
		}
	}
	return n
}

func (r *ref) there(g schedule.GangRow, group schedule.GroupID) int {
	n := r.running(g, group)
	for _, done := range g.Done {
		if r.within(g.Gang, done.Group, group) {
			n += int(done.Members)
		}
	}
	return n
}

// picked is how many of some jobs are in a group, or in one in it.
func (r *ref) picked(g schedule.GangRow, core []schedule.JobID, group schedule.GroupID) (n int) {
	for _, j := range r.rows.Jobs {
		if slices.Contains(core, j.ID) && r.within(g.Gang, j.Group, group) {
			n++
		}
	}
	return n
}

// full says whether for a member of a group, beside who is to start, no more may run.
func (r *ref) full(g schedule.GangRow, group schedule.GroupID, core []schedule.JobID) bool {
	return slices.ContainsFunc(r.groupPath(g, group), func(at schedule.Group) bool {
		return at.Want > 0 && r.running(g, at.ID)+r.picked(g, core, at.ID) >= int(at.Want)
	})
}

// core is who must start of an elastic gang for it to be whole; false: too few wait.
func (r *ref) core(g schedule.GangRow) (core []schedule.JobID, complete bool) {
	return core, r.pick(g, schedule.Group{Min: g.Min}, &core)
}

// pick picks who must start of a group: in those in it first.
func (r *ref) pick(g schedule.GangRow, group schedule.Group, core *[]schedule.JobID) bool {
	for _, child := range g.Groups {
		if child.Parent == group.ID && !r.pick(g, child, core) {
			return false
		}
	}
	lacking := int(group.Min) - r.there(g, group.ID) - r.picked(g, *core, group.ID)
	for _, j := range r.rows.Jobs { // they stand in the order of their queue
		mine := j.Queue == g.Queue && j.Gang == g.ID && r.within(g.Gang, j.Group, group.ID)
		if lacking > 0 && mine && !r.laid[j.ID] && !slices.Contains(*core, j.ID) && !r.full(g, j.Group, *core) {
			*core = append(*core, j.ID)
			lacking--
		}
	}
	return lacking <= 0
}

// isNext says whether jobs of a gang are who starts of it next, together.
func (r *ref) isNext(q *refQueue, id schedule.GangID, jobs []schedule.Job) bool {
	g := r.gangOf(q.ID, id)
	if g.Min == 0 {
		waiting := slices.DeleteFunc(slices.Clone(r.rows.Jobs), func(j schedule.Job) bool { return j.Queue != q.ID || j.Gang != id })
		return len(waiting) == len(jobs) && r.whole(q, id, len(waiting))
	}
	core, complete := r.core(g)
	return complete && len(core) == len(jobs) && !slices.ContainsFunc(jobs, func(j schedule.Job) bool { return !slices.Contains(core, j.ID) })
}

// startedCore says whether the core of an elastic gang was started, of which others wait; and
// whether one of those may use a pool that is planned before this one.
func (r *ref) startedCore(q *refQueue) (is, earlier bool) {
	if q.next[0].Gang == "" || q.alone || r.gangOf(q.ID, q.next[0].Gang).Min == 0 {
		return false, false
	}
	for _, j := range q.queued {
		if j.Gang == q.next[0].Gang && !r.laid[j.ID] {
			is = true
			before := slices.Index(r.cfg.Pools, r.pool)
			if !r.home() {
				before = len(r.cfg.Pools)
			}
			for _, pool := range r.cfg.Pools[:before] {
				pools := r.shape(j.Shape).Pools
				earlier = earlier || len(pools) == 0 || slices.Contains(pools, pool)
			}
		}
	}
	return is, earlier
}

// isWhole says whether an elastic gang is whole with who runs and need not go.
func (r *ref) isWhole(g schedule.GangRow) bool {
	return !slices.ContainsFunc(append(slices.Clone(g.Groups), schedule.Group{Min: g.Min}), func(at schedule.Group) bool {
		return r.there(g, at.ID) < int(at.Min)
	})
}

// spares are who of some runs, the best in rank first, may go alone of an elastic gang.
func (r *ref) spares(g schedule.GangRow, ranked []*refRun) (spares []*refRun) {
	if !r.isWhole(g) {
		return nil
	}
	for _, run := range slices.Backward(ranked) {
		if run.Gang != g.ID || run.Queue != g.Queue {
			continue
		}
		needed := slices.ContainsFunc(r.groupPath(g, r.groupOf(run)), func(at schedule.Group) bool {
			gone := 0
			for _, other := range spares {
				if r.within(g.Gang, r.groupOf(other), at.ID) {
					gone++
				}
			}
			return r.there(g, at.ID)-gone <= int(at.Min)
		})
		if !needed {
			spares = append(spares, run)
		}
	}
	return spares
}

// elasticUnit adds one of the runs of a node, the best in rank first, that is of an elastic
// gang, to who could go: alone, where it stands, or with the others that cannot go alone, who
// stand where the best of the gang does and go after those that can.
func (r *ref) elasticUnit(units []*refUnit, ranked []*refRun, run *refRun) []*refUnit {
	g := r.gangOf(run.Queue, run.Gang)
	ofGang := slices.DeleteFunc(slices.Clone(ranked), func(o *refRun) bool { return o.Gang != g.ID || o.Queue != g.Queue })
	spares := r.spares(g, slices.DeleteFunc(slices.Clone(ofGang), func(o *refRun) bool { return o.laid }))
	var whole *refUnit
	if len(spares) < len(ofGang) {
		i := slices.IndexFunc(units, func(u *refUnit) bool { return u.elastic == g.ID && u.owner == g.Queue })
		if i < 0 {
			i = len(units)
			units = append(units, &refUnit{elastic: g.ID, owner: g.Queue})
			for _, mate := range r.gangRuns(g.Queue, g.ID) {
				if mate.Node != run.Node && refStays(mate) {
					units[i].mates = append(units[i].mates, mate)
				}
			}
		}
		whole = units[i]
	}
	u := &refUnit{runs: []*refRun{run}, whole: whole}
	switch {
	case !slices.Contains(spares, run):
		whole.runs = append(whole.runs, run)
		return units
	case whole != nil:
		whole.spares = append(whole.spares, u)
	}
	return append(units, u)
}
