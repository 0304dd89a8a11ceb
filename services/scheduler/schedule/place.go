package schedule

import "slices"

// spot is where a job fits: on a node, when the victims are gone.
type spot struct {
	node    *node
	victims []victim
}

// hasPlace says whether nodes have room for all members of the candidate of a queue.
func (p *planner) hasPlace(q *queueRound) bool {
	c := &q.candidate
	if c.gang != nil {
		return p.trial(func() bool { return p.place(q) })
	}
	if c.spot.node == nil || len(c.spot.victims) > 0 || !c.spot.node.holdsLater(c.head().shape.Request) {
		c.spot, c.found = p.find(q, c.head(), "", ""), p.started
	}
	return c.spot.node != nil
}

// place lays the candidate of a queue over the state: all members or none.
func (p *planner) place(q *queueRound) bool {
	c := &q.candidate
	if c.gang == nil {
		if c.found != p.started {
			c.spot = p.find(q, c.head(), "", "") // there may be a better one now
		}
		p.begin(q, c.head(), c.spot, "")
		return true
	}
	if c.gang.Label == "" {
		return p.placeIn(q, "", "")
	}
	request := make(Vec, len(p.cfg.Resources))
	for _, j := range c.members {
		request.add(j.shape.Request)
	}
	var best *domain
	for _, value := range p.values(q.gangs[c.gang.ID]) {
		preempts := len(p.plan.Preempts)
		p.trial(func() bool {
			if !p.placeIn(q, c.gang.Label, value) {
				return false
			}
			found := &domain{value: value, victims: len(p.plan.Preempts) - preempts, left: p.leftIn(c.gang.Label, value)}
			if best == nil || found.better(best, request) {
				best = found
			}
			return true
		})
	}
	return best != nil && p.placeIn(q, c.gang.Label, best.value)
}

// trial does something and takes back what it laid over the state.
func (p *planner) trial(try func() bool) bool {
	mark, starts, preempts := len(p.undone), len(p.plan.Starts), len(p.plan.Preempts)
	ok := try()
	p.undoTo(mark)
	p.plan.Starts, p.plan.Preempts = p.plan.Starts[:starts], p.plan.Preempts[:preempts]
	return ok
}

// domain is the nodes with one value of a gang's label, as they are once it is there.
type domain struct {
	value   string
	victims int
	// left is what they have in all, when what is releasing is gone.
	left Vec
}

// better says whether a domain is to be chosen before another whose value is smaller.
func (d *domain) better(than *domain, request Vec) bool {
	return d.victims < than.victims || d.victims == than.victims && tighter(d.left, than.left, request)
}

// leftIn sums what the nodes with a value of a label have.
func (p *planner) leftIn(label, value string) Vec {
	sum := make(Vec, len(p.cfg.Resources))
	for _, n := range p.pool.nodes {
		if n.Labels[label] == value {
			sum.add(n.later)
		}
	}
	return sum
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
		at := p.find(q, j, label, value)
		if at.node == nil {
			p.undoTo(mark)
			p.plan.Starts, p.plan.Preempts = p.plan.Starts[:starts], p.plan.Preempts[:preempts]
			return false
		}
		p.begin(q, j, at, value)
	}
	return true
}

// find finds where a job fits: in free room, else in room that is being released, else
// by preemption. The zero spot is nowhere.
func (p *planner) find(q *queueRound, j *queuedJob, label, value string) spot {
	single := j.gang == nil
	if !single || !p.full[j.shape] {
		if n := p.roomFor(j, label, value); n != nil {
			return spot{node: n}
		}
		if single && len(j.Avoid) == 0 {
			p.full[j.shape] = true
		}
	}
	if best := p.preemptFor(q, j, label, value); best != nil {
		return spot{best.node, best.victims}
	}
	return spot{}
}

// roomFor is the tightest node with free room for a job, else the tightest with room
// that is being released.
func (p *planner) roomFor(j *queuedJob, label, value string) *node {
	var free, releasing *node
	request := j.shape.Request
	for _, n := range p.nodesFor(j.shape, p.pool.id) {
		if !mayTry(j, n, label, value) {
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
	if free != nil {
		return free
	}
	return releasing
}

// mayTry says whether a node that a job's shape may run on is one for the job itself,
// with a value of a label where one is given.
func mayTry(j *queuedJob, n *node, label, value string) bool {
	return (label == "" || n.Labels[label] == value) && (len(j.Avoid) == 0 || !slices.Contains(j.Avoid, n.ID))
}

// begin takes the victims of a job and lays it on its node.
func (p *planner) begin(q *queueRound, j *queuedJob, at spot, domain string) {
	p.take(j, at.victims)
	p.lay(q, j, at.node, domain)
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
	j.laid = true
	j.kind.n--
	p.settle(r) // by its job's id, which is no run's, so not into the runs
	p.do(func() {
		p.unsettle(r)
		j.kind.n++
		j.laid = false
	})
}
