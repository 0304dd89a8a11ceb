package lead

import (
	"encoding/binary"

	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// specs are the distinct specs of the jobs that are kept. One is forgotten with its
// last job.
type specs struct {
	byKey map[string]*spec
	// recent are those of the entry that is read now: its jobs share them, so the key
	// is made once an entry and not once a job.
	recent map[sharedShape]*spec
	// newest is the newest id that was given.
	newest schedule.ShapeID
	// scratch is where keys are made.
	scratch []byte
}

// sharedShape is what jobs of one entry that are alike have in common.
type sharedShape struct {
	shape *job.Shape
	class string
}

func newSpecs() specs {
	return specs{byKey: map[string]*spec{}, recent: map[sharedShape]*spec{}}
}

// find finds what jobs of a shape and a class have in common, or makes it, and says
// whether it made it.
func (s *specs) find(shape *job.Shape, class string) (*spec, bool) {
	alike := sharedShape{shape, class}
	if known := s.recent[alike]; known != nil {
		return known, false
	}
	s.scratch = appendKey(s.scratch[:0], shape, class)
	known := s.byKey[string(s.scratch)]
	if known != nil {
		s.recent[alike] = known
		return known, false
	}
	s.newest++
	made := &spec{shape: shape, class: class, key: string(s.scratch), id: s.newest}
	s.byKey[made.key] = made
	s.recent[alike] = made
	return made, true
}

// spec finds what jobs of a shape and a class have in common, makes it known to the
// round, and counts one more of them.
func (b *board) spec(shape *job.Shape, class string) *spec {
	s, made := b.specs.find(shape, class)
	if made {
		if err := b.state.Apply(schedule.ShapeAdded{ID: s.id, Shape: b.shapeOf(s)}); err != nil {
			s.refused = err.Error()
		}
	}
	s.jobs++
	return s
}

// drop counts one job of a spec less, and forgets the spec of none.
func (b *board) drop(s *spec) {
	s.jobs--
	if s.jobs > 0 {
		return
	}
	delete(b.specs.byKey, s.key)
	clear(b.specs.recent) // it may be in there
	if s.refused == "" {
		b.apply(schedule.ShapeGone{ID: s.id})
	}
}

// nextEntry forgets which specs the jobs of an entry shared.
func (b *board) nextEntry() { clear(b.specs.recent) }

// shapeOf is a spec in the terms of the round's configuration. What it does not know
// it does not count: submit refused resources that were not known at the time.
func (b *board) shapeOf(s *spec) schedule.Shape {
	request := b.nothing()
	b.addRequest(request, s)
	return schedule.Shape{
		Request: request, Class: schedule.ClassID(s.class), Match: matchOf(s.shape), Band: s.shape.PriceBand,
		Limit: s.shape.LimitSeconds, Expect: s.shape.ExpectSeconds,
	}
}

// appendKey appends bytes that are equal for equal specs and for no others: every
// list and text stands behind its length.
func appendKey(b []byte, s *job.Shape, class string) []byte {
	b = appendText(appendText(b, class), s.PriceBand)
	b = binary.AppendVarint(binary.AppendVarint(b, int64(s.LimitSeconds)), int64(s.ExpectSeconds))
	b = binary.AppendUvarint(b, uint64(len(s.Requests)))
	for _, r := range s.Requests {
		b = binary.AppendVarint(appendText(b, r.Resource), r.Value)
	}
	b = binary.AppendUvarint(b, uint64(len(s.NodeSelector)))
	for _, l := range s.NodeSelector {
		b = appendText(appendText(b, l.Key), l.Value)
	}
	b = binary.AppendUvarint(b, uint64(len(s.NodeAffinity)))
	for _, t := range s.NodeAffinity {
		b = appendExpressions(appendExpressions(b, t.Labels), t.Fields)
	}
	b = binary.AppendUvarint(b, uint64(len(s.Tolerations)))
	for _, t := range s.Tolerations {
		b = appendText(appendText(appendText(appendText(b, t.Key), t.Operator), t.Value), t.Effect)
	}
	return b
}

func appendExpressions(b []byte, list []job.NodeExpression) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for _, e := range list {
		b = binary.AppendUvarint(appendText(appendText(b, e.Key), e.Operator), uint64(len(e.Values)))
		for _, v := range e.Values {
			b = appendText(b, v)
		}
	}
	return b
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}
