package schedule_test

import (
	"fmt"
	"maps"
	"math/bits"
	"slices"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// The invariants of a plan, each a function of the world before it, the plan, and the
// world after it. Each gives what is wrong; nil: nothing.

// noOvercommit: at no moment does a node hold more than it has. A pod is there from
// the moment that those it waits for are gone, so every set of releasing runs that
// may still be there is tried. What was too much before may stay, but grow no more.
func noOvercommit(_ *world, plan *schedule.Plan, after *world) error {
	for _, s := range plan.Starts {
		var releasing []schedule.RunID
		for _, r := range after.runs {
			if r.Node == s.Node && !stays(r) {
				releasing = append(releasing, r.ID)
			}
		}
		for present := range 1 << len(releasing) {
			there := func(id schedule.RunID) bool {
				i := slices.Index(releasing, id)
				return i >= 0 && present>>i&1 == 1
			}
			if slices.ContainsFunc(s.After, there) {
				continue // the pod is not there yet
			}
			counts := func(r worldRun) bool {
				return stays(r) && !slices.ContainsFunc(r.after, there) || there(r.ID)
			}
			room, n := after.room(s.Node, counts), after.nodes[s.Node]
			for i, amount := range after.onNode(after.shapeOf(after.jobOf(s))) {
				if amount > 0 && room[i] < 0 {
					return fmt.Errorf("start %x on %s after %x: %d too much of resource %d with %d of its runs releasing", s.Job, s.Node, s.After, -room[i], i, bits.OnesCount(uint(present)))
				}
			}
			if n.MaxPods > 0 && after.pods(s.Node, counts) > n.MaxPods {
				return fmt.Errorf("start %x on %s after %x: more pods than %d", s.Job, s.Node, s.After, n.MaxPods)
			}
		}
	}
	return nil
}

// floatingKept: what starts takes no pool above what it has of a floating resource, with
// all that is releasing still there.
func floatingKept(w *world, plan *schedule.Plan, after *world) error {
	for _, s := range plan.Starts {
		if r := after.shortOfFloating(w.shapeOf(w.waiting[s.Job]), s.Pool); r >= 0 {
			return fmt.Errorf("start %x: too much of resource %d is held in pool %s", s.Job, r, s.Pool)
		}
	}
	return nil
}

// periodsKept: what starts takes no pool above what may start in a period, with what started
// in it before and is there still.
func periodsKept(w *world, plan *schedule.Plan, after *world) error {
	for _, s := range plan.Starts {
		sum := make(schedule.Vec, len(after.cfg.Resources))
		for _, r := range after.runs {
			if length := after.cfg.PeriodLimit.Length; length > 0 && r.Pool == s.Pool && r.Since/length == after.now/length {
				for i, amount := range after.shapeOf(r.job).Request {
					sum[i] += amount
				}
			}
		}
		if name := after.overPeriod(after.mostOf(w, plan, s.Pool), s.Pool, sum, after.shapeOf(after.jobOf(s))); name != "" {
			return fmt.Errorf("start %x: too much %s starts in pool %s in one period", s.Job, name, s.Pool)
		}
	}
	return nil
}

// overPeriod is a resource that a shape asks for and of which an amount is above the limit
// of a period; empty: none.
func (w *world) overPeriod(total schedule.Vec, pool schedule.PoolID, sum schedule.Vec, shape schedule.Shape) string {
	limit := w.cfg.PeriodLimit.Limit
	if own, has := w.cfg.PeriodLimit.ByPool[pool]; has {
		limit = own
	}
	for i, name := range w.cfg.Resources {
		if part, limited := limit[name]; limited && w.cfg.PeriodLimit.Length > 0 && shape.Request[i] > 0 && sum[i] > max(0, total[i])*part/schedule.Million {
			return name
		}
	}
	return ""
}

// shortOfFloating is a floating resource that a shape asks for and of which more is held
// in a pool than there is; -1: none.
func (w *world) shortOfFloating(shape schedule.Shape, pool schedule.PoolID) int {
	for _, f := range w.cfg.Floating {
		i := slices.Index(w.cfg.Resources, f.Resource)
		left := f.Pools[pool]
		for _, r := range w.runs {
			if r.Pool == pool {
				left -= w.shapeOf(r.job).Request[i]
			}
		}
		if shape.Request[i] > 0 && left < 0 {
			return i
		}
	}
	return -1
}

// floatingFor says whether a pool has the floating resources for one more of a shape.
func (w *world) floatingFor(shape schedule.Shape, pool schedule.PoolID) bool {
	with := w.clone()
	with.runs[schedule.RunID{}] = worldRun{Run: schedule.Run{Pool: pool}, job: schedule.Job{Shape: 0}}
	with.shapes = maps.Clone(w.shapes)
	with.shapes[0] = shape
	return with.shortOfFloating(shape, pool) < 0
}

// onNode is what a shape asks of a node.
func (w *world) onNode(shape schedule.Shape) schedule.Vec {
	request := slices.Clone(shape.Request)
	for _, f := range w.cfg.Floating {
		request[slices.Index(w.cfg.Resources, f.Resource)] = 0
	}
	return request
}

// jobOf is the job of a start that became a run.
func (w *world) jobOf(s schedule.Start) schedule.Job {
	for _, r := range w.runs {
		if r.Job == s.Job && r.Node == s.Node && stays(r) {
			return r.job
		}
	}
	return schedule.Job{}
}

// placedOnce: a job that waits starts once, on a node that may have it, and the plan
// says so of nothing else.
func placedOnce(w *world, plan *schedule.Plan, _ *world) error {
	seen := map[schedule.JobID]bool{}
	for _, s := range plan.Starts {
		j, waits := w.waiting[s.Job]
		if !waits || seen[s.Job] {
			return fmt.Errorf("start %x: it does not wait, or starts twice", s.Job)
		}
		seen[s.Job] = true
		if why := w.mayNot(j, s.Node, s.Pool); why != "" {
			return fmt.Errorf("start %x on %s: %s", s.Job, s.Node, why)
		}
		if s.Gang != j.Gang || !slices.Contains(w.levelsOn(w.shapeOf(j), new(w.nodes[s.Node]), s.Pool), s.Level) {
			return fmt.Errorf("start %x: %+v is not of its job and node", s.Job, s)
		}
	}
	for _, r := range plan.Rejects {
		if _, waits := w.waiting[r.Job]; !waits || seen[r.Job] {
			return fmt.Errorf("reject %x: it does not wait, or starts", r.Job)
		}
	}
	return nil
}

// mayNot says why a job may not start on a node on the account of a pool, whatever room there is.
func (w *world) mayNot(j schedule.Job, id schedule.NodeID, pool schedule.PoolID) string {
	n, shape := w.nodes[id], w.shapeOf(j)
	_, known := w.queues[j.Queue]
	switch {
	case !known || w.cordoned(j.Queue):
		return "its queue starts nothing"
	case n.Unschedulable || w.lost[n.Executor]:
		return "the node takes nothing"
	case len(w.levelsOn(shape, &n, pool)) == 0:
		return "it matches the node in no way"
	case len(shape.Pools) > 0 && !slices.Contains(shape.Pools, pool):
		return "its pool is another"
	case n.Pool != pool && (!slices.Contains(w.cfg.AwayPools[pool], n.Pool) || !w.classes[shape.Class].Preemptible):
		return "it is no guest there"
	case slices.Contains(j.Avoid, id):
		return "it was tried there"
	case j.NotBefore > w.now:
		return "its time has not come"
	}
	return ""
}

// cordoned says whether a queue, or one that it is part of, is.
func (w *world) cordoned(id schedule.QueueID) bool {
	q := w.queues[id]
	return q.Cordoned || q.Parent != "" && w.cordoned(q.Parent)
}

// gangsWhole: of a gang all that waits starts or nothing; and all that runs is preempted, or
// nothing.
func gangsWhole(w *world, plan *schedule.Plan, after *world) error {
	for id, g := range w.gangs {
		if g.Min > 0 {
			if err := elasticWhole(w, plan, after, g); err != nil {
				return err
			}
			continue
		}
		var started, waiting, ran, preempted int
		for _, s := range plan.Starts {
			if s.Gang == id {
				started++
			}
		}
		for _, j := range w.waiting {
			if j.Gang == id {
				waiting++
			}
		}
		for _, r := range w.runs {
			if r.job.Gang == id && stays(r) {
				ran++
				if !stays(after.runs[r.ID]) {
					preempted++
				}
			}
		}
		switch {
		case started > 0 && w.cfg.GangMax > 0 && g.Cardinality > w.cfg.GangMax:
			return fmt.Errorf("gang %s: it is of %d, over %d, and starts", id, g.Cardinality, w.cfg.GangMax)
		case started > 0 && (started < waiting || started+ran < int(g.Cardinality)):
			return fmt.Errorf("gang %s: %d start, %d wait, %d run of %d", id, started, waiting, ran, g.Cardinality)
		case preempted > 0 && preempted < ran:
			return fmt.Errorf("gang %s: %d of %d preempted", id, preempted, ran)
		}
	}
	return nil
}

// elasticWhole: of an elastic gang that was whole, or of which something starts, each group has
// its least after the plan, and no group of which something starts more than its most; and
// where something is preempted all goes or the gang stays whole.
func elasticWhole(w *world, plan *schedule.Plan, after *world, g schedule.Gang) error {
	starts := 0
	for _, s := range plan.Starts {
		if s.Gang == g.ID {
			starts++
		}
	}
	if starts > 0 && w.cfg.GangMax > 0 && g.Cardinality > w.cfg.GangMax {
		return fmt.Errorf("gang %s: it is of %d, over %d, and starts", g.ID, g.Cardinality, w.cfg.GangMax)
	}
	running := func(w *world, group schedule.GroupID) (n int) {
		for _, r := range w.runs {
			if r.job.Gang == g.ID && stays(r) && (&ref{}).within(g, r.job.Group, group) {
				n++
			}
		}
		return n
	}
	was := true
	for _, at := range append(slices.Clone(g.Groups), schedule.Group{Min: g.Min}) {
		was = was && running(w, at.ID) >= int(at.Min)
	}
	preempted := slices.ContainsFunc(plan.Preempts, func(p schedule.Preempt) bool { return w.runs[p.Run].job.Gang == g.ID })
	if preempted && starts == 0 && running(after, "") == 0 {
		return nil
	}
	for _, at := range append(slices.Clone(g.Groups), schedule.Group{Min: g.Min, Want: g.Want}) {
		before, n := running(w, at.ID), running(after, at.ID)
		switch {
		case (was || starts > 0 || preempted) && n < int(at.Min):
			return fmt.Errorf("gang %s: %d members of group %q run, of at least %d", g.ID, n, at.ID, at.Min)
		case at.Want > 0 && n > before && n > int(at.Want):
			return fmt.Errorf("gang %s: %d members of group %q run, of at most %d", g.ID, n, at.ID, at.Want)
		}
	}
	return nil
}

// domainsKept: what starts of a gang or a group that is bound starts in one domain, each
// group within that of its parent, and says so.
func domainsKept(w *world, plan *schedule.Plan, _ *world) error {
	names := map[string]string{}
	for _, s := range plan.Starts {
		g, n := w.gangs[s.Gang], w.nodes[s.Node]
		if s.Gang == "" {
			continue
		}
		var bound schedule.Group
		for id := w.waiting[s.Job].Group; ; id = bound.Parent {
			bound = schedule.Group{Tier: g.Tier, Label: g.Label}
			if id != "" {
				bound = g.Groups[slices.IndexFunc(g.Groups, func(x schedule.Group) bool { return x.ID == id })]
			}
			labels := (&ref{cfg: &w.cfg}).boundBy(bound)
			name, is := domainName(&n, labels)
			at := fmt.Sprintf("%s of gang %s", id, s.Gang)
			if before, some := names[at]; !is || some && before != name && len(labels) > 0 {
				return fmt.Errorf("group %s: start on %s in domain %q, and others in %q", at, s.Node, name, before)
			}
			if names[at] = name; id == "" && s.Domain != name {
				return fmt.Errorf("gang %s: start on %s, in %q, says domain %q", s.Gang, s.Node, name, s.Domain)
			}
			if id == "" {
				break
			}
		}
	}
	return nil
}

// limitsKept: what starts takes no queue above the limit of a class.
func limitsKept(w *world, plan *schedule.Plan, after *world) error {
	for _, s := range plan.Starts {
		j := w.waiting[s.Job]
		class := w.shapeOf(j).Class
		held := after.classHeld(j.Queue, class, s.Pool)
		if name := after.overLimit(after.mostOf(w, plan, s.Pool), j.Queue, class, s.Pool, held); name != "" {
			return fmt.Errorf("start %x: queue %s holds %d of %s, class %s", s.Job, j.Queue, held, name, class)
		}
	}
	return nil
}

// classHeld is what the runs of a queue and class hold of a pool.
func (w *world) classHeld(queue schedule.QueueID, class schedule.ClassID, pool schedule.PoolID) schedule.Vec {
	sum := make(schedule.Vec, len(w.cfg.Resources))
	for _, r := range w.runs {
		if shape := w.shapeOf(r.job); r.job.Queue == queue && shape.Class == class && r.Pool == pool && stays(r) {
			for i, amount := range shape.Request {
				sum[i] += amount
			}
		}
	}
	return sum
}

// overLimit is the resource of which an amount is above a limit; empty: none.
func (w *world) overLimit(total schedule.Vec, queue schedule.QueueID, class schedule.ClassID, pool schedule.PoolID, held schedule.Vec) string {
	limit := w.classes[class].Limit
	if own, has := w.classes[class].LimitIn[pool]; has {
		limit = own
	}
	for _, l := range w.queues[queue].Limits {
		if l.Class == class && (l.Pool == pool || l.Pool == "") {
			limit = l.Limit
		}
	}
	for i, name := range w.cfg.Resources {
		if part, limited := limit[name]; limited && held[i] > max(0, total[i])*part/schedule.Million {
			return name
		}
	}
	return ""
}

// victimsMayGo: who is preempted may be, once, for a job that starts where it ran and
// by a rule that its class and queue allow.
func victimsMayGo(w *world, plan *schedule.Plan, after *world) error {
	seen := map[schedule.RunID]bool{}
	for _, p := range plan.Preempts {
		r, known := w.runs[p.Run]
		if !known || !stays(r) || seen[p.Run] || !w.classes[w.shapeOf(r.job).Class].Preemptible {
			return fmt.Errorf("preempt %x: it may not be, or goes already", p.Run)
		}
		seen[p.Run] = true
		i := slices.IndexFunc(plan.Starts, func(s schedule.Start) bool { return s.Job == p.For })
		if i < 0 {
			return fmt.Errorf("preempt %x for %x, which does not start", p.Run, p.For)
		}
		start, by := plan.Starts[i], w.waiting[p.For]
		home := start.Pool == w.nodes[start.Node].Pool
		level := w.unitLevel(r, home)
		if w.gangs[r.job.Gang].Min > 0 && (level > start.Level || p.Rule == schedule.Urgency) {
			level = w.levelIn(r, home) // it goes without one whose level is higher
		}
		switch {
		case p.Rule == schedule.Host && (!home || !w.isGuest(r)),
			p.Rule != schedule.GangMate && p.Rule != schedule.Host && r.job.Gang == "" && home && w.isGuest(r),
			!home && p.Rule != schedule.GangMate && r.Pool != start.Pool,
			p.Rule == schedule.Urgency && level >= start.Level,
			p.Rule == schedule.Urgency && w.cfg.Switches[start.Pool].Urgency,
			(p.Rule == schedule.FairShare || p.Rule == schedule.Outbid) && w.cfg.Switches[start.Pool].FairShare,
			p.Rule == schedule.FairShare && (w.levelDiffers(level, start) || r.job.Queue == by.Queue),
			p.Rule == schedule.Reclaim && r.job.Queue == by.Queue,
			p.Rule == schedule.GangMate && r.job.Gang == "",
			p.Rule != schedule.GangMate && r.Node != start.Node,
			p.Rule == schedule.Outbid && (w.levelDiffers(level, start) || w.bid(r.job, start.Pool) >= w.bid(by, start.Pool)),
			p.Rule < schedule.Urgency || p.Rule > schedule.Host:
			return fmt.Errorf("preempt %x for %x: not by rule %d", p.Run, p.For, p.Rule)
		case r.Node == start.Node && !slices.Contains(start.After, p.Run) && !after.bounds(by.Queue): // else it may go for what the queue may hold
			return fmt.Errorf("start %x does not wait for %x, which goes for it", start.Job, p.Run)
		}
	}
	return nil
}

// levelDiffers says whether a run's level is none at which it may go for a share or a bid:
// where there is no urgency, those of lower levels may.
func (w *world) levelDiffers(level int32, start schedule.Start) bool {
	return level > start.Level || level < start.Level && !w.cfg.Switches[start.Pool].Urgency
}

// unitLevel is the level by which a run is preempted: of a gang, of which members may run at
// home and away, the highest of them.
func (w *world) unitLevel(r worldRun, home bool) (level int32) {
	level = w.levelIn(r, home)
	for _, mate := range w.runs {
		if r.job.Gang != "" && mate.job.Gang == r.job.Gang && mate.job.Queue == r.job.Queue && stays(mate) {
			level = max(level, w.levelIn(mate, home))
		}
	}
	return level
}

// victimsNeeded: where one job starts, it would not fit with any of its victims, or
// of the gangs among them, in its place.
func victimsNeeded(_ *world, plan *schedule.Plan, after *world) error {
	if len(plan.Starts) != 1 {
		return nil
	}
	start := plan.Starts[0]
	for _, p := range plan.Preempts {
		v := after.runs[p.Run]
		if v.Node != start.Node || after.bounds(after.jobOf(start).Queue) {
			continue // it may go for what the queue may hold
		}
		back := func(r worldRun) bool {
			return stays(r) || r.ID == v.ID || v.job.Gang != "" && r.job.Gang == v.job.Gang && slices.ContainsFunc(plan.Preempts, func(p schedule.Preempt) bool { return p.Run == r.ID })
		}
		room, n := after.room(start.Node, back), after.nodes[start.Node]
		fits := n.MaxPods == 0 || after.pods(start.Node, back) <= n.MaxPods
		for i, amount := range after.onNode(after.shapeOf(after.jobOf(start))) {
			fits = fits && (amount == 0 || room[i] >= 0)
		}
		if fits {
			return fmt.Errorf("start %x fits on %s beside its victim %x", start.Job, start.Node, v.ID)
		}
	}
	return nil
}

// minimumRunTimeKept: who is preempted has had the minimum run time of its class, and what
// the plan says is lost with it is what it asks for over the time that it ran.
func minimumRunTimeKept(w *world, plan *schedule.Plan, _ *world) error {
	for _, p := range plan.Preempts {
		r := w.runs[p.Run]
		shape := w.shapeOf(r.job)
		if least := w.classes[shape.Class].MinRunTime; w.now-r.Since < least {
			return fmt.Errorf("preempt %x: it ran for %d of %d", p.Run, w.now-r.Since, least)
		}
		if want := shape.Request[0] * (max(0, int64(w.now-r.Since)) / 1e6) / 1000; p.Lost != want {
			return fmt.Errorf("preempt %x: %d is lost, not %d", p.Run, p.Lost, want)
		}
	}
	return nil
}

// gangVictimsNeeded: where one gang starts, no victim that is no member of a gang would fit
// back where it ran.
func gangVictimsNeeded(_ *world, plan *schedule.Plan, after *world) error {
	if len(plan.Starts) == 0 || slices.ContainsFunc(plan.Starts, func(s schedule.Start) bool { return s.Gang == "" || s.Gang != plan.Starts[0].Gang }) {
		return nil
	}
	for _, p := range plan.Preempts {
		v := after.runs[p.Run]
		n := after.nodes[v.Node]
		if v.job.Gang == "" && !after.bounds(v.job.Queue) && holds(after.room(v.Node, stays), after.shapeOf(v.job).Request) && (n.MaxPods == 0 || after.pods(v.Node, stays) < n.MaxPods) {
			return fmt.Errorf("gang %s starts, and its victim %x fits beside it", plan.Starts[0].Gang, v.ID)
		}
	}
	return nil
}

// workConserved: when a round is done no job of its own that may start fits on room
// that nobody holds and that is not reserved.
func workConserved(before *world, plan *schedule.Plan, after *world) error {
	if plan.Stop != schedule.StopDone {
		return nil
	}
	for _, j := range after.waiting {
		if j.Gang != "" || after.bounds(j.Queue) {
			continue
		}
		shape := after.shapeOf(j)
		for id, n := range after.nodes {
			all := func(worldRun) bool { return true }
			if before.isReserved(id) || !holds(after.room(id, all), after.onNode(shape)) || n.MaxPods > 0 && after.pods(id, all) >= n.MaxPods {
				continue
			}
			for _, pool := range after.cfg.Pools {
				held, total := after.classHeld(j.Queue, shape.Class, pool), after.total(pool)
				addTo(held, shape.Request)
				if after.mayNot(j, id, pool) == "" && after.overLimit(total, j.Queue, shape.Class, pool, held) == "" && after.floatingFor(shape, pool) && after.overPeriod(total, pool, shape.Request, shape) == "" {
					return fmt.Errorf("job %x waits and fits on %s, on the account of %s", j.ID, id, pool)
				}
			}
		}
	}
	return nil
}

func holds(room, request schedule.Vec) bool {
	for i, amount := range request {
		if amount > 0 && amount > room[i] {
			return false
		}
	}
	return true
}
