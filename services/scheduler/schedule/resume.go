package schedule

import (
	"math"
	"slices"
)

// A start that takes victims ends the walk, and every queue begins anew at its first job.
// Most queues would come to where they stand: this file finds those that may not.

// missed is what the walk of a queue has passed over for want of a place. What it passed
// over for other reasons is passed over again, or is its own affair.
type missed struct {
	// any: something was. Odd: a gang, or a job that is kept off nodes, of which no more is
	// known than that. Over: something that is over a limit on what the queue holds.
	any, odd, over bool
	// hopeful: there are runs that may go for one of it, if too few on any node.
	hopeful bool
	// cost is the least that the queue would weigh with one of it, request the least that
	// one asks for of each resource.
	cost    uint64
	request Vec
	// right is the larger of the queue's shares then: up to there it may take from a queue
	// that is left with as much as itself.
	right uint64
}

// right is the share up to which a queue may take from one that is left with as much.
func (q *queueRound) right() uint64 { return max(q.ideal, q.fair) }

// miss notes that the next gang of a queue has no place.
func (p *planner) miss(q *queueRound) {
	m := &q.missed
	if q.gang != none || p.odd(q) {
		m.any, m.odd = true, true
		return
	}
	request := p.shapes[q.shape].onNode
	if !m.any || len(m.request) == 0 {
		m.cost, m.right, m.request = q.cost, q.right(), append(m.request[:0], request...)
	}
	m.any = true
	m.hopeful = m.hopeful || p.kinds[p.jobs[q.job].kind].hopeful
	m.cost, m.right = min(m.cost, q.cost), min(m.right, q.right())
	for i, amount := range request {
		m.request[i] = min(m.request[i], amount)
	}
}

// missOver notes that the next gang of a queue is over a limit on what the queue holds.
func (m *missed) missOver() { m.any, m.over = true, true }

func (m *missed) forget() { *m = missed{request: m.request[:0]} }

// resume has the queues go on after a start that took victims since a mark: from their
// first job, where they may come to another now. It says whether that can be told.
func (p *planner) resume(q *queueRound, m mark) bool {
	if p.hunt.looser = p.hunt.looser[:0]; p.tree.on || p.market || len(p.reserved.list) > 0 || p.limitsStarts(p.pool) {
		return false // who may lose to whom depends on those that they are part of, or room on what is reserved; or a first job ends its queue
	}
	p.reckon()
	if !p.survey.known {
		return false
	}
	p.findHeaviest()
	p.findGains(m)
	p.findLosers(m)
	p.findLooser()
	p.reopen()
	took, raised := p.took(m.lays), p.raiseMost()
	for i := range p.queues {
		other := &p.queues[i]
		switch {
		case raised && other.parked, p.mayTryAgain(other):
			p.rewind(other)
			p.refresh(other)
		case other == q || p.shaken(other, took):
			p.refresh(other)
		}
	}
	p.forgetLooser()
	return true
}

// another has the queues begin another walk, after one in which something was started and
// nothing preempted, where they may come to a start now: what a queue gained may put it
// above its share. It says whether that can be told.
func (p *planner) another() bool {
	if p.hunt.looser = p.hunt.looser[:0]; p.tree.on || len(p.reserved.list) > 0 || !p.survey.known && !p.keeps || p.limitsStarts(p.pool) {
		return false
	}
	p.reckon()
	p.findHeaviest()
	p.hunt.gains, p.hunt.reopened = p.hunt.gains[:0], false
	p.findLooser()
	for i := range p.queues {
		if other := &p.queues[i]; p.mayTryAgain(other) {
			p.rewind(other)
			p.refresh(other)
		}
	}
	p.forgetLooser()
	return true
}

// isWorthATry says whether a queue may lose something to what another missed, now or in a
// moment.
func (p *planner) isWorthATry(o, q *queueRound) bool {
	armada := p.cfg.PreemptionRule == ArmadaOrder
	if o == q || o.share <= o.guard || o.weighted < q.missed.cost || o.weighted == q.missed.cost && !armada {
		return false
	}
	return armada || o.young != math.MaxInt64 || p.leastOf(o) >= q.before
}

// findGains finds the nodes that have more room since a mark.
func (p *planner) findGains(m mark) {
	h := &p.hunt
	h.gains = h.gains[:0]
	for i, run := range p.takes[m.takes:] {
		n := p.runs[run].node
		if slices.ContainsFunc(p.takes[m.takes:m.takes+i], func(r int32) bool { return p.runs[r].node == n }) {
			continue // it was looked at
		}
		if p.gained(n, m) {
			h.gains = append(h.gains, n)
		}
	}
}

