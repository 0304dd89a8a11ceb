package lead

import (
	"bytes"
	"maps"
	"slices"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// record is an unfinished job, or one whose pod is not gone yet. Most of them wait and
// are many, so what only some have is behind a pointer.
type record struct {
	// job is the fold of the log.
	job job.Job
	// submitted is when, which orders it in its queue.
	submitted job.Time
	set       *jobSet
	// next and previous are its neighbours in the set.
	next, previous *record
	entry          *entryUse
	spec           *spec
	// gang is nil for a job of its own.
	gang *job.Gang
	// place is where the newest run is; nil before the first.
	place *place
	// ahead is what own entries that are not read back yet make of the job; nil while
	// there are none.
	ahead *ahead
	// wish is what somebody asked for and the leader has not answered; nil: nothing.
	wish *wish
	// end is how the newest run ended badly, until the job's own end is read.
	end *job.Failure
	// tried are the nodes on which runs were attempted and given back; nil: none.
	tried *tried
	// dirty says that it is on the list of jobs to look at.
	dirty bool
}

// ahead is a job ahead of the log.
type ahead struct {
	// job is the fold of the log and of own entries that are not read back yet.
	job job.Job
	// unread counts the events in those.
	unread int
	// waiting are reports that changed nothing and settle when nothing is unread.
	waiting []ack
}

// tried are ids of nodes, one for each attempt, and when the newest was over.
type tried struct {
	nodes []string
	at    job.Time
}

// aheadOfLog is the job as the log and own unread entries make it.
func (rec *record) aheadOfLog() job.Job {
	if rec.ahead != nil {
		return rec.ahead.job
	}
	return rec.job
}

// isUnread says whether own entries on the job are not read back yet.
func (rec *record) isUnread() bool { return rec.ahead != nil }

// apply puts own events on the job ahead of the log; one that is refused there will be
// refused when it is read, too. It returns how many were.
func (rec *record) apply(events []job.Event) (refused uint64) {
	if rec.ahead == nil {
		rec.ahead = &ahead{job: rec.job}
	}
	rec.ahead.unread += len(events)
	for _, e := range events {
		next, err := job.Apply(rec.ahead.job, e)
		if err != nil {
			refused++
			continue
		}
		rec.ahead.job = next
	}
	return refused
}

// place is where a run is.
type place struct {
	executor *executor
	leased   job.LeasedEvent
	// whole says that the plan it came with counts, so that it may be sent.
	whole bool
}

// wish is what users asked of one job, by an event of its own or by a command.
type wish struct {
	cancel, preempt, reprioritize *asked
	priority                      uint32
}

// isNone says whether nothing is asked.
func (w *wish) isNone() bool {
	return w == nil || w.cancel == nil && w.preempt == nil && w.reprioritize == nil
}

// cancels says whether the job is to be cancelled.
func (w *wish) cancels() bool { return w != nil && w.cancel != nil }

// asked is who asked, and why.
type asked struct{ by, why string }

// spec is what the round needs of jobs that are alike.
type spec struct {
	shape *job.Shape
	class string
	key   string
	id    schedule.ShapeID
	// refused says why the round cannot plan such jobs; empty: it can.
	refused string
	// jobs counts the records that have it.
	jobs int
	mark mark
}

// jobSet is a job set with unfinished jobs.
type jobSet struct {
	queue, name string
	partition   uint32
	// next and previous are its neighbours in the partition.
	next, previous *jobSet
	// first and last are of its jobs, in the order in which they were submitted.
	first, last *record
	jobs        int
	mark        mark
}

type setKey struct{ queue, name string }

// entryUse counts the unfinished jobs of one submitted entry.
type entryUse struct {
	ref  EntryRef
	jobs int
	mark mark
}

// mark is the number that something has in the snapshot of a partition that is made now.
type mark struct{ snapshot, index uint32 }

// table is all unfinished jobs, by what they are looked up by, and in the order in
// which they were submitted: of the job sets of a partition, and of the jobs of a set.
// So the order follows from the log alone.
type table struct {
	jobs map[job.ID]*record
	// runs are the newest runs of jobs that had one.
	runs    map[job.RunID]*record
	sets    map[setKey]*jobSet
	entries map[EntryRef]*entryUse
	// partitions are the ends of the lists of job sets.
	partitions []setList
}

type setList struct{ first, last *jobSet }

func newTable(partitions uint32) table {
	return table{
		jobs: map[job.ID]*record{}, runs: map[job.RunID]*record{}, sets: map[setKey]*jobSet{}, entries: map[EntryRef]*entryUse{},
		partitions: make([]setList, partitions),
	}
}

// add makes the record of a job that was submitted in an entry. It says whether
// it is the first of that entry.
func (t *table) add(partition uint32, at eventlog.Position, batch job.Batch, e job.SubmittedEvent) (*record, bool) {
	entry, first := t.entry(EntryRef{Partition: partition, At: at})
	rec := &record{entry: entry}
	if e.Gang.ID != "" {
		gang := e.Gang // by itself: the event is not to be kept for it
		rec.gang = &gang
	}
	t.put(rec, t.set(partition, batch.Queue, batch.JobSet), e.Job)
	return rec, first
}

// put makes a record, whose entry is set, the last of a job set.
func (t *table) put(rec *record, set *jobSet, id job.ID) {
	rec.entry.jobs++
	rec.set, rec.previous = set, set.last
	if set.last != nil {
		set.last.next = rec
	} else {
		set.first = rec
	}
	set.last = rec
	set.jobs++
	t.jobs[id] = rec
}

// entry finds an entry, or makes it, and says whether it made it.
func (t *table) entry(ref EntryRef) (*entryUse, bool) {
	if known := t.entries[ref]; known != nil {
		return known, false
	}
	made := &entryUse{ref: ref}
	t.entries[ref] = made
	return made, true
}

// set finds a job set, or makes it the last of its partition.
func (t *table) set(partition uint32, queue, name string) *jobSet {
	key := setKey{queue, name}
	if known := t.sets[key]; known != nil {
		return known
	}
	list := &t.partitions[partition]
	set := &jobSet{queue: queue, name: name, partition: partition, previous: list.last}
	if list.last != nil {
		list.last.next = set
	} else {
		list.first = set
	}
	list.last = set
	t.sets[key] = set
	return set
}

// remove forgets a job. It says whether it was the last of its entry.
func (t *table) remove(rec *record) bool {
	delete(t.jobs, rec.job.ID)
	t.unlink(rec)
	if rec.set.first == nil {
		t.unlinkSet(rec.set)
	}
	rec.entry.jobs--
	if rec.entry.jobs > 0 {
		return false
	}
	delete(t.entries, rec.entry.ref)
	return true
}

func (t *table) unlink(rec *record) {
	rec.set.jobs--
	if rec.previous != nil {
		rec.previous.next = rec.next
	} else {
		rec.set.first = rec.next
	}
	if rec.next != nil {
		rec.next.previous = rec.previous
	} else {
		rec.set.last = rec.previous
	}
}

func (t *table) unlinkSet(set *jobSet) {
	list := &t.partitions[set.partition]
	if set.previous != nil {
		set.previous.next = set.next
	} else {
		list.first = set.next
	}
	if set.next != nil {
		set.next.previous = set.previous
	} else {
		list.last = set.previous
	}
	delete(t.sets, setKey{set.queue, set.name})
}

// inPartition yields the jobs of a partition in their order. The one at hand may be
// removed meanwhile.
func (t *table) inPartition(n uint32) func(yield func(*record) bool) {
	return func(yield func(*record) bool) {
		for set := t.partitions[n].first; set != nil; {
			after := set.next
			for rec := set.first; rec != nil; {
				next := rec.next
				if !yield(rec) {
					return
				}
				rec = next
			}
			set = after
		}
	}
}

// all yields all jobs in their order, partition by partition.
func (t *table) all() func(yield func(*record) bool) {
	return func(yield func(*record) bool) {
		for n := range t.partitions {
			for rec := range t.inPartition(uint32(n)) { //nolint:gosec // a partition number
				if !yield(rec) {
					return
				}
			}
		}
	}
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
