package schedule

import "math"

// protection is until when a run of a level is not preempted.
type protection struct {
	level int32
	until Time
}

// protectedUntil is when a run has had the minimum run time of its class.
func (c *Class) protectedUntil(since Time) Time {
	if since > math.MaxInt64-c.MinRunTime {
		return math.MaxInt64
	}
	return since + c.MinRunTime
}

// protected says whether a run has not had its minimum run time yet. No class is asked for
// where none has any.
func (p *planner) protected(r *runRow) bool {
	if !p.protects {
		return false
	}
	c := p.classOfKind(r.kind)
	return c.MinRunTime > 0 && c.protectedUntil(r.since) > p.round.Now
}

// shielded is protected for a run as a search for victims looks at it.
func (p *planner) shielded(r *softRun) bool {
	if !p.protects {
		return false
	}
	c := p.classOfKind(r.kind)
	return c.MinRunTime > 0 && c.protectedUntil(r.since) > p.round.Now
}

// noteProtected notes, for the survey, a run that could go but for its minimum run time,
// and that is on the account of a queue.
func (p *planner) noteProtected(r *runRow, at int32) {
	until := p.classOfKind(r.kind).protectedUntil(r.since)
	if at != none && r.pool == p.pool {
		p.queues[at].young = min(p.queues[at].young, max(r.since, until-1))
	}
	if p.State.nodes[r.node].pool != p.site || !p.home() && r.pool != p.pool {
		return
	}
	level := p.levelIn(r)
	for i := range p.survey.protected {
		if x := &p.survey.protected[i]; x.level == level {
			x.until = min(x.until, until)
			return
		}
	}
	p.survey.protected = append(p.survey.protected, protection{level, until})
}

// wakeForProtected has the round wake when a run of a lower class than the next gang of a
// queue, which has no place, has had its minimum run time. Its share may be worth a run's
// place later, too: see wakeForYoung.
func (p *planner) wakeForProtected(q *queueRound) {
	if !p.protects {
		return
	}
	p.look()
	level := p.classPriority(q.job)
	for _, j := range q.members {
		level = max(level, p.classPriority(j))
	}
	for _, x := range p.survey.protected {
		if x.level < level {
			p.wakeAt(x.until)
		}
	}
}
