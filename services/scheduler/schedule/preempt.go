package schedule

import (
	"cmp"
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
}

// hunt is the memory of the search for victims.
type hunt struct {
	// at is where in the pool's nodes victims were last found.
	at int
	// fragile counts the queues whose next gang is to be asked for again after each start.
	fragile int
	after   Vec
	ranked  []int32
	units   []unit
	taken   []int32
	room    Vec
	largest Vec
	found   choice
	best    choice
	// lossOf are the queues that lost something on a node, lost what, by queue.
	lossOf []int32
	lost   []int64
	// fair are the queues of which something may be taken for a share.
	fair []bool
}

// victim is a run that is preempted, and by which rule.
type victim struct {
	run  int32
	rule Rule
}

// choice is a node and whom a job would preempt there.
type choice struct {
	node    int32
	victims []victim
	// left is what the node has for the job when they are gone.
	left Vec
	// lowest: the victims are of the lowest class that may be preempted in the pool.
	lowest bool
}

func (c *choice) copyOf(from *choice) {
	c.node = from.node
	c.victims = append(c.victims[:0], from.victims...)
	c.left = append(c.left[:0], from.left...)
}

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
}

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
	for h := range p.runs {
		r := &p.runs[h]
		if r.kind == none || r.phase == Releasing || p.gone.has(int32(h)) || !p.classOfKind(r.kind).Preemptible { //nolint:gosec // handles
			continue
		}
		if p.State.nodes[r.node].pool == p.pool {
			p.survey.lowest = min(p.survey.lowest, r.level)
			p.room(p.survey.soft, r.node).add(p.request(r.kind))
			if at := p.at[p.kinds[r.kind].queue]; at != none && r.pool != p.pool {
				p.queues[at].strays, p.queues[at].leastKnown = true, false
			}
		}
		if at := p.at[p.kinds[r.kind].queue]; at != none && r.pool == p.pool && r.since >= p.round.Now {
			p.queues[at].young = min(p.queues[at].young, r.since)
		}
	}
	p.young = p.young[:0]
	for i := range p.queues {
		if p.queues[i].young != math.MaxInt64 {
			p.young = append(p.young, int32(i)) //nolint:gosec // queues are few
		}
	}
}

