package schedule

import (
	"fmt"
	"math"
	"slices"
)

// Quotas, after the cohorts of Kueue (nominal quota, borrowing and lending limit, reclaim
// within the cohort from any) and YuniKorn's guaranteed and maximum resources:
//
//   - Within its guarantee a queue, with all its parts, goes before those that are not, and
//     loses nothing to jobs that are not of its parts: each victim needs every guaranteed
//     queue, from its own up to where it parts from the newcomer's, to be above its guarantee
//     in something before it goes.
//   - A gang with which every guaranteed queue on the way up to there is within its guarantee,
//     and there is one, may take from any queue that is not so protected, of any class that
//     may be preempted, at once: [Reclaim].
//   - A queue holds at most its guarantee and what it may borrow. What others may not borrow
//     of a guarantee counts as held where it is not, in the queues that it is part of and in
//     the pool.
//   - A limit that is in the way is made room for by preemption as a node is, by the same
//     rules.
//
// A resource that a guarantee does not name is not looked at.

// quotaIn is the quota of a queue in a pool: that of the pool, else that of every pool; nil:
// it has none.
func (q *Queue) quotaIn(pool PoolID) *Quota {
	for _, name := range []PoolID{pool, ""} {
		for i := range q.Quotas {
			if q.Quotas[i].Pool == name {
				return &q.Quotas[i]
			}
		}
	}
	return nil
}

// checkQuotas refuses amounts that could overflow, and two quotas for one pool.
func checkQuotas(quotas []Quota) error {
	for i := range quotas {
		quota := &quotas[i]
		for _, amounts := range []map[string]int64{quota.Guarantee, quota.Borrow, quota.Lend} {
			for _, amount := range amounts { //archcheck:unordered the text names none
				if amount < 0 || amount > QuotaMax {
					return fmt.Errorf("%w: an amount of a quota is not from 0 to 2^54", ErrInvalid)
				}
			}
		}
		for j := range i {
			if quotas[j].Pool == quota.Pool {
				return fmt.Errorf("%w: two quotas in pool %q", ErrInvalid, quota.Pool)
			}
		}
	}
	return nil
}

// quotas are what the places of a tree may count on and hold, an element a resource each.
type quotas struct {
	// on: some queue has a quota in the pool. Shared: a place that is no leaf has a ceiling.
	on, shared bool
	// guarantee is below zero for a resource that it does not name; ceiling is the most that
	// a place may hold, and kept the part of its guarantee that others may not borrow.
	guarantee, ceiling, kept []int64
	// used is what counts as held at and below each place: of those below what they hold or
	// keep, whatever is more.
	used []int64
	// exposed are the leaves that are not within a guarantee of their own, where each stands
	// in place.exposed.
	exposed []int32
	// lost are the amounts that the leaves in losers lost to the gang that is being placed.
	lost   []int64
	losers []int32
}

// anyQuota says whether a queue has a quota in the pool.
func (p *planner) anyQuota() bool {
	if p.quoted == 0 || slices.Contains(p.cfg.Markets, p.cfg.Pools[p.pool]) {
		return false
	}
	for i := range p.State.queues {
		if p.State.queues[i].quotaIn(p.cfg.Pools[p.pool]) != nil {
			return true
		}
	}
	return false
}

// addKeepers makes places for the queues that keep something of their guarantee and have no
// part in the round else.
func (p *planner) addKeepers() {
	for _, h := range p.byName {
		quota := p.State.queues[h].quotaIn(p.cfg.Pools[p.pool])
		if p.at[h] != none || quota == nil {
			continue
		}
		for _, name := range p.cfg.Resources {
			if quota.kept(name) > 0 {
				p.addAbove(h)
				break
			}
		}
	}
}

// kept is the part of a guarantee that others may not borrow.
func (q *Quota) kept(resource string) int64 {
	lend, limited := q.Lend[resource]
	if !limited {
		return 0
	}
	return max(0, q.Guarantee[resource]-lend)
}

