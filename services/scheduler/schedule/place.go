package schedule

import "slices"

// place finds nodes for the candidate of a queue and lays it over the state: all
// members or none.
func (p *planner) place(q *queueRound) bool {
	c := q.candidate
	if c.gang == nil || c.gang.Label == "" {
		return p.placeIn(q, "", "")
	}
	var best *domain
	for _, value := range p.values(q.gangs[c.gang.ID]) {
		mark, starts, preempts := len(p.undone), len(p.plan.Starts), len(p.plan.Preempts)
		if p.placeIn(q, c.gang.Label, value) {
			found := &domain{value: value, victims: len(p.plan.Preempts) - preempts, left: p.leftIn(c.gang.Label, value)}
			if best == nil || found.better(best, c.request) {
				best = found
			}
		}
		p.undoTo(mark)
		p.plan.Starts, p.plan.Preempts = p.plan.Starts[:starts], p.plan.Preempts[:preempts]
	}
	return best != nil && p.placeIn(q, c.gang.Label, best.value)
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
		best := p.preemptFor(q, j, label, value)
		if best == nil {
			return false
		}
		p.take(j, best.victims)
		p.lay(q, j, best.node, value)
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
