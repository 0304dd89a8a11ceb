package schedule

import (
	"cmp"
	"slices"
)

// victim is a run that is preempted, and by which rule.
type victim struct {
	run  *run
	rule Rule
}

// unit is what is preempted together: a run, or a gang. On a node it stands where
// the best of its runs there does.
type unit struct {
	// runs are those on the node, the best in rank first.
	runs []*run
	// mates are the other members of the gang that are not going yet.
	mates []*run
	// rule is by which it is taken.
	rule Rule
}

// choice is a node and whom a job would preempt there.
type choice struct {
	node    *node
	victims []victim
	// left is what the node has for the job when they are gone.
	left Vec
}

// take preempts victims for the rest of the round.
func (p *planner) take(j *queuedJob, victims []victim) {
	for _, v := range victims {
		p.plan.Preempts = append(p.plan.Preempts, Preempt{Run: v.run.ID, For: j.ID, Rule: v.rule})
		p.plan.Steps++
		before := v.run.Phase
		p.setPhase(v.run, Releasing)
		p.do(func() {
			p.setPhase(v.run, before)
			p.plan.Steps--
		})
	}
}

// preemptFor finds the node on which a job fits at the least cost to others: the
// lowest class of a victim, then the fewest, then the tightest, then the name.
func (p *planner) preemptFor(q *queueRound, j *queuedJob, label, value string) (best *choice) {
	if !p.anyVictim(q, j) {
		return nil
	}
	for _, n := range p.nodesFor(j.shape, p.pool.id) {
		if !mayTry(j, n, label, value) {
			continue
		}
		if found := p.victimsOn(q, j, n); found != nil && (best == nil || found.cheaper(best, j.shape.Request)) {
			best = found
		}
	}
	return best
}

// anyVictim says whether there may be a victim for a job at all: one of a lower class,
// or one of its own in a queue that costs more than its own would and is not protected.
// It spares most jobs of a full pool the search of its nodes.
func (p *planner) anyVictim(q *queueRound, j *queuedJob) bool {
	if p.pool.lowest < j.shape.class.Priority {
		return true
	}
	for _, other := range p.pool.queues {
		if other != q && other.mayLose(q, p.dominant(p.heldIn(other.queue, p.pool.id), p.pool.total), p.cfg.Protected) {
			return true
		}
	}
	return false
}

// mayLose says whether a queue that has a share may lose of it to the candidate of
// another.
func (q *queueRound) mayLose(to *queueRound, share uint64, protected int64) bool {
	return to.candidate.cost < weighted(share, q.Weight) && share > scale(max(q.ideal, q.fair), uint64(protected), Million)
}

func (c *choice) cheaper(than *choice, request Vec) bool {
	order := cmp.Or(cmp.Compare(c.highest(), than.highest()), cmp.Compare(len(c.victims), len(than.victims)))
	return order < 0 || order == 0 && tighter(c.left, than.left, request)
}

func (c *choice) highest() (level int32) {
	level = c.victims[0].run.Level
	for _, v := range c.victims {
		level = max(level, v.run.Level)
	}
	return level
}

// victimsOn is whom a job would preempt on a node; nil when it would not fit. The
// lowest in rank go first, until it fits; then each, from the best in rank on, is
// kept if the job still fits.
func (p *planner) victimsOn(q *queueRound, j *queuedJob, n *node) *choice {
	room, pods := slices.Clone(n.later), len(n.runs)-n.releasing
	fits := func() bool { return room.holds(j.shape.Request) && n.hasPods(pods) }
	units := unitsOn(n)
	lost := map[*queue]Vec{}
	var taken []*unit
	for i := len(units) - 1; i >= 0 && !fits(); i-- {
		u := units[i]
		if u.rule = p.mayTake(q, j, u, lost); u.rule == 0 {
			continue
		}
		taken = append(taken, u)
		for _, r := range u.runs {
			room.add(r.shape.Request)
		}
		pods -= len(u.runs)
		owner := u.runs[0].queue
		if lost[owner] == nil {
			lost[owner] = make(Vec, len(room))
		}
		lost[owner].add(u.holds(p.pool.id))
	}
	if len(taken) == 0 || !fits() {
		return nil
	}
	slices.Reverse(taken) // the best in rank first
	best := &choice{node: n, left: room}
	var mates []victim
	for _, u := range taken {
		for _, r := range u.runs {
			room.sub(r.shape.Request)
		}
		pods += len(u.runs)
		if fits() {
			continue // it is kept
		}
		pods -= len(u.runs)
		for _, r := range u.runs {
			room.add(r.shape.Request)
			best.victims = append(best.victims, victim{r, u.rule})
		}
		for _, r := range u.mates {
			mates = append(mates, victim{r, GangMate})
		}
	}
	best.victims = append(best.victims, mates...)
	return best
}

