package schedule

import (
	"math"
	"slices"
)

// Try is the round of one job or its gang alone: what is decided if nobody else asks for
// anything, while demand and shares are as they are. It obeys every rule but the order.
// Nothing is changed. A job that does not wait gets an empty plan.
func (s *State) Try(id JobID, r Round) *Plan {
	h := s.jobIDs.find((*[16]byte)(&id))
	if h == none || !s.jobs[h].waits {
		return &Plan{Stop: StopDone}
	}
	p := &s.rounds
	p.begin(s, r)
	p.parking.idle = true
	defer p.end()
	t := p.trialOf(h)
	if len(p.blocks(t, r.Now)) > 0 {
		return p.plan
	}
	for _, at := range p.visits {
		if q := p.ask(t, at); q != nil {
			if p.canStartAnywhere(q) {
				p.start(q)
				return p.plan
			}
			p.drop(q)
		}
	}
	return p.plan
}

// asked is a job that is asked about, with the members of its gang that wait.
type asked struct {
	job, queue, gang int32
	// members are empty for a job of its own.
	members []int32
	// alone: it is a member of an elastic gang that goes by itself. Behind: not before others
	// of the gang have started.
	alone, behind bool
	// last is where the gang stands in its queue: its last member.
	last     int32
	position int
}

func (p *planner) trialOf(job int32) *asked {
	t := &asked{job: job, queue: p.kinds[p.jobs[job].kind].queue, gang: p.jobs[job].gang, last: job}
	if t.gang != none {
		t.members = p.gangs[t.gang].queued
		if p.gangs[t.gang].isElastic() {
			p.askElastic(t)
		}
		t.last = t.members[len(t.members)-1]
	}
	t.position = p.positionOf(t.last)
	return t
}

// all are the jobs that start together.
func (t *asked) all() []int32 {
	if t.gang == none {
		return []int32{t.job}
	}
	return t.members
}

// positionOf is a job's place in its queue's order, from 1.
func (s *State) positionOf(job int32) int {
	position := 1
	for _, k := range s.queues[s.kinds[s.jobs[job].kind].queue].kinds {
		list := &s.kinds[k].waiting
		position += list.before(list.findQueued(s, job))
	}
	return position
}

// blocks are what stops a job in every pool, whatever room there is.
func (p *planner) blocks(t *asked, now Time) (out []Block) {
	q := &p.State.queues[t.queue]
	if !q.known {
		out = append(out, Block{Rule: QueueUndefined})
	}
	for h := t.queue; h != none; h = p.State.queues[h].parent {
		if row := &p.State.queues[h]; row.Cordoned {
			out = append(out, Block{Rule: QueueCordoned, Queue: row.ID})
		}
	}
	if t.gang != none {
		if g := &p.gangs[t.gang]; g.isElastic() {
			out = p.blockElastic(t, out)
		} else if !g.whole() {
			out = append(out, Block{Rule: GangIncomplete, Have: int64(g.members()), Need: int64(g.Cardinality)})
		}
		if p.aboveGangMax(t.gang) {
			out = append(out, Block{Rule: GangAboveMax, Have: int64(p.cfg.GangMax), Need: int64(p.gangs[t.gang].Cardinality)})
		}
	}
	if t.position > p.cfg.Lookback {
		out = append(out, Block{Rule: BeyondLookback, Have: int64(p.cfg.Lookback), Need: int64(t.position)})
	}
	ready := Time(0)
	for _, j := range t.all() {
		ready = max(ready, p.notBefore(j))
	}
	if ready > now {
		out = append(out, Block{Rule: TooEarly, Until: ready})
	}
	n := uint32(len(t.all())) //nolint:gosec // below 2^31 jobs
	out = p.blockByRate(out, Block{Rule: NoTokens}, n, p.cfg.Rate, &p.global, now)
	return p.blockByRate(out, Block{Rule: NoQueueTokens}, n, p.cfg.QueueRate, &p.tokens[t.queue], now)
}

//nolint:revive // as many arguments as a bucket has sides
func (p *planner) blockByRate(out []Block, b Block, n uint32, rate Rate, tokens *bucket, now Time) []Block {
	ok, ready := tokens.has(rate, n, now)
	switch {
	case ok:
		return out
	case n > rate.Burst:
		return append(out, Block{Rule: GangAboveBurst, Have: int64(rate.Burst), Need: int64(n)})
	}
	b.Until = ready
	return append(out, b)
}

// ask has a job, or its gang, be the next of its queue in a pool, at home or as guests; nil: it
// may not use it.
func (p *planner) ask(t *asked, at visit) *queueRound {
	if !p.shapes[p.kinds[p.jobs[t.job].kind].shape].mayUse(at.pool) {
		return nil
	}
	p.enter(at)
	return p.askAgain(t)
}

