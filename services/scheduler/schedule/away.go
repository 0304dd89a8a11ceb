package schedule

import (
	"fmt"
	"slices"
)

// A class may have its jobs run away from home: on nodes whose taints they do not tolerate,
// at a level below that of their class, so that those whose home it is take their places by
// urgency. A job that waits stands in its queue's order once at its class's priority and once
// at each level at which it may be away: what it finds no place for at home is passed over, and
// comes again behind all that is of a higher level than it would have away. So nothing starts
// away that what starts at home in the same round would have to preempt. A gang goes away as a
// whole, all its members at one level.

// AwayMax is how many kinds of nodes a class has at most away from home.
const AwayMax = 16

// Away is nodes on which the jobs of a class may run at a lower level.
type Away struct {
	// Level is below the class's priority, and below those before it. The class is preemptible.
	Level int32
	// Tolerate are tolerated there beside what a job tolerates.
	Tolerate []Toleration
	// Types are tolerated too, each by the jobs that it is for. Where there are any, only jobs
	// that one of them is for go away in this way.
	Types []AwayType
}

// AwayType is what is tolerated by the jobs that ask for what all of its conditions say.
type AwayType struct {
	When     []Condition
	Tolerate []Toleration
}

// Condition is one on what a job asks for.
type Condition struct {
	// Resource is one of the configuration's.
	Resource string
	// Operator is >, < or ==.
	Operator string
	// Value is an amount in the unit of the resource.
	Value int64
}

// awayMatch is a way to match nodes away from home. Its matcher is none where the shape may
// not go away in it.
type awayMatch struct {
	matcher, level int32
	tolerate       []Toleration
}

// checkAway refuses levels that do not descend from the class's, and classes that must not go.
func (c *Class) checkAway() error {
	if len(c.Away) > AwayMax || len(c.Away) > 0 && !c.Preemptible {
		return fmt.Errorf("%w: class %q has %d kinds of nodes away from home, of at most %d, and must be preemptible", ErrInvalid, c.ID, len(c.Away), AwayMax)
	}
	above := c.Priority
	for _, a := range c.Away {
		if a.Level >= above {
			return fmt.Errorf("%w: class %q: level %d away from home is not below %d", ErrInvalid, c.ID, a.Level, above)
		}
		above = a.Level
	}
	return nil
}

// checkConditions refuses conditions on what is no resource, and of unknown kinds.
func (s *State) checkConditions(c *Class) error {
	for _, a := range c.Away {
		for _, t := range a.Types {
			for _, w := range t.When {
				if _, is := s.resources[w.Resource]; !is || w.Value < 0 || w.Value > AmountMax || w.Operator != ">" && w.Operator != "<" && w.Operator != "==" {
					return fmt.Errorf("%w: class %q: condition %s %s %d away from home must be on a resource, by >, < or ==, and from 0 to 2^42", ErrInvalid, c.ID, w.Resource, w.Operator, w.Value)
				}
			}
		}
	}
	return nil
}

// tolerates is what jobs that ask for so much tolerate away from home; false: they do not go
// away in this way.
func (s *State) tolerates(a *Away, request Vec) (list []Toleration, may bool) {
	list, may = slices.Clip(a.Tolerate), len(a.Types) == 0
	for _, t := range a.Types {
		if !slices.ContainsFunc(t.When, func(w Condition) bool { return !w.holds(request[s.resources[w.Resource]]) }) {
			list, may = append(list, t.Tolerate...), true
		}
	}
	return list, may
}

// holds says whether an amount is as a condition has it.
func (c *Condition) holds(amount int64) bool {
	switch c.Operator {
	case ">":
		return amount > c.Value
	case "<":
		return amount < c.Value
	}
	return amount == c.Value
}

// setAway sets the ways in which a shape matches nodes away from home, and in pools where jobs
// tolerate more, by a function that finds the handle of one.
func (s *State) setAway(sh *shape, matcher func(*Match) int32) {
	sh.away = nil
	for _, a := range s.cfg.Classes[sh.class].Away {
		as := awayMatch{matcher: none, level: a.Level}
		if list, may := s.tolerates(&a, sh.Request); may {
			m := sh.Match
			m.Tolerations = slices.Concat(m.Tolerations, list)
			as.matcher, as.tolerate = matcher(&m), list
		}
		sh.away = append(sh.away, as)
	}
	if sh.inPool = nil; len(s.cfg.Tolerate) == 0 {
		return
	}
	for _, pool := range s.cfg.Pools {
		for away := range 1 + len(sh.away) {
			if away > 0 && sh.away[away-1].matcher == none {
				sh.inPool = append(sh.inPool, none)
				continue
			}
			m := sh.Match
			if away > 0 {
				m.Tolerations = slices.Concat(m.Tolerations, sh.away[away-1].tolerate)
			}
			m.Tolerations = slices.Concat(m.Tolerations, s.cfg.Tolerate[pool])
			sh.inPool = append(sh.inPool, matcher(&m))
		}
	}
}

