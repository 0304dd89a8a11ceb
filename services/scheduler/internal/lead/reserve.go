package lead

import (
	"bytes"
	"maps"
	"slices"

	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// reservations are the newest reservations that the log holds, by the job that each names.
// One ends with the next event that has its job wait no more, or with Unreserved. Whether
// it stands follows from the states of all its jobs (see [Core.stands]), which may be in
// several partitions: so it makes no difference in which order those are read.
type reservations struct {
	facts map[job.ID]job.ReservedEvent
	// members are the jobs of all of them; nil: not known since one came or went.
	members map[job.ID]bool
	// stale says that the round may know others than those that stand.
	stale bool
}

func (r *reservations) set(e job.ReservedEvent) {
	r.facts[e.Job] = e
	r.members, r.stale = nil, true
}

// end: the reservation that names a job, if there is one, is over.
func (r *reservations) end(id job.ID) {
	if _, is := r.facts[id]; is {
		delete(r.facts, id)
		r.members, r.stale = nil, true
	}
}

// changed: what a job's reservation hangs on may be another now.
func (r *reservations) changed(id job.ID) {
	if len(r.facts) == 0 || r.stale {
		return
	}
	if r.members == nil {
		r.members = map[job.ID]bool{}
		for _, e := range r.facts { //archcheck:unordered a set is made
			for _, m := range e.Members {
				r.members[m.Job] = true
			}
		}
	}
	r.stale = r.members[id]
}

// of is the reservation that names a job; nil: there is none.
func (r *reservations) of(id job.ID) *job.ReservedEvent {
	if e, is := r.facts[id]; is {
		return &e
	}
	return nil
}

// reserve has the round know the reservations that stand.
func (c *Core) reserve() {
	if !c.reservations.stale {
		return
	}
	c.reservations.stale = false
	var stand []schedule.Reservation
	for _, id := range slices.SortedFunc(maps.Keys(c.reservations.facts), func(a, b job.ID) int { return bytes.Compare(a[:], b[:]) }) {
		if e := c.reservations.facts[id]; c.stands(&e) {
			stand = append(stand, reservationOf(&e))
		}
	}
	c.board.reserved(stand)
}

// stands says whether all jobs of a reservation wait as they did when it was made.
func (c *Core) stands(e *job.ReservedEvent) bool {
	return !slices.ContainsFunc(e.Members, func(m job.ReservedMember) bool {
		rec := c.table.jobs[m.Job]
		return rec == nil || rec.job.State != job.Queued || rec.job.Run.ID != m.Run || rec.wish.cancels()
	})
}

func reservationOf(e *job.ReservedEvent) schedule.Reservation {
	r := schedule.Reservation{Job: schedule.JobID(e.Job), Pool: schedule.PoolID(e.Pool), Time: schedule.Time(e.Until)}
	for _, m := range e.Members {
		r.Members = append(r.Members, schedule.Reserved{Job: schedule.JobID(m.Job), Node: nodeID(m.Executor, m.Node)})
	}
	return r
}

// reservedEvent is a reservation of a plan as a fact.
func (c *Core) reservedEvent(r *schedule.Reservation) job.ReservedEvent {
	e := job.ReservedEvent{Head: c.head(c.table.jobs[job.ID(r.Job)]), Pool: string(r.Pool), Until: job.Time(r.Time)}
	for _, m := range r.Members {
		executor, node := splitNode(m.Node)
		e.Members = append(e.Members, job.ReservedMember{Job: job.ID(m.Job), Run: c.table.jobs[job.ID(m.Job)].job.Run.ID, Executor: executor, Node: node})
	}
	return e
}

// reservable says whether every job of a reservation waits, with the own entries that are
// not read back yet.
func (c *Core) reservable(r *schedule.Reservation) bool {
	return !slices.ContainsFunc(r.Members, func(m schedule.Reserved) bool { return !c.waitsAhead(job.ID(m.Job)) })
}

// waitsAhead says whether a job waits, with the own entries that are not read back yet.
func (c *Core) waitsAhead(id job.ID) bool {
	rec := c.table.jobs[id]
	return rec != nil && rec.aheadOfLog().State == job.Queued
}

// publishReservations puts the reservations that a plan makes, and the ends of those that
// it drops, among its events. They are facts by themselves: also of a plan that is not whole
// one stands for as long as the round can hold it.
func (c *Core) publishReservations(parts *post, plan *schedule.Plan) {
	for _, id := range plan.Unreserves {
		if c.waitsAhead(job.ID(id)) {
			rec := c.table.jobs[job.ID(id)]
			c.board.assumeUnreserved(id)
			c.plannedEvent(parts, rec, job.UnreservedEvent{Head: c.head(rec)})
		}
	}
	for i := range plan.Reservations {
		if r := &plan.Reservations[i]; c.reservable(r) {
			c.board.assumeReserved(r)
			c.plannedEvent(parts, c.table.jobs[job.ID(r.Job)], c.reservedEvent(r))
		}
	}
}

// reserved makes the reservations that stand those that are facts of the round.
func (b *board) reserved(stand []schedule.Reservation) {
	for _, known := range b.state.Reservations() {
		if !slices.ContainsFunc(stand, func(r schedule.Reservation) bool { return r.Job == known.Job }) {
			b.apply(schedule.ReservationGone{Job: known.Job})
		}
	}
	for i := range stand {
		b.apply(schedule.ReservationSet{Reservation: stand[i]})
	}
}

// assumeReserved lays an own reservation, not read back yet, over the state, and
// assumeUnreserved the end of one.
func (b *board) assumeReserved(r *schedule.Reservation) {
	id, err := b.state.AssumeReserved(*r)
	if err != nil {
		b.refused++
	}
	b.reserving[r.Job] = append(b.reserving[r.Job], id)
}

func (b *board) assumeUnreserved(name schedule.JobID) {
	b.reserving[name] = append(b.reserving[name], b.state.AssumeUnreserved(name))
}

// reservationRead: the oldest own event on the reservations that name a job was read back,
// and this becomes of the decision. They come back in the order in which they were written.
func (b *board) reservationRead(id job.ID, become func(schedule.DecisionID)) {
	name := schedule.JobID(id)
	list := b.reserving[name]
	if len(list) == 0 {
		return
	}
	become(list[0])
	if b.reserving[name] = list[1:]; len(list) == 1 {
		delete(b.reserving, name)
	}
}
