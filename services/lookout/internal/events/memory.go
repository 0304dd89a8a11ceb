package events

import (
	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/lookout/internal/view"
)

// RememberedMax is how many rows a writer remembers, in all partitions together; a
// row takes one to two KiB. Of the least lately used ones half is forgotten at once.
const RememberedMax = 50_000

// memory is what is remembered of the active rows of one partition. It is a cache
// of two generations: what was not written while the young one filled up is
// forgotten.
type memory struct {
	// at is where the rows stood when it was right.
	at         eventlog.Position
	young, old map[job.ID]*view.Job
	// pending is what the last call would have remembered, had it known that its
	// transaction takes effect.
	pending proposal
}

type proposal struct {
	to   eventlog.Position
	rows []*view.Job
	gone []job.ID
}

// settle brings what is remembered to where the rows stand, keeping at most so many.
func (m *memory) settle(stands eventlog.Position, most int) {
	switch p := m.pending; stands {
	case m.at: // the last call had no effect, or there was none
	case p.to:
		for _, row := range p.rows {
			m.remember(row, most)
		}
		for _, id := range p.gone {
			m.forget(id)
		}
	default:
		m.young, m.old = nil, nil
	}
	m.at, m.pending = stands, proposal{}
}

// row finds a row, or nil.
func (m *memory) row(id job.ID) *view.Job {
	if row := m.young[id]; row != nil {
		return row
	}
	return m.old[id]
}

func (m *memory) remember(row *view.Job, most int) {
	if len(m.young) >= max(1, most/2) {
		m.old, m.young = m.young, nil
	}
	if m.young == nil {
		m.young = map[job.ID]*view.Job{}
	}
	m.young[row.State.ID] = row
	delete(m.old, row.State.ID)
}

func (m *memory) forget(id job.ID) {
	delete(m.young, id)
	delete(m.old, id)
}