// askAgain is ask in the pool that was entered.
func (p *planner) askAgain(t *asked) *queueRound {
	if !p.shapes[p.kinds[p.jobs[t.job].kind].shape].mayUse(p.pool) || !p.mayUse(t.members) {
		return nil
	}
	q := &p.queues[p.at[t.queue]]
	q.done = false
	last, members := t.last, p.inOrder(t.members)
	if len(members) > 0 {
		last = members[len(members)-1] // where it stands in this pool
	}
	p.setNext(q, last, 0, members)
	q.alone = t.alone
	return q
}

// suppose is what is supposed of a job that is asked about.
type suppose struct {
	// shape is given the shape of each waiting member to change, match says that it changes
	// which nodes match.
	shape func(*Shape)
	match bool
	// anywhere: it may go where it was tried.
	anywhere bool
	// unlimited: no limit of a class holds its queue back.
	unlimited bool
	// more are members that come to the gang, fewer is how many wait; zero: all.
	more, fewer int
	at          Time
}

// supposing asks whether a job could start in the pool that was entered, were it as is
// supposed. The rows of its jobs are others meanwhile: of kinds and shapes that stand
// behind all there are, and are in no list.
func (p *planner) supposing(t *asked, as suppose) (can bool) {
	s := p.State
	kinds, shapes, matchers, active, limits := len(s.kinds), len(s.shapes), len(s.matchers), len(p.active), slices.Clone(p.limits)
	rows := map[int32]int32{} // the kinds that the jobs are of
	now, wake, stop := p.round.Now, p.plan.Wake, p.plan.Stop
	if as.at > now {
		p.round.Now, p.survey.known = as.at, false // others are young then, or protected
		p.forgetAhead()
	}
	made := map[int32]int32{}
	for _, j := range t.all() {
		old := s.jobs[j].kind
		if as.shape == nil {
			break
		}
		if _, is := made[old]; !is {
			made[old] = p.supposedKind(old, &as)
		}
		rows[j], s.jobs[j].kind = old, made[old]
	}
	var avoid []jobExtra
	if as.anywhere {
		for _, j := range t.all() {
			extra := s.extras[j]
			avoid = append(avoid, extra)
			if s.jobs[j].extra {
				s.extras[j] = jobExtra{notBefore: extra.notBefore}
			}
		}
	}
	if as.unlimited {
		for i := range p.limits {
			p.limits[i] = math.MaxInt64
		}
	}
	members := t.members
	if as.fewer > 0 {
		t.members = members[:as.fewer]
	}
	for range as.more {
		t.members = append(slices.Clip(t.members), t.last)
	}
	if q := p.askAgain(t); q != nil {
		can = p.canStartAnywhere(q)
		p.drop(q)
	}
	t.members = members
	for i, extra := range avoid {
		if j := t.all()[i]; s.jobs[j].extra {
			s.extras[j] = extra
		}
	}
	for j, kind := range rows { //archcheck:unordered each its own
		s.jobs[j].kind = kind
	}
	for _, h := range p.active[active:] {
		if int(h) < shapes {
			s.shapes[h].next, s.shapes[h].active = 0, false
		}
	}
	p.active = p.active[:active]
	s.kinds, s.shapes, s.matchers = s.kinds[:kinds], s.shapes[:shapes], s.matchers[:matchers]
	copy(p.limits, limits)
	if as.at > now {
		p.round.Now, p.survey.known = now, false
		p.forgetAhead()
	}
	p.plan.Wake, p.plan.Stop = wake, stop
	p.unmark() // what was noted of rows is of what was supposed
	p.shares++
	return can
}

// supposedKind makes a kind and a shape behind all others.
func (p *planner) supposedKind(of int32, as *suppose) int32 {
	s := p.State
	row := s.shapes[s.kinds[of].shape]
	row.Request = slices.Clone(row.Request)
	row.Match.Tolerations = slices.Clone(row.Match.Tolerations)
	row.roundShape, row.couldAt = roundShape{}, 0
	as.shape(&row.Shape)
	row.class, row.floats = s.classOf[row.Class], false
	s.askNodes(&row)
	s.setAway(&row, func(m *Match) int32 {
		s.matchers = append(s.matchers, matcher{Match: *m})
		return int32(len(s.matchers) - 1) //nolint:gosec // below 2^31
	})
	if as.match {
		row.matcher = int32(len(s.matchers)) //nolint:gosec // below 2^31
		s.matchers = append(s.matchers, matcher{Match: row.Match})
	}
	row.pools = 0
	for i, pool := range s.cfg.Pools {
		if len(row.Pools) == 0 || slices.Contains(row.Pools, pool) {
			row.pools |= 1 << i
		}
	}
	s.shapes = append(s.shapes, row)
	s.kinds = append(s.kinds, kind{queue: s.kinds[of].queue, shape: int32(len(s.shapes) - 1)}) //nolint:gosec // below 2^31
	return int32(len(s.kinds) - 1)                                                             //nolint:gosec // below 2^31
}
