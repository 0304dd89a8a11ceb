package schedule_test

import (
	"math"
	"slices"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// home says whether the pool is planned on its own nodes.
func (r *ref) home() bool { return r.pool == r.site }

// isGuest says whether a run is on the nodes of a host of its pool.
func (r *ref) isGuest(run *refRun) bool {
	n := r.node(run.Node)
	return n != nil && slices.Contains(r.cfg.Pools, run.Pool) && slices.Contains(r.cfg.AwayPools[run.Pool], n.Pool)
}

// levelIn is the level of a run where the pool is planned: hosts have guests below all.
func (r *ref) levelIn(run *refRun) int32 {
	if r.home() && r.isGuest(run) {
		return math.MinInt32
	}
	return run.Level
}

// compareGuests has guests stand behind the others.
func (r *ref) compareGuests(a, b *refRun) int {
	order := map[bool]int{true: 1}
	return order[r.isGuest(a)] - order[r.isGuest(b)]
}

// addHosts adds what nobody else holds of the nodes of a pool's hosts.
func (r *ref) addHosts(sum schedule.Vec) {
	for i := range r.nodes {
		if n := &r.nodes[i]; slices.Contains(r.cfg.AwayPools[r.pool], n.Pool) {
			addTo(sum, r.room(n, func(run *refRun) bool { return refStays(run) && run.Pool != r.pool }))
		}
	}
}

// couldEver says why an empty node could not hold a shape, at home or as a guest; empty: it
// could.
func (r *ref) couldEver(shape schedule.ShapeID, n *schedule.Node) string {
	if !slices.Contains(r.cfg.Pools, n.Pool) {
		return "of a pool that it may not use"
	}
	why := r.couldEverIn(shape, n, n.Pool)
	for _, pool := range r.cfg.Pools {
		if why == "" || !slices.Contains(r.cfg.AwayPools[pool], n.Pool) {
			continue
		}
		if as := r.couldEverIn(shape, n, pool); as == "" || why == "of a pool that it may not use" {
			why = as
		}
	}
	return why
}
