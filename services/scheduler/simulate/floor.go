package simulate

import (
	"cmp"
	"slices"
	"time"
)

// floor is the least that the makespan of what succeeded could have been, with the same run
// times and under any rules: a job ends no sooner than it can be submitted plus its run time,
// and what is submitted from a moment on takes the pools, whole, as long as its work lasts.
// Where long tails decide, it tells a draw without luck from a rule that wastes time.
func (s *Simulation) floor() (least time.Duration) {
	order := make([]int32, len(s.templates))
	for i := range order {
		order[i] = int32(i) //nolint:gosec // checked
	}
	slices.SortStableFunc(order, func(a, b int32) int { return cmp.Compare(s.templates[b].soonest, s.templates[a].soonest) })
	width := len(s.world.Rules.Resources)
	totals, work := make([]int64, width), make([]area, width)
	for i := range s.account.pools {
		for r, amount := range s.account.pools[i].total {
			totals[r] += amount
		}
	}
	for _, t := range order {
		row := &s.templates[t]
		if row.left == s.world.Templates[t].Number {
			continue // none has succeeded
		}
		least = max(least, row.ends())
		for r, amount := range s.world.Templates[t].Shape.Request {
			work[r] = work[r].plus(row.ran.times(amount))
			least = max(least, row.soonest+work[r].through(totals[r]))
		}
	}
	return least
}

// ends is when the jobs of a template that have succeeded could have, at the soonest.
func (t *template) ends() time.Duration { return t.soonest + t.longest }

// count notes how long a job that succeeded takes at least, in whichever attempt.
func (t *template) count(long time.Duration) {
	t.longest = max(t.longest, long)
	t.ran.add(1, long)
}
