package lead

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// ErrSnapshot says that a snapshot contradicts itself, or is of another log.
var ErrSnapshot = errors.New("not a snapshot of this log")

// Snapshot is what the log made of a replica: a core that is restored from it and
// reads on is like one that read everything. It is in the terms of the log, not of the
// round's configuration, which may be another when it is restored. Of what a leader
// has ahead of the log nothing is in it, nor what executors said.
//
// Equal logs give equal snapshots, whatever the snapshots in between. The parts of a
// job that never change share memory with the core, which does not change them either;
// everything else is a copy, so that it may be encoded elsewhere while the core goes on.
type Snapshot struct {
	Control    ControlSnapshot
	Partitions []PartitionSnapshot
	// Plans are those that do not count yet, by epoch.
	Plans []EpochSnapshot
	// Round is what the round folded that follows from no unfinished job.
	Round RoundSnapshot
}

// ControlSnapshot is how far the control stream was read, and what stood there.
type ControlSnapshot struct {
	At   eventlog.Position
	Gate eventlog.Gate
	// Created is nil until the first entry of the stream was read.
	Created *Created
	// Settings are the newest of each object, by name.
	Settings []Setting
}

// PartitionSnapshot is how far a partition of events was read, and its jobs. What many
// jobs share is in a list, and a job has its index.
type PartitionSnapshot struct {
	At      eventlog.Position
	Gate    eventlog.Gate
	Sets    []SetSnapshot
	Specs   []SpecSnapshot
	Entries []eventlog.Position
	// Jobs are in the order in which they were submitted, set by set.
	Jobs []JobSnapshot
}

// SetSnapshot names a job set.
type SetSnapshot struct{ Queue, Name string }

// SpecSnapshot is what the round needs of jobs that are alike.
type SpecSnapshot struct {
	Shape *job.Shape
	Class string
}

// JobSnapshot is a job that is not settled.
type JobSnapshot struct {
	Job              job.Job
	Submitted        job.Time
	Set, Spec, Entry uint32
	// More is nil for a job that waits and of which there is nothing else to say.
	More *MoreSnapshot
}

// MoreSnapshot is what only some jobs have.
type MoreSnapshot struct {
	// Gang is nil for a job of its own.
	Gang *job.Gang
	// Leased is the lease of the newest run while its executor may hold it; nil: none.
	// Whole says that its plan counts.
	Leased *job.LeasedEvent
	Whole  bool
	// Cancel, Preempt and Reprioritize are what was asked and not answered; nil: not.
	Cancel, Preempt, Reprioritize *AskedSnapshot
	// Priority is the one that was asked for.
	Priority uint32
	// End is how the newest run ended badly; nil: it did not.
	End *job.Failure
	// Tried are ids of nodes, one for each attempt, and TriedAt is when the newest was over.
	Tried   []string
	TriedAt job.Time
	// Reserved is the reservation that names the job and that the log has not ended by an
	// event on it; nil: none.
	Reserved *job.ReservedEvent
}

// AskedSnapshot is who asked, and why.
type AskedSnapshot struct{ By, Why string }

// EpochSnapshot is the plans of an epoch that do not count yet.
type EpochSnapshot struct {
	Epoch, Next uint64
	Plans       []PlanSnapshot
}

// PlanSnapshot is the parts of a plan that were read, and the leases in them.
type PlanSnapshot struct {
	Number uint64
	Parts  uint32
	Seen   []uint32
	Leases []LeaseSnapshot
}

// LeaseSnapshot names a lease of a plan.
type LeaseSnapshot struct {
	Job job.ID
	Run job.RunID
}

// Snapshot takes one. Its cost is that of copying the jobs: some 100 bytes each.
func (c *Core) Snapshot() Snapshot {
	s := Snapshot{Control: c.controlSnapshot(), Plans: c.plans.snapshot(), Round: c.board.snapshot(c.now)}
	counts := make([]int, len(c.partitions))
	for _, set := range c.table.sets { //archcheck:unordered sums
		counts[set.partition] += set.jobs
	}
	for n := range c.partitions {
		s.Partitions = append(s.Partitions, c.partitionSnapshot(uint32(n), counts[n])) //nolint:gosec // a partition number
	}
	return s
}

