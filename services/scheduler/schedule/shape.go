package schedule

import (
	"fmt"
	"slices"
)

// shape is a shape that jobs may be of, until it is forgotten; its handle is used again then.
// A service that runs for years sees as many shapes as users think of, one by one.
type shape struct {
	Shape
	id ShapeID
	// known is false where it is forgotten; kinds counts those of it.
	known   bool
	kinds   int32
	class   int32
	matcher int32
	// pools are those of the configuration that it may run in, a bit each; could those with
	// a node that could ever hold it, as of so many changes of nodes.
	pools   uint64
	could   uint64
	couldAt uint64
	// onNode is what it asks of a node: Request, but for floating resources, of which it asks
	// for some where floats.
	onNode Vec
	floats bool
	// away is how it matches nodes away from home, and inPool what of all this is in each pool:
	// at home, then each way to be away. Nil: as everywhere.
	away   []awayMatch
	inPool []int32
	roundShape
}

func (s *State) addShape(d ShapeAdded) error {
	class, is := s.classOf[d.Shape.Class]
	if !is {
		return fmt.Errorf("%w: shape %d is of class %q, which is not known", ErrInvalid, d.ID, d.Shape.Class)
	}
	if err := s.check("request", d.Shape.Request); err != nil {
		return fmt.Errorf("shape %d: %w", d.ID, err)
	}
	if d.Shape.Limit < 0 || d.Shape.Expect < 0 {
		return fmt.Errorf("%w: shape %d: its runs last %d s at most and %d s as expected, which must not be below zero", ErrInvalid, d.ID, d.Shape.Limit, d.Shape.Expect)
	}
	for _, term := range d.Shape.Match.Terms {
		for _, e := range slices.Concat(term.Labels, term.Name) {
			if (e.Operator == "Gt" || e.Operator == "Lt") && len(e.Values) != 1 {
				return fmt.Errorf("%w: shape %d: operator %s takes one value", ErrInvalid, d.ID, e.Operator)
			}
		}
	}
	if _, known := s.shapeOf[d.ID]; known {
		return nil
	}
	row := shape{Shape: d.Shape, id: d.ID, known: true, class: class, matcher: s.refMatcher(&d.Shape.Match)}
	for i, pool := range s.cfg.Pools {
		if len(d.Shape.Pools) == 0 || slices.Contains(d.Shape.Pools, pool) {
			row.pools |= 1 << i
		}
	}
	row.Request = s.keepRequest(d.Shape.Request)
	s.askNodes(&row)
	s.setAway(&row, s.refMatcher)
	h := int32(len(s.shapes)) //nolint:gosec // shapes are below 2^31
	if last := len(s.freeShapes) - 1; last >= 0 {
		h, s.freeShapes = s.freeShapes[last], s.freeShapes[:last]
		s.shapes[h] = row
	} else {
		s.shapes = append(s.shapes, row)
	}
	s.shapeOf[d.ID] = h
	return nil
}

// forgetShape forgets a shape that nothing is of.
func (s *State) forgetShape(id ShapeID) error {
	h, known := s.shapeOf[id]
	if !known {
		return nil
	}
	if s.shapes[h].kinds > 0 {
		return fmt.Errorf("%w: shape %d goes, of which jobs wait or run", ErrInvalid, id)
	}
	s.unrefMatcher(s.shapes[h].matcher)
	for _, a := range s.shapes[h].away {
		if a.matcher != none {
			s.unrefMatcher(a.matcher)
		}
	}
	for _, h := range s.shapes[h].inPool {
		if h != none {
			s.unrefMatcher(h)
		}
	}
	delete(s.shapeOf, id)
	s.shapes[h] = shape{}
	s.freeShapes = append(s.freeShapes, h)
	return nil
}

// requestsTogether is how many requests stand in one piece of memory, 4 KiB of two resources:
// so much a single shape can keep that outlives the others of its piece.
const requestsTogether = 256

// keepRequest copies a request to where others stand. A round reads those of all shapes that
// wait, and one by one they lie anywhere.
func (s *State) keepRequest(request Vec) Vec {
	n := len(request)
	if len(s.requests) < n {
		s.requests = make([]int64, requestsTogether*n)
	}
	kept := Vec(s.requests[:n:n])
	s.requests = s.requests[n:]
	copy(kept, request)
	return kept
}