// gained says whether a node has more room of anything since a mark.
func (p *planner) gained(n int32, m mark) bool {
	if p.State.nodes[n].pool != p.site || !p.index.takes[n] {
		return false
	}
	net := append(p.hunt.after[:0], make(Vec, len(p.total))...)
	p.hunt.after = net
	pods := 0
	for _, r := range p.takes[m.takes:] {
		if p.runs[r].node == n {
			net.add(p.request(p.runs[r].kind))
			pods++
		}
	}
	for i := range p.lays[m.lays:] {
		if l := &p.lays[m.lays+i]; l.node == n {
			net.sub(p.request(l.kind))
			pods--
		}
	}
	return pods > 0 && p.State.nodes[n].MaxPods > 0 || slices.Max(net) > 0
}

// findLosers finds the queues that lost something since a mark: what their next gangs would
// cost is another.
func (p *planner) findLosers(m mark) {
	for _, run := range p.takes[m.takes:] {
		if at := p.at[p.kinds[p.runs[run].kind].queue]; at != none {
			p.queues[at].anew = true
		}
	}
}

// findLooser finds, beside those that are protected less, the queues that weigh otherwise
// than when the others began their walks: of all these something may be taken that might not.
func (p *planner) findLooser() {
	h := &p.hunt
	for _, at := range h.looser {
		p.queues[at].looser = true
	}
	for _, at := range p.queueLog[h.logged:] {
		if q := &p.queues[at]; !q.looser {
			q.looser = true
			h.looser = append(h.looser, at)
		}
	}
}

// forgetLooser begins anew to note who does.
func (p *planner) forgetLooser() {
	for i := range p.queues {
		q := &p.queues[i]
		q.looser, q.anew, q.started = false, false, false
	}
	p.hunt.logged = len(p.queueLog)
}

// reopen finds room for the shapes that had none, on the nodes that gained some.
func (p *planner) reopen() {
	p.hunt.reopened = false
	if len(p.hunt.gains) == 0 {
		return
	}
	kept := p.fulls[:0]
	for _, h := range p.fulls {
		sh := &p.shapes[h]
		k := seek{job: none, request: sh.onNode, match: p.matches(sh), later: true}
		at := slices.IndexFunc(p.hunt.gains, func(n int32) bool { return p.mayTry(&k, n) && p.holds(&k, n) })
		if at < 0 {
			kept = append(kept, h)
			continue
		}
		sh.full, sh.witness, sh.witnessAt = 0, p.hunt.gains[at], p.began
		p.hunt.reopened = true
	}
	p.fulls = kept
}

// mayTryAgain says whether something that a queue missed may have a place now, or its next
// gang costs it something else.
func (p *planner) mayTryAgain(q *queueRound) bool {
	m := &q.missed
	switch {
	case !q.open || !m.any && !q.anew && !q.parked:
		return false // nothing was passed over
	case m.odd || q.started && m.hopeful || q.anew && p.mayGainByLoss(q): // it weighs otherwise itself
		return true
	case (m.any || q.parked) && p.lacksTokens(q, max(1, p.most)): // what it passed over comes first, and ends it
		return true
	case len(m.request) == 0:
		return false
	}
	k := seek{request: m.request}
	for _, n := range p.hunt.gains {
		later := p.room(p.later, n)
		if p.hunt.reopened && later.holds(m.request) || m.hopeful && p.enough(&k, later, p.softOn(n)) {
			return true
		}
	}
	if p.keeps {
		return false
	}
	if m.hopeful && q.right() > m.right {
		return true
	}
	return slices.ContainsFunc(p.hunt.looser, func(at int32) bool { return p.isWorthATry(&p.queues[at], q) })
}

// lacksTokens says whether there are too few tokens for so many jobs of a queue.
func (p *planner) lacksTokens(q *queueRound, n uint32) bool {
	global, _ := p.global.has(p.cfg.Rate, n, p.round.Now)
	own, _ := p.tokens[q.queue].has(p.cfg.QueueRate, n, p.round.Now)
	return !global || !own
}

// mayGainByLoss says whether a queue that lost something may start what it could not, since it
// weighs less: where it is at its end, and no other that may lose weighs as much as it would
// with the least that it missed, it may not. Then it is noted what it would weigh.
func (p *planner) mayGainByLoss(q *queueRound) bool {
	m := &q.missed
	if !q.done || q.has || m.over || p.protects || p.surcharged || m.any && len(m.request) == 0 {
		return true
	}
	if !m.any {
		return false // there was nothing
	}
	after := append(p.hunt.after[:0], p.heldIn(q)...)
	p.hunt.after = after
	after.add(m.request)
	cost := p.weigh(after, q.weight)
	if !p.round.KeepShares {
		for i := range p.queues {
			if o := &p.queues[i]; o != q && o.share > o.guard && o.weighted >= cost {
				return true
			}
		}
	}
	m.cost, q.before = min(m.cost, cost), q.weighted
	return false
}