func (c *Core) controlSnapshot() ControlSnapshot {
	s := ControlSnapshot{At: c.control.at, Gate: c.control.gate, Created: c.control.created}
	for _, name := range slices.Sorted(maps.Keys(c.control.generations)) {
		setting := Setting{Generation: c.control.generations[name]}
		if q, known := c.queues[name]; known {
			setting.Queue = &q
		} else {
			setting.Deleted = name
		}
		s.Settings = append(s.Settings, setting)
	}
	return s
}

func (c *Core) partitionSnapshot(n uint32, jobs int) PartitionSnapshot {
	c.snapshots++ // a spec has a number in each partition
	s := PartitionSnapshot{At: c.partitions[n].at, Gate: c.partitions[n].gate, Jobs: make([]JobSnapshot, 0, jobs)}
	for rec := range c.table.inPartition(n) {
		row := JobSnapshot{Job: rec.job, Submitted: rec.submitted, More: c.moreSnapshot(rec)}
		row.Set = numbered(&rec.set.mark, c.snapshots, &s.Sets, SetSnapshot{rec.set.queue, rec.set.name})
		row.Spec = numbered(&rec.spec.mark, c.snapshots, &s.Specs, SpecSnapshot{rec.spec.shape, rec.spec.class})
		row.Entry = numbered(&rec.entry.mark, c.snapshots, &s.Entries, rec.entry.ref.At)
		s.Jobs = append(s.Jobs, row)
	}
	return s
}

// numbered is the index of a thing in its list, to which it is added where it is met
// for the first time in a snapshot.
func numbered[T any](m *mark, snapshot uint32, list *[]T, thing T) uint32 {
	if m.snapshot != snapshot {
		*m = mark{snapshot: snapshot, index: uint32(len(*list))} //nolint:gosec // at most one a job
		*list = append(*list, thing)
	}
	return m.index
}

func (c *Core) moreSnapshot(rec *record) *MoreSnapshot {
	held := rec.place != nil && c.table.runs[rec.job.Run.ID] == rec
	reserved := c.reservations.of(rec.job.ID)
	if rec.gang == nil && !held && rec.wish.isNone() && rec.end == nil && rec.tried == nil && reserved == nil {
		return nil
	}
	more := &MoreSnapshot{Gang: rec.gang, End: rec.end, Reserved: reserved}
	if held {
		leased := rec.place.leased
		more.Leased, more.Whole = &leased, rec.place.whole
	}
	if w := rec.wish; !w.isNone() {
		more.Cancel, more.Preempt, more.Reprioritize, more.Priority = w.cancel.snapshot(), w.preempt.snapshot(), w.reprioritize.snapshot(), w.priority
	}
	if rec.tried != nil {
		more.Tried, more.TriedAt = slices.Clone(rec.tried.nodes), rec.tried.at
	}
	return more
}

func (a *asked) snapshot() *AskedSnapshot {
	if a == nil {
		return nil
	}
	return &AskedSnapshot{By: a.by, Why: a.why}
}

func (p plans) snapshot() (list []EpochSnapshot) {
	for _, number := range slices.Sorted(maps.Keys(p)) {
		epoch := EpochSnapshot{Epoch: number, Next: p[number].next}
		for _, n := range slices.Sorted(maps.Keys(p[number].open)) {
			open := p[number].open[n]
			plan := PlanSnapshot{Number: n, Parts: open.parts, Seen: slices.Clone(open.seen)}
			for _, l := range open.leases {
				plan.Leases = append(plan.Leases, LeaseSnapshot{l.job, l.run})
			}
			epoch.Plans = append(epoch.Plans, plan)
		}
		list = append(list, epoch)
	}
	return list
}

