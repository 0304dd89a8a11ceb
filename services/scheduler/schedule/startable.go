package schedule

import "math"

// beginPeriods copies what was started in the period of the round. What stands there of a
// later one, by a clock that went ahead, counts too: there is no more to start before that.
func (p *planner) beginPeriods() {
	p.started, p.periodEnd = p.started[:0], p.periodEnd[:0]
	if len(p.startedIn) == 0 {
		return
	}
	l := &p.cfg.PeriodLimit
	now := l.number(p.round.Now)
	for pool := range p.startedIn {
		st, period := &p.startedIn[pool].seen, now
		if st.period < now {
			p.started = append(p.started, make(Vec, len(st.sum))...)
		} else {
			p.started, period = append(p.started, st.sum...), st.period
		}
		p.periodEnd = append(p.periodEnd, Time(period+1)*l.Length)
	}
}

// findPeriodLimit finds what may start in the pool within a period. The total is known.
func (p *planner) findPeriodLimit() {
	if len(p.startedIn) > 0 {
		p.periodMost = p.appendPeriodLimit(p.periodMost[:0], p.pool, p.total)
		p.mostAsked = append(p.mostAsked[:0], make(Vec, len(p.total))...)
	}
}

func (s *State) appendPeriodLimit(to Vec, pool int32, total Vec) Vec {
	limit := s.cfg.PeriodLimit.in(s.cfg.Pools[pool])
	for r, name := range s.cfg.Resources {
		most := int64(math.MaxInt64)
		if part, limited := limit[name]; limited {
			most = int64(min(scale(uint64(max(0, total[r])), uint64(part), Million), math.MaxInt64)) //nolint:gosec // not negative
		}
		to = append(to, most)
	}
	return to
}

// asked is what the next gang of a queue asks for of a resource.
func (p *planner) asked(q *queueRound, r int) (sum int64) {
	if q.gang == none {
		return p.shapes[q.shape].Request[r]
	}
	for _, j := range q.members {
		sum += p.request(p.jobs[j].kind)[r]
	}
	return sum
}

// aboveAPeriod says whether the next gang of a queue is larger than what may start in a whole
// period: it waits for ever.
func (p *planner) aboveAPeriod(q *queueRound) bool {
	if len(p.startedIn) == 0 {
		return false
	}
	for r, most := range p.periodMost {
		if most < math.MaxInt64 && p.asked(q, r) > most {
			return true
		}
	}
	return false
}

// inPeriod says whether the next gang of a queue may start in this period. Where it may not
// the queue ends, until the next.
func (p *planner) inPeriod(q *queueRound) bool {
	if len(p.startedIn) == 0 || p.aboveAPeriod(q) {
		return true
	}
	for r, most := range p.periodMost {
		if most == math.MaxInt64 {
			continue
		}
		asked := p.asked(q, r)
		p.mostAsked[r] = max(p.mostAsked[r], asked)
		if asked > 0 && asked > p.periodLeft(r) {
			p.endQueue(q, p.periodEnd[p.pool])
			return false
		}
	}
	return true
}

// countStarts counts what was laid since a mark. It says whether some queue's next gang may
// be above the limit of the period now.
func (p *planner) countStarts(from int) (short bool) {
	if len(p.startedIn) == 0 {
		return false
	}
	started := p.room(p.started, p.pool)
	for _, l := range p.lays[from:] {
		started.add(p.request(l.kind))
	}
	for r, most := range p.periodMost {
		if asked := p.mostAsked[r]; asked > 0 && most < math.MaxInt64 && started[r]+asked > most {
			return true
		}
	}
	return false
}

// periodBlocks are what a pool may not start of the jobs of a gang: ever, or in this period.
func (p *planner) periodBlocks(q *queueRound) (out []Block) {
	if len(p.startedIn) == 0 {
		return nil
	}
	for r, most := range p.periodMost {
		asked, left := p.asked(q, r), p.periodLeft(r)
		switch name := p.cfg.Resources[r]; {
		case asked == 0 || asked <= left:
		case asked > most:
			out = append(out, Block{Rule: AboveAPeriod, Resource: name, Have: most, Need: asked})
		default:
			out = append(out, Block{Rule: PeriodUsed, Resource: name, Have: left, Need: asked, Until: p.periodEnd[p.pool]})
		}
	}
	return out
}

// periodLeft is what may still start in the pool of a resource in the period.
func (p *planner) periodLeft(r int) int64 {
	if len(p.startedIn) == 0 || p.periodMost[r] == math.MaxInt64 {
		return math.MaxInt64
	}
	if p.round.Now >= p.periodEnd[p.pool] {
		return p.periodMost[r] // it is asked what will be
	}
	return p.periodMost[r] - p.room(p.started, p.pool)[r]
}
