package lead

import (
	"slices"

	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// command notes a wish on every job of a partition that it selects. Every replica
// notes it, so that a new leader answers what an old one left.
func (c *Core) command(partition uint32, cmd job.Command) {
	c.keep.readEvent(c.now)
	for _, rec := range c.selected(partition, cmd.Select) {
		by := &asked{by: cmd.Cause.User, why: cmd.Reason}
		w := rec.wishes()
		switch cmd.Action {
		case job.Cancel:
			if w.cancel == nil { // the first one counts
				w.cancel = by
				c.board.held(rec)
				c.reservations.changed(rec.job.ID)
			}
		case job.Preempt:
			if rec.job.Preemptible && rec.job.Run.State.Live() && w.preempt == nil {
				by.why = preemptedBy(by.by, by.why)
				w.preempt = by
			}
		case job.Reprioritize:
			w.reprioritize, w.priority = by, cmd.Priority
		}
		c.touch(rec)
	}
}

// selected is the unfinished jobs of a partition that a selector means, in the
// order in which they were submitted.
func (c *Core) selected(partition uint32, s job.Selector) (list []*record) {
	if len(s.Queues) == 1 && s.JobSet != "" { // the common case: a job set
		set := c.table.sets[setKey{s.Queues[0], s.JobSet}]
		if set == nil {
			return nil
		}
		for rec := set.first; rec != nil; rec = rec.next {
			if matches(s, rec) {
				list = append(list, rec)
			}
		}
		return list
	}
	for rec := range c.table.inPartition(partition) {
		if matches(s, rec) {
			list = append(list, rec)
		}
	}
	return list
}

func matches(s job.Selector, rec *record) bool {
	j := rec.job
	if j.State.Final() {
		return false
	}
	if s.Executor != "" || s.Node != "" || len(s.Pools) > 0 {
		if !j.Run.State.Live() || !matchesPlace(s, rec.place) {
			return false
		}
	}
	return anyOf(s.Queues, rec.set.queue) && anyOf(s.Classes, rec.spec.class) && anyOf(s.States, j.State) &&
		(s.JobSet == "" || s.JobSet == rec.set.name)
}

func matchesPlace(s job.Selector, at *place) bool {
	return (s.Executor == "" || s.Executor == at.executor.name) &&
		(s.Node == "" || s.Node == at.leased.Node) &&
		anyOf(s.Pools, at.leased.Pool)
}

// anyOf says whether a list has what; an empty list has everything.
func anyOf[T comparable](list []T, what T) bool {
	return len(list) == 0 || slices.Contains(list, what)
}
