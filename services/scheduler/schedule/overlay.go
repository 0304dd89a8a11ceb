package schedule

import "fmt"

// decision is what an own decision, not yet a fact, is about.
type decision struct {
	run RunID
	// going says that it is the end of the run, else it is its lease.
	going bool
}

// AssumeLeased lays a start over the state, until Apply makes the same RunLeased a
// fact, or that of another run of the job, or Forget takes it back. Errors: ErrInvalid
// where the run is known or the job does not wait.
func (s *State) AssumeLeased(r Run) (DecisionID, error) {
	if s.runs[r.ID] != nil || s.leasing[r.Job] != nil {
		return 0, fmt.Errorf("%w: run %x of job %x is known, or the job has an assumed one", ErrInvalid, r.ID, r.Job)
	}
	leased, err := s.lease(r)
	if err != nil {
		return 0, err
	}
	leased.leaseAssumed = true
	s.leasing[r.Job] = leased
	s.global.assume(s.cfg.Rate, r.Since)
	leased.queue.tokens.assume(s.cfg.QueueRate, r.Since)
	return s.decided(decision{run: r.ID}), nil
}

// AssumeReleasing lays the end of a run over the state, until Apply makes a fact of
// it or Forget takes it back; other phases that are told meanwhile lie beneath it. The
// run may be one that is assumed itself. Errors: ErrInvalid where the run is not known
// or goes already.
func (s *State) AssumeReleasing(id RunID) (DecisionID, error) {
	r := s.runs[id]
	if r == nil || r.Phase == Releasing {
		return 0, fmt.Errorf("%w: run %x is not known, or goes already", ErrInvalid, id)
	}
	r.goingAssumed = true
	s.setPhase(r, Releasing)
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
	r := s.runs[d.run]
	switch {
	case r == nil:
		return
	case d.going && r.goingAssumed:
		r.goingAssumed = false
		s.setPhase(r, r.before)
	case !d.going && r.leaseAssumed:
		s.takeBack(r)
	}
	s.newest = nil
}

// Settled says that a decision became a fact: nothing of it is kept.
func (s *State) Settled(id DecisionID) { delete(s.assumed, id) }

// leaseIsFact notes that the lease of a run is.
func (s *State) leaseIsFact(r *run) {
	if r.leaseAssumed {
		r.leaseAssumed = false
		delete(s.leasing, r.Job)
		s.global.settle(s.cfg.Rate, r.Since)
		r.queue.tokens.settle(s.cfg.QueueRate, r.Since)
	}
}

// takeBack ends a run whose lease is assumed: its job waits again, as what it was told
// of meanwhile has it.
func (s *State) takeBack(r *run) {
	r.leaseAssumed = false
	delete(s.leasing, r.Job)
	s.global.forget()
	r.queue.tokens.forget()
	s.vacate(r)
	s.comeBack(r.Job)
	switch {
	case r.job.gone:
		s.miss(r.job)
	case r.job.held:
		s.withhold(r.job)
	default:
		s.enqueue(r.job)
	}
}
