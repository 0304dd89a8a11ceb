package schedule

import (
	"fmt"
	"strings"
)

// Apply takes facts, in order. One that is refused changes nothing and ends the
// call; those before it stand. Errors: ErrInvalid. What concerns no known job, run,
// node or shape is refused, but for the end of things, which may be told twice.
func (s *State) Apply(deltas ...Delta) error {
	s.newest = nil
	for i, d := range deltas {
		if err := s.apply(d); err != nil {
			if i > 0 {
				err = fmt.Errorf("fact %d of %d: %w", i+1, len(deltas), err)
			}
			return err
		}
	}
	return nil
}

func (s *State) apply(d Delta) error {
	switch d := d.(type) {
	case ShapeAdded:
		return s.addShape(d)
	case ShapeGone:
		return s.forgetShape(d.ID)
	case GangAdded:
		return s.addGang(d.Gang)
	case JobQueued:
		return s.addJob(&d.Job)
	case JobGone:
		s.endJob(d.Job)
	case JobHeld:
		s.holdJob(d.Job)
	case JobReprioritized:
		s.reprioritize(d)
	case RunLeased:
		return s.leased(&d.Run)
	case RunPhased:
		return s.phased(d)
	case RunGone:
		s.goneRun(&d)
	case TimePassed:
		s.pass(d.Now)
	case NodeSet:
		return s.setNode(&d.Node)
	case NodeGone:
		s.removeNode(d.Node)
	case QueueSet:
		return s.setQueue(d.Queue)
	case QueueGone:
		if q, is := s.queueOf[d.Queue]; is {
			s.setParent(q, none)
			s.countQuotas(q, nil)
			s.queues[q].Queue, s.queues[q].known = undefined(d.Queue), false
		}
	case ExecutorLost:
		if !s.lost[d.Executor] {
			s.lost[d.Executor] = true
			s.executorChanged(d.Executor)
		}
	case ExecutorBack:
		if s.lost[d.Executor] {
			delete(s.lost, d.Executor)
			s.executorChanged(d.Executor)
		}
	case ReservationSet:
		return s.setReservation(&d.Reservation)
	case ReservationGone:
		s.reservations.drop(d.Job)
	default:
		return fmt.Errorf("%w: fact of type %T", ErrInvalid, d)
	}
	return nil
}

func (s *State) addGang(g Gang) error {
	if g.ID == "" || g.Queue == "" || g.Cardinality == 0 {
		return fmt.Errorf("%w: gang %q of queue %q with %d members", ErrInvalid, g.ID, g.Queue, g.Cardinality)
	}
	known := none
	if q, is := s.queueOf[g.Queue]; is {
		if h, is := s.queues[q].gangs[g.ID]; is {
			known = h
		}
	}
	row := &gang{Gang: Gang{Min: g.Min}}
	if known != none {
		row = &s.gangs[known]
	} else if g.Min > g.Cardinality || g.Want > g.Cardinality || g.Want > 0 && g.Want < max(1, g.Min) || g.Min == 0 && g.Want > 0 {
		return fmt.Errorf("%w: gang %q of queue %q of at least %d and at most %d of %d members", ErrInvalid, g.ID, g.Queue, g.Min, g.Want, g.Cardinality)
	}
	groups, err := s.newGroups(row, g.Groups, g.Min)
	if err == nil && !s.knowsTier(g.Tier) {
		err = fmt.Errorf("%w: tier %q is not known", ErrInvalid, g.Tier)
	}
	if err != nil {
		return fmt.Errorf("gang %q of queue %q: %w", g.ID, g.Queue, err)
	}
	if known == none {
		known = s.addGangRow(&g)
	}
	s.addGroups(&s.gangs[known], groups)
	return nil
}

// addGangRow makes a gang, without its groups.
func (s *State) addGangRow(g *Gang) int32 {
	q := s.queue(g.Queue)
	h, row := int32(len(s.gangs)), gang{Gang: *g, queue: q, bound: s.bindingFor(g.Tier, g.Label)} //nolint:gosec // gangs are below 2^31
	row.Groups = nil
	if last := len(s.freeGangs) - 1; last >= 0 {
		h, s.freeGangs = s.freeGangs[last], s.freeGangs[:last]
		s.gangs[h] = row
	} else {
		s.gangs = append(s.gangs, row)
	}
	if s.queues[q].gangs == nil {
		s.queues[q].gangs = map[GangID]int32{}
	}
	s.queues[q].gangs[g.ID] = h
	return h
}

