package schedule_test

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// trialUnless takes back what was tried when it failed.
func (r *ref) trialUnless(try func() bool) (ok bool) {
	r.trial(func() bool { ok = try(); return ok })
	if ok {
		try()
	}
	return ok
}

func (r *ref) start(q *refQueue, j schedule.Job, n *schedule.Node, domain string, at schedule.Away) {
	level := at.Level
	start := schedule.Start{Job: j.ID, Gang: j.Gang, Pool: r.pool, Node: n.ID, Level: level, Domain: domain, Tolerate: at.Tolerate}
	if !r.holds(n, r.free(n), j, func(*refRun) bool { return true }) {
		start.After = r.releasingOn(n.ID)
	}
	r.plan.Starts = append(r.plan.Starts, start)
	r.laid[j.ID] = true
	r.runs = append(r.runs, refRun{laid: true, RunRow: schedule.RunRow{
		Run:   schedule.Run{ID: schedule.RunID(j.ID), Job: j.ID, Node: n.ID, Pool: r.pool, Level: level, Since: r.round.Now, Phase: schedule.Leased},
		Queue: q.ID, Shape: j.Shape, Gang: j.Gang,
	}})
}

// releasingOn are the runs of a node that are going, by id.
func (r *ref) releasingOn(node schedule.NodeID) (out []schedule.RunID) {
	for i := range r.runs {
		if r.runs[i].Node == node && r.runs[i].Phase == schedule.Releasing {
			out = append(out, r.runs[i].ID)
		}
	}
	slices.SortFunc(out, func(a, b schedule.RunID) int { return bytes.Compare(a[:], b[:]) })
	return out
}

// find finds where a job fits: in free room, else in room that is being released, else
// by preemption. Of several nodes that on which least is left; then by name.
func (r *ref) find(q *refQueue, j schedule.Job, in []refDomain, at schedule.Away) (*schedule.Node, []refVictim) {
	all := func(*refRun) bool { return true }
	for _, room := range []struct {
		of     func(*schedule.Node) schedule.Vec
		counts func(*refRun) bool
	}{{r.free, all}, {r.later, refStays}} {
		if !r.mayHoldMore(q, r.shape(j.Shape).Request, nil) {
			break
		}
		var best *schedule.Node
		for i := range r.nodes {
			n := &r.nodes[i]
			if r.mayTry(j, n, in, at) && r.holds(n, room.of(n), j, room.counts) && r.allowed(j, n, at.Level) && (best == nil || refTighter(room.of(n), room.of(best), r.onNode(j.Shape))) {
				best = n
			}
		}
		if best != nil {
			return best, nil
		}
	}
	if q.alone {
		return nil, nil
	}
	return r.preemptFor(q, j, in, at)
}

func refStays(run *refRun) bool { return run.Phase != schedule.Releasing }

// mayTry says whether a node takes jobs and a job may run on it, whatever room it has.
func (r *ref) mayTry(j schedule.Job, n *schedule.Node, in []refDomain, at schedule.Away) bool {
	match := r.shape(j.Shape).Match
	match.Tolerations = slices.Concat(match.Tolerations, at.Tolerate)
	return n.Pool == r.site && !n.Unschedulable && !slices.Contains(r.rows.Lost, n.Executor) && match.Mismatch(n) == "" &&
		refIn(n, in) && !slices.Contains(j.Avoid, n.ID)
}

// free is what nobody holds of a node, later the same once the releasing runs are gone.
func (r *ref) free(n *schedule.Node) schedule.Vec {
	return r.room(n, func(*refRun) bool { return true })
}

func (r *ref) later(n *schedule.Node) schedule.Vec { return r.room(n, refStays) }

func (r *ref) room(n *schedule.Node, counts func(*refRun) bool) schedule.Vec {
	room := slices.Clone(n.Total)
	subFrom(room, n.Other)
	for i := range r.runs {
		if r.runs[i].Node == n.ID && counts(&r.runs[i]) {
			subFrom(room, r.shape(r.runs[i].Shape).Request)
		}
	}
	return room
}

// holds says whether room and pods are there for a job, beside the runs that count.
func (r *ref) holds(n *schedule.Node, room schedule.Vec, j schedule.Job, counts func(*refRun) bool) bool {
	pods := int32(0)
	for i := range r.runs {
		if r.runs[i].Node == n.ID && counts(&r.runs[i]) {
			pods++
		}
	}
	return holds(room, r.onNode(j.Shape)) && (n.MaxPods == 0 || pods < n.MaxPods)
}