// take preempts a run for the rest of the round.
func (p *planner) take(run int32) {
	p.takes = append(p.takes, run)
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

// victimsAnywhere says whether a job fits on some node by preemption, and leaves that node
// in the queue's spot.
func (p *planner) victimsAnywhere(q *queueRound, k *seek) bool {
	p.look()
	level := p.classPriority(k.job)
	if !p.anyVictim(q, level) {
		return false
	}
	// Any node will do, so the search goes on where the last one found some.
	for i := range p.nodes {
		at := p.hunt.at + i
		if at >= len(p.nodes) {
			at -= len(p.nodes)
		}
		if n := p.nodes[at]; p.mayHold(q, k, n, level) && p.victimsOn(q, k, n) {
			q.spot.node, p.hunt.at = n, at
			return true
		}
	}
	return false
}

// recentMax is how many changes a verdict is looked through for; beyond, a new search is as
// cheap.
const recentMax = 64

// stillNone says whether a job has no victims still, by the verdict on its kind and what
// changed since. Where it has some now, it leaves the node in the queue's spot.
func (p *planner) stillNone(q *queueRound, k *seek) bool {
	v := &p.kinds[p.jobs[k.job].kind].verdict
	if v.shares != p.shares || v.before != q.before || v.cost != q.cost || !p.survey.known ||
		len(p.nodeLog)-v.nodes > recentMax || len(p.queueLog)-v.queues > recentMax {
		return false
	}
	if !p.round.KeepShares {
		for _, at := range p.queueLog[v.queues:] {
			if p.mayFair(q, &p.queues[at]) {
				return false
			}
		}
	}
	level, asked := p.classPriority(k.job), false
	for _, n := range p.nodeLog[v.nodes:] {
		if !p.index.takes[n] || !p.enough(k, p.room(p.later, n), p.room(p.survey.soft, n)) {
			continue
		}
		if !asked && !p.anyVictim(q, level) {
			return true
		}
		asked = true
		if p.mayHold(q, k, n, level) && p.victimsOn(q, k, n) {
			q.spot.node, q.spotted = n, true
			return true
		}
	}
	return true
}

// mayFair says whether something of a queue may be taken for the share of another.
func (p *planner) mayFair(q, other *queueRound) bool {
	return other != q && other.mayLose(q, other.share) && p.leastOf(other) >= q.before
}

// preemptFor finds the node on which a job fits at the least cost to others: the
// lowest class of a victim, then the fewest, then the tightest, then the name. It is left
// in the queue's spot.
func (p *planner) preemptFor(q *queueRound, k *seek) bool {
	p.look()
	level := p.classPriority(k.job)
	if !p.anyVictim(q, level) {
		return false
	}
	best := &p.hunt.best
	best.node, best.lowest = none, false
	for _, n := range p.nodes {
		// Where the best has victims of the lowest class there is, a better one has fewer, or
		// as many and less that is left.
		if best.lowest && len(best.victims) == 1 && !p.mayLeaveLess(best, k, n) || !p.mayHold(q, k, n, level) {
			continue
		}
		if best.lowest {
			if fewest := p.fewest(k, n); fewest > len(best.victims) || fewest == len(best.victims) && !p.mayLeaveLess(best, k, n) {
				continue
			}
		}
		if p.victimsOn(q, k, n) && (best.node == none || p.hunt.found.cheaper(p.State, best, k.request)) {
			best.copyOf(&p.hunt.found)
			best.lowest = best.highest(p.State) <= p.survey.lowest
		}
	}
	if best.node == none {
		return false
	}
	q.spot.copyOf(best)
	return true
}

// mayLeaveLess says whether less than on the best may be left on a node: not where what it
// has already, or what is asked for, is as much.
func (p *planner) mayLeaveLess(best *choice, k *seek, n int32) bool {
	later := p.room(p.later, n)
	for i, amount := range k.request {
		if least := max(amount, later[i]); amount > 0 && least != best.left[i] {
			return least < best.left[i]
		}
	}
	return false
}

// fewest is how many runs must go from a node at least, each as large as the largest that
// mayHold has met there.
func (p *planner) fewest(k *seek, n int32) (fewest int) {
	later, largest := p.room(p.later, n), p.hunt.largest
	for i, amount := range k.request {
		if short := amount - later[i]; amount > 0 && short > 0 {
			fewest = max(fewest, int((short+largest[i]-1)/largest[i]))
		}
	}
	return fewest
}

// mayHold says whether a node that is one for a job could hold it if all went that may go
// for it by themselves.
func (p *planner) mayHold(q *queueRound, k *seek, n, level int32) bool {
	if !p.index.takes[n] || !p.enough(k, p.room(p.later, n), p.room(p.survey.soft, n)) || !p.mayTry(k, n) {
		return false
	}
	sum := append(p.hunt.after[:0], make(Vec, len(p.total))...)
	p.hunt.after = sum
	largest := append(p.hunt.largest[:0], sum...)
	p.hunt.largest = largest
	some := false
	for r := p.State.nodes[n].first; r != none; r = p.runs[r].next {
		row := &p.runs[r]
		kind := &p.kinds[row.kind]
		if !p.mayGo(q, row, kind, level) || !p.stays(r) {
			continue
		}
		some = true
		for i, amount := range p.shapes[kind.shape].Request {
			sum[i] += amount
			largest[i] = max(largest[i], amount)
		}
	}
	return some && p.enough(k, p.room(p.later, n), sum)
}

// mayGo says whether a run may go for a job, if it goes alone and first of its queue.
func (p *planner) mayGo(q *queueRound, row *runRow, k *kind, level int32) bool {
	if row.level < level {
		return true
	}
	at := p.at[k.queue]
	return at != none && p.hunt.fair[at] && k.takeable && (k.after >= q.before || p.queues[at].strays)
}

// enough says whether two amounts are enough for a job.
func (p *planner) enough(k *seek, room, more Vec) bool {
	for i, amount := range k.request {
		if amount > 0 && amount > room[i]+more[i] {
			return false
		}
	}
	return true
}

// anyVictim says whether there may be a victim for a job of a queue at all: one of a lower
// class, or one in a queue that costs more than its own would, is not protected, and with
// the least of its runs gone still weighs as much as its own does now. It notes which
// queues these are. It spares most jobs of a full pool the search of its nodes.
func (p *planner) anyVictim(q *queueRound, level int32) (some bool) {
	urgent := p.survey.lowest < level
	if p.round.KeepShares || q.cost >= p.heaviest {
		if urgent {
			p.hunt.fair = append(p.hunt.fair[:0], make([]bool, len(p.queues))...)
		}
		return urgent
	}
	fair := p.hunt.fair[:0]
	for i := range p.queues {
		other := &p.queues[i]
		may := p.mayFair(q, other)
		fair = append(fair, may)
		some = some || may
	}
	p.hunt.fair = fair
	return some || urgent
}

// leastOf is the most that a queue weighs after the loss of one of its preemptible runs;
// zero: it has none.
func (p *planner) leastOf(q *queueRound) uint64 {
	if q.leastKnown {
		return q.least
	}
	q.least, q.leastKnown = 0, true
	if q.strays {
		q.least = q.weighted
	}
	for _, h := range p.State.queues[q.queue].kinds {
		k := &p.kinds[h]
		k.takeable = k.runs > 0 && p.classOfKind(h).Preemptible
		if !k.takeable {
			continue
		}
		after := append(p.hunt.after[:0], p.heldIn(q)...)
		after.sub(p.shapes[k.shape].Request)
		p.hunt.after = after
		k.after = p.weigh(after, q.weight)
		q.least = max(q.least, k.after, 1)
	}
	return q.least
}

// mayLose says whether a queue that has a share may lose of it to the next gang of
// another.
func (q *queueRound) mayLose(to *queueRound, share uint64) bool {
	if share == q.share {
		return to.cost < q.weighted && share > q.guard
	}
	return to.cost < weighted(share, q.weight) && share > q.guard
}

func (c *choice) cheaper(s *State, than *choice, request Vec) bool {
	order := cmp.Or(cmp.Compare(c.highest(s), than.highest(s)), cmp.Compare(len(c.victims), len(than.victims)))
	return order < 0 || order == 0 && tighter(c.left, than.left, request)
}

func (c *choice) highest(s *State) (level int32) {
	level = s.runs[c.victims[0].run].level
	for _, v := range c.victims {
		level = max(level, s.runs[v.run].level)
	}
	return level
}

// victimsOn finds whom a job would preempt on a node; false: it would not fit. The
// lowest in rank go first, until it fits; then each, from the best in rank on, is
// kept if the job still fits. It is left in what the hunt found.
func (p *planner) victimsOn(q *queueRound, k *seek, n int32) bool {
	h := &p.hunt
	h.room = append(h.room[:0], p.room(p.later, n)...)
	pods, most := p.pods[n]-p.releasing[n], p.State.nodes[n].MaxPods
	fits := func() bool { return h.room.holds(k.request) && (most == 0 || pods < most) }
	p.unitsOn(n)
	p.clearLosses()
	h.taken = h.taken[:0]
	level := p.classPriority(k.job)
	for i := len(h.units) - 1; i >= 0 && !fits(); i-- {
		u := &h.units[i]
		if u.rule = p.mayTake(q, level, u); u.rule == 0 {
			continue
		}
		h.taken = append(h.taken, int32(i)) //nolint:gosec // runs of a node
		for _, r := range u.runs {
			h.room.add(p.request(p.runs[r].kind))
		}
		pods -= int32(len(u.runs)) //nolint:gosec // runs of a node
		p.lossOf(u)
	}
	if len(h.taken) == 0 || !fits() {
		return false
	}
	h.found.node, h.found.victims = n, h.found.victims[:0]
	for i := len(h.taken) - 1; i >= 0; i-- { // the best in rank first
		u := &h.units[h.taken[i]]
		for _, r := range u.runs {
			h.room.sub(p.request(p.runs[r].kind))
		}
		pods += int32(len(u.runs)) //nolint:gosec // runs of a node
		if fits() {
			h.taken[i] = none
			continue // it is kept
		}
		pods -= int32(len(u.runs)) //nolint:gosec // runs of a node
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
	return true
}

// unitsOn finds who could go from a node, the best in rank first.
func (p *planner) unitsOn(n int32) {
	h := &p.hunt
	h.ranked, h.units = h.ranked[:0], h.units[:0]
	for r := p.State.nodes[n].first; r != none; r = p.runs[r].next {
		if p.stays(r) {
			h.ranked = append(h.ranked, r)
		}
	}
	slices.SortFunc(h.ranked, p.compareRank)
	for i, r := range h.ranked {
		gang := p.runs[r].gang
		if gang == none {
			h.units = append(h.units, unit{gang: none, runs: h.ranked[i : i+1]})
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

// lossOf notes what the queue of a unit loses with it.
func (p *planner) lossOf(u *unit) {
	at := p.at[p.kinds[p.runs[u.runs[0]].kind].queue]
	if at == none {
		return
	}
	p.hunt.lossOf = append(p.hunt.lossOf, at)
	p.addHeld(u, p.room(p.hunt.lost, at))
}

// mayTake says by which rule a job of queue q may preempt a unit, when the queues
// have lost so much to it already; zero: by none. What starts in this very round is
// not preempted in it, and neither is for a share what began at this moment: else a
// plan would leave something to decide to the next at the same moment.
func (p *planner) mayTake(q *queueRound, priority int32, u *unit) Rule {
	first := &p.runs[u.runs[0]]
	if u.gang != none {
		if g := &p.gangs[u.gang]; g.round == p.number && g.laid > 0 {
			return 0
		}
	}
	level, since := first.level, first.since
	for _, runs := range [2][]int32{u.runs, u.mates} {
		for _, r := range runs {
			row := &p.runs[r]
			if !p.classOfKind(row.kind).Preemptible {
				return 0
			}
			level, since = max(level, row.level), max(since, row.since)
		}
	}
	if level < priority {
		return Urgency
	}
	at := p.at[p.kinds[first.kind].queue]
	if level > priority || p.round.KeepShares || at == none || since >= p.round.Now || &p.queues[at] == q || !p.mayShare(q, u, at) {
		return 0
	}
	return FairShare
}

// mayShare is the rule of fair-share preemption: see share.go.
func (p *planner) mayShare(q *queueRound, u *unit, at int32) bool {
	owner := &p.queues[at]
	held := append(p.hunt.after[:0], p.heldIn(owner)...)
	p.hunt.after = held
	held.sub(p.room(p.hunt.lost, at))
	if !owner.mayLose(q, p.dominant(held, p.total)) {
		return false
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