// resolve finds the queue, the shape and the gang of a job. The queue may be new.
func (s *State) resolve(j *Job) (queue, shape, gang int32, err error) {
	shape, known := s.shapeOf[j.Shape]
	gang = none
	switch {
	case !known:
		return none, none, none, fmt.Errorf("%w: job %x is of shape %d, which is not known", ErrInvalid, j.ID, j.Shape)
	case j.ID == JobID{} || j.Queue == "":
		return none, none, none, fmt.Errorf("%w: job %x of queue %q", ErrInvalid, j.ID, j.Queue)
	case j.Gang != "":
		if queue, known = s.queueOf[j.Queue]; known {
			gang, known = s.queues[queue].gangs[j.Gang]
		}
		if !known {
			return none, none, none, fmt.Errorf("%w: job %x is of gang %q, which is not known", ErrInvalid, j.ID, j.Gang)
		}
	}
	if j.Group != "" && (gang == none || s.groupOf(gang, j.Group) == noGroup) {
		return none, none, none, fmt.Errorf("%w: job %x is of group %q of gang %q, which is not known", ErrInvalid, j.ID, j.Group, j.Gang)
	}
	return s.queue(j.Queue), shape, gang, nil
}

func (s *State) addJob(j *Job) error {
	if s.jobIDs.find((*[16]byte)(&j.ID)) != none {
		return fmt.Errorf("%w: job %x waits already", ErrInvalid, j.ID)
	}
	queue, shape, gang, err := s.resolve(j)
	if err != nil {
		return err
	}
	s.enqueue(s.addJobRow(j, s.refKind(queue, shape), gang))
	return nil
}

// endJob takes a job out of its queue and its gang.
func (s *State) endJob(id JobID) {
	h := s.jobIDs.find((*[16]byte)(&id))
	switch {
	case h == none:
		if g := s.endAway(id); g != none {
			s.dropGang(g)
		}
		return
	case s.jobs[h].leased:
		s.jobs[h].gone = true // it waits under the lease, which will be taken back
		s.endReservation(id)
		return
	case s.jobs[h].waits:
		s.dequeue(h)
	default:
		s.release(h)
	}
	s.miss(h)
}

// miss forgets a job that ended while it waited.
func (s *State) miss(h int32) {
	row := s.jobs[h]
	s.dropJobRow(h)
	s.unrefKind(row.kind)
	if row.gang != none {
		s.gangs[row.gang].missed++
		s.dropGang(row.gang)
	}
}

// holdJob takes a job out of its queue, also one whose lease is assumed, for that may
// be taken back.
func (s *State) holdJob(id JobID) {
	h := s.jobIDs.find((*[16]byte)(&id))
	s.endReservation(id)
	switch {
	case h == none:
	case s.jobs[h].waits:
		s.dequeue(h)
		s.withhold(h)
	case s.jobs[h].leased:
		s.jobs[h].held = true
	}
}

// reprioritize moves a waiting job, also one that waits under an assumed lease.
func (s *State) reprioritize(d JobReprioritized) {
	h := s.jobIDs.find((*[16]byte)(&d.Job))
	switch {
	case h == none:
	case s.jobs[h].waits:
		s.dequeue(h)
		s.jobs[h].priority = d.Priority
		s.enqueue(h)
	case s.jobs[h].leased:
		s.jobs[h].priority = d.Priority
	}
}

// lease makes a waiting job a run. Where the lease is assumed its job's row is kept.
func (s *State) lease(r *Run) (run, row int32, err error) {
	h := s.jobIDs.find((*[16]byte)(&r.Job))
	if h == none || s.jobs[h].gone || r.ID == (RunID{}) || r.Phase != Leased {
		return none, none, fmt.Errorf("%w: run %x of job %x, which does not wait", ErrInvalid, r.ID, r.Job)
	}
	if s.jobs[h].leased {
		s.takeBack(s.leasing[r.Job]) // another lease of the job is the fact
	}
	if s.jobs[h].waits {
		s.dequeue(h)
	} else {
		s.release(h)
	}
	return s.addRun(r, s.jobs[h].kind, s.jobs[h].gang), h, nil
}

// addRun makes a run on its node, which may be one that is not known: its executor was
// not heard from yet.
func (s *State) addRun(r *Run, kind, gang int32) int32 {
	h := s.runIDs.add(r.ID)
	row := runRow{
		job: r.Job, since: r.Since, node: s.node(r.Node), pool: s.pool(r.Pool), level: r.Level, kind: kind, gang: gang,
		row: none, phase: r.Phase, before: r.Phase,
	}
	if int(h) == len(s.runs) {
		s.runs = append(s.runs, row)
	} else {
		s.runs[h] = row
	}
	s.lowestLevel = min(s.lowestLevel, r.Level)
	s.occupy(h)
	return h
}

