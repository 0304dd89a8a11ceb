package schedule

import (
	"cmp"
	"slices"
)

// place finds nodes for the candidate of a queue and lays it over the state: all
// members or none.
func (p *planner) place(q *queueRound) bool {
	c := q.candidate
	if c.gang == nil || c.gang.Label == "" {
		return p.placeIn(q, "", "")
	}
	best, bestVictims := "", -1
	for _, value := range p.values(q.gangs[c.gang.ID]) {
		mark, starts, preempts := len(p.undone), len(p.plan.Starts), len(p.plan.Preempts)
		if p.placeIn(q, c.gang.Label, value) {
			if victims := len(p.plan.Preempts) - preempts; bestVictims < 0 || victims < bestVictims {
				best, bestVictims = value, victims
			}
		}
		p.undoTo(mark)
		p.plan.Starts, p.plan.Preempts = p.plan.Starts[:starts], p.plan.Preempts[:preempts]
	}
	return bestVictims >= 0 && p.placeIn(q, c.gang.Label, best)
}

// values are those of its label among which a gang may choose: that of its members
// that run, else those of the pool's nodes, sorted.
func (p *planner) values(g *gangState) (values []string) {
	for _, r := range g.runs {
		if r.node != nil && r.Phase != Releasing {
			return []string{r.node.Labels[g.Label]}
		}
	}
	for _, n := range p.pool.nodes {
		if value, ok := n.Labels[g.Label]; ok && !slices.Contains(values, value) {
			values = append(values, value)
		}
	}
	slices.Sort(values)
	return values
}

// placeIn places every member, on nodes with a value of a label where one is given.
func (p *planner) placeIn(q *queueRound, label, value string) bool {
	mark, starts, preempts := len(p.undone), len(p.plan.Starts), len(p.plan.Preempts)
	for _, j := range q.candidate.members {
		if !p.placeJob(q, j, label, value) {
			p.undoTo(mark)
			p.plan.Starts, p.plan.Preempts = p.plan.Starts[:starts], p.plan.Preempts[:preempts]
			return false
		}
	}
	return true
}

// placeJob places one job: in free room, else in room that is being released, else
// by preemption.
func (p *planner) placeJob(q *queueRound, j *queuedJob, label, value string) bool {
	var free, releasing *node
	request := j.shape.Request
	for _, n := range p.pool.nodes {
		if label != "" && n.Labels[label] != value || !p.usable(j, n) {
			continue
		}
		switch {
		case n.holdsNow(request):
			if free == nil || tighter(n.free, free.free, request) {
				free = n
			}
		case free == nil && n.holdsLater(request):
			if releasing == nil || tighter(n.later, releasing.later, request) {
				releasing = n
			}
		}
	}
	switch {
	case free != nil:
		p.lay(q, j, free, value)
	case releasing != nil:
		p.lay(q, j, releasing, value)
	default:
		n, victims := p.preemptFor(q, j, label, value)
		if n == nil {
			return false
		}
		p.take(j, victims)
		p.lay(q, j, n, value)
	}
	return true
}

// usable says whether a job may run on a node, whatever room there is.
func (p *planner) usable(j *queuedJob, n *node) bool {
	if n.Unschedulable || p.lost[n.Executor] {
		return false
	}
	matches, known := j.shape.matches[n]
	if !known {
		matches = j.shape.Match.Mismatch(&n.Node) == ""
		j.shape.matches[n] = matches
	}
	return matches && !slices.Contains(j.Avoid, n.ID)
}

// tighter says whether less is left on a than on b of what is asked for, the first
// resource that differs deciding. Nodes are looked at by name, so the first wins.
func tighter(a, b, request Vec) bool {
	for i, amount := range request {
		if amount > 0 && a[i] != b[i] {
			return a[i] < b[i]
		}
	}
	return false
}

// lay starts a job on a node for the rest of the round.
func (p *planner) lay(q *queueRound, j *queuedJob, n *node, domain string) {
	start := Start{Job: j.ID, Gang: j.Gang, Pool: p.pool.id, Node: n.ID, Level: j.shape.class.Priority, Domain: domain}
	if !n.holdsNow(j.shape.Request) {
		for _, r := range n.runs {
			if r.Phase == Releasing {
				start.After = append(start.After, r.ID)
			}
		}
	}
	p.plan.Starts = append(p.plan.Starts, start)
	r := &run{
		Run:   Run{ID: RunID(j.ID), Job: j.ID, Node: n.ID, Pool: p.pool.id, Level: start.Level, Since: p.round.Now, Phase: Leased},
		queue: q.queue, shape: j.shape, gang: j.gang, job: j, node: n, laid: true,
	}
	at := q.at
	p.dequeue(j)
	p.occupy(r)
	q.at-- // the list became shorter before it
	q.left.lookback--
	p.do(func() {
		p.vacate(r)
		p.enqueue(j)
		q.at = at
		q.left.lookback++
	})
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
	for _, q := range p.pool.queues {
		clear(q.failed) // a victim may leave more room than is taken
	}
}

