package app

import (
	"errors"
	"sync"
)

// standing is what others see of the term that runs: whether it could lead, and what
// it counted. The term's loop notes it after each step. Safe for concurrent use.
type standing struct {
	mu  sync.Mutex
	now view
	// past is the sum of the terms that are over.
	past Counts
}

// view is a moment of a scheduler.
type view struct {
	// Counts are of all terms of this process.
	Counts
	// caughtUp says that the term has read what the log held when it began.
	caughtUp bool
	// epoch is that which it leads in; zero when it does not lead.
	epoch uint64
	// behind is how many events stand behind the stored snapshot.
	behind uint64
	// terms counts those that are over.
	terms uint64
}

// note takes over how a node stands. One that has caught up stays so.
func (s *standing) note(n *Node) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now.Counts, s.now.epoch, s.now.behind = n.Counts(), n.Epoch(), n.core.Behind()
	s.now.caughtUp = s.now.caughtUp || n.core.CaughtUp()
}

// over ends a term: the next begins with a node that has counted nothing.
func (s *standing) over() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.past = s.past.Add(s.now.Counts)
	s.now = view{terms: s.now.terms + 1}
}

// view is how the scheduler stands now.
func (s *standing) view() (view, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := s.now
	seen.Counts = s.past.Add(s.now.Counts)
	return seen, true
}

var errBehind = errors.New("has not read yet what the log held when it began")

// ready says that the process leads or could do so at once.
func (s *standing) ready() error {
	if seen, _ := s.view(); !seen.caughtUp {
		return errBehind
	}
	return nil
}
