package lead

import (
	"bytes"
	"maps"
	"slices"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// record is an unfinished job, or one whose pod is not gone yet.
type record struct {
	// job is the fold of the log.
	job job.Job
	// ahead is the fold of the log and of own entries that are not read back yet;
	// equal to job while unread is zero.
	ahead  job.Job
	unread int
	set    *jobSet
	entry  *entryUse
	class  string
	gang   job.Gang
	shape  schedule.ShapeID
	// submitted is when, which orders it in its queue.
	submitted job.Time
	// refused says why the round cannot plan it; empty: it can.
	refused string
	// place is where the newest run is; nil before the first.
	place *place
	// wish is what somebody asked for and the leader has not answered; nil: nothing.
	wish *wish
	// end is how the newest run ended badly, until the job's own end is read.
	end *job.Failure
	// tried are the ids of nodes on which runs were attempted and given back.
	tried []string
	// waiting are reports that changed nothing and settle when nothing is unread.
	waiting []ack
	// dirty says that it is on the list of jobs to look at.
	dirty bool
}

// place is where a run is.
type place struct {
	executor *executor
	node     string
	pool     string
	lease    Lease
	// whole says that the plan it came with counts, so that it may be sent.
	whole bool
}

// wish is what users asked of one job, by an event of its own or by a command.
type wish struct {
	cancel, preempt, reprioritize *asked
	priority                      uint32
}

// asked is who asked, and why.
type asked struct{ by, why string }

// jobSet is a job set with unfinished jobs.
type jobSet struct {
	queue, name string
	partition   uint32
	jobs        map[job.ID]*record
}

type setKey struct{ queue, name string }

// entryUse counts the unfinished jobs of one submitted entry.
type entryUse struct {
	ref  EntryRef
	jobs int
}

// table is all unfinished jobs, by what they are looked up by.
type table struct {
	jobs map[job.ID]*record
	// runs are the newest runs of jobs that had one.
	runs    map[job.RunID]*record
	sets    map[setKey]*jobSet
	entries map[EntryRef]*entryUse
}

func newTable() table {
	return table{jobs: map[job.ID]*record{}, runs: map[job.RunID]*record{}, sets: map[setKey]*jobSet{}, entries: map[EntryRef]*entryUse{}}
}

// add makes the record of a job that was submitted in an entry. It says whether
// it is the first of that entry.
func (t *table) add(partition uint32, at eventlog.Position, batch job.Batch, e job.SubmittedEvent) (*record, bool) {
	key := setKey{batch.Queue, batch.JobSet}
	set := t.sets[key]
	if set == nil {
		set = &jobSet{queue: batch.Queue, name: batch.JobSet, partition: partition, jobs: map[job.ID]*record{}}
		t.sets[key] = set
	}
	ref := EntryRef{Partition: partition, At: at}
	entry := t.entries[ref]
	first := entry == nil
	if first {
		entry = &entryUse{ref: ref}
		t.entries[ref] = entry
	}
	entry.jobs++
	rec := &record{set: set, entry: entry, class: e.Class, gang: e.Gang}
	t.jobs[e.Job] = rec
	set.jobs[e.Job] = rec
	return rec, first
}

// remove forgets a job. It says whether it was the last of its entry.
func (t *table) remove(rec *record) bool {
	id := rec.job.ID
	delete(t.jobs, id)
	delete(rec.set.jobs, id)
	if len(rec.set.jobs) == 0 {
		delete(t.sets, setKey{rec.set.queue, rec.set.name})
	}
	rec.entry.jobs--
	if rec.entry.jobs > 0 {
		return false
	}
	delete(t.entries, rec.entry.ref)
	return true
}

// byID is the records of a map in the order of their ids, which is the order in
// which the jobs were made.
func byID(jobs map[job.ID]*record) []*record {
	ids := slices.SortedFunc(maps.Keys(jobs), func(a, b job.ID) int { return bytes.Compare(a[:], b[:]) })
	out := make([]*record, len(ids))
	for i, id := range ids {
		out[i] = jobs[id]
	}
	return out
}

// byRun is the records of a map in the order of their runs.
func byRun(runs map[job.RunID]*record) []*record {
	ids := slices.SortedFunc(maps.Keys(runs), func(a, b job.RunID) int { return bytes.Compare(a[:], b[:]) })
	out := make([]*record, len(ids))
	for i, id := range ids {
		out[i] = runs[id]
	}
	return out
}