// unitsOn is who could go from a node, the best in rank first.
func unitsOn(n *node) (units []*unit) {
	ranked := slices.Clone(n.runs)
	slices.SortFunc(ranked, compareRank)
	gangs := map[*gangState]*unit{}
	for _, r := range ranked {
		if r.Phase == Releasing {
			continue
		}
		if r.gang == nil {
			units = append(units, &unit{runs: []*run{r}})
			continue
		}
		g := r.queue.gangs[r.gang.ID]
		if u := gangs[g]; u != nil {
			u.runs = append(u.runs, r)
			continue
		}
		u := &unit{runs: []*run{r}}
		for _, mate := range g.runs {
			if mate.node != n && mate.Phase != Releasing {
				u.mates = append(u.mates, mate)
			}
		}
		gangs[g] = u
		units = append(units, u)
	}
	return units
}

// holds is what the unit holds of a pool.
func (u *unit) holds(pool PoolID) Vec {
	sum := make(Vec, len(u.runs[0].shape.Request))
	for _, runs := range [][]*run{u.runs, u.mates} {
		for _, r := range runs {
			if r.Pool == pool {
				sum.add(r.shape.Request)
			}
		}
	}
	return sum
}

// mayTake says by which rule a job of queue q may preempt a unit, when the queues
// have lost so much to it already; zero: by none. What starts in this very round is
// not preempted in it, and neither is for a share what began at this moment: else a
// plan would leave something to decide to the next at the same moment.
func (p *planner) mayTake(q *queueRound, j *queuedJob, u *unit, lost map[*queue]Vec) Rule {
	level, since := u.runs[0].Level, u.runs[0].Since
	for _, runs := range [][]*run{u.runs, u.mates} {
		for _, r := range runs {
			if !r.shape.class.Preemptible || r.laid {
				return 0
			}
			level, since = max(level, r.Level), max(since, r.Since)
		}
	}
	switch owner := u.runs[0].queue; {
	case level < j.shape.class.Priority:
		return Urgency
	case level > j.shape.class.Priority || owner == q.queue || since >= p.round.Now || !p.mayShare(q, u, lost[owner]):
		return 0
	}
	return FairShare
}

// mayShare is the rule of fair-share preemption: see share.go.
func (p *planner) mayShare(q *queueRound, u *unit, lost Vec) bool {
	owner := p.roundOf(u.runs[0].queue)
	if owner == nil {
		return false
	}
	held := slices.Clone(p.heldIn(owner.queue, p.pool.id))
	if lost != nil {
		held.sub(lost)
	}
	if !owner.mayLose(q, p.dominant(held, p.pool.total), p.cfg.Protected) {
		return false
	}
	held.sub(u.holds(p.pool.id))
	after, c := p.weigh(held, owner.Weight), q.candidate
	return after > c.before || after == c.before && c.cost <= weighted(max(q.ideal, q.fair), q.Weight)
}

// roundOf is a queue in this pool; nil when it has nothing there.
func (p *planner) roundOf(q *queue) *queueRound {
	for _, r := range p.pool.queues {
		if r.queue == q {
			return r
		}
	}
	return nil
}
