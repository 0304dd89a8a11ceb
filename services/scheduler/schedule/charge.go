package schedule

import (
	"bytes"
	"fmt"
	"math"
	"slices"
)

// A run that ended soon after it was leased stays charged to its queue until it would have
// had the cutoff of its pool, if it ran and was not preempted: else a queue of many short
// jobs would always stand before the others, for it holds little at any moment. What is
// charged counts in what a queue costs, before and after its next gang, and in nothing
// else: nobody waits for it, it is no part of a limit, and nothing is lost for it.

// Charge is what a queue is charged for a run that ended.
type Charge struct {
	Run    RunID
	Queue  QueueID
	Pool   PoolID
	Amount Vec
	// Until is when it ends.
	Until Time
}

// charge is a row of them.
type charge struct {
	queue, pool int32
	amount      Vec
	until       Time
}

// cutoff is how long runs of a pool are charged at least; zero: they are not.
func (s *State) cutoff(pool int32) Time {
	if len(s.cfg.ShortJob) == 0 {
		return 0
	}
	return Time(s.cfg.ShortJob[s.poolName[pool]])
}

// chargeShort charges a run that ends, by the facts on it, if it was short.
func (s *State) chargeShort(run int32, d *RunGone) {
	r := &s.runs[run]
	cutoff := s.cutoff(r.pool)
	if !d.Ended || cutoff == 0 || r.before != Running || r.since > math.MaxInt64-cutoff || r.since+cutoff <= d.At {
		return
	}
	if s.charges == nil {
		s.charges = map[RunID]charge{}
	}
	s.charges[s.runIDs.ids[run]] = charge{s.kinds[r.kind].queue, r.pool, s.request(r.kind), r.since + cutoff}
}

// pass forgets the charges that have ended, and brings usage up to date.
func (s *State) pass(now Time) {
	if len(s.usage) > 0 {
		s.fadeUsage(now)
	}
	for id, c := range s.charges { //archcheck:unordered each by itself
		if c.until <= now {
			delete(s.charges, id)
		}
	}
}

// addCharges adds, to what the queues of the pool cost, what they are charged, and their
// usage, and has the round wake when a charge ends.
func (p *planner) addCharges() {
	p.surcharged = false
	p.addUsage()
	for _, c := range p.charges { //archcheck:unordered a sum, and the least
		at := p.at[c.queue]
		if c.pool != p.pool || c.until <= p.round.Now || at == none {
			continue
		}
		p.surcharge(at).add(c.amount)
		p.wakeAt(c.until)
	}
	if p.surcharged && p.tree.on {
		p.surchargeTree()
	}
}

// surchargeTree sums what counts beside what is held at and below each place.
func (p *planner) surchargeTree() {
	t := &p.tree
	t.surcharges = append(t.surcharges[:0], make([]int64, len(t.places)*len(p.cfg.Resources))...)
	for i := range p.queues {
		for n := p.queues[i].seat; n != none; n = t.places[n].parent {
			p.room(t.surcharges, n).add(p.surcharge(int32(i))) //nolint:gosec // queues are few
		}
	}
}

// surcharge is what counts in the cost of a queue of the pool beside what it holds.
func (p *planner) surcharge(at int32) Vec {
	if !p.surcharged {
		p.surcharged = true
		p.surcharges = append(p.surcharges[:0], make([]int64, len(p.queues)*len(p.cfg.Resources))...)
	}
	return p.room(p.surcharges, at)
}

// chargeRows gives the charges, by run.
func (s *State) chargeRows(out *Snapshot) {
	for id, c := range s.charges { //archcheck:sorted below
		out.Charges = append(out.Charges, Charge{Run: id, Queue: s.queues[c.queue].ID, Pool: s.poolName[c.pool], Amount: c.amount, Until: c.until})
	}
	slices.SortFunc(out.Charges, func(a, b Charge) int { return bytes.Compare(a.Run[:], b.Run[:]) })
}

func (s *State) loadCharges(content *Snapshot) error {
	for i := range content.Charges {
		c := &content.Charges[i]
		if err := s.check("charge", c.Amount); err != nil {
			return fmt.Errorf("run %x: %w", c.Run, err)
		}
		if c.Run == (RunID{}) || c.Queue == "" {
			return fmt.Errorf("%w: charge of run %x of queue %q", ErrInvalid, c.Run, c.Queue)
		}
		if _, is := s.charges[c.Run]; is {
			return twice("charge", fmt.Sprintf("%x", c.Run))
		}
		if s.charges == nil {
			s.charges = map[RunID]charge{}
		}
		s.charges[c.Run] = charge{s.queue(c.Queue), s.pool(c.Pool), c.Amount, c.Until}
	}
	return nil
}

// charges writes them.
func (d *digester) charges(rows []Charge) {
	d.count(len(rows))
	for i := range rows {
		c := &rows[i]
		d.id(c.Run)
		text(d, c.Queue)
		text(d, c.Pool)
		d.vec(c.Amount)
		d.number(int64(c.Until))
	}
}
