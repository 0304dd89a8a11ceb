package schedule

import "slices"

// unit is what is preempted together: a run, or a gang. On a node it stands where
// the best of its runs there does.
type unit struct {
	gang int32
	// runs are those on the node, the best in rank first.
	runs []int32
	// mates are the other members of the gang that are not going yet.
	mates []int32
	// rule is by which it is taken.
	rule Rule
	// spare: it is a run of an elastic gang that may go alone. Of the others of that gang on
	// the node, spares counts those, and taken how many of them go; goes: these go too.
	spare         bool
	spares, taken int
	goes          bool
}

// victimsOn finds whom a job would preempt on a node; false: it would not fit. The
// lowest in rank go first, until it fits; then each, from the best in rank on, is
// kept if the job still fits. It is left in what the hunt found.
func (p *planner) victimsOn(q *queueRound, k *seek, n int32) bool {
	p.clearLosses()
	found := p.findVictims(q, k, n)
	if p.tree.on {
		p.clearLost()
	}
	return found
}

func (p *planner) findVictims(q *queueRound, k *seek, n int32) bool {
	h := &p.hunt
	h.room = append(h.room[:0], p.room(p.later, n)...)
	pods, most := p.pods[n]-p.releasing[n], p.State.nodes[n].MaxPods
	fits := func() bool {
		return h.room.holds(k.request) && (most == 0 || pods < most) && p.mayHoldMore(q, p.request(p.jobs[k.job].kind))
	}
	p.unitsOn(n)
	h.taken = h.taken[:0]
	level := k.level
	for i := len(h.units) - 1; i >= 0 && !fits(); i-- {
		u := &h.units[i]
		if u.rule = p.mayTake(q, level, u); u.rule == 0 {
			continue
		}
		p.takeSpare(u)
		h.taken = append(h.taken, int32(i)) //nolint:gosec // runs of a node
		for _, r := range u.runs {
			h.room.add(p.request(p.runs[r].kind))
		}
		pods -= int32(len(u.runs)) //nolint:gosec // runs of a node
		p.lossOf(u, false)
	}
	if len(h.taken) == 0 || !fits() {
		return false
	}
	h.found.node, h.found.victims = n, h.found.victims[:0]
	for i := len(h.taken) - 1; i >= 0; i-- { // the best in rank first
		u := &h.units[h.taken[i]]
		if p.goesAnyway(u) {
			h.found.victims = append(h.found.victims, victim{u.runs[0], u.rule})
			continue
		}
		for _, r := range u.runs {
			h.room.sub(p.request(p.runs[r].kind))
		}
		pods += int32(len(u.runs)) //nolint:gosec // runs of a node
		p.lossOf(u, true)
		if fits() {
			h.taken[i] = none
			continue // it is kept
		}
		pods -= int32(len(u.runs)) //nolint:gosec // runs of a node
		p.lossOf(u, false)
		u.goes = true
		for _, r := range u.runs {
			h.room.add(p.request(p.runs[r].kind))
			h.found.victims = append(h.found.victims, victim{r, u.rule})
		}
	}
	for _, taken := range slices.Backward(h.taken) {
		if taken == none {
			continue
		}
		for _, r := range h.units[taken].mates {
			h.found.victims = append(h.found.victims, victim{r, GangMate})
		}
	}
	h.found.left = append(h.found.left[:0], h.room...)
	h.found.lost, h.found.bid = p.lostWithAll(h.found.victims), 0
	if p.market {
		for _, v := range h.found.victims {
			h.found.bid = max(h.found.bid, p.priceOf(p.runs[v.run].kind))
		}
	}
	return true
}

// unitsOn finds who could go from a node, the best in rank first.
func (p *planner) unitsOn(n int32) {
	h := &p.hunt
	h.ranked, h.units, h.spare = h.ranked[:0], h.units[:0], h.spare[:0]
	if row := &p.index.soft.nodes[n]; !row.gangs && !p.market {
		// Who may not be preempted at all is never taken, and breaks no gang.
		p.index.soft.rank(p.State, n)
		h.ranked = slices.Grow(h.ranked, len(row.runs))
		for i := range row.runs {
			if r := row.runs[i].run; !p.gone.has(r) {
				h.ranked = append(h.ranked, r)
				h.units = append(h.units, unit{gang: none, runs: h.ranked[len(h.ranked)-1:]})
			}
		}
		return
	}
	for r := p.State.nodes[n].first; r != none; r = p.runs[r].next {
		if p.stays(r) {
			h.ranked = append(h.ranked, r)
		}
	}
	slices.SortFunc(h.ranked, p.compareWorth)
	for i, r := range h.ranked {
		gang := p.runs[r].gang
		if gang == none {
			h.units = append(h.units, unit{gang: none, runs: h.ranked[i : i+1]})
			continue
		}
		if p.gangs[gang].isElastic() {
			p.addElastic(n, h.ranked, i)
			continue
		}
		if at := slices.IndexFunc(h.units, func(u unit) bool { return u.gang == gang }); at >= 0 {
			h.units[at].runs = append(h.units[at].runs, r)
			continue
		}
		u := unit{gang: gang, runs: []int32{r}}
		for _, mate := range p.gangs[gang].runs {
			if p.runs[mate].node != n && p.stays(mate) {
				u.mates = append(u.mates, mate)
			}
		}
		h.units = append(h.units, u)
	}
}

