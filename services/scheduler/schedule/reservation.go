package schedule

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
)

// Reservation is nodes that are kept for a job, or for all members of a gang that wait,
// which would start but for room and which small jobs would keep from it for ever. It lasts
// until they start, or cannot be held any more. See reserve.go.
type Reservation struct {
	// Job names it: the smallest of its jobs.
	Job  JobID
	Pool PoolID
	// Time is when the nodes have room for all at the latest, by what is known of the runs
	// on them; zero: nobody knows, for runs must end of which no end is known.
	Time Time
	// Members are its jobs and their nodes, by job.
	Members []Reserved
}

// ReservationJobsMax is the most jobs of a reservation, since it is one fact. Larger gangs get
// none.
const ReservationJobsMax = 10_000

// Reserved is a job of a reservation and its node.
type Reserved struct {
	Job  JobID
	Node NodeID
}

// Reservation is that of a job; false: it has none. What it shares with the state nobody
// may change.
func (s *State) Reservation(id JobID) (Reservation, bool) {
	name, is := s.reservations.of[id]
	if laid, assumed := s.reservations.assumedFor(id); assumed {
		return laid, laid.Job != JobID{}
	}
	if !is {
		return Reservation{}, false
	}
	return s.reservations.facts[name], true
}

// Reservations are those that are facts, by name. What they share with the state nobody may
// change.
func (s *State) Reservations() []Reservation { return s.reservationRows(false) }

// reservations are those that are facts, by name, and what is assumed over them.
type reservations struct {
	facts map[JobID]Reservation
	// of is the name of the reservation that a job is in.
	of map[JobID]JobID
	// assumed are the newest assumptions, by name: a reservation, or that there is none.
	assumed map[JobID]assumedReservation
}

// assumedReservation is a reservation that no fact has told yet, or without members that
// there is none.
type assumedReservation struct {
	Reservation
	by DecisionID
}

func noReservations() reservations {
	return reservations{facts: map[JobID]Reservation{}, of: map[JobID]JobID{}, assumed: map[JobID]assumedReservation{}}
}

func (r *reservations) clone() reservations {
	return reservations{maps.Clone(r.facts), maps.Clone(r.of), maps.Clone(r.assumed)}
}

func (r *reservations) set(to *Reservation) {
	for _, m := range to.Members {
		if other, is := r.of[m.Job]; is {
			r.drop(other)
		}
	}
	r.facts[to.Job] = *to
	for _, m := range to.Members {
		r.of[m.Job] = to.Job
	}
}

func (r *reservations) drop(name JobID) {
	for _, m := range r.facts[name].Members {
		delete(r.of, m.Job)
	}
	delete(r.facts, name)
}

// forget takes an assumption back.
func (r *reservations) forget(id DecisionID) {
	maps.DeleteFunc(r.assumed, func(_ JobID, a assumedReservation) bool { return a.by == id })
}

// assumedFor is what is assumed of the reservation of a job; its name is zero where it is
// that there is none.
func (r *reservations) assumedFor(id JobID) (Reservation, bool) {
	for _, a := range r.assumed { //archcheck:unordered a job is in one of them
		if slices.ContainsFunc(a.Members, func(m Reserved) bool { return m.Job == id }) {
			return a.Reservation, true
		}
	}
	if name, is := r.of[id]; is {
		if _, gone := r.assumed[name]; gone {
			return Reservation{}, true
		}
	}
	return Reservation{}, false
}

// now are the reservations with what is assumed over them, by name.
func (r *reservations) now() (out []Reservation) {
	if len(r.facts)+len(r.assumed) == 0 {
		return nil
	}
	for name, fact := range r.facts { //archcheck:sorted below
		if _, over := r.assumed[name]; !over {
			out = append(out, fact)
		}
	}
	for _, a := range r.assumed { //archcheck:sorted below
		if len(a.Members) > 0 {
			out = append(out, a.Reservation)
		}
	}
	slices.SortFunc(out, compareReservations)
	return out
}

func compareReservations(a, b Reservation) int { return bytes.Compare(a.Job[:], b.Job[:]) }