// matcherIn is how a shape matches nodes on the account of a pool, at home or away.
func (sh *shape) matcherIn(pool, away int32) int32 {
	switch {
	case sh.inPool != nil:
		return sh.inPool[int(pool)*(1+len(sh.away))+int(away)]
	case away > 0:
		return sh.away[away-1].matcher
	}
	return sh.matcher
}

// mayBeAway says whether a node could match a shape away from home, on the account of a pool.
func (s *State) mayBeAway(sh *shape, n *Node, pool int32) bool {
	for i, a := range sh.away {
		if a.matcher != none && s.matchers[sh.matcherIn(pool, int32(i+1))].mismatchEver(n) == "" { //nolint:gosec // at most AwayMax
			return true
		}
	}
	return false
}

// odd says whether of the next job of a queue nothing is known by its shape: it is unlike its
// kind, or looks for a place away from home.
func (p *planner) odd(q *queueRound) bool { return q.away > 0 || p.alone(q.job) }

// levelOf is the level of a kind's jobs at home, or away.
func (p *planner) levelOf(kind, away int32) int32 {
	if away == 0 {
		return p.classOfKind(kind).Priority
	}
	return p.shapes[p.kinds[kind].shape].away[away-1].level
}

// mayGoAway says whether a job and all of its gang's members may be away in a way.
func (p *planner) mayGoAway(job int32, members []int32, away int32) bool {
	goes := func(j int32) bool {
		sh := &p.shapes[p.kinds[p.jobs[j].kind].shape]
		return int(away) <= len(sh.away) && sh.away[away-1].matcher != none
	}
	return goes(job) && !slices.ContainsFunc(members, func(j int32) bool { return !goes(j) })
}

// waysOf is how many ways to be away from home a job has, though it may not go in each.
func (p *planner) waysOf(job int32) int32 {
	return int32(len(p.shapes[p.kinds[p.jobs[job].kind].shape].away)) //nolint:gosec // at most AwayMax
}

// mayBe says whether a job and all of its gang's members may be at home, or away in a way, in
// the pool.
func (p *planner) mayBe(job int32, members []int32, away int32) bool {
	switch {
	case !p.mayBeGuests(job, members):
		return false
	case away == 0:
		return !p.off.Home
	case p.off.Away || p.off.GangAway && p.jobs[job].gang != none:
		return false
	}
	return p.mayGoAway(job, members, away)
}

// roams says whether a job, or its gang, may be away from home in the pool.
func (p *planner) roams(job int32, members []int32) bool {
	for away := range p.waysOf(job) {
		if p.mayBe(job, members, away+1) {
			return true
		}
	}
	return false
}

// tolerated are what a job must tolerate beside its own where it is looked for.
func (p *planner) tolerated(k *seek) []Toleration {
	there := p.cfg.Tolerate[p.cfg.Pools[p.pool]]
	if k.away == 0 {
		return there
	}
	return slices.Concat(p.shapes[p.kinds[p.jobs[k.job].kind].shape].away[k.away-1].tolerate, there)
}

// failedIn says whether a job of a kind found no place in the walk of a queue, at home or so
// far away.
func (k *roundKind) failedIn(walk uint64, away int32) bool {
	if away == 0 {
		return k.failed == walk
	}
	return int(away) <= len(k.failedAway) && k.failedAway[away-1] == walk
}

// fail notes that a job of a kind found no place.
func (k *roundKind) fail(walk uint64, away int32) {
	if away == 0 {
		k.failed = walk
		return
	}
	for len(k.failedAway) < int(away) {
		k.failedAway = append(k.failedAway, 0)
	}
	k.failedAway[away-1] = walk
}

// hasOddPlace says whether the next job of a queue has a place, of which nothing is known by
// its shape.
func (p *planner) hasOddPlace(q *queueRound) bool {
	p.setFragile(q, true)
	k := p.seekFor(q.job, q.away, nil)
	q.spotted = false
	return p.mayHoldMore(q, p.shapes[q.shape].Request) && p.roomFor(&k) != none || p.victimsAnywhere(q, &k)
}

// settle lays a job where it finds a place; false: nowhere.
func (p *planner) settle(q *queueRound, job int32, in scope, domain string) bool {
	k := p.seekFor(job, q.away, in)
	if p.mayHoldMore(q, p.request(p.jobs[job].kind)) {
		if n := p.roomFor(&k); n != none {
			p.lay(q, &k, n, domain)
			return true
		}
	}
	if q.alone || !p.preemptFor(q, &k) {
		return false
	}
	p.displace(q, &k, &q.spot, domain)
	return true
}

// canStartAnywhere says whether the next gang of a queue can start at home, or else away; it
// is left as it can.
func (p *planner) canStartAnywhere(q *queueRound) bool {
	for away := range 1 + p.waysOf(q.job) {
		if q.away = away; p.mayBe(q.job, q.members, away) && p.canStart(q) {
			return true
		}
	}
	return false
}