// victim is a run that is preempted, and by which rule.
type victim struct {
	run  *run
	rule Rule
}

// preemptFor finds the node on which a job fits at the least cost to others: the
// lowest class of a victim, then the fewest, then the tightest, then the name.
func (p *planner) preemptFor(q *queueRound, j *queuedJob, label, value string) (best *node, victims []victim) {
	for _, n := range p.pool.nodes {
		if label != "" && n.Labels[label] != value || !p.usable(j, n) {
			continue
		}
		found := p.victimsOn(q, j, n)
		if found != nil && (best == nil || p.cheaper(found, victims) ||
			!p.cheaper(victims, found) && tighter(n.free, best.free, j.shape.Request)) {
			best, victims = n, found
		}
	}
	return best, victims
}

func (p *planner) cheaper(a, b []victim) bool {
	return cmp.Or(cmp.Compare(highest(a), highest(b)), cmp.Compare(len(a), len(b))) < 0
}

func highest(victims []victim) (level int32) {
	level = victims[0].run.Level
	for _, v := range victims {
		level = max(level, v.run.Level)
	}
	return level
}

// victimsOn is whom a job would preempt on a node; nil when it would not fit. The
// lowest in rank go first, until it fits; then each, from the best in rank on, is
// kept if the job still fits.
func (p *planner) victimsOn(q *queueRound, j *queuedJob, n *node) []victim {
	room, pods := slices.Clone(n.later), len(n.runs)-n.releasing
	fits := func() bool { return room.holds(j.shape.Request) && n.hasPods(pods) }
	ranked := slices.Clone(n.runs)
	slices.SortFunc(ranked, compareRank)
	lost := map[*queue]Vec{}
	var victims []victim
	for i := len(ranked) - 1; i >= 0 && !fits(); i-- {
		r := ranked[i]
		rule := p.mayTake(q, j, r, lost)
		if rule == 0 {
			continue
		}
		victims = append(victims, victim{r, rule})
		room.add(r.shape.Request)
		pods--
		if lost[r.queue] == nil {
			lost[r.queue] = make(Vec, len(room))
		}
		lost[r.queue].add(r.shape.Request)
	}
	if !fits() {
		return nil
	}
	slices.Reverse(victims) // the best in rank first
	victims = slices.DeleteFunc(victims, func(v victim) bool {
		room.sub(v.run.shape.Request)
		pods++
		if fits() {
			return true
		}
		room.add(v.run.shape.Request)
		pods--
		return false
	})
	return p.withMates(victims)
}

// withMates adds the gangs of the victims: a gang is preempted whole.
func (p *planner) withMates(victims []victim) []victim {
	for _, v := range victims {
		if v.run.gang == nil {
			continue
		}
		for _, mate := range v.run.queue.gangs[v.run.gang.ID].runs {
			taken := slices.ContainsFunc(victims, func(v victim) bool { return v.run == mate })
			if !taken && mate.Phase != Releasing {
				victims = append(victims, victim{mate, GangMate})
			}
		}
	}
	return victims
}

// mayTake says by which rule a job of queue q may preempt a run, when the queues
// have lost so much to it already; zero: by none.
func (p *planner) mayTake(q *queueRound, j *queuedJob, r *run, lost map[*queue]Vec) Rule {
	switch {
	case r.Phase == Releasing || !r.shape.class.Preemptible || r.laid:
		return 0 // it goes already, is protected, or starts in this very round
	case r.Level < j.shape.class.Priority:
		return Urgency
	case r.Level > j.shape.class.Priority || r.queue == q.queue:
		return 0
	}
	held := slices.Clone(p.heldIn(r.queue, p.pool.id))
	if lost[r.queue] != nil {
		held.sub(lost[r.queue])
	}
	share := p.dominant(held, p.pool.total)
	before := weighted(share, r.queue.Weight)
	held.sub(r.shape.Request)
	after := weighted(p.dominant(held, p.pool.total), r.queue.Weight)
	victimShares, ours := p.sharesOf(r.queue), max(q.ideal, q.fair)
	c := q.candidate
	switch {
	case c.cost >= before || share <= scale(victimShares, uint64(p.cfg.Protected), Million):
		return 0
	case after > c.before, after == c.before && c.cost <= weighted(ours, q.Weight):
		return FairShare
	}
	return 0
}

// sharesOf is what a queue should have of the pool: the larger of its two shares.
func (p *planner) sharesOf(q *queue) uint64 {
	for _, other := range p.pool.queues {
		if other.queue == q {
			return max(other.ideal, other.fair)
		}
	}
	return 0
}
