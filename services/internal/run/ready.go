package run

import (
	"errors"
	"fmt"
)

var (
	// ErrNotStarted is why a group is not ready before Run.
	ErrNotStarted = errors.New("not started")
	errEnded      = errors.New("has ended")
)

// Ready returns nil when the group is running and every part is ready, else all the
// reasons at once, each with its part's name. From the moment the group begins to
// stop it returns [ErrStopping], so that whoever sends work here goes elsewhere while
// the servers still drain. Safe for concurrent use; it calls each part's Ready.
func (g *Group) Ready() error {
	g.mu.Lock()
	phase := g.phase
	members := g.members
	g.mu.Unlock()
	switch phase {
	case notStarted:
		return ErrNotStarted
	case stopping:
		return ErrStopping
	case running:
	}
	var reasons []error
	for _, m := range members {
		if err := m.ready(); err != nil {
			reasons = append(reasons, fmt.Errorf("%s: %w", m.part.Name, err))
		}
	}
	return errors.Join(reasons...)
}

// ready says why m cannot work now.
func (m *member) ready() error {
	select {
	case <-m.done:
		return errEnded
	default:
	}
	if m.part.Ready == nil {
		return nil
	}
	return m.part.Ready()
}
