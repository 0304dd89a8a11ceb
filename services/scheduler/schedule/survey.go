package schedule

import (
	"math"
)

// survey is what can be preempted in a pool, found out when it is first asked for.
type survey struct {
	known bool
	// read is the round in which the runs of the nodes were read.
	read uint64
	// lowest is the lowest class that a preemptible run on the pool's nodes has.
	lowest int32
	// protected are the runs on the pool's nodes that could go but for their minimum run
	// time: until when of each level.
	protected []protection
	// mixed: the level of some run is not that of its class; others: there are runs of a queue
	// that has no part in the pool. Both are known where quotas are.
	mixed, others bool
	// most is at least what the preemptible runs of one node hold.
	most Vec
}

// look finds out what can be preempted in the pool.
func (p *planner) look() {
	if p.survey.known {
		return
	}
	p.survey.known, p.survey.lowest = true, math.MaxInt32
	soft := &p.index.soft
	if p.survey.read != p.number {
		p.survey.read = p.number
		soft.read(p.State, len(p.index.isTouched))
		p.findMost()
		for _, run := range p.takes {
			r := &p.runs[run]
			p.room(soft.held, r.node).sub(p.request(r.kind))
		}
	}
	p.survey.protected = p.survey.protected[:0]
	for i := range p.queues {
		q := &p.queues[i]
		q.young, q.floorKnown = math.MaxInt64, false
	}
	for n := range soft.nodes {
		if soft.none {
			break // what stands there is not read
		}
		row := &soft.nodes[n]
		if p.State.nodes[n].pool == p.site {
			p.survey.lowest = min(p.survey.lowest, p.lowestOf(row))
			if row.strays {
				p.findStrays(row)
			}
		}
		if p.protects || row.youngest >= p.round.Now {
			p.findYoung(row)
		}
	}
	if p.tree.quotas.on {
		p.lookAtOthers()
	}
	p.young = p.young[:0]
	for i := range p.queues {
		if p.queues[i].young != math.MaxInt64 {
			p.young = append(p.young, int32(i)) //nolint:gosec // queues are few
		}
	}
}

// lowestOf is the lowest level of a run on a node that may be preempted.
func (p *planner) lowestOf(row *softNode) int32 {
	if p.home() {
		return row.lowest
	}
	lowest := int32(math.MaxInt32)
	for i := range row.runs {
		if r := &p.runs[row.runs[i].run]; r.pool == p.pool {
			lowest = min(lowest, r.level)
		}
	}
	return lowest
}

// findMost finds the most of each resource that the preemptible runs of a node hold.
func (p *planner) findMost() {
	p.survey.most = append(p.survey.most[:0], make(Vec, len(p.cfg.Resources))...)
	held, most := p.index.soft.held, p.survey.most
	for at := 0; at < len(held); at += len(most) {
		for i := range most {
			most[i] = max(most[i], held[at+i])
		}
	}
}

// findStrays finds the queues of runs that are on the account of another pool.
func (p *planner) findStrays(row *softNode) {
	for i := range row.runs {
		r := &row.runs[i]
		if at := p.at[r.queue]; at != none && p.runs[r.run].pool != p.pool && !p.gone.has(r.run) {
			p.queues[at].strays, p.queues[at].leastKnown = true, false
		}
	}
}

// findYoung finds the queues of runs that began at this moment, or later, or have not had
// their minimum run time.
func (p *planner) findYoung(row *softNode) {
	for i := range row.runs {
		r := &row.runs[i]
		if p.shielded(r) {
			p.noteProtected(&p.runs[r.run], p.at[r.queue])
			continue
		}
		if r.since < p.round.Now {
			continue
		}
		// The row of the run, which is far away, is read only where it would matter.
		if at := p.at[r.queue]; at != none && r.since < p.queues[at].young && p.runs[r.run].pool == p.pool && !p.gone.has(r.run) {
			p.queues[at].young = r.since
		}
	}
}

// softOn is what preemptible runs hold of a node.
func (p *planner) softOn(n int32) Vec { return p.room(p.index.soft.held, n) }

// take preempts a run for the rest of the round, for a job that is laid on a node next: that
// node is moved then.
func (p *planner) take(run, on int32) {
	p.takes = append(p.takes, run)
	p.leave(run)
	if n := p.runs[run].node; n != on {
		p.move(n)
	}
}

// leave has a run go, and untake stay. Its node is to be moved.
func (p *planner) leave(run int32) {
	p.gone.set(run)
	p.countRun(run, -1)
	r := &p.runs[run]
	request := p.request(r.kind)
	p.room(p.later, r.node).add(request)
	p.releasing[r.node]++
	p.account(r, func(v Vec) { v.sub(request) })
	if p.survey.read == p.number {
		p.softOn(r.node).sub(request)
	}
	p.survey.known = p.survey.known && r.since < p.round.Now // else who is young is another
}

// untake has a run stay.
func (p *planner) untake(run int32) {
	p.gone.drop(run)
	p.countRun(run, 1)
	r := &p.runs[run]
	request := p.request(r.kind)
	p.room(p.later, r.node).sub(request)
	p.releasing[r.node]--
	p.move(r.node)
	p.account(r, func(v Vec) { v.add(request) })
	if p.survey.read == p.number {
		p.softOn(r.node).add(request)
	}
	p.survey.known = p.survey.known && r.since < p.round.Now
}

// account changes the accounts that a run is on.
func (p *planner) account(r *runRow, change func(Vec)) {
	if !p.planned(r.pool) {
		return
	}
	k := &p.kinds[r.kind]
	change(p.room(p.held, p.heldAt(k.queue, r.pool)))
	change(p.room(p.byClass, p.classAt(k.queue, r.pool, p.shapes[k.shape].class)))
	if at := p.at[k.queue]; at != none {
		q := &p.queues[at]
		q.lossy = true
		p.weighQueue(q)
	}
}
