package sim

import (
	"bytes"
	"errors"
	"maps"
	"slices"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/eventwire"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// truth is the fold of the log, made of each entry at the moment it is stored, with
// the gate and job.Apply and nothing of the services: what the invariants are judged
// by. It keeps what each job was behind each entry.
type truth struct {
	w          *world
	partitions map[eventlog.Partition]*folded
	jobs       map[job.ID]*life
	runs       map[job.RunID]*lived
	plans      map[planKey]*plan
	// whole is the newest plan of an epoch that counts with all before it.
	whole map[uint64]uint64
}

// folded is how far a partition was folded.
type folded struct {
	at   eventlog.Position
	gate eventlog.Gate
}

// life is a job and what it was before.
type life struct {
	job           job.Job
	queue, jobSet string
	gang          job.Gang
	requests      []job.Amount
	partition     eventlog.Partition
	// missed says that it ended while it waited.
	missed bool
	// back is when it was decided that it waits again; zero: it never had a run.
	back job.Time
	// past is what it was behind each entry that changed it.
	past []moment
	// told is the automaton of its accepted events.
	told teller
}

// moment is what a job was behind an entry.
type moment struct {
	at  eventlog.Position
	job job.Job
}

// lived is a run that the log accepted.
type lived struct {
	job            job.ID
	executor, node string
	plan           planKey
	// acknowledged says that the log accepted the acknowledgement of its lease.
	acknowledged bool
	// expired says that the log gave it up because its executor was silent.
	expired bool
}

// planKey names a plan.
type planKey struct{ epoch, number uint64 }

// plan is what the log holds of a plan.
type plan struct {
	parts uint32
	seen  []uint32
	// decided is when.
	decided job.Time
	// leased are the jobs of the leases in it that were accepted.
	leased []job.ID
}

func newTruth(w *world) *truth {
	t := &truth{
		w: w, partitions: map[eventlog.Partition]*folded{}, jobs: map[job.ID]*life{}, runs: map[job.RunID]*lived{},
		plans: map[planKey]*plan{}, whole: map[uint64]uint64{},
	}
	for _, p := range allPartitions() {
		t.partitions[p] = &folded{}
	}
	return t
}

// read folds what a partition has more.
func (t *truth) read(p eventlog.Partition) {
	f := t.partitions[p]
	run, err := t.w.journal.core.Read(p, f.at, eventlog.RunEntriesMax)
	if err != nil {
		t.w.fail("the fold reads %s: %v", p, err)
		return
	}
	for _, e := range run.Entries {
		admitted, err := f.gate.Admit([]eventlog.Entry{e})
		if err != nil {
			t.w.fail("the gate of %s: %v", p, err)
			return
		}
		f.at, f.gate = e.At, admitted.Next
		t.w.counts.addDropped(e.Header, admitted.Dropped)
		for _, e := range admitted.Entries {
			t.entry(p, e)
		}
	}
}

func (t *truth) entry(p eventlog.Partition, e eventlog.Entry) {
	if e.Kind != eventlog.Facts {
		return
	}
	body, err := eventwire.Decode(e.Body)
	if err != nil {
		t.w.fail("an entry at %s of %s cannot be decoded: %v", e.At, p, err)
		return
	}
	from := source{partition: p, at: e.At, plan: planKey{e.Epoch, e.Plan}, decided: t.w.journal.decided(p, e)}
	for _, batch := range body.Batches {
		for _, event := range batch.Events {
			t.event(from, batch, event)
		}
	}
	if e.Plan > 0 {
		t.part(from, e.Header)
	}
}

// source is the entry that an event stands in.
type source struct {
	partition eventlog.Partition
	at        eventlog.Position
	plan      planKey
	// decided is when its author handed it over.
	decided job.Time
}

// event applies an event, and says of it what the invariants need.
func (t *truth) event(from source, batch job.Batch, e job.Event) {
	id := e.Of().Job
	l := t.jobs[id]
	if l == nil {
		l = &life{partition: from.partition, queue: batch.Queue, jobSet: batch.JobSet}
	}
	next, err := job.Apply(l.job, e)
	if err != nil {
		t.refused(l, e, err)
		return
	}
	t.jobs[id] = l
	if why := l.told.hear(e); why != "" {
		t.w.fail("job %s is told %T: %s", id, e, why)
	}
	l.missed = next.State.Final() && l.job.State == job.Queued || l.missed
	l.job = next
	if n := len(l.past); n > 0 && l.past[n-1].at == from.at {
		l.past[n-1].job = next
	} else {
		l.past = append(l.past, moment{at: from.at, job: next})
	}
	t.w.tell("log", "%s %s %s: %s", from.partition, id, name(e), next.State)
	job.Visit[struct{}](e, witness{truth: t, life: l, from: from})
}

// refused counts an event that changes nothing. A job is never submitted twice.
func (t *truth) refused(l *life, e job.Event, err error) {
	t.w.counts.add(countRefused)
	t.w.tell("log", "refused: %v", err)
	if _, submitted := e.(job.SubmittedEvent); submitted && errors.Is(err, job.ErrIllegal) {
		t.w.fail("job %s is submitted twice", l.job.ID)
	}
}

// part notes a part of a plan, and whether plans are whole by it.
func (t *truth) part(from source, h eventlog.Header) {
	key := from.plan
	p := t.planOf(key)
	p.parts, p.decided = h.Parts, from.decided
	if !slices.Contains(p.seen, h.Part) {
		p.seen = append(p.seen, h.Part)
	}
	for {
		next := planKey{key.epoch, t.whole[key.epoch] + 1}
		p := t.plans[next]
		if p == nil || len(p.seen) < int(p.parts) {
			return
		}
		t.whole[key.epoch] = next.number
		t.w.checkGangs(next, p)
	}
}

func (t *truth) planOf(key planKey) *plan {
	p := t.plans[key]
	if p == nil {
		p = &plan{}
		t.plans[key] = p
	}
	return p
}

// counts says whether a plan is whole, with all before it.
func (t *truth) counts(key planKey) bool { return key.number <= t.whole[key.epoch] }

// at is what a job was behind a position of its partition; the zero Job where it was
// not there.
func (l *life) at(p eventlog.Position) (was job.Job) {
	i, found := slices.BinarySearchFunc(l.past, p, func(m moment, p eventlog.Position) int { return m.at.Compare(p) })
	if found {
		return l.past[i].job
	}
	if i == 0 {
		return job.Job{}
	}
	return l.past[i-1].job
}

// sorted are the jobs in the order of their ids.
func (t *truth) sorted() []*life {
	keys := slices.SortedFunc(maps.Keys(t.jobs), func(a, b job.ID) int { return bytes.Compare(a[:], b[:]) })
	out := make([]*life, len(keys))
	for i, id := range keys {
		out[i] = t.jobs[id]
	}
	return out
}