// restore makes the state of a core that has read nothing that of a snapshot. The
// error wraps ErrSnapshot.
func (c *Core) restore(s Snapshot) error {
	if len(s.Partitions) != len(c.partitions) {
		return fmt.Errorf("%w: it is of %d partitions, the log has %d", ErrSnapshot, len(s.Partitions), len(c.partitions))
	}
	jobs := 0
	for _, p := range s.Partitions {
		jobs += len(p.Jobs)
	}
	c.table.jobs = make(map[job.ID]*record, jobs)
	for n, p := range s.Partitions {
		c.partitions[n] = partition{at: p.At, gate: p.Gate}
		if err := c.restorePartition(uint32(n), p); err != nil { //nolint:gosec // a partition number
			return fmt.Errorf("partition %d: %w", n, err)
		}
	}
	c.plans.restore(s.Plans)
	c.control.at, c.control.gate, c.control.created = s.Control.At, s.Control.Gate, s.Control.Created
	if err := c.board.load(&c.table, s.Round); err != nil {
		return fmt.Errorf("%w: %w", ErrSnapshot, err)
	}
	for _, setting := range s.Control.Settings {
		c.setting(setting)
	}
	c.reserve()
	return nil
}

// recordsAtOnce is how many records of a snapshot are made in one piece of memory: it
// is given back when the last of them is.
const recordsAtOnce = 64

func (c *Core) restorePartition(n uint32, p PartitionSnapshot) error {
	sets, specs, entries := make([]*jobSet, len(p.Sets)), make([]*spec, len(p.Specs)), make([]*entryUse, len(p.Entries))
	for i, s := range p.Sets {
		sets[i] = c.table.set(n, s.Queue, s.Name)
	}
	for i, s := range p.Specs {
		specs[i], _ = c.board.specs.find(s.Shape, s.Class)
	}
	for i, at := range p.Entries {
		entries[i], _ = c.table.entry(EntryRef{Partition: n, At: at})
	}
	var slab []record
	for i := range p.Jobs {
		row := &p.Jobs[i]
		if int(row.Set) >= len(sets) || int(row.Spec) >= len(specs) || int(row.Entry) >= len(entries) || c.table.jobs[row.Job.ID] != nil {
			return fmt.Errorf("%w: job %s is there twice, or of a set, spec or entry that is not there", ErrSnapshot, row.Job.ID)
		}
		if len(slab) == 0 {
			slab = make([]record, min(recordsAtOnce, len(p.Jobs)-i))
		}
		rec := &slab[0]
		slab = slab[1:]
		rec.job, rec.submitted, rec.entry, rec.spec = row.Job, row.Submitted, entries[row.Entry], specs[row.Spec]
		rec.spec.jobs++
		c.table.put(rec, sets[row.Set], row.Job.ID)
		if row.More != nil {
			c.restoreMore(rec, row.More)
		}
	}
	return nil
}

func (c *Core) restoreMore(rec *record, more *MoreSnapshot) {
	rec.gang, rec.end = more.Gang, more.End
	if more.Leased != nil {
		rec.place = &place{executor: c.executor(more.Leased.Executor), leased: *more.Leased, whole: more.Whole}
		rec.place.executor.runs[rec.job.Run.ID] = rec
		c.table.runs[rec.job.Run.ID] = rec
	}
	if more.Cancel != nil || more.Preempt != nil || more.Reprioritize != nil {
		rec.wish = &wish{cancel: askedOf(more.Cancel), preempt: askedOf(more.Preempt), reprioritize: askedOf(more.Reprioritize), priority: more.Priority}
	}
	if more.Reserved != nil {
		c.reservations.set(*more.Reserved)
	}
	if len(more.Tried) > 0 {
		rec.tried = &tried{nodes: slices.Clone(more.Tried), at: more.TriedAt}
	}
}

func askedOf(s *AskedSnapshot) *asked {
	if s == nil {
		return nil
	}
	return &asked{by: s.By, why: s.Why}
}

func (p plans) restore(list []EpochSnapshot) {
	for _, e := range list {
		epoch := &epochPlans{next: e.Next, open: map[uint64]*openPlan{}}
		for _, plan := range e.Plans {
			open := &openPlan{parts: plan.Parts, seen: slices.Clone(plan.Seen)}
			for _, l := range plan.Leases {
				open.leases = append(open.leases, planned{l.Job, l.Run})
			}
			epoch.open[plan.Number] = open
		}
		p[e.Epoch] = epoch
	}
}
