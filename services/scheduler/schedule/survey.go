package schedule

import (
	"math"
	"slices"
)

// survey is what can be preempted in a pool, found out when it is first asked for.
type survey struct {
	known bool
	// lowest is the lowest class that a preemptible run on the pool's nodes has.
	lowest int32
	// soft is what preemptible runs hold of each node.
	soft []int64
	// runs are those of each node, one node after the other, first where a node's begin:
	// a search reads them in a row, where the rows of runs are all over the memory.
	runs  []softRun
	first []int32
	// protected are the runs on the pool's nodes that could go but for their minimum run
	// time: until when of each level.
	protected []protection
}

// softRun is a preemptible run, as a search for victims looks at it.
type softRun struct{ run, kind, level int32 }

// look finds out what can be preempted in the pool.
func (p *planner) look() {
	if p.survey.known {
		return
	}
	p.survey.known, p.survey.lowest = true, math.MaxInt32
	p.survey.soft = append(p.survey.soft[:0], make([]int64, len(p.State.nodes)*len(p.cfg.Resources))...)
	for i := range p.queues {
		p.queues[i].young = math.MaxInt64
	}
	first := append(p.survey.first[:0], make([]int32, len(p.State.nodes)+1)...)
	p.survey.first, p.survey.protected = first, p.survey.protected[:0]
	for h := range p.runs {
		r := &p.runs[h]
		if !p.soft(int32(h)) { //nolint:gosec // handles are below 2^31
			continue
		}
		at := p.at[p.kinds[r.kind].queue]
		if p.protected(r) {
			p.noteProtected(r, at)
			continue
		}
		if p.State.nodes[r.node].pool == p.pool {
			first[r.node]++
			p.survey.lowest = min(p.survey.lowest, r.level)
			p.room(p.survey.soft, r.node).add(p.request(r.kind))
			if at != none && r.pool != p.pool {
				p.queues[at].strays, p.queues[at].leastKnown = true, false
			}
		}
		if at != none && r.pool == p.pool && r.since >= p.round.Now {
			p.queues[at].young = min(p.queues[at].young, r.since)
		}
	}
	p.lookAtRuns()
	p.young = p.young[:0]
	for i := range p.queues {
		if p.queues[i].young != math.MaxInt64 {
			p.young = append(p.young, int32(i)) //nolint:gosec // queues are few
		}
	}
}

// lookAtRuns puts the runs of each node in a row. That first counts them is its beginning.
func (p *planner) lookAtRuns() {
	first, sum := p.survey.first, int32(0)
	for n := range first {
		sum += first[n]
		first[n] = sum // where it ends, from where it is filled down
	}
	p.survey.runs = slices.Grow(p.survey.runs[:0], int(sum))[:sum]
	for h := range p.runs {
		r := &p.runs[h]
		if p.soft(int32(h)) && p.State.nodes[r.node].pool == p.pool && !p.protected(r) { //nolint:gosec // handles are below 2^31
			first[r.node]--
			p.survey.runs[first[r.node]] = softRun{int32(h), r.kind, r.level} //nolint:gosec // handles are below 2^31
		}
	}
}

// soft says whether a run may be preempted at all.
func (p *planner) soft(run int32) bool {
	r := &p.runs[run]
	return r.kind != none && r.phase != Releasing && !p.gone.has(run) && p.classOfKind(r.kind).Preemptible
}

// take preempts a run for the rest of the round.
func (p *planner) take(run int32) {
	p.takes = append(p.takes, run)
	p.leave(run)
}

// leave has a run go, and untake stay.
func (p *planner) leave(run int32) {
	p.gone.set(run)
	r := &p.runs[run]
	request := p.request(r.kind)
	p.room(p.later, r.node).add(request)
	p.releasing[r.node]++
	p.move(r.node)
	p.account(r, func(v Vec) { v.sub(request) })
	if p.survey.known {
		p.room(p.survey.soft, r.node).sub(request)
		p.survey.known = r.since < p.round.Now // else who is young is another
	}
}

// untake has a run stay.
func (p *planner) untake(run int32) {
	p.gone.drop(run)
	r := &p.runs[run]
	request := p.request(r.kind)
	p.room(p.later, r.node).sub(request)
	p.releasing[r.node]--
	p.move(r.node)
	p.account(r, func(v Vec) { v.add(request) })
	if p.survey.known {
		p.room(p.survey.soft, r.node).add(request)
		p.survey.known = r.since < p.round.Now
	}
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