// stays says whether a run is not going.
func (p *planner) stays(run int32) bool { return p.runs[run].phase != Releasing && !p.gone.has(run) }

// addHeld adds what a unit holds of the pool.
func (p *planner) addHeld(u *unit, to Vec) {
	for _, r := range u.runs {
		if p.runs[r].pool == p.pool {
			to.add(p.request(p.runs[r].kind))
		}
	}
	for _, r := range u.mates {
		if p.runs[r].pool == p.pool {
			to.add(p.request(p.runs[r].kind))
		}
	}
}

// clearLosses forgets what queues lost on the node before.
func (p *planner) clearLosses() {
	if p.tree.on {
		p.clearLost()
		return
	}
	h := &p.hunt
	if need := len(p.queues) * len(p.total); len(h.lost) < need {
		h.lost = make([]int64, need)
		h.lossOf = h.lossOf[:0]
	}
	for _, at := range h.lossOf {
		clear(p.room(h.lost, at))
	}
	h.lossOf = h.lossOf[:0]
}

// lossOf notes what the queue of a unit loses with it, or keeps after all.
func (p *planner) lossOf(u *unit, kept bool) {
	at := p.at[p.kinds[p.runs[u.runs[0]].kind].queue]
	switch {
	case at == none:
	case p.tree.on:
		p.loseAt(&p.queues[at], u, kept)
	case !kept:
		p.hunt.lossOf = append(p.hunt.lossOf, at)
		p.addHeld(u, p.room(p.hunt.lost, at))
	}
}

// mayTake says by which rule a job of queue q may preempt a unit, when the queues
// have lost so much to it already; zero: by none. What starts in this very round is
// not preempted in it, and neither is for a share what began at this moment: else a
// plan would leave something to decide to the next at the same moment.
func (p *planner) mayTake(q *queueRound, priority int32, u *unit) Rule {
	first := &p.runs[u.runs[0]]
	if u.taken < u.spares || q.gang != none && first.gang == q.gang && p.gangs[q.gang].isElastic() {
		return 0 // who may go alone goes first, and nobody for one of his own gang
	}
	if u.gang != none {
		if g := &p.gangs[u.gang]; g.round == p.number && g.laid > 0 {
			return 0
		}
	}
	guest := p.home() && p.isGuest(first)
	level, since := p.levelIn(first), first.since
	for _, runs := range [2][]int32{u.runs, u.mates} {
		for _, r := range runs {
			row := &p.runs[r]
			if !p.classOfKind(row.kind).Preemptible || p.protected(row) {
				return 0
			}
			level, since = max(level, p.levelIn(row)), max(since, row.since)
		}
	}
	switch {
	case guest: // all of it on the node is, for guests are the last in rank
		return Host
	case !p.home() && slices.ContainsFunc(u.runs, func(r int32) bool { return p.runs[r].pool != p.pool }):
		return 0
	}
	at := p.at[p.kinds[first.kind].queue]
	if p.tree.quotas.on && at != none && &p.queues[at] != q {
		if since >= p.round.Now {
			return 0
		}
		return p.takeByQuota(q, u, at, level < priority && !p.off.Urgency, level <= priority && !p.keeps)
	}
	if level < priority && !p.off.Urgency {
		return Urgency
	}
	if p.market {
		if level > priority || p.keeps || since >= p.round.Now || !p.outbids(q, u) {
			return 0
		}
		return Outbid
	}
	if level > priority || p.keeps || at == none || since >= p.round.Now || &p.queues[at] == q || !p.mayShare(q, u, at) {
		return 0
	}
	return FairShare
}

// mayShare is the rule of fair-share preemption: see share.go.
func (p *planner) mayShare(q *queueRound, u *unit, at int32) bool {
	owner := &p.queues[at]
	if p.tree.on {
		return p.mayShareIn(q, u, owner)
	}
	held := append(p.hunt.after[:0], p.heldIn(owner)...)
	p.hunt.after = held
	held.sub(p.room(p.hunt.lost, at))
	if !p.mayLose(owner, q, p.dominant(held, p.total)) {
		return false
	}
	if p.cfg.PreemptionRule == ArmadaOrder {
		return true
	}
	for _, runs := range [2][]int32{u.runs, u.mates} {
		for _, r := range runs {
			if p.runs[r].pool == p.pool {
				held.sub(p.request(p.runs[r].kind))
			}
		}
	}
	after := p.weigh(held, owner.weight)
	return after > q.before || after == q.before && q.cost <= weighted(max(q.ideal, q.fair), q.weight)
}
