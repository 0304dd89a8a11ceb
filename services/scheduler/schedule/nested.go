package schedule

import "fmt"

// checkParent refuses a queue that would be part of itself, or too deep. Settings that stand
// together may be told in any order, for what a part of them refuses they refuse together.
func (s *State) checkParent(q *Queue) error {
	if q.Parent == "" {
		return nil
	}
	above := 1
	for up, is := s.queueOf[q.Parent]; ; up = s.queues[up].parent {
		if q.Parent == q.ID || is && s.queues[up].ID == q.ID {
			return fmt.Errorf("%w: queue %q would be part of itself, its parent being %q", ErrInvalid, q.ID, q.Parent)
		}
		if !is || s.queues[up].parent == none {
			break
		}
		above++
	}
	below := 0
	if h, is := s.queueOf[q.ID]; is {
		below = s.depthBelow(h)
	}
	if above+1+below > QueueDepthMax {
		return fmt.Errorf("%w: queue %q of parent %q would stand at depth %d, and what is part of it %d deeper: at most %d in all",
			ErrInvalid, q.ID, q.Parent, above+1, below, QueueDepthMax)
	}
	return nil
}

// depthBelow is how deep parts stand below a queue; zero: it has none.
func (s *State) depthBelow(h int32) (deepest int) {
	if s.queues[h].parts == 0 {
		return 0
	}
	for i := range s.queues {
		depth := 0
		for up := int32(i); up != none; up = s.queues[up].parent { //nolint:gosec // queues are few
			if up == h {
				deepest = max(deepest, depth)
				break
			}
			depth++
		}
	}
	return deepest
}

// setParent has a queue be part of another, or of none.
func (s *State) setParent(h, parent int32) {
	row := &s.queues[h]
	if row.parent != none {
		s.queues[row.parent].parts--
		s.nested--
	}
	if parent != none {
		s.queues[parent].parts++
		s.nested++
	}
	row.parent = parent
}

// countQuotas notes that a queue has other quotas now.
func (s *State) countQuotas(h int32, now []Quota) {
	if len(s.queues[h].Quotas) > 0 {
		s.quoted--
	}
	if len(now) > 0 {
		s.quoted++
	}
}

// cordoned says whether a queue, or one that it is part of, starts nothing.
func (s *State) cordoned(h int32) bool {
	for ; h != none; h = s.queues[h].parent {
		if s.queues[h].Cordoned {
			return true
		}
	}
	return false
}
