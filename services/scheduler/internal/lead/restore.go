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
}

func (b *board) snapshot() RoundSnapshot {
	folds := b.state.Folds()
	return RoundSnapshot{Gangs: folds.Gangs, Buckets: folds.Buckets}
}

// load makes the round's state that of the jobs of a table. What the configuration of
// now cannot plan is left out, as it is when it is submitted.
func (b *board) load(t *table, s RoundSnapshot) error {
	content := schedule.Snapshot{Gangs: slices.Clone(s.Gangs), Buckets: s.Buckets, Jobs: make([]schedule.Job, 0, len(t.jobs))}
	known := slices.SortedFunc(maps.Values(b.specs.byKey), func(a, b *spec) int { return cmp.Compare(a.id, b.id) })
	for _, spec := range known {
		added := schedule.ShapeAdded{ID: spec.id, Shape: b.shapeOf(spec)}
		if err := b.state.Apply(added); err != nil {
			spec.refused = err.Error()
			continue
		}
		content.Shapes = append(content.Shapes, added)
	}
	gangs := map[gangKey]bool{}
	for _, row := range s.Gangs {
		gangs[gangKey{string(row.Queue), string(row.ID)}] = true
	}
	for rec := range t.all() {
		if rec.spec.refused != "" {
			continue
		}
		if key := rec.gangKey(); rec.gang != nil && !gangs[key] {
			gangs[key] = true // no member of it could be planned before
			content.Gangs = append(content.Gangs, schedule.GangRow{Gang: gangOf(rec)})
		}
		rowsOf(rec, &content)
	}
	state, err := schedule.Load(&b.cfg, content)
	if err != nil {
		return err
	}
	b.state = state
	return nil
}

// rowsOf adds what the round knows of a job to the content of a state.
func rowsOf(rec *record, content *schedule.Snapshot) {
	waits := rec.job.State == job.Queued
	switch {
	case waits && !rec.wish.isNone() && rec.wish.cancel != nil:
		content.Held = append(content.Held, jobOf(rec))
	case waits:
		content.Jobs = append(content.Jobs, jobOf(rec))
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
	member := schedule.MemberRow{Job: schedule.JobID(rec.job.ID), Queue: schedule.QueueID(rec.set.queue), Gang: gang}
	if holds {
		member.Run = schedule.RunID(rec.job.Run.ID)
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