// readQuotas finds what the places may count on and hold.
func (p *planner) readQuotas() {
	t := &p.tree
	size := len(t.places) * len(p.total)
	x := &t.quotas
	x.shared, x.exposed, x.losers, x.lost = false, x.exposed[:0], x.losers[:0], x.lost[:0]
	x.guarantee, x.ceiling, x.kept = x.guarantee[:0], x.ceiling[:0], x.kept[:0]
	x.used = append(x.used[:0], make([]int64, size)...)
	for i := range t.places {
		row := &t.places[i]
		var quota *Quota
		if int32(i) != root && (row.leaf == none || t.at[row.queue] == none) { //nolint:gosec // queues are few
			quota = p.State.queues[row.queue].quotaIn(p.cfg.Pools[p.pool])
		}
		p.readQuota(row, quota)
	}
	for i := len(t.places) - 1; i > 0; i-- { // those below have been there before
		used := p.room(x.used, t.places[i].parent)
		for r, kept := range p.room(x.kept, int32(i)) { //nolint:gosec // queues are few
			used[r] += max(kept, p.room(x.used, int32(i))[r]) //nolint:gosec // queues are few
			if kept > 0 {
				p.room(x.ceiling, root)[r], x.shared = p.total[r], true
			}
		}
	}
	for i := range t.places {
		p.expose(int32(i)) //nolint:gosec // queues are few
	}
}

func (p *planner) readQuota(row *place, quota *Quota) {
	x := &p.tree.quotas
	row.guaranteed, row.exposed = false, none
	for _, name := range p.cfg.Resources {
		guarantee, ceiling, kept := int64(-1), int64(math.MaxInt64), int64(0)
		if quota != nil {
			if amount, named := quota.Guarantee[name]; named {
				guarantee, row.guaranteed = amount, true
			}
			if amount, limited := quota.Borrow[name]; limited {
				ceiling = max(0, guarantee) + amount
				x.shared = x.shared || row.leaf == none
			}
			kept = quota.kept(name)
		}
		x.guarantee, x.ceiling, x.kept = append(x.guarantee, guarantee), append(x.ceiling, ceiling), append(x.kept, kept)
	}
}

// use counts a change of what a leaf holds.
func (p *planner) use(leaf int32, change Vec) {
	t := &p.tree
	rest := append(p.hunt.rest[:0], change...)
	p.hunt.rest = rest
	for n := leaf; n != none; n = t.places[n].parent {
		used, kept, some := p.room(t.quotas.used, n), p.room(t.quotas.kept, n), false
		for r := range rest {
			before := max(used[r], kept[r])
			used[r] += rest[r]
			rest[r] = max(used[r], kept[r]) - before
			some = some || rest[r] != 0
		}
		if !some {
			break
		}
	}
	p.expose(leaf)
}

// expose notes whether a leaf is above the guarantee of its own, or has none.
func (p *planner) expose(n int32) {
	x, row := &p.tree.quotas, &p.tree.places[n]
	if row.leaf == none {
		return
	}
	switch within := p.within(n, nil); {
	case within && row.exposed != none:
		last := x.exposed[len(x.exposed)-1]
		x.exposed[row.exposed] = last
		p.tree.places[last].exposed = row.exposed
		x.exposed, row.exposed = x.exposed[:len(x.exposed)-1], none
	case !within && row.exposed == none:
		row.exposed = int32(len(x.exposed)) //nolint:gosec // queues are few
		x.exposed = append(x.exposed, n)
	}
}

// within says whether a place has a guarantee and holds no more, with so much more.
func (p *planner) within(n int32, more Vec) bool {
	if !p.tree.places[n].guaranteed {
		return false
	}
	held := p.heldBelow(n)
	for r, guarantee := range p.room(p.tree.quotas.guarantee, n) {
		holds := held[r]
		if more != nil {
			holds += more[r]
		}
		if guarantee >= 0 && holds > guarantee {
			return false
		}
	}
	return true
}

// mayHoldMore says whether the ceilings let a queue hold so much more.
func (p *planner) mayHoldMore(q *queueRound, more Vec) bool {
	t := &p.tree
	if !t.quotas.on {
		return true
	}
	rest := append(p.hunt.rest[:0], more...)
	p.hunt.rest = rest
	for n := q.seat; n != none; n = t.places[n].parent {
		held, used := p.heldBelow(n), p.room(t.quotas.used, n)
		ceiling, kept := p.room(t.quotas.ceiling, n), p.room(t.quotas.kept, n)
		for r := range more {
			if more[r] > 0 && held[r]+more[r] > ceiling[r] || rest[r] > 0 && used[r]+rest[r] > ceiling[r] {
				return false
			}
			rest[r] = max(used[r]+rest[r], kept[r]) - max(used[r], kept[r])
		}
	}
	return true
}

// standQuota reckons up to where the next gang of a queue, which is to be placed, is within
// the guarantees of its places, and from where on there is one for something that it asks for:
// else it would take back what is no part of any.
func (p *planner) standQuota(q *queueRound) {
	q.claimFrom, q.claimTo = none, none
	for n := q.seat; n != root; n = p.tree.places[n].parent {
		row := &p.tree.places[n]
		if row.guaranteed && !p.within(n, q.asks) {
			return
		}
		if row.guaranteed && q.claimFrom == none && p.asksOfGuarantee(n, q.asks) {
			q.claimFrom = row.depth
		}
		q.claimTo = row.depth
	}
}

