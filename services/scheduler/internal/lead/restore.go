package lead

import (
	"cmp"
	"maps"
	"slices"

	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// RoundSnapshot is what the round folded that follows from no unfinished job.
type RoundSnapshot struct {
	// Gangs count the members that ended, of gangs that are not over.
	Gangs []schedule.GangRow
	// Buckets are the tokens that starts took.
	Buckets []schedule.Bucket
	// Charges are for runs that ended soon after they began.
	Charges []ChargeSnapshot
	// Started is what started in the newest period of each pool.
	Started []schedule.StartedRow
	// Usage is what runs that are gone held.
	Usage []UsageSnapshot
}

// UsageSnapshot is usage whose amounts bear the names of their resources, as in
// ChargeSnapshot.
type UsageSnapshot struct {
	Queue, Pool string
	Epoch       int64
	Amounts     []UsedAmount
}

// UsedAmount is an amount in 2^-32 of the unit of a resource: Hi x 2^64 + Lo.
type UsedAmount struct {
	Resource string
	Hi, Lo   uint64
}

// ChargeSnapshot is a charge whose amounts bear the names of their resources, which may be
// others when it is read again.
type ChargeSnapshot struct {
	Run         job.RunID
	Queue, Pool string
	Amounts     []job.Amount
	Until       job.Time
}

func (b *board) snapshot(now job.Time) RoundSnapshot {
	if len(b.cfg.ShortJob) > 0 || b.cfg.UsageHalfLife > 0 {
		b.apply(schedule.TimePassed{Now: schedule.Time(now)})
	}
	folds := b.state.Folds()
	s := RoundSnapshot{Gangs: folds.Gangs, Buckets: folds.Buckets, Started: folds.Started}
	for i := range folds.Charges {
		c := &folds.Charges[i]
		row := ChargeSnapshot{Run: job.RunID(c.Run), Queue: string(c.Queue), Pool: string(c.Pool), Until: job.Time(c.Until)}
		for r, name := range b.cfg.Resources {
			if c.Amount[r] != 0 {
				row.Amounts = append(row.Amounts, job.Amount{Resource: name, Value: c.Amount[r]})
			}
		}
		s.Charges = append(s.Charges, row)
	}
	for _, u := range folds.Usage {
		row := UsageSnapshot{Queue: string(u.Queue), Pool: string(u.Pool), Epoch: u.Epoch}
		for r, name := range b.cfg.Resources {
			if u.Amount[r] != (schedule.Used{}) {
				row.Amounts = append(row.Amounts, UsedAmount{Resource: name, Hi: u.Amount[r].Hi, Lo: u.Amount[r].Lo})
			}
		}
		s.Usage = append(s.Usage, row)
	}
	return s
}

// usage is that of a snapshot, in the resources of now.
func (b *board) usage(rows []UsageSnapshot) (list []schedule.Usage) {
	for _, u := range rows {
		row := schedule.Usage{Queue: schedule.QueueID(u.Queue), Pool: schedule.PoolID(u.Pool), Epoch: u.Epoch, Amount: make([]schedule.Used, len(b.cfg.Resources))}
		for _, a := range u.Amounts {
			if r := slices.Index(b.cfg.Resources, a.Resource); r >= 0 {
				row.Amount[r] = schedule.Used{Hi: a.Hi, Lo: a.Lo}
			}
		}
		list = append(list, row)
	}
	return list
}

// charges are those of a snapshot, in the resources of now.
func (b *board) charges(rows []ChargeSnapshot) (list []schedule.Charge) {
	for _, c := range rows {
		list = append(list, schedule.Charge{
			Run: schedule.RunID(c.Run), Queue: schedule.QueueID(c.Queue), Pool: schedule.PoolID(c.Pool), Amount: b.amounts(c.Amounts), Until: schedule.Time(c.Until),
		})
	}
	return list
}

// load makes the round's state that of the jobs of a table. What the configuration of
// now cannot plan is left out, as it is when it is submitted.
func (b *board) load(t *table, s RoundSnapshot) error {
	content := schedule.Snapshot{Gangs: b.gangsKept(s.Gangs), Buckets: s.Buckets, Charges: b.charges(s.Charges), Usage: b.usage(s.Usage), Started: s.Started, Jobs: make([]schedule.Job, 0, len(t.jobs))}
	known := slices.SortedFunc(maps.Values(b.specs.byKey), func(a, b *spec) int { return cmp.Compare(a.id, b.id) })
	for _, spec := range known {
		added := schedule.ShapeAdded{ID: spec.id, Shape: b.shapeOf(spec)}
		if err := b.state.Apply(added); err != nil {
			spec.refused = err.Error()
			continue
		}
		content.Shapes = append(content.Shapes, added)
	}
	gangs := newGangRows(content.Gangs)
	for rec := range t.all() {
		if rec.spec.refused != "" {
			continue
		}
		if rec.gang != nil {
			content.Gangs = gangs.add(b.gangOf(rec), content.Gangs)
		}
		b.rowsOf(rec, &content)
	}
	state, err := schedule.Load(&b.cfg, content)
	if err != nil {
		return err
	}
	b.state = state
	return nil
}

// rowsOf adds what the round knows of a job to the content of a state.
func (b *board) rowsOf(rec *record, content *schedule.Snapshot) {
	waits := rec.job.State == job.Queued
	switch {
	case waits && rec.wish.cancels():
		content.Held = append(content.Held, b.jobOf(rec))
	case waits:
		content.Jobs = append(content.Jobs, b.jobOf(rec))
	}
	var gang schedule.GangID
	if rec.gang != nil {
		gang = schedule.GangID(rec.gang.ID)
	}
	holds := rec.place != nil && rec.job.HoldsNode()
	if holds {
		run := runOf(rec.place.leased)
		run.Phase = phaseOf(rec.job.Run)
		content.Runs = append(content.Runs, schedule.RunRow{Run: run, Queue: schedule.QueueID(rec.set.queue), Shape: rec.spec.id, Gang: gang})
	}
	if rec.gang == nil || waits || rec.job.State.Final() {
		return
	}
	member := schedule.MemberRow{Job: schedule.JobID(rec.job.ID), Queue: schedule.QueueID(rec.set.queue), Gang: gang, Group: schedule.GroupID(rec.gang.Group)}
	if holds {
		member.Run = schedule.RunID(rec.job.Run.ID)
	} else {
		member.Ended = rec.gang.Min > 0 && (rec.job.Run.State == job.RunSucceeded || rec.job.Run.State == job.RunFailed)
	}
	content.Members = append(content.Members, member)
}

// phaseOf is what a run does to its node.
func phaseOf(r job.Run) schedule.Phase {
	switch {
	case r.Releasing:
		return schedule.Releasing
	case r.State == job.RunRunning:
		return schedule.Running
	}
	return schedule.Leased
}
