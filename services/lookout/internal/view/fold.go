package view

import (
	"slices"

	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// Before is what the rows hold of the jobs that a stretch of the log is about.
type Before struct {
	// Jobs are the rows of those that are not settled. They are not changed.
	Jobs []*Job
	// Settled are those of them that are in history: whatever happens to a settled job
	// is refused.
	Settled []job.ID
}

// Changes are what must be written, rows in the order in which the log came to
// their jobs. The rows are the caller's, and share slices and maps with rows and
// events from before.
type Changes struct {
	Created, Updated, Ended []*Job
	// Gone are the ids in Ended that had a row among the unsettled: it goes.
	Gone  []job.ID
	Runs  []Run
	Specs []Spec
	// Refused counts the events that job.Apply refused.
	Refused int
}

// Rows are the unsettled jobs as they are after the changes.
func (c Changes) Rows() []*Job { return slices.Concat(c.Created, c.Updated) }

// Fold turns events into changes of rows. Make it with [New], give it the entries
// in log order, take the changes once. One goroutine.
type Fold struct {
	rows map[job.ID]*touched
	// order are those that changed, as they did.
	order   []*touched
	settled map[job.ID]bool
	// specs of the entry in hand: batches of one entry share their pointers.
	specs   map[specKey]job.ID
	changes Changes
}

// touched is a row that the stretch may be about.
type touched struct {
	row *Job
	// stored says that there was a row before; until changed is set, row is that one
	// and not ours to change.
	stored, changed bool
}

type specKey struct {
	spec  *job.PodSpec
	shape *job.Shape
}

// New begins a fold of jobs as they stand.
func New(before Before) *Fold {
	f := &Fold{rows: make(map[job.ID]*touched, len(before.Jobs)), settled: make(map[job.ID]bool, len(before.Settled))}
	for _, row := range before.Jobs {
		f.rows[row.State.ID] = &touched{row: row, stored: true}
	}
	for _, id := range before.Settled {
		f.settled[id] = true
	}
	return f
}

// Add folds the next entry of a partition. Entries of several partitions may take
// turns: a job is in one.
func (f *Fold) Add(entry []job.Batch) {
	f.specs = nil
	for i := range entry {
		for _, e := range entry[i].Events {
			f.add(&entry[i], e)
		}
	}
}

func (f *Fold) add(batch *job.Batch, e job.Event) {
	id := e.Of().Job
	t := f.rows[id]
	var before job.Job
	if t != nil {
		before = t.row.State
	}
	after, err := job.Apply(before, e)
	if err != nil || f.settled[id] {
		f.changes.Refused++
		return
	}
	after.Last -= after.Last % microsecond
	t = f.change(id, t)
	t.row.State = after
	if after.State != before.State {
		t.row.Transitioned = after.Last
	}
	job.Visit(e, recorder{fold: f, row: t.row, batch: batch})
}

// change makes a job's row one of ours; t is nil where there is none.
func (f *Fold) change(id job.ID, t *touched) *touched {
	switch {
	case t == nil:
		t = &touched{row: new(Job)}
		f.rows[id] = t
	case t.changed:
		return t
	default:
		row := *t.row
		t.row = &row
	}
	t.changed = true
	f.order = append(f.order, t)
	return t
}

// microsecond is the smallest time that a row keeps. Apply takes the later of two
// times, so whether they are cut before or after that makes no difference.
const microsecond job.Time = 1000

// Changes are what must be written. The fold is over then.
func (f *Fold) Changes() Changes {
	c := f.changes
	for _, t := range f.order {
		switch {
		case t.row.State.Settled():
			end(&c, t)
		case t.stored:
			c.Updated = append(c.Updated, t.row)
		default:
			c.Created = append(c.Created, t.row)
		}
	}
	return c
}

// end moves a row and its newest run into history.
func end(c *Changes, t *touched) {
	if t.stored {
		c.Gone = append(c.Gone, t.row.State.ID)
	}
	if !t.row.Run.ID.IsZero() {
		c.Runs = append(c.Runs, t.row.Run)
		t.row.Run = Run{}
	}
	t.row.State = Shown(t.row.State)
	c.Ended = append(c.Ended, t.row)
}

// Shown is what history keeps of a state, and queries give: id, state, priority.
func Shown(j job.Job) job.Job { return job.Job{ID: j.ID, State: j.State, Priority: j.Priority} }

// spec is the id of the pod spec of a job, which is told if it is new in the entry.
func (f *Fold) spec(e job.SubmittedEvent) job.ID {
	key := specKey{e.Spec, e.Shape}
	if id, known := f.specs[key]; known {
		return id
	}
	if f.specs == nil {
		f.specs = make(map[specKey]job.ID)
	}
	f.specs[key] = e.Job
	f.changes.Specs = append(f.changes.Specs, Spec{ID: e.Job, Bytes: e.Spec.Bytes, Requests: e.Shape.Requests})
	return e.Job
}
