package schedule_test

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// putBack has those of the newest victims stay that fit once all members of a gang are
// placed: the best in rank first, a gang where the best of its runs is, whole or not.
func (r *ref) putBack(starts, preempts int) {
	going := len(r.plan.Preempts)
	for _, unit := range r.victimsInRank(preempts) {
		stays := true
		for _, run := range unit {
			// The run is no row of a job that waits, yet asks for the same.
			n, owner := r.node(run.Node), r.queueOf(run.Queue)
			may := owner == nil || run.Pool != r.pool || r.mayHoldMore(owner, r.shape(run.Shape).Request, nil)
			stays = stays && n != nil && may && r.holds(n, r.later(n), schedule.Job{Shape: run.Shape}, refStays)
			if stays {
				run.Phase = schedule.Running
			}
		}
		for _, run := range unit {
			if !stays {
				run.Phase = schedule.Releasing
				continue
			}
			r.plan.Preempts = slices.DeleteFunc(r.plan.Preempts, func(p schedule.Preempt) bool { return p.Run == run.ID })
		}
	}
	for i := starts; i < len(r.plan.Starts) && len(r.plan.Preempts) < going; i++ {
		if s := &r.plan.Starts[i]; s.After != nil {
			s.After = r.releasingOn(s.Node)
		}
	}
}

// victimsInRank are the newest victims, the members of a gang together.
func (r *ref) victimsInRank(from int) (units [][]*refRun) {
	var ranked []*refRun
	for i := range r.runs {
		if slices.ContainsFunc(r.plan.Preempts[from:], func(p schedule.Preempt) bool { return p.Run == r.runs[i].ID }) {
			ranked = append(ranked, &r.runs[i])
		}
	}
	slices.SortFunc(ranked, func(a, b *refRun) int {
		return cmp.Or(r.compareGuests(a, b), cmp.Compare(b.Level, a.Level), cmp.Compare(r.bidForRuns([]*refRun{b}), r.bidForRuns([]*refRun{a})), cmp.Compare(a.Since, b.Since), bytes.Compare(a.ID[:], b.ID[:]))
	})
	for _, run := range ranked {
		alone := run.Gang == "" || r.gangOf(run.Queue, run.Gang).Min > 0 && r.isWhole(r.gangOf(run.Queue, run.Gang))
		i := slices.IndexFunc(units, func(u []*refRun) bool { return !alone && u[0].Gang == run.Gang && u[0].Queue == run.Queue })
		if i < 0 {
			units = append(units, []*refRun{run})
			continue
		}
		units[i] = append(units[i], run)
	}
	return units
}