// leased makes a run a fact, which it may have been assumed to be.
func (s *State) leased(r *Run) error {
	if known := s.runIDs.find((*[16]byte)(&r.ID)); known != none {
		if !s.runs[known].leaseAssumed || s.runs[known].job != r.Job {
			return fmt.Errorf("%w: run %x is known", ErrInvalid, r.ID)
		}
		s.leaseIsFact(known)
		return nil
	}
	run, row, err := s.lease(r)
	if err != nil {
		return err
	}
	s.goAway(row, r.ID)
	s.dropJobRow(row) // the run has its kind now
	s.countStart(run, (*startedAccount).take)
	s.global.take(s.cfg.Rate, r.Since)
	s.queues[s.kinds[s.runs[run].kind].queue].tokens.take(s.cfg.QueueRate, r.Since)
	return nil
}

// phased moves a run. That it must go stays assumed until it is told.
func (s *State) phased(d RunPhased) error {
	h := s.runIDs.find((*[16]byte)(&d.Run))
	if h == none || d.Phase < Leased || d.Phase > Releasing {
		return fmt.Errorf("%w: phase %d of run %x, which is not known", ErrInvalid, d.Phase, d.Run)
	}
	s.leaseIsFact(h)
	r := &s.runs[h]
	r.before = d.Phase
	if d.Phase == Releasing {
		r.goingAssumed = false
	}
	if !r.goingAssumed {
		s.setPhase(h, d.Phase)
	}
	return nil
}

func (s *State) goneRun(d *RunGone) {
	h := s.runIDs.find((*[16]byte)(&d.Run))
	if h == none {
		return
	}
	s.leaseIsFact(h)
	s.chargeShort(h, d)
	s.use(h, d.At)
	s.vacate(h)
	s.lose(h, d.Ended)
	gang, kind := s.runs[h].gang, s.runs[h].kind
	s.dropRun(h)
	s.unrefKind(kind)
	s.dropGang(gang)
}

func (s *State) setNode(n *Node) error {
	if err := s.check("total", n.Total); err != nil {
		return fmt.Errorf("node %q: %w", n.ID, err)
	}
	if err := s.check("use of others", n.Other); err != nil {
		return fmt.Errorf("node %q: %w", n.ID, err)
	}
	if n.Executor == "" || !strings.HasPrefix(string(n.ID), string(n.Executor)+"/") || n.MaxPods < 0 {
		return fmt.Errorf("%w: node %q of executor %q with at most %d pods", ErrInvalid, n.ID, n.Executor, n.MaxPods)
	}
	h := s.node(n.ID)
	s.rebase(h, n)
	return nil
}

// rebase has a node be what is told of it; nil: it is not known any more. What its runs
// hold stays held.
func (s *State) rebase(h int32, to *Node) {
	row := &s.nodes[h]
	for _, room := range []Vec{s.room(s.free, h), s.room(s.later, h)} {
		if row.known {
			room.sub(row.Total)
			room.add(row.Other)
		}
		if to != nil {
			room.add(to.Total)
			room.sub(to.Other)
		}
	}
	before := row.Node
	was := row.known
	if to == nil {
		row.Node, row.known, row.pool = Node{ID: before.ID}, false, none
	} else {
		row.Node, row.known, row.pool = *to, true, none
		if p, is := s.poolOf[to.Pool]; is && s.planned(p) {
			row.pool = p
		}
	}
	s.index.changed(s, h, was, &before)
}

func (s *State) removeNode(id NodeID) {
	if h, is := s.nodeOf[id]; is && s.nodes[h].known {
		s.rebase(h, nil)
		s.dropNode(h)
	}
}

// executorChanged: its nodes take jobs now, or no more.
func (s *State) executorChanged(ExecutorID) { s.index.stale = true }

func (s *State) setQueue(q Queue) error {
	if q.ID == "" || q.Weight <= 0 || q.Weight > AmountMax {
		return fmt.Errorf("%w: queue %q of weight %d", ErrInvalid, q.ID, q.Weight)
	}
	for _, l := range q.Limits {
		if err := checkLimit(l.Limit); err != nil {
			return fmt.Errorf("queue %q: %w", q.ID, err)
		}
	}
	if err := checkQuotas(q.Quotas); err != nil {
		return fmt.Errorf("queue %q: %w", q.ID, err)
	}
	if err := s.checkParent(&q); err != nil {
		return err
	}
	h, parent := s.queue(q.ID), none
	if q.Parent != "" {
		parent = s.queue(q.Parent)
	}
	s.setParent(h, parent)
	s.countQuotas(h, q.Quotas)
	s.queues[h].Queue, s.queues[h].known = q, true
	return nil
}
