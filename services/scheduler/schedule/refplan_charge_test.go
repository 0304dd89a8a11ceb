package schedule_test

import "github.com/fairlead-batch/fairlead/services/scheduler/schedule"

// charged is what counts in the cost of a queue in the pool beside what it holds.
func (r *ref) charged(q *refQueue) schedule.Vec {
	sum := r.usage(q)
	for _, c := range r.rows.Charges {
		if c.Queue == q.ID && c.Pool == r.pool && c.Until > r.round.Now {
			addTo(sum, c.Amount)
		}
	}
	return sum
}

// chargedBelow is the same of the queues at and below a place.
func (r *ref) chargedBelow(n *refPlace) schedule.Vec {
	sum := make(schedule.Vec, len(r.cfg.Resources))
	for _, q := range n.leaves() {
		addTo(sum, r.charged(q))
	}
	return sum
}

// wakeForCharges has the round wake when a charge of a queue ends.
func (r *ref) wakeForCharges(q *refQueue) {
	for _, c := range r.rows.Charges {
		if c.Queue == q.ID && c.Pool == r.pool {
			r.wakeAt(c.Until)
		}
	}
}
