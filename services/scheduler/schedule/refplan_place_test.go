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

// place lays the next gang of a queue on nodes: all members or none. Under a label they
// all are on nodes with one value of it: that with the fewest victims, then that where
// least is left, then the smallest.
func (r *ref) place(q *refQueue) bool {
	gang := q.next[0].Gang
	label := ""
	if gang != "" {
		i := slices.IndexFunc(r.rows.Gangs, func(g schedule.GangRow) bool { return g.Queue == q.ID && g.ID == gang })
		label = r.rows.Gangs[i].Label
	}
	if label == "" {
		return r.placeIn(q, "", "")
	}
	request := make(schedule.Vec, len(r.cfg.Resources))
	for _, j := range q.next {
		addTo(request, r.onNode(j.Shape))
	}
	best, victims, left := "", -1, schedule.Vec(nil)
	for _, value := range r.values(q, gang, label) {
		before := len(r.plan.Preempts)
		r.trial(func() bool {
			if !r.placeIn(q, label, value) {
				return false
			}
			n, sum := len(r.plan.Preempts)-before, make(schedule.Vec, len(request))
			for i := range r.nodes {
				if r.nodes[i].Pool == r.pool && r.nodes[i].Labels[label] == value {
					addTo(sum, r.later(&r.nodes[i]))
				}
			}
			if victims < 0 || n < victims || n == victims && refTighter(sum, left, request) {
				best, victims, left = value, n, sum
			}
			return true
		})
	}
	return victims >= 0 && r.placeIn(q, label, best)
}

// values are those of a label among which a gang may choose: that of a member that runs,
// else all of the pool's nodes.
func (r *ref) values(q *refQueue, gang schedule.GangID, label string) []string {
	for _, run := range r.gangRuns(q.ID, gang) {
		if n := r.node(run.Node); n != nil && run.Phase != schedule.Releasing {
			return []string{n.Labels[label]}
		}
	}
	values := map[string]bool{}
	for i := range r.nodes {
		if value, has := r.nodes[i].Labels[label]; has && r.nodes[i].Pool == r.pool {
			values[value] = true
		}
	}
	return slices.Sorted(maps.Keys(values))
}

// gangRuns are the runs of a gang, by id.
func (r *ref) gangRuns(queue schedule.QueueID, gang schedule.GangID) (out []*refRun) {
	for i := range r.runs {
		if r.runs[i].Queue == queue && r.runs[i].Gang == gang {
			out = append(out, &r.runs[i])
		}
	}
	slices.SortFunc(out, func(a, b *refRun) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	return out
}

func (r *ref) placeIn(q *refQueue, label, value string) bool {
	starts, preempts := len(r.plan.Starts), len(r.plan.Preempts)
	return r.trialUnless(func() bool {
		for _, j := range q.next {
			n, victims := r.find(q, j, label, value)
			if n == nil {
				return false
			}
			for _, v := range victims {
				r.plan.Preempts = append(r.plan.Preempts, schedule.Preempt{Run: v.run.ID, For: j.ID, Rule: v.rule, Lost: r.lost(v.run)})
				v.run.Phase = schedule.Releasing
			}
			r.start(q, j, n, value)
		}
		r.putBack(starts, preempts)
		return true
	})
}

// trialUnless takes back what was tried when it failed.
func (r *ref) trialUnless(try func() bool) (ok bool) {
	r.trial(func() bool { ok = try(); return ok })
	if ok {
		try()
	}
	return ok
}

func (r *ref) start(q *refQueue, j schedule.Job, n *schedule.Node, domain string) {
	level := r.class(j.Shape).Priority
	start := schedule.Start{Job: j.ID, Gang: j.Gang, Pool: r.pool, Node: n.ID, Level: level, Domain: domain}
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
func (r *ref) find(q *refQueue, j schedule.Job, label, value string) (*schedule.Node, []refVictim) {
	all := func(*refRun) bool { return true }
	for _, room := range []struct {
		of     func(*schedule.Node) schedule.Vec
		counts func(*refRun) bool
	}{{r.free, all}, {r.later, refStays}} {
		var best *schedule.Node
		for i := range r.nodes {
			n := &r.nodes[i]
			if r.mayTry(j, n, label, value) && r.holds(n, room.of(n), j, room.counts) && (best == nil || refTighter(room.of(n), room.of(best), r.onNode(j.Shape))) {
				best = n
			}
		}
		if best != nil {
			return best, nil
		}
	}
	return r.preemptFor(q, j, label, value)
}

func refStays(run *refRun) bool { return run.Phase != schedule.Releasing }

// mayTry says whether a node takes jobs and a job may run on it, whatever room it has.
func (r *ref) mayTry(j schedule.Job, n *schedule.Node, label, value string) bool {
	match := r.shape(j.Shape).Match
	return n.Pool == r.pool && !n.Unschedulable && !slices.Contains(r.rows.Lost, n.Executor) && match.Mismatch(n) == "" &&
		(label == "" || n.Labels[label] == value) && !slices.Contains(j.Avoid, n.ID)
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
func (r *ref) overLimit(q *refQueue) bool {
	total := r.total()
	for _, c := range r.cfg.Classes {
		sum, asked := r.heldBy(q.ID, c.ID), false
		for _, j := range q.next {
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
	return c.Limit
}

// couldEver says why an empty node could never hold a shape; empty: it could. Taints that
// Kubernetes itself puts on a node pass.
func (r *ref) couldEver(shape schedule.ShapeID, n *schedule.Node) string {
	sh := r.shape(shape)
	if len(sh.Pools) > 0 && !slices.Contains(sh.Pools, n.Pool) || !slices.Contains(r.cfg.Pools, n.Pool) {
		return "of a pool that it may not use"
	}
	bare := *n
	bare.Taints = slices.DeleteFunc(slices.Clone(n.Taints), func(t schedule.Taint) bool { return strings.HasPrefix(t.Key, "node.kubernetes.io/") })
	if why := sh.Match.Mismatch(&bare); why != "" {
		return why
	}
	for i, name := range r.cfg.Resources {
		if r.onNode(shape)[i] > n.Total[i] {
			return fmt.Sprintf("too small: it has %s %s in all, the job asks for %s", schedule.Amount(name, n.Total[i]), name, schedule.Amount(name, sh.Request[i]))
		}
	}
	return r.floatingEver(shape, n.Pool)
}

// rejectHopeless rejects what no known node could ever hold, by shape and id.
func (r *ref) rejectHopeless() {
	jobs := slices.SortedFunc(slices.Values(r.rows.Jobs), func(a, b schedule.Job) int {
		return cmp.Or(cmp.Compare(a.Shape, b.Shape), bytes.Compare(a.ID[:], b.ID[:]))
	})
	for _, j := range jobs {
		counts := map[string]int{}
		for i := range r.nodes {
			counts[r.couldEver(j.Shape, &r.nodes[i])]++
		}
		if len(r.nodes) == 0 || counts[""] > 0 {
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
