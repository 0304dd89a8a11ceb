package schedule

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// hopelessShapes are those that wait and that no node could ever hold, whatever
// runs there and whether it takes jobs now.
func (s *State) hopelessShapes() (out []*shape) {
	if len(s.nodes) == 0 {
		return nil // nothing is known
	}
	seen := map[*shape]bool{}
	for _, q := range s.queues { //archcheck:unordered sorted below
		for sh := range q.waiting { //archcheck:unordered sorted below
			if !seen[sh] && len(s.poolsFor(sh)) == 0 {
				out = append(out, sh)
			}
			seen[sh] = true
		}
	}
	slices.SortFunc(out, func(a, b *shape) int { return cmp.Compare(a.id, b.id) })
	return out
}

// poolsFor are the pools with a node that could ever hold a shape.
func (s *State) poolsFor(sh *shape) map[PoolID]bool {
	if sh.pools == nil {
		sh.pools = map[PoolID]bool{}
		for _, n := range s.nodesInOrder() {
			if !sh.pools[n.Pool] && s.couldEver(sh, n) == "" {
				sh.pools[n.Pool] = true
			}
		}
	}
	return sh.pools
}

// couldEver says why an empty node could not hold a shape; empty: it could.
func (s *State) couldEver(sh *shape, n *node) string {
	if len(sh.Pools) > 0 && !slices.Contains(sh.Pools, n.Pool) || !slices.Contains(s.cfg.Pools, n.Pool) {
		return "of a pool that it may not use"
	}
	if why := sh.Match.mismatchEver(&n.Node); why != "" {
		return why
	}
	for i, name := range s.cfg.Resources {
		if sh.Request[i] > n.Total[i] {
			return fmt.Sprintf("too small: it has %d %s in all, the job asks for %d", n.Total[i], name, sh.Request[i])
		}
	}
	return ""
}

// whyHopeless counts the nodes by why none could ever hold a shape.
func (s *State) whyHopeless(sh *shape) string {
	return "no node could ever hold it: " + s.countNodes(func(n *node) string { return s.couldEver(sh, n) })
}

// countNodes says how many nodes there are for each reason, the most frequent first.
func (s *State) countNodes(why func(*node) string) string {
	counts := map[string]int{}
	var reasons []string
	for _, n := range s.nodesInOrder() {
		reason := why(n)
		if reason == "" {
			continue
		}
		if counts[reason] == 0 {
			reasons = append(reasons, reason)
		}
		counts[reason]++
	}
	if len(reasons) == 0 {
		return "there is no node"
	}
	slices.SortFunc(reasons, func(a, b string) int {
		if counts[a] != counts[b] {
			return counts[b] - counts[a]
		}
		return strings.Compare(a, b)
	})
	parts := make([]string, len(reasons))
	for i, reason := range reasons {
		parts[i] = fmt.Sprintf("%d of %d nodes: %s", counts[reason], len(s.nodes), reason)
	}
	return strings.Join(parts, "; ")
}

// Why says why a queued job waits. It is computed when it is asked for.
type Why struct {
	// Position is its place in the queue's order, from 1.
	Position int
	Reason   string
}

// Why explains a queued job; false when the job does not wait.
func (s *State) Why(id JobID) (Why, bool) {
	j := s.jobs[id]
	if j == nil {
		return Why{}, false
	}
	q := s.queueOf(j.Queue)
	at, _ := slices.BinarySearchFunc(q.queued, j, compareQueued)
	return Why{Position: at + 1, Reason: s.whyQueued(q, j)}, true
}

func (s *State) whyQueued(q *queue, j *queuedJob) string {
	switch {
	case !q.known:
		return fmt.Sprintf("queue %q is not defined", q.ID)
	case q.Cordoned:
		return fmt.Sprintf("queue %q is cordoned", q.ID)
	case j.gang != nil && !q.gangs[j.gang.ID].whole():
		return fmt.Sprintf("gang %q has %d of %d members", j.gang.ID, q.gangs[j.gang.ID].members(), j.gang.Cardinality)
	}
	for _, rate := range []Rate{s.cfg.Rate, s.cfg.QueueRate} {
		if j.gang != nil && rate.Burst > 0 && len(q.gangs[j.gang.ID].queued) > int(rate.Burst) {
			return fmt.Sprintf("gang %q has %d members, more than the %d that may start at a time", j.gang.ID, len(q.gangs[j.gang.ID].queued), rate.Burst)
		}
	}
	return s.countNodes(func(n *node) string { return s.whyNot(j, n) })
}

// whyNot says why a job does not start on a node now; empty: it has room for it.
func (s *State) whyNot(j *queuedJob, n *node) string {
	if why := cmp.Or(s.couldEver(j.shape, n), j.shape.Match.Mismatch(&n.Node)); why != "" {
		return why
	}
	switch {
	case n.Unschedulable:
		return "unschedulable"
	case s.lost[n.Executor]:
		return "its executor is not connected"
	case n.MaxPods > 0 && len(n.runs) >= int(n.MaxPods):
		return "it has as many pods as it takes"
	case slices.Contains(j.Avoid, n.ID):
		return "the job was tried there"
	}
	for i, name := range s.cfg.Resources {
		if j.shape.Request[i] > n.free[i] {
			return "insufficient " + name
		}
	}
	return "it has room, and other jobs come first"
}

// Jobs are the ids of all queued jobs of a queue, in its order.
func (s *State) Jobs(id QueueID) []JobID {
	q := s.queues[id]
	if q == nil {
		return nil
	}
	out := make([]JobID, len(q.queued))
	for i, j := range q.queued {
		out[i] = j.ID
	}
	return out
}
