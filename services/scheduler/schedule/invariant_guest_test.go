package schedule_test

import (
	"math"
	"slices"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// isGuest says whether a run is on a node of a host of its pool.
func (w *world) isGuest(r worldRun) bool {
	n, known := w.nodes[r.Node]
	return known && slices.Contains(w.cfg.Pools, r.Pool) && slices.Contains(w.cfg.AwayPools[r.Pool], n.Pool)
}

// levelIn is the level of a run where a pool is planned at home, or as guests of others.
func (w *world) levelIn(r worldRun, home bool) int32 { //nolint:revive // at home or not
	if home && w.isGuest(r) {
		return math.MinInt32
	}
	return r.Level
}

// total is what a pool has for our jobs: its nodes, and what nobody else holds of its hosts'.
func (w *world) total(pool schedule.PoolID) schedule.Vec {
	total := make(schedule.Vec, len(w.cfg.Resources))
	for id, n := range w.nodes {
		switch {
		case n.Pool == pool:
			addTo(total, n.Total)
			subFrom(total, n.Other)
		case slices.Contains(w.cfg.AwayPools[pool], n.Pool):
			addTo(total, w.room(id, func(r worldRun) bool { return stays(r) && r.Pool != pool }))
		}
	}
	for _, f := range w.cfg.Floating {
		total[slices.Index(w.cfg.Resources, f.Resource)] = f.Pools[pool]
	}
	return total
}

// mostOf is at least what a pool has had at any moment of a plan: what it had before it, and all
// that others lost on the nodes of its hosts.
func (w *world) mostOf(before *world, plan *schedule.Plan, pool schedule.PoolID) schedule.Vec {
	total := before.total(pool)
	for _, p := range plan.Preempts {
		if r := before.runs[p.Run]; r.Pool != pool && slices.Contains(w.cfg.AwayPools[pool], w.nodes[r.Node].Pool) {
			request := w.onNode(w.shapeOf(r.job))
			addTo(total, request)
		}
	}
	return total
}

// settlesLater says whether another plan after a plan may decide something at the same moment,
// for at that moment nobody takes the place of what the first has started: who waits for a gang of which
// others are guests starts, and at the next plan may go with those; so may a gang with one that
// joins it. Whose start the limit of a period keeps from its pool may start as a guest elsewhere, after which
// its queue goes on at home, where the place of guests may be taken. And for a guarantee a job of a
// lower class may start before others, who take its place later.
func (w *world) settlesLater(plan *schedule.Plan) bool {
	return w.hasGuestMates() || w.joinsMates(plan) || plan.Stop == schedule.StopLimit && len(w.cfg.AwayPools) > 0 || w.startsForGuarantee(plan)
}

// startsForGuarantee says whether a plan starts something of a queue with a guarantee, or a part of one.
func (w *world) startsForGuarantee(plan *schedule.Plan) bool {
	return slices.ContainsFunc(plan.Starts, func(start schedule.Start) bool {
		return slices.ContainsFunc(w.wayUp(w.waiting[start.Job].Queue), func(id schedule.QueueID) bool {
			return len(w.quotaOf(id, start.Pool).Guarantee) > 0
		})
	})
}

// joinsMates says whether something starts in a plan of whose gang others run, in another pool or of
// an elastic one: for the rest of the round nobody takes its place, nor that of a gang as a whole.
func (w *world) joinsMates(plan *schedule.Plan) bool {
	for _, start := range plan.Starts {
		j := w.waiting[start.Job]
		for _, r := range w.runs {
			mates := j.Gang != "" && r.job.Gang == j.Gang && r.job.Queue == j.Queue && stays(r)
			if mates && (w.gangs[j.Gang].Min > 0 || w.nodes[r.Node].Pool != w.nodes[start.Node].Pool) {
				return true
			}
		}
	}
	return false
}

// hasGuestMates says whether somebody waits for whose gang others are guests.
func (w *world) hasGuestMates() bool {
	for _, r := range w.runs {
		for _, j := range w.waiting {
			if r.job.Gang != "" && r.job.Gang == j.Gang && r.job.Queue == j.Queue && w.isGuest(r) {
				return true
			}
		}
	}
	return false
}