func (r *ref) node(id schedule.NodeID) *schedule.Node {
	if i := slices.IndexFunc(r.nodes, func(n schedule.Node) bool { return n.ID == id }); i >= 0 {
		return &r.nodes[i]
	}
	return nil
}

// refTighter says whether less is left in a than in b of what is asked for, the first
// resource that differs deciding.
func refTighter(a, b, request schedule.Vec) bool {
	for i, amount := range request {
		if amount > 0 && a[i] != b[i] {
			return a[i] < b[i]
		}
	}
	return false
}

// overLimit says whether a gang would take its queue above the limit of a class in the
// pool.
func (r *ref) overLimit(q *refQueue, jobs []schedule.Job) bool {
	total := r.total()
	for _, c := range r.cfg.Classes {
		sum, asked := r.heldBy(q.ID, c.ID), false
		for _, j := range jobs {
			if r.shape(j.Shape).Class == c.ID {
				addTo(sum, r.shape(j.Shape).Request)
				asked = true
			}
		}
		limit := r.limitOf(q, c)
		for i, name := range r.cfg.Resources {
			part, limited := limit[name]
			if asked && limited && uint64(sum[i]) > refScale(uint64(max(0, total[i])), uint64(part), schedule.Million) {
				return true
			}
		}
	}
	return false
}

// limitOf is the limit of a class in the pool: the queue's for the pool, else the queue's,
// else the class's.
func (r *ref) limitOf(q *refQueue, c schedule.Class) map[string]int64 {
	for _, pool := range []schedule.PoolID{r.pool, ""} {
		for _, l := range q.Limits {
			if l.Class == c.ID && l.Pool == pool {
				return l.Limit
			}
		}
	}
	if own, has := c.LimitIn[r.pool]; has {
		return own
	}
	return c.Limit
}

// couldEverIn says why an empty node could never hold a shape on the account of a pool; empty:
// it could. Taints that Kubernetes itself puts on a node pass.
func (r *ref) couldEverIn(shape schedule.ShapeID, n *schedule.Node, pool schedule.PoolID) string {
	sh := r.shape(shape)
	if len(sh.Pools) > 0 && !slices.Contains(sh.Pools, pool) {
		return "of a pool that it may not use"
	}
	if pool != n.Pool && !r.class(shape).Preemptible {
		return "of a pool where it would be a guest, which its class, not preemptible, may not be"
	}
	sh.Match.Tolerations = slices.Concat(sh.Match.Tolerations, r.cfg.Tolerate[pool])
	bare := *n
	bare.Taints = slices.DeleteFunc(slices.Clone(n.Taints), func(t schedule.Taint) bool { return strings.HasPrefix(t.Key, "node.kubernetes.io/") })
	off, why := r.cfg.Switches[pool], sh.Match.Mismatch(&bare)
	if why == "" && off.Home {
		why = "of a pool where jobs run away from home only"
	}
	if why != "" && (off.Away || !r.mayBeAway(shape, &bare, pool)) {
		return why
	}
	for i, name := range r.cfg.Resources {
		if r.onNode(shape)[i] > n.Total[i] {
			return fmt.Sprintf("too small: it has %s %s in all, the job asks for %s", schedule.Amount(name, n.Total[i]), name, schedule.Amount(name, sh.Request[i]))
		}
	}
	return r.floatingEver(shape, pool)
}

// rejectHopeless rejects what no known node could ever hold, by id.
func (r *ref) rejectHopeless() {
	jobs := slices.SortedFunc(slices.Values(r.rows.Jobs), func(a, b schedule.Job) int {
		return bytes.Compare(a.ID[:], b.ID[:])
	})
	for _, j := range jobs {
		counts := map[string]int{}
		for i := range r.nodes {
			counts[r.couldEver(j.Shape, &r.nodes[i])]++
		}
		if len(r.nodes) == 0 {
			continue
		}
		if counts[""] > 0 {
			if !slices.ContainsFunc(r.nodes, func(n schedule.Node) bool { return !slices.Contains(j.Avoid, n.ID) && r.couldEver(j.Shape, &n) == "" }) {
				r.plan.Rejects = append(r.plan.Rejects, schedule.Reject{Job: j.ID, Reason: schedule.TriedEverywhere(len(j.Avoid))})
			}
			continue
		}
		reasons := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
			return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
		})
		for i, reason := range reasons {
			reasons[i] = fmt.Sprintf("%d of %d nodes: %s", counts[reason], len(r.nodes), reason)
		}
		r.plan.Rejects = append(r.plan.Rejects, schedule.Reject{Job: j.ID, Reason: "no node could ever hold it: " + strings.Join(reasons, "; ")})
	}
}
