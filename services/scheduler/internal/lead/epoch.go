package lead

import (
	"fmt"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// maybeTake asks for an epoch once the lock is held and the log was read as far
// as it reached when the process started.
func (c *Core) maybeTake() {
	if c.phase != following || !c.lead.locked || !c.CaughtUp() {
		return
	}
	c.phase = taking
	c.emit(TakeEpoch{Above: c.newestEpoch()})
}

// CaughtUp says whether the log was read as far as it reached when the core was told
// so ([Warm]): what it knows is of no older time.
func (c *Core) CaughtUp() bool {
	if c.warm == nil {
		return false
	}
	for p, to := range c.warm { //archcheck:unordered every one must be reached
		if c.position(p).Before(to) {
			return false
		}
	}
	return true
}

func (c *Core) newestEpoch() (epoch uint64) {
	for i := range c.partitions {
		epoch = max(epoch, c.partitions[i].gate.Epoch())
	}
	return epoch
}

func (c *Core) position(p eventlog.Partition) eventlog.Position {
	if p.Stream == eventlog.Control {
		return c.control.at
	}
	return c.partitions[p.Number].at
}

// fence writes a marker to every partition: whatever a leader before us wrote
// stands before it, or does not count.
func (c *Core) fence(epoch uint64) {
	if c.phase != taking {
		return
	}
	if newest := c.newestEpoch(); newest >= epoch {
		c.stepDown(fmt.Errorf("%w: epoch %d, ours would be %d", ErrDeposed, newest, epoch))
		return
	}
	c.phase, c.epoch = fencing, epoch
	c.lead.markers = len(c.partitions)
	drafts := make([]Draft, len(c.partitions))
	for i := range drafts {
		drafts[i] = Draft{Partition: events(uint32(i)), Kind: eventlog.Fence, Epoch: epoch} //nolint:gosec // a partition number
	}
	c.append(drafts, nil)
}

// markerRead counts the own fence markers; the last one completes the takeover.
func (c *Core) markerRead() {
	c.lead.markers--
	if c.phase == fencing && c.rules.fenced(c.lead.markers) {
		c.takeOver()
	}
}

// takeOver begins to lead: every partition was read up to our own marker, so what
// counts of the leaders before us is known.
func (c *Core) takeOver() {
	c.phase = leading
	c.lead.since = c.now
	c.lead.stale = true
	c.counts.Takeovers++
	c.repair()
	for rec := range c.table.all() {
		c.touch(rec)
	}
	// What an executor said before may have been overtaken by the log: it says
	// everything again, and is reconciled with what counts now.
	for _, e := range c.byName() {
		e.heard = c.now
		if e.session != 0 {
			c.refuse(e, "this replica leads now: say everything again")
		}
	}
}

// repair ends what the leaders before us left half: the leases of a plan that is
// not whole, and of all later ones of its epoch, were never sent, so they are
// returned; preemptions stand. All other leases of theirs count. What is repaired
// stays on the list until the log has it, for this leader may fall too.
func (c *Core) repair() {
	broken := map[job.RunID]bool{}
	for _, lease := range c.plans.broken() {
		rec := c.table.jobs[lease.job]
		if rec == nil || rec.job.Run.ID != lease.run || rec.job.Run.State != job.RunLeased {
			continue
		}
		broken[lease.run] = true
		c.counts.Repaired++
		c.board.freed(lease.run, 0) // at once: no mate of its gang may take it for a start
		head := job.Head{Job: lease.job, Time: max(c.now, rec.job.Last)}
		c.author(rec, []job.Event{
			job.RunReturnedEvent{Head: head, Run: lease.run, Reason: "the plan it was part of is not whole"},
			job.RequeuedEvent{Head: head, Run: lease.run},
		})
	}
	for _, rec := range c.table.jobs { //archcheck:sorted each is changed by itself
		if rec.place != nil && !broken[rec.job.Run.ID] {
			rec.place.whole = true
		}
	}
	if len(broken) == 0 {
		c.plans = plans{}
	}
}

// stepDown ends the leadership. Nothing more is put out by this core.
func (c *Core) stepDown(why error) {
	if c.phase == stopped {
		return
	}
	c.phase = stopped
	c.emit(StepDown{Why: why})
}

// checkUnread steps down when an own entry is not read back in time: nothing may
// leave the overlay otherwise.
func (c *Core) checkUnread() {
	for _, own := range c.lead.unread {
		if len(own) > 0 && c.now-own[0].at > job.Time(c.cfg.PublishTimeout) {
			c.stepDown(ErrUnread)
			return
		}
	}
}