// reservationRows gives the reservations: the facts, or what is assumed and can hold.
func (s *State) reservationRows(assumed bool) []Reservation { //nolint:revive // as rows
	if !assumed {
		return slices.SortedFunc(maps.Values(s.reservations.facts), compareReservations)
	}
	return slices.DeleteFunc(s.reservations.now(), func(r Reservation) bool {
		return slices.ContainsFunc(r.Members, func(m Reserved) bool {
			h := s.jobIDs.find((*[16]byte)(&m.Job))
			return h == none || !s.jobs[h].waits
		})
	})
}

// checkReservation refuses one that names nothing.
func checkReservation(r *Reservation) error {
	if r.Job == (JobID{}) || r.Pool == "" || r.Time < 0 || len(r.Members) == 0 || len(r.Members) > ReservationJobsMax || r.Members[0].Job != r.Job {
		return fmt.Errorf("%w: reservation %x of pool %q at %d with %d jobs, of which it must be the first, at most %d", ErrInvalid, r.Job, r.Pool, r.Time, len(r.Members), ReservationJobsMax)
	}
	for i, m := range r.Members {
		if m.Node == "" || i > 0 && bytes.Compare(r.Members[i-1].Job[:], m.Job[:]) >= 0 {
			return fmt.Errorf("%w: reservation %x: job %x on node %q is not in order, or on none", ErrInvalid, r.Job, m.Job, m.Node)
		}
	}
	return nil
}

// mayReserve says whether a job waits, or would without a lease that is assumed.
func (s *State) mayReserve(id JobID) bool {
	h := s.jobIDs.find((*[16]byte)(&id))
	return h != none && !s.jobs[h].gone && !s.jobs[h].held
}

// setReservation makes a reservation a fact, unless it came to nothing meanwhile.
func (s *State) setReservation(r *Reservation) error {
	if err := checkReservation(r); err != nil {
		return err
	}
	for _, m := range r.Members {
		if !s.mayReserve(m.Job) {
			return nil
		}
	}
	s.reservations.set(r)
	return nil
}

// endReservation ends the reservation of a job, which is to wait no more.
func (s *State) endReservation(id JobID) {
	if len(s.reservations.facts)+len(s.reservations.assumed) == 0 {
		return
	}
	if name, is := s.reservations.of[id]; is {
		s.reservations.drop(name)
	}
	maps.DeleteFunc(s.reservations.assumed, func(_ JobID, a assumedReservation) bool {
		return slices.ContainsFunc(a.Members, func(m Reserved) bool { return m.Job == id })
	})
}

// AssumeReserved lays a reservation over the state, until Apply makes a fact of it and the
// caller says that it is [State.Settled], or Forget takes it back. Errors: ErrInvalid.
func (s *State) AssumeReserved(r Reservation) (DecisionID, error) {
	if err := checkReservation(&r); err != nil {
		return 0, err
	}
	return s.assumeReservation(r), nil
}

// AssumeUnreserved lays the end of a reservation over the state, as AssumeReserved does
// with one.
func (s *State) AssumeUnreserved(name JobID) DecisionID {
	return s.assumeReservation(Reservation{Job: name})
}

func (s *State) assumeReservation(r Reservation) DecisionID {
	id := s.decided(decision{job: r.Job})
	s.reservations.assumed[r.Job] = assumedReservation{r, id}
	return id
}

// ends is when a run of a shape ends that began at a time: when it is expected to, while
// that is to come, else when it has to. Nobody knows: at the end of time.
func (sh *Shape) ends(since, now Time) Time {
	limit := after(since, sh.Limit)
	if sh.Expect > 0 {
		if expected := min(after(since, sh.Expect), limit); expected > now {
			return expected
		}
	}
	return limit
}

// after is so many seconds after a time; zero seconds, or too many: the end of time.
func after(at Time, seconds int32) Time {
	later := at + Time(seconds)*1e9
	if seconds == 0 || later < at {
		return never
	}
	return later
}

// never is the end of time.
const never = Time(1<<63 - 1)
