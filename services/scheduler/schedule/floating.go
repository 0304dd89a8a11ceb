package schedule

import "fmt"

// Floating resources stand on no node: licenses, the bandwidth of a file server. A pool has
// an amount of each. Every run of the pool holds what it asks for until its pod is gone, and
// no gang starts for which too little is left. Nothing is preempted for one: whose turn it
// is follows from the shares, in which it counts as any resource that is dominant.
//
// What a node has of it means nothing, nor what its runs take of that: a job asks no node
// for it.

// Floating is a resource that stands on no node.
type Floating struct {
	// Resource is one of Config.Resources.
	Resource string
	// Pools is what each pool has; one that is not named has none.
	Pools map[PoolID]int64
}

// initFloating learns of the floating resources. The pools are known.
func (s *State) initFloating() error {
	if len(s.cfg.Floating) == 0 {
		return nil
	}
	size := len(s.cfg.Pools) * len(s.cfg.Resources)
	s.floatingOf, s.floatingHeld, s.isFloating = make([]int64, size), make([]int64, size), make([]bool, len(s.cfg.Resources))
	for _, f := range s.cfg.Floating {
		r, known := s.resources[f.Resource]
		if !known || s.isFloating[r] {
			return fmt.Errorf("%w: floating resource %q is none of the resources, or is named twice", ErrInvalid, f.Resource)
		}
		s.isFloating[r] = true
		for id, amount := range f.Pools { //archcheck:unordered any error will do
			pool, known := s.poolOf[id]
			if !known || amount < 0 || amount > AmountMax {
				return fmt.Errorf("%w: floating resource %q: %d in pool %q: the pool must be known, and the amount from 0 to 2^42", ErrInvalid, f.Resource, amount, id)
			}
			s.room(s.floatingOf, pool)[r] = amount
		}
	}
	return nil
}

// askNodes sets what a shape asks of a node: all but floating resources.
func (s *State) askNodes(sh *shape) {
	sh.onNode = sh.Request
	for r, amount := range sh.Request {
		if amount == 0 || s.isFloating == nil || !s.isFloating[r] {
			continue
		}
		if !sh.floats {
			sh.floats, sh.onNode = true, append(Vec(nil), sh.Request...)
		}
		sh.onNode[r] = 0
	}
}

// float changes what the runs of a pool hold of floating resources: by those of a run that
// came, or that is gone.
func (s *State) float(r *runRow, change func(held, request Vec)) {
	if sh := &s.shapes[s.kinds[r.kind].shape]; sh.floats && s.planned(r.pool) {
		change(s.room(s.floatingHeld, r.pool), sh.Request)
	}
}

// floatingLeft is what is left of a floating resource in a pool.
func (s *State) floatingLeft(held []int64, pool int32, r int) int64 {
	return s.room(s.floatingOf, pool)[r] - s.room(held, pool)[r]
}

// addFloating sets a pool's totals of floating resources.
func (p *planner) addFloating() {
	for r, is := range p.isFloating {
		if is {
			p.total[r] = p.room(p.floatingOf, p.pool)[r]
		}
	}
}

// shortOfFloating says whether too little is left of a floating resource for the next gang
// of a queue.
func (p *planner) shortOfFloating(q *queueRound) bool {
	if p.isFloating == nil || !p.asksFloating(q) {
		return false
	}
	for r, is := range p.isFloating {
		if !is {
			continue
		}
		asked := int64(0)
		if q.gang == none {
			asked = p.shapes[q.shape].Request[r]
		}
		for _, j := range q.members {
			asked += p.request(p.jobs[j].kind)[r]
		}
		if asked > 0 && asked > p.floatingLeft(p.floatingNow, p.pool, r) {
			return true
		}
	}
	return false
}

// asksFloating says whether the next gang of a queue asks for a floating resource.
func (p *planner) asksFloating(q *queueRound) bool {
	if q.gang == none {
		return p.shapes[q.shape].floats
	}
	for _, j := range q.members {
		if p.shapes[p.kinds[p.jobs[j].kind].shape].floats {
			return true
		}
	}
	return false
}

// tookFloating says whether a job that was laid since a mark took floating resources.
func (p *planner) tookFloating(from int) bool {
	if p.isFloating == nil {
		return false
	}
	for _, l := range p.lays[from:] {
		if p.shapes[p.kinds[l.kind].shape].floats {
			return true
		}
	}
	return false
}

// floatingEver says why a pool could never have enough for a shape; empty: it could.
func (s *State) floatingEver(sh *shape, pool int32) string {
	if !sh.floats {
		return ""
	}
	for r, name := range s.cfg.Resources {
		if has := s.room(s.floatingOf, pool)[r]; s.isFloating[r] && sh.Request[r] > has {
			return fmt.Sprintf("too little in its pool: that has %s %s in all, the job asks for %s", Amount(name, has), name, Amount(name, sh.Request[r]))
		}
	}
	return ""
}