// asksOfGuarantee says whether a place has a guarantee for something that is asked for.
func (p *planner) asksOfGuarantee(n int32, asks Vec) bool {
	for r, guarantee := range p.room(p.tree.quotas.guarantee, n) {
		if guarantee >= 0 && asks[r] > 0 {
			return true
		}
	}
	return false
}

// claims says whether the next gang of a queue may take back what it has a guarantee for,
// from queues that part from it at a place of its own.
func (p *planner) claims(q *queueRound, at int32) bool {
	depth := p.tree.places[at].depth
	return q.claimFrom != none && depth <= q.claimFrom && depth >= q.claimTo
}

// guarded says whether something is within its guarantee on the way from a queue up to where
// it parts from another.
func (p *planner) guarded(owner, from *queueRound) bool {
	t := &p.tree
	_, b := t.sides(from.seat, owner.seat)
	for n := owner.seat; ; n = t.places[n].parent {
		if p.within(n, nil) {
			return true
		}
		if n == b {
			return false
		}
	}
}

// takeByQuota is mayTake of a unit of another queue, where some queue has a quota.
func (p *planner) takeByQuota(q *queueRound, u *unit, at int32, urgent, share bool) Rule {
	owner := &p.queues[at]
	if p.guarded(owner, q) {
		return 0
	}
	a, _ := p.tree.sides(q.seat, owner.seat)
	switch {
	case urgent:
		return Urgency
	case p.claims(q, a):
		return Reclaim
	case share && p.mayShare(q, u, at):
		return FairShare
	}
	return 0
}

// anyVictimByQuota is anyVictim where some queue has a quota.
func (p *planner) anyVictimByQuota(q *queueRound, level int32) (some bool) {
	p.hunt.asks = p.at[q.queue]
	urgent := p.mayUrge(level)
	if urgent {
		some = p.survey.lowest == guestLevel
		for _, h := range p.State.queues[q.queue].kinds {
			some = some || p.kinds[h].runs > 0 && (p.classOfKind(h).Priority < level || p.survey.mixed)
		}
		some = some || p.survey.others
	} else if q.claimFrom == none && p.keeps {
		return false
	}
	for _, n := range p.tree.quotas.exposed {
		at := p.tree.places[n].leaf
		owner := &p.queues[at]
		if owner == q || p.guarded(owner, q) {
			continue
		}
		some, p.hunt.fair[at] = true, p.hunt.number
	}
	return some
}

// lookAtOthers finds out whether there are runs of queues that have no part in the pool, and
// runs whose level is not that of their class.
func (p *planner) lookAtOthers() {
	p.survey.mixed, p.survey.others = false, false
	for i := range p.kinds {
		if k := &p.kinds[i]; k.runs > 0 && p.at[k.queue] == none {
			p.survey.others = true
		}
	}
	for n := range p.index.soft.nodes {
		p.survey.mixed = p.survey.mixed || p.index.soft.nodes[n].mixed
	}
}

// quotaBlocks are what of quotas keeps a job, or its gang, from what it asks for: the nearest
// queue that may not hold so much, or the pool, of which others keep too much.
func (p *planner) quotaBlocks(t *asked) []Block {
	more := make(Vec, len(p.total))
	for _, j := range t.all() {
		more.add(p.request(p.jobs[j].kind))
	}
	q, x := &p.queues[p.at[t.queue]], &p.tree.quotas
	if p.mayHoldMore(q, more) {
		return nil
	}
	rest := slices.Clone(more)
	for n := q.seat; n != none; n = p.tree.places[n].parent {
		held, used, ceiling, kept := p.heldBelow(n), p.room(x.used, n), p.room(x.ceiling, n), p.room(x.kept, n)
		b := Block{Rule: AboveQuota}
		if n != root {
			b.Queue = p.State.queues[p.tree.places[n].queue].ID
		}
		for r, name := range p.cfg.Resources {
			b.Resource, b.Have = name, ceiling[r]
			if b.Need = held[r] + more[r]; more[r] > 0 && b.Need > b.Have {
				return []Block{b}
			}
			if b.Need = used[r] + rest[r]; rest[r] > 0 && b.Need > b.Have {
				return []Block{b}
			}
			rest[r] = max(used[r]+rest[r], kept[r]) - max(used[r], kept[r])
		}
	}
	return nil
}
