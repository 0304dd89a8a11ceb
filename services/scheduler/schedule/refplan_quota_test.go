package schedule_test

import (
	"cmp"
	"slices"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// quotaOf is the quota of a queue in the pool: that of the pool, else that of every pool.
func (r *ref) quotaOf(id schedule.QueueID) (schedule.Quota, bool) {
	if r.isMarket() {
		return schedule.Quota{}, false // quotas have no part in it
	}
	q, _ := r.settings(id)
	for _, pool := range []schedule.PoolID{r.pool, ""} {
		for _, quota := range q.Quotas {
			if quota.Pool == pool {
				return quota, true
			}
		}
	}
	return schedule.Quota{}, false
}

// quotaAt is the quota of a place. The leaf of a queue with parts has none of its own.
func (r *ref) quotaAt(n *refPlace) schedule.Quota {
	if n == r.root || n.parent.id == n.id {
		return schedule.Quota{}
	}
	quota, _ := r.quotaOf(n.id)
	return quota
}

// quoted says whether any queue has a quota in the pool.
func (r *ref) quoted() bool {
	return !r.isMarket() && slices.ContainsFunc(r.rows.Queues, func(q schedule.Queue) bool { _, has := r.quotaOf(q.ID); return has })
}

// refKept is the part of a guarantee that others may not borrow.
func refKept(quota schedule.Quota, resource string) int64 {
	if lend, limited := quota.Lend[resource]; limited {
		return max(0, quota.Guarantee[resource]-lend)
	}
	return 0
}

// inGuarantee says whether a place has a guarantee for something and holds no more of that.
func (r *ref) inGuarantee(n *refPlace, held schedule.Vec) bool {
	quota, some := r.quotaAt(n), false
	for i, name := range r.cfg.Resources {
		if guarantee, named := quota.Guarantee[name]; named {
			if some = true; held[i] > guarantee {
				return false
			}
		}
	}
	return some
}

func (r *ref) guaranteed(n *refPlace) bool {
	quota := r.quotaAt(n)
	return slices.ContainsFunc(r.cfg.Resources, func(name string) bool { _, named := quota.Guarantee[name]; return named })
}

// claims says whether with the next gang of a queue each place from that up to one is within
// its guarantee, if it has any, and one has.
func (r *ref) claims(top *refPlace, q *refQueue) bool {
	some := false
	for _, n := range r.path(q) {
		if r.guaranteed(n) {
			if some = true; !r.inGuarantee(n, r.holdsBelow(n, r.asks(q))) {
				return false
			}
		}
		if n == top {
			break
		}
	}
	return some
}

// takesBack says whether from a queue up to a place one has a guarantee for something that the
// queue's next gang asks for.
func (r *ref) takesBack(top *refPlace, q *refQueue) bool {
	asks := r.asks(q)
	for _, n := range r.path(q) {
		quota := r.quotaAt(n)
		for i, name := range r.cfg.Resources {
			if _, named := quota.Guarantee[name]; named && asks[i] > 0 {
				return true
			}
		}
		if n == top {
			break
		}
	}
	return false
}

// guarded says whether something is within its guarantee from a queue up to where it parts
// from another, when so much is lost.
func (r *ref) guarded(owner, from *refQueue, lost map[schedule.QueueID]schedule.Vec) bool {
	_, y := r.sides(from, owner)
	for _, n := range r.path(owner) {
		if r.inGuarantee(n, r.withoutLost(n, lost)) {
			return true
		}
		if n == y {
			return false
		}
	}
	return false
}

// takeByQuota is mayTake of a unit of another queue where some queue has a quota.
func (r *ref) takeByQuota(q, owner *refQueue, u *refUnit, priority int32, lost map[schedule.QueueID]schedule.Vec) schedule.Rule {
	x, _ := r.sides(q, owner)
	level := r.levelIn(slices.MaxFunc(slices.Concat(u.runs, u.mates), func(a, b *refRun) int { return cmp.Compare(r.levelIn(a), r.levelIn(b)) }))
	switch {
	case r.guarded(owner, q, lost):
		return 0
	case level < priority && !r.off().Urgency:
		return schedule.Urgency
	case x.claimed:
		return schedule.Reclaim
	case level <= priority && !r.keeps() && r.mayShare(q, owner, u, lost):
		return schedule.FairShare
	}
	return 0
}

// used is what counts as held at and below a place: of those below what they hold or keep
// of their guarantee, whatever is more.
func (r *ref) used(n *refPlace, to *refQueue, more schedule.Vec, lost map[schedule.QueueID]schedule.Vec) schedule.Vec {
	sum := make(schedule.Vec, len(r.cfg.Resources))
	if n.leaf != nil {
		sum = r.withoutLost(n, lost)
		if n.leaf == to {
			addTo(sum, more)
		}
	}
	for _, b := range n.below {
		used := r.used(b, to, more, lost)
		for i, name := range r.cfg.Resources {
			sum[i] += max(used[i], refKept(r.quotaAt(b), name))
		}
	}
	return sum
}

// mayHoldMore says whether quotas let a queue hold so much more, when so much is lost: where
// it adds to what is held, and to what counts as held, that is at most what may be.
func (r *ref) mayHoldMore(q *refQueue, more schedule.Vec, lost map[schedule.QueueID]schedule.Vec) bool {
	for _, n := range append(r.path(q), r.root) {
		held, before, after := r.withoutLost(n, lost), r.used(n, nil, nil, lost), r.used(n, q, more, lost)
		addTo(held, more)
		for i, name := range r.cfg.Resources {
			most, limited := r.mostOf(n, name, i)
			if limited && (more[i] > 0 && held[i] > most || after[i] > before[i] && after[i] > most) {
				return false
			}
		}
	}
	return true
}

// mostOf is the most of a resource that a place may hold: of the whole pool what there is,
// where somebody keeps some.
func (r *ref) mostOf(n *refPlace, name string, i int) (int64, bool) {
	if n != r.root {
		quota := r.quotaAt(n)
		borrow, limited := quota.Borrow[name]
		return quota.Guarantee[name] + borrow, limited
	}
	var keeps func(n *refPlace) bool
	keeps = func(n *refPlace) bool {
		return n != r.root && refKept(r.quotaAt(n), name) > 0 || slices.ContainsFunc(n.below, keeps)
	}
	return r.total()[i], keeps(n)
}
