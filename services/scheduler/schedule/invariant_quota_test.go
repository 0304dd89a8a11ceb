package schedule_test

import (
	"fmt"
	"slices"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// quotaOf is the quota of a queue in a pool.
func (w *world) quotaOf(id schedule.QueueID, pool schedule.PoolID) schedule.Quota {
	if slices.Contains(w.cfg.Markets, pool) {
		return schedule.Quota{} // quotas have no part in it
	}
	for _, name := range []schedule.PoolID{pool, ""} {
		for _, quota := range w.queues[id].Quotas {
			if quota.Pool == name {
				return quota
			}
		}
	}
	return schedule.Quota{}
}

// wayUp is a queue and those that it is part of.
func (w *world) wayUp(id schedule.QueueID) (out []schedule.QueueID) {
	for ; id != ""; id = w.queues[id].Parent {
		out = append(out, id)
	}
	return out
}

// heldBelow is what the runs of a queue and all its parts hold of a pool.
func (w *world) heldBelow(id schedule.QueueID, pool schedule.PoolID) schedule.Vec {
	sum := make(schedule.Vec, len(w.cfg.Resources))
	for _, r := range w.runs {
		if r.Pool == pool && stays(r) && slices.Contains(w.wayUp(r.job.Queue), id) {
			for i, amount := range w.shapeOf(r.job).Request {
				sum[i] += amount
			}
		}
	}
	return sum
}

// bounds says whether what a queue may hold is bounded at all: by its own quota, or by what
// others keep.
func (w *world) bounds(id schedule.QueueID) bool {
	for name := range w.queues {
		for _, quota := range w.queues[name].Quotas {
			if len(quota.Lend) > 0 || len(quota.Borrow) > 0 && slices.Contains(w.wayUp(id), name) {
				return true
			}
		}
	}
	return false
}

// quotasKept: what starts takes no queue, with all its parts, above what it may hold.
func quotasKept(w *world, plan *schedule.Plan, after *world) error {
	for _, s := range plan.Starts {
		job := w.waiting[s.Job]
		for _, id := range w.wayUp(job.Queue) {
			quota, held := w.quotaOf(id, s.Pool), after.heldBelow(id, s.Pool)
			for i, name := range w.cfg.Resources {
				if borrow, limited := quota.Borrow[name]; limited && w.shapeOf(job).Request[i] > 0 && held[i] > quota.Guarantee[name]+borrow {
					return fmt.Errorf("start %x: queue %s holds %d of %s", s.Job, id, held[i], name)
				}
			}
		}
	}
	return nil
}

// keptForOthers: what starts leaves what others keep of their guarantees. Started is all that
// is above its own, so the check is of the queues that are part of none.
func keptForOthers(w *world, plan *schedule.Plan, after *world) error {
	for _, s := range plan.Starts {
		job := w.waiting[s.Job]
		for i, name := range w.cfg.Resources {
			if w.shapeOf(job).Request[i] == 0 {
				continue
			}
			sum, kept := int64(0), int64(0)
			for _, id := range after.tops() {
				quota, keeps := w.quotaOf(id, s.Pool), int64(0)
				if lend, limited := quota.Lend[name]; limited {
					keeps = max(0, quota.Guarantee[name]-lend)
				}
				held := after.heldBelow(id, s.Pool)[i]
				if slices.Contains(w.wayUp(job.Queue), id) && held <= keeps {
					kept = -1 // it took of its own
					break
				}
				sum, kept = sum+max(held, keeps), kept+keeps
			}
			if total := after.mostOf(w, plan, s.Pool)[i]; kept > 0 && sum > total {
				return fmt.Errorf("start %x: %d of %s are held or kept, of %d", s.Job, sum, name, total)
			}
		}
	}
	return nil
}

// tops are the queues that are part of none, by any name that is known of them.
func (w *world) tops() (out []schedule.QueueID) {
	see := func(id schedule.QueueID) {
		way := w.wayUp(id)
		if top := way[len(way)-1]; !slices.Contains(out, top) {
			out = append(out, top)
		}
	}
	for id := range w.queues {
		see(id)
	}
	for _, r := range w.runs {
		see(r.job.Queue)
	}
	return out
}

// guaranteeKept: no queue that is within its guarantee, whatever of it started before, loses
// something to a job that is not of its parts. Mates of a gang go with one that may.
func guaranteeKept(w *world, plan *schedule.Plan, after *world) error {
	for _, p := range plan.Preempts {
		victim, by := w.runs[p.Run], w.waiting[p.For]
		if p.Rule == schedule.GangMate || p.Rule == schedule.Host { // a guest is on another account
			continue
		}
		i := slices.IndexFunc(plan.Starts, func(s schedule.Start) bool { return s.Job == p.For })
		pool := plan.Starts[i].Pool
		for _, id := range w.wayUp(victim.job.Queue) {
			if slices.Contains(w.wayUp(by.Queue), id) {
				break
			}
			if !w.takesPart(victim.job.Queue, pool, after) {
				continue
			}
			held, quota := w.mostHeld(plan, id, pool), w.quotaOf(id, pool)
			above := len(quota.Guarantee) == 0
			for i, name := range w.cfg.Resources {
				guarantee, named := quota.Guarantee[name]
				above = above || named && held[i] > guarantee
			}
			if !above {
				return fmt.Errorf("preempt %x for %x: queue %s holds %v at most, of a guarantee of %v", p.Run, p.For, id, held, quota.Guarantee)
			}
		}
	}
	return nil
}

// takesPart says whether a queue holds something of a pool, or waits.
func (w *world) takesPart(id schedule.QueueID, pool schedule.PoolID, after *world) bool {
	for _, r := range after.runs {
		if r.job.Queue == id && r.Pool == pool {
			return true
		}
	}
	return false
}

// mostHeld is what a queue and its parts held before a plan and all that starts of them.
func (w *world) mostHeld(plan *schedule.Plan, id schedule.QueueID, pool schedule.PoolID) schedule.Vec {
	sum := w.heldBelow(id, pool)
	for _, s := range plan.Starts {
		if j := w.waiting[s.Job]; s.Pool == pool && slices.Contains(w.wayUp(j.Queue), id) {
			for i, amount := range w.shapeOf(j).Request {
				sum[i] += amount
			}
		}
	}
	return sum
}
