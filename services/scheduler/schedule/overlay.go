package schedule

import "fmt"

// decision is what an own decision, not yet a fact, is about.
type decision struct {
	run RunID
	// going says that it is the end of the run, else it is its lease.
	going bool
	// job is that of a reservation that is made or ended; zero: it is on a run.
	job JobID
}

// AssumeLeased lays a start over the state, until Apply makes the same RunLeased a
// fact, or that of another run of the job, or Forget takes it back. Errors: ErrInvalid
// where the run is known or the job does not wait.
func (s *State) AssumeLeased(r Run) (DecisionID, error) {
	if _, leasing := s.leasing[r.Job]; leasing || s.runIDs.find((*[16]byte)(&r.ID)) != none {
		return 0, fmt.Errorf("%w: run %x of job %x is known, or the job has an assumed one", ErrInvalid, r.ID, r.Job)
	}
	run, row, err := s.lease(&r)
	if err != nil {
		return 0, err
	}
	s.kinds[s.runs[run].kind].refs++ // the row and the run
	s.jobs[row].leased = true
	s.runs[run].leaseAssumed, s.runs[run].row = true, row
	s.leasing[r.Job] = run
	s.goAway(row, r.ID)
	s.countStart(run, (*startedAccount).assume)
	s.global.assume(s.cfg.Rate, r.Since)
	s.tokensOf(run).assume(s.cfg.QueueRate, r.Since)
	return s.decided(decision{run: r.ID}), nil
}

// tokensOf is the bucket of a run's queue.
func (s *State) tokensOf(run int32) *account {
	return &s.queues[s.kinds[s.runs[run].kind].queue].tokens
}

// AssumeReleasing lays the end of a run over the state, until Apply makes a fact of
// it or Forget takes it back; other phases that are told meanwhile lie beneath it. The
// run may be one that is assumed itself. Errors: ErrInvalid where the run is not known
// or goes already.
func (s *State) AssumeReleasing(id RunID) (DecisionID, error) {
	h := s.runIDs.find((*[16]byte)(&id))
	if h == none || s.runs[h].phase == Releasing {
		return 0, fmt.Errorf("%w: run %x is not known, or goes already", ErrInvalid, id)
	}
	s.runs[h].goingAssumed = true
	s.setPhase(h, Releasing)
	return s.decided(decision{run: id, going: true}), nil
}

func (s *State) decided(d decision) DecisionID {
	s.nextDecision++
	s.assumed[s.nextDecision] = d
	s.newest = nil
	return s.nextDecision
}

// Forget takes a decision back, if it has not become a fact. The state is then what
// the facts alone make of it, but for the tokens that a start took: those stay taken
// until nothing else is assumed of their bucket, as what was taken after them cannot be
// told apart.
func (s *State) Forget(id DecisionID) {
	d := s.assumed[id]
	delete(s.assumed, id)
	if d.job != (JobID{}) {
		s.reservations.forget(id)
		s.newest = nil
		return
	}
	h := s.runIDs.find((*[16]byte)(&d.run))
	if h == none {
		return
	}
	switch r := &s.runs[h]; {
	case d.going && r.goingAssumed:
		r.goingAssumed = false
		s.setPhase(h, r.before)
	case !d.going && r.leaseAssumed:
		s.takeBack(h)
	}
	s.newest = nil
}

// Settled says that a decision became a fact: nothing of it is kept.
func (s *State) Settled(id DecisionID) {
	if s.assumed[id].job != (JobID{}) {
		s.reservations.forget(id)
		s.newest = nil
	}
	delete(s.assumed, id)
}

// leaseIsFact notes that the lease of a run is.
func (s *State) leaseIsFact(run int32) {
	r := &s.runs[run]
	if !r.leaseAssumed {
		return
	}
	r.leaseAssumed = false
	delete(s.leasing, r.job)
	s.dropJobRow(r.row)
	r.row = none
	s.kinds[r.kind].refs--
	s.countStart(run, (*startedAccount).settle)
	s.global.settle(s.cfg.Rate, r.since)
	s.tokensOf(run).settle(s.cfg.QueueRate, r.since)
}

// takeBack ends a run whose lease is assumed: its job waits again, as what it was told
// of meanwhile has it.
func (s *State) takeBack(run int32) {
	r := s.runs[run]
	delete(s.leasing, r.job)
	s.countStart(run, func(a *startedAccount, _ int64, _ Vec) { a.forget() })
	s.global.forget()
	s.tokensOf(run).forget()
	s.vacate(run)
	s.dropRun(run)
	s.kinds[r.kind].refs--
	s.comeBack(r.job)
	s.jobs[r.row].leased = false
	switch row := &s.jobs[r.row]; {
	case row.gone:
		s.miss(r.row)
	case row.held:
		s.withhold(r.row)
	default:
		s.enqueue(r.row)
	}
}
