package schedule

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"
)

// hopelessShapes are those that wait and that no node could ever hold, whatever
// runs there and whether it takes jobs now, by id.
func (s *State) hopelessShapes() (out []int32) {
	if len(s.index.order) == 0 {
		return nil // nothing is known
	}
	waiting := make(bitset, (len(s.shapes)+63)/64)
	for k := range s.kinds {
		if s.kinds[k].n > 0 {
			waiting.set(s.kinds[k].shape)
		}
	}
	for h := range s.shapes {
		if waiting.has(int32(h)) && s.could(&s.shapes[h]) == 0 { //nolint:gosec // shapes are below 2^31
			out = append(out, int32(h)) //nolint:gosec // shapes are below 2^31
		}
	}
	slices.SortFunc(out, func(a, b int32) int { return cmp.Compare(s.shapes[a].id, s.shapes[b].id) })
	return out
}

// could is the pools with a node that could ever hold a shape, a bit a pool.
func (s *State) could(sh *shape) uint64 {
	if sh.couldAt == s.index.changes {
		return sh.could
	}
	sh.could, sh.couldAt = 0, s.index.changes
	all := uint64(1)<<len(s.cfg.Pools) - 1
	for _, n := range s.index.order {
		row := &s.nodes[n]
		if row.pool == none {
			continue
		}
		for left := s.usersOf[row.pool] &^ sh.could; left != 0; left &= left - 1 {
			if pool := int32(bits.TrailingZeros64(left)); s.couldEverIn(sh, row, pool) == "" { //nolint:gosec // below 64
				sh.could |= 1 << pool
			}
		}
		if sh.could == all {
			break
		}
	}
	return sh.could
}

// couldEverIn says why an empty node could not hold a shape on the account of a pool; empty: it
// could.
func (s *State) couldEverIn(sh *shape, n *node, pool int32) string {
	switch {
	case !sh.mayUse(pool):
		return notItsPool
	case pool != n.pool && !s.cfg.Classes[sh.class].Preemptible:
		return noGuest
	}
	off := s.offIn[pool]
	why := s.matchers[sh.matcherIn(pool, 0)].mismatchEver(&n.Node)
	if why == "" && off.Home {
		why = homeOff
	}
	if why != "" && (off.Away || !s.mayBeAway(sh, &n.Node, pool)) {
		return why
	}
	for i, name := range s.cfg.Resources {
		if sh.onNode[i] > n.Total[i] {
			return fmt.Sprintf("too small: it has %s %s in all, the job asks for %s", Amount(name, n.Total[i]), name, Amount(name, sh.Request[i]))
		}
	}
	return s.floatingEver(sh, pool)
}

// whyHopeless counts the nodes by why none could ever hold a shape.
func (s *State) whyHopeless(sh *shape) string {
	return "no node could ever hold it: " + s.countNodes(func(n *node) string { return s.couldEver(sh, n) })
}

// countNodes says how many nodes there are for each reason, the most frequent first.
func (s *State) countNodes(why func(*node) string) string {
	counts := map[string]int{}
	var reasons []string
	for _, h := range s.index.order {
		reason := why(&s.nodes[h])
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
		parts[i] = fmt.Sprintf("%d of %d nodes: %s", counts[reason], len(s.index.order), reason)
	}
	return strings.Join(parts, "; ")
}

// Jobs are the ids of all queued jobs of a queue, in its order.
func (s *State) Jobs(id QueueID) []JobID {
	h, is := s.queueOf[id]
	if !is {
		return nil
	}
	jobs := s.queuedOf(h)
	out := make([]JobID, len(jobs))
	for i, j := range jobs {
		out[i] = s.jobIDs.ids[j]
	}
	return out
}

// queuedOf is the jobs that wait of a queue, in its order.
func (s *State) queuedOf(queue int32) []int32 {
	jobs := make([]int32, 0, s.queues[queue].n)
	p := &planner{State: s}
	for q := p.allSources(queue); len(q.sources) > 0; p.step(q) {
		jobs = append(jobs, q.sources[0].job)
	}
	return jobs
}

// Amount writes an amount of a resource as people do in pod specs: cpu in cores or in
// thousandths of one (1500m), every other in its unit, a whole number of Ki to Pi as that.
func Amount(resource string, n int64) string {
	if resource == "cpu" {
		if n%1000 == 0 {
			return strconv.FormatInt(n/1000, 10)
		}
		return strconv.FormatInt(n, 10) + "m"
	}
	unit := 0
	for ; n != 0 && n%1024 == 0 && unit < len(binaryUnits)-1; unit++ {
		n /= 1024
	}
	return strconv.FormatInt(n, 10) + binaryUnits[unit]
}

var binaryUnits = [...]string{"", "Ki", "Mi", "Gi", "Ti", "Pi"}
