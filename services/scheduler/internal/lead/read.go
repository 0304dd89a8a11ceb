package lead

import (
	"fmt"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// partition is how far a partition of events was read.
type partition struct {
	at   eventlog.Position
	gate eventlog.Gate
}

// controlReader is how far the control stream was read. Of each object the
// highest generation counts.
type controlReader struct {
	at          eventlog.Position
	gate        eventlog.Gate
	generations map[string]uint64
	// created is what the first entry of the stream says; nil until it was read.
	created *Created
}

// read takes a run of the log: the gate judges it, and what counts is applied.
func (c *Core) read(in LogRead) {
	run := in.Run
	at, gate := c.position(run.Partition), c.gate(run.Partition)
	if at.Before(run.From) {
		c.halt(fmt.Errorf("%s: the run begins at %s and the state ends at %s", run.Partition, run.From, at))
		return
	}
	rest := run.After(at)
	admitted, err := c.rules.admit(gate, rest.Entries)
	if err != nil {
		c.halt(fmt.Errorf("%s: %w", run.Partition, err))
		return
	}
	c.counts.Dropped = c.counts.Dropped.Add(admitted.Dropped)
	if newer := admitted.Next.Epoch(); c.epoch > 0 && newer > c.epoch {
		// At once: what a newer leader decided would meet what lies ahead of the log here.
		c.stepDown(fmt.Errorf("%w: epoch %d, ours is %d", ErrDeposed, newer, c.epoch))
		return
	}
	// The position moves first: what an entry sets off may ask for it.
	c.moveTo(run.Partition, rest.To, admitted.Next)
	bodies := in.Bodies[len(run.Entries)-len(rest.Entries):]
	for i, j := 0, 0; i < len(admitted.Entries) && c.phase != stopped; j++ {
		if rest.Entries[j].At == admitted.Entries[i].At {
			c.entry(run.Partition, admitted.Entries[i], bodies[j])
			i++
		}
	}
	c.maybeTake()
}

func (c *Core) gate(p eventlog.Partition) eventlog.Gate {
	if p.Stream == eventlog.Control {
		return c.control.gate
	}
	return c.partitions[p.Number].gate
}

func (c *Core) moveTo(p eventlog.Partition, to eventlog.Position, gate eventlog.Gate) {
	if p.Stream == eventlog.Control {
		c.control.at, c.control.gate = to, gate
		return
	}
	c.partitions[p.Number] = partition{at: to, gate: gate}
}

// halt ends the process: what follows cannot be applied without what is missing.
func (c *Core) halt(why error) {
	c.phase = stopped
	c.emit(Halt{Why: why})
}

// entry applies an entry that counts.
func (c *Core) entry(p eventlog.Partition, e eventlog.Entry, body Body) {
	own, mine := c.takeOwn(p, e)
	if e.Damage != nil || body.Damage != nil {
		c.counts.Damaged++
		return
	}
	for _, s := range body.Settings {
		c.setting(s)
	}
	c.board.nextEntry()
	where := source{partition: p.Number, at: e.At, mine: mine}
	for _, batch := range body.Batches {
		for _, event := range batch.Events {
			c.event(where, batch, event)
		}
	}
	for _, command := range body.Commands {
		c.command(p.Number, command)
	}
	if e.Plan > 0 {
		c.planRead(e.Header, body.Batches)
	}
	if mine {
		c.settle(own.acks)
	}
	if mine && e.Kind == eventlog.Fence {
		c.markerRead()
	}
}

// takeOwn takes the oldest own entry of a partition off the list of those unread,
// if this is one. They come back in the order in which they were appended.
func (c *Core) takeOwn(p eventlog.Partition, e eventlog.Entry) (ownEntry, bool) {
	if e.Author != c.cfg.Author || p.Stream != eventlog.Events || len(c.lead.unread[p.Number]) == 0 {
		return ownEntry{}, false
	}
	own := c.lead.unread[p.Number][0]
	c.lead.unread[p.Number] = c.lead.unread[p.Number][1:]
	return own, true
}

// source is where an event came from.
type source struct {
	partition uint32
	at        eventlog.Position
	mine      bool
}

// event applies one event. One that is refused changes nothing and is counted.
func (c *Core) event(from source, batch job.Batch, e job.Event) {
	c.keep.readEvent(c.now)
	rec := c.table.jobs[e.Of().Job]
	if rec == nil {
		if e, first := e.(job.SubmittedEvent); first {
			c.submitted(from, batch, e)
			return
		}
		c.counts.Refused++
		return
	}
	before := rec.job
	delete(c.lead.leasing, job.RunOf(e)) // its lease is read
	after, err := job.Apply(before, e)
	if err == nil {
		rec.job = after
		job.Visit[struct{}](e, effects{c, rec, before, batch.Cause})
	} else {
		c.counts.Refused++
		if from.mine {
			c.board.forget(e)
			if rec.job.State.Final() {
				c.board.ended(rec) // the decision that was taken back had it wait again
			}
		}
	}
	c.reservations.changed(rec.job.ID)
	if from.mine && isOnReservation(e) {
		become := c.board.state.Settled
		if err != nil {
			become = c.board.state.Forget
		}
		c.board.reservationRead(rec.job.ID, become)
	}
	c.catchUp(from, rec, e)
	c.touch(rec)
	if rec.job.Settled() && !rec.isUnread() {
		c.forget(rec)
	}
}

// catchUp keeps the job ahead of the log what the log and the own unread entries
// make of it.
func (c *Core) catchUp(from source, rec *record, e job.Event) {
	if rec.ahead == nil {
		return
	}
	if from.mine {
		rec.ahead.unread--
	} else if next, err := job.Apply(rec.ahead.job, e); err == nil {
		rec.ahead.job = next
	}
	if rec.ahead.unread == 0 {
		waiting := rec.ahead.waiting
		rec.ahead = nil
		c.settle(waiting)
	}
}

func (c *Core) submitted(from source, batch job.Batch, e job.SubmittedEvent) {
	j, err := job.Apply(job.Job{}, e)
	if err != nil {
		c.counts.Refused++
		return
	}
	rec, first := c.table.add(from.partition, from.at, batch, e)
	rec.job, rec.submitted = j, j.Last
	if first {
		c.emit(Keep{Entry: rec.entry.ref})
	}
	if rec.spec = c.board.spec(e.Shape, e.Class); rec.spec.refused == "" {
		c.board.queued(rec)
		c.lead.stale = true
	}
	c.reservations.changed(e.Job)
	c.touch(rec)
}

// isOnReservation says whether an event makes a reservation or ends one.
func isOnReservation(e job.Event) bool {
	_, made := e.(job.ReservedEvent)
	_, ended := e.(job.UnreservedEvent)
	return made || ended
}

// forget drops a job that nothing can happen to any more.
func (c *Core) forget(rec *record) {
	c.leave(rec, rec.job.Run.ID)
	c.board.drop(rec.spec)
	if c.table.remove(rec) {
		c.settledEntry(rec.entry.ref)
		c.emit(Release{Entry: rec.entry.ref})
	}
}

// setting applies a setting whose generation is the highest of its object.
func (c *Core) setting(s Setting) {
	if s.Created != nil {
		c.control.created = s.Created
	}
	name := s.Deleted
	if s.Queue != nil {
		name = s.Queue.Name
	}
	if name == "" {
		return
	}
	if c.control.generations == nil {
		c.control.generations = map[string]uint64{}
	}
	if s.Generation <= c.control.generations[name] {
		return
	}
	c.control.generations[name] = s.Generation
	if s.Queue != nil {
		c.queues[name] = *s.Queue
		c.board.queueSet(*s.Queue)
	} else {
		delete(c.queues, name)
		c.board.queueDeleted(name)
	}
	c.lead.stale = true
}

// leave: the executor holds a run no more.
func (c *Core) leave(rec *record, run job.RunID) {
	if rec.place != nil {
		delete(rec.place.executor.runs, run)
		delete(c.table.runs, run)
	}
}
