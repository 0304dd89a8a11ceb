package lead

import (
	"fmt"
	"maps"
	"slices"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// plans are the plans that do not count yet, by epoch. A plan counts when all of
// its parts are read back and every earlier one of its epoch counts: until then
// nothing of it reaches an executor.
type plans map[uint64]*epochPlans

type epochPlans struct {
	// next is the number of the first plan that does not count yet.
	next uint64
	open map[uint64]*openPlan
}

type openPlan struct {
	parts uint32
	seen  []uint32
	// leases are those of its parts so far.
	leases []planned
}

type planned struct {
	job job.ID
	run job.RunID
}

// read takes a part. It returns the leases that count by it, in the order of
// their plans.
func (p plans) read(h eventlog.Header, batches []job.Batch) (count []planned) {
	epoch := p[h.Epoch]
	if epoch == nil {
		epoch = &epochPlans{next: 1, open: map[uint64]*openPlan{}}
		p[h.Epoch] = epoch
	}
	plan := epoch.open[h.Plan]
	if plan == nil {
		plan = &openPlan{parts: h.Parts}
		epoch.open[h.Plan] = plan
	}
	if !slices.Contains(plan.seen, h.Part) {
		plan.seen = append(plan.seen, h.Part)
	}
	plan.leases = append(plan.leases, leasesIn(batches)...)
	for {
		first := epoch.open[epoch.next]
		if first == nil || len(first.seen) < int(first.parts) {
			return count
		}
		count = append(count, first.leases...)
		delete(epoch.open, epoch.next)
		epoch.next++
	}
}

func leasesIn(batches []job.Batch) (leases []planned) {
	for _, batch := range batches {
		for _, e := range batch.Events {
			if e, lease := e.(job.LeasedEvent); lease {
				leases = append(leases, planned{e.Job, e.Run})
			}
		}
	}
	return leases
}

// broken is the leases of the plans that do not count, in order.
func (p plans) broken() (leases []planned) {
	for _, epoch := range slices.Sorted(maps.Keys(p)) {
		open := p[epoch].open
		for _, n := range slices.Sorted(maps.Keys(open)) {
			leases = append(leases, open[n].leases...)
		}
	}
	return leases
}

// planRead takes a part of a plan that was read back, and sends what counts by it.
func (c *Core) planRead(h eventlog.Header, batches []job.Batch) {
	for _, lease := range c.rules.count(c.plans, h, batches) {
		rec := c.table.jobs[lease.job]
		if rec == nil || rec.job.Run.ID != lease.run || !rec.job.Run.State.Live() {
			continue // it was refused, or is over already
		}
		rec.place.whole = true
		if rec.aheadOfLog().Run.State.Live() { // else an own entry gives it up
			c.sendLease(rec)
		}
	}
}

// maybeRound plans when something changed since the newest round, or time has
// come, and the least time between rounds has passed.
func (c *Core) maybeRound() {
	due := c.lead.stale || c.lead.wake > 0 && c.now >= c.lead.wake
	if !due || c.now < c.lead.round+job.Time(c.cfg.MinInterval) {
		return
	}
	c.lead.round, c.lead.stale, c.lead.wake = c.now, false, 0
	settled := c.now-c.lead.since >= job.Time(c.cfg.SettleAfter)
	sharesAt := c.lead.shares + job.Time(c.cfg.PreemptionInterval)
	sharesDue := c.now >= sharesAt
	plan := c.board.plan(schedule.Round{Now: schedule.Time(c.now), Steps: c.cfg.StartsMax, MayReject: settled, KeepShares: !sharesDue})
	c.noteRound(plan)
	c.lead.wake = job.Time(plan.Wake)
	if sharesDue {
		c.lead.shares = c.now
	} else {
		c.lead.wake = earlier(c.lead.wake, sharesAt)
	}
	if !settled {
		c.lead.wake = earlier(c.lead.wake, c.lead.since+job.Time(c.cfg.SettleAfter))
	}
	if plan.Stop == schedule.StopBudget {
		c.lead.stale = true
	}
	for _, reject := range plan.Rejects {
		c.reject(reject)
	}
	if len(plan.Starts)+len(plan.Preempts)+len(plan.Reservations)+len(plan.Unreserves) == 0 {
		c.counts.RoundsEmpty++
		return
	}
	c.publish(plan)
}

func earlier(a, b job.Time) job.Time {
	if a == 0 {
		return b
	}
	return min(a, b)
}

func (c *Core) reject(r schedule.Reject) {
	rec := c.table.jobs[job.ID(r.Job)]
	if rec == nil || rec.isUnread() || rec.job.State != job.Queued {
		return
	}
	c.author(rec, []job.Event{job.RejectedEvent{Head: c.head(rec), Reason: r.Reason}})
}

func (c *Core) head(rec *record) job.Head {
	return job.Head{Job: rec.job.ID, Time: max(c.now, rec.aheadOfLog().Last)}
}

// publish writes a plan: a part for each partition that it touches. The board
// holds it as assumed until it is read back.
func (c *Core) publish(plan *schedule.Plan) {
	starts := c.startable(plan.Starts)
	runs := map[job.ID]job.RunID{}
	for _, start := range starts {
		runs[job.ID(start.Job)] = job.RunID(c.newID(c.now))
	}
	var parts post
	for _, victim := range plan.Preempts {
		if rec := c.holder(job.RunID(victim.Run)); rec != nil {
			c.board.assumeGone(rec.aheadOfLog().Run.ID)
			c.plannedEvent(&parts, rec, preemption(c.head(rec), victim, runs))
		}
	}
	for _, start := range starts {
		rec := c.table.jobs[job.ID(start.Job)]
		e := c.start(rec, start, runs[rec.job.ID])
		c.board.assume(e)
		c.lead.leasing[e.Run] = rec
		c.plannedEvent(&parts, rec, e)
	}
	c.publishReservations(&parts, plan)
	drafts := parts.drafts(c.epoch)
	if len(drafts) == 0 {
		return
	}
	c.lead.planned++
	c.counts.Plans++
	for i := range drafts {
		drafts[i].Plan, drafts[i].Part, drafts[i].Parts = c.lead.planned, uint32(i+1), uint32(len(drafts)) //nolint:gosec // few
	}
	c.append(drafts, nil)
}

// holder is the job of a live run, also of one whose lease is not read back yet; nil
// where an own entry has ended it already.
func (c *Core) holder(run job.RunID) *record {
	rec := c.table.runs[run]
	if rec == nil {
		rec = c.lead.leasing[run]
	}
	if rec == nil {
		return nil
	}
	if newest := rec.aheadOfLog().Run; newest.ID != run || !newest.State.Live() {
		return nil
	}
	return rec
}

// gangKey names a gang.
type gangKey struct{ queue, id string }

// gangKey is that of the job's gang; of one that is in none it is zero.
func (rec *record) gangKey() gangKey {
	if rec.gang == nil {
		return gangKey{}
	}
	return gangKey{rec.set.queue, rec.gang.ID}
}

// startable is the starts but those that own entries, not read back yet, stand
// against: of jobs that they end, whose leases would be refused, and of gangs of
// which they end one of those or let another member wait again.
func (c *Core) startable(starts []schedule.Start) []schedule.Start {
	waits := func(s schedule.Start) bool { return c.waitsAhead(job.ID(s.Job)) }
	of := func(s schedule.Start) gangKey { return c.table.jobs[job.ID(s.Job)].gangKey() }
	members, broken := map[gangKey]uint32{}, map[gangKey]bool{}
	for _, s := range starts {
		if s.Gang != "" {
			members[of(s)]++
			broken[of(s)] = broken[of(s)] || !waits(s)
		}
	}
	started := map[gangKey]bool{}
	for _, s := range starts {
		if s.Gang != "" && members[of(s)] < c.table.jobs[job.ID(s.Job)].gang.Cardinality {
			started[of(s)] = true
		}
	}
	c.comeBack(started, broken)
	return slices.DeleteFunc(slices.Clone(starts), func(s schedule.Start) bool { return !waits(s) || broken[of(s)] })
}

// comeBack finds of which of some gangs an own entry, not read back yet, lets a member wait
// again. It looks at every job, and is asked for gangs that may have started before.
func (c *Core) comeBack(gangs, broken map[gangKey]bool) {
	if len(gangs) == 0 {
		return
	}
	for _, rec := range c.table.jobs { //archcheck:unordered each by itself
		if gang := rec.gangKey(); gangs[gang] && rec.job.State != job.Queued && rec.aheadOfLog().State == job.Queued {
			broken[gang] = true
		}
	}
}

func (c *Core) plannedEvent(parts *post, rec *record, e job.Event) {
	rec.apply([]job.Event{e})
	parts.add(rec.set, job.Cause{Service: "scheduler"}, []job.Event{e}, nil, c.cfg.EntryEventsMax)
}

func preemption(head job.Head, victim schedule.Preempt, runs map[job.ID]job.RunID) job.Event {
	by := job.ID(victim.For)
	return job.PreemptedEvent{
		Head: head, Run: job.RunID(victim.Run), Reason: fmt.Sprintf("Preempted by scheduler: %s", victim.Rule),
		PreemptorJob: by, PreemptorRun: runs[by],
	}
}

func (c *Core) start(rec *record, start schedule.Start, run job.RunID) job.LeasedEvent {
	executor, node := splitNode(start.Node)
	e := job.LeasedEvent{
		Head: c.head(rec), Run: run, Executor: executor, Node: node, Pool: string(start.Pool), Level: start.Level,
		Attempt: rec.job.Attempts, GangLabelValue: start.Domain,
	}
	for _, t := range start.Tolerate {
		e.Tolerations = append(e.Tolerations, job.Toleration(t))
	}
	for _, run := range start.After {
		e.After = append(e.After, job.RunID(run))
	}
	return e
}
