package schedule

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// ErrInvalid is wrapped by every refusal of New and Apply.
var ErrInvalid = errors.New("invalid")

// Delta is one fact. The set is closed: it is the types of this file.
//
//sumtype:decl
type Delta interface{ delta() }

// ShapeAdded: jobs of this shape may come. One that is known is the same.
type ShapeAdded struct {
	ID    ShapeID
	Shape Shape
}

// GangAdded: jobs of this gang may come. One that is known stays as it is.
type GangAdded struct{ Gang Gang }

// JobQueued: the job waits. It may have run before.
type JobQueued struct{ Job Job }

// JobGone: a waiting job waits no more.
type JobGone struct{ Job JobID }

// JobHeld: a waiting job is not to start any more, and has not ended: somebody wants
// it cancelled. A lease that is a fact all the same is one. It holds until JobGone.
type JobHeld struct{ Job JobID }

// JobReprioritized: a waiting job has another priority.
type JobReprioritized struct {
	Job      JobID
	Priority uint32
}

// RunLeased: a waiting job got a node. Where it was assumed it is a fact now.
type RunLeased struct{ Run Run }

// RunPhased: the run is in this phase now. Where it was assumed it is a fact now.
type RunPhased struct {
	Run   RunID
	Phase Phase
}

// RunGone: the run holds its node no more.
type RunGone struct{ Run RunID }

// NodeSet: the node is this now.
type NodeSet struct{ Node Node }

// NodeGone: there is no such node. Its runs hold nothing.
type NodeGone struct{ Node NodeID }

// QueueSet: the queue is this now.
type QueueSet struct{ Queue Queue }

// QueueGone: nobody defines the queue any more. Its jobs wait.
type QueueGone struct{ Queue QueueID }

// ExecutorLost: the executor takes no new runs.
type ExecutorLost struct{ Executor ExecutorID }

// ExecutorBack: it takes runs again.
type ExecutorBack struct{ Executor ExecutorID }

func (ShapeAdded) delta()       {}
func (GangAdded) delta()        {}
func (JobQueued) delta()        {}
func (JobGone) delta()          {}
func (JobHeld) delta()          {}
func (JobReprioritized) delta() {}
func (RunLeased) delta()        {}
func (RunPhased) delta()        {}
func (RunGone) delta()          {}
func (NodeSet) delta()          {}
func (NodeGone) delta()         {}
func (QueueSet) delta()         {}
func (QueueGone) delta()        {}
func (ExecutorLost) delta()     {}
func (ExecutorBack) delta()     {}

// New makes an empty state. Errors: ErrInvalid.
func New(cfg Config) (*State, error) {
	s := &State{
		cfg: &cfg, resources: map[string]int{}, classes: map[ClassID]*Class{},
		shapes: map[ShapeID]*shape{}, jobs: map[JobID]*queuedJob{}, held: map[JobID]*queuedJob{}, runs: map[RunID]*run{}, away: map[JobID]*awayMember{}, nodes: map[NodeID]*node{},
		queues: map[QueueID]*queue{}, lost: map[ExecutorID]bool{}, assumed: map[DecisionID]decision{}, leasing: map[JobID]*run{},
	}
	for i, name := range cfg.Resources {
		s.resources[name] = i
	}
	for _, name := range cfg.Dominant {
		i, known := s.resources[name]
		if !known {
			return nil, fmt.Errorf("%w: dominant resource %q is none of the resources", ErrInvalid, name)
		}
		s.dominants = append(s.dominants, i)
	}
	for i := range cfg.Classes {
		if err := checkLimit(cfg.Classes[i].Limit); err != nil {
			return nil, fmt.Errorf("class %q: %w", cfg.Classes[i].ID, err)
		}
		s.classes[cfg.Classes[i].ID] = &cfg.Classes[i]
	}
	pools := slices.Compact(slices.Sorted(slices.Values(cfg.Pools)))
	switch {
	case len(cfg.Resources) == 0 || len(s.resources) != len(cfg.Resources):
		return nil, fmt.Errorf("%w: resources %q are none, or one is named twice", ErrInvalid, cfg.Resources)
	case len(pools) == 0 || len(pools) != len(cfg.Pools):
		return nil, fmt.Errorf("%w: pools %q are none, or one is named twice", ErrInvalid, cfg.Pools)
	case len(s.classes) == 0 || len(s.classes) != len(cfg.Classes):
		return nil, fmt.Errorf("%w: of %d priority classes there are none, or one is named twice", ErrInvalid, len(cfg.Classes))
	case len(s.dominants) == 0:
		return nil, fmt.Errorf("%w: no resource is dominant", ErrInvalid)
	case cfg.Lookback <= 0 || cfg.Protected < 0:
		return nil, fmt.Errorf("%w: look-back %d must be above zero, and protected %d not below", ErrInvalid, cfg.Lookback, cfg.Protected)
	case !cfg.Rate.valid() || !cfg.QueueRate.valid():
		return nil, fmt.Errorf("%w: a rate is negative, or takes over 2^60 ns for its burst", ErrInvalid)
	}
	return s, nil
}

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
	case GangAdded:
		return s.addGang(d.Gang)
	case JobQueued:
		return s.addJob(d.Job)
	case JobGone:
		s.endJob(d.Job)
	case JobHeld:
		s.hold(d.Job)
	case JobReprioritized:
		s.reprioritize(d)
	case RunLeased:
		return s.leased(d.Run)
	case RunPhased:
		return s.phased(d)
	case RunGone:
		s.goneRun(d.Run)
	case NodeSet:
		return s.setNode(d.Node)
	case NodeGone:
		s.removeNode(d.Node)
	case QueueSet:
		return s.setQueue(d.Queue)
	case QueueGone:
		if q := s.queues[d.Queue]; q != nil {
			q.Queue, q.known = undefined(d.Queue), false
		}
	case ExecutorLost:
		if !s.lost[d.Executor] {
			s.lost[d.Executor] = true
			s.nodesChanged()
		}
	case ExecutorBack:
		if s.lost[d.Executor] {
			delete(s.lost, d.Executor)
			s.nodesChanged()
		}
	default:
		return fmt.Errorf("%w: fact of type %T", ErrInvalid, d)
	}
	return nil
}

func (s *State) addShape(d ShapeAdded) error {
	class := s.classes[d.Shape.Class]
	if class == nil {
		return fmt.Errorf("%w: shape %d is of class %q, which is not known", ErrInvalid, d.ID, d.Shape.Class)
	}
	if err := s.check("request", d.Shape.Request); err != nil {
		return fmt.Errorf("shape %d: %w", d.ID, err)
	}
	for _, term := range d.Shape.Match.Terms {
		for _, e := range slices.Concat(term.Labels, term.Name) {
			if (e.Operator == "Gt" || e.Operator == "Lt") && len(e.Values) != 1 {
				return fmt.Errorf("%w: shape %d: operator %s takes one value", ErrInvalid, d.ID, e.Operator)
			}
		}
	}
	if s.shapes[d.ID] == nil {
		s.shapes[d.ID] = &shape{Shape: d.Shape, id: d.ID, class: class, nodes: map[PoolID][]*node{}}
	}
	return nil
}

// check refuses amounts that could overflow a sum, or be of other resources.
func (s *State) check(what string, v Vec) error {
	if len(v) != len(s.cfg.Resources) {
		return fmt.Errorf("%w: %s of %d resources, want %d", ErrInvalid, what, len(v), len(s.cfg.Resources))
	}
	for _, amount := range v {
		if amount < 0 || amount > AmountMax {
			return fmt.Errorf("%w: %s of %d is not from 0 to 2^42", ErrInvalid, what, amount)
		}
	}
	return nil
}

// checkLimit refuses parts of a total that are below nothing or could overflow.
func checkLimit(limit map[string]int64) error {
	for _, part := range limit { //archcheck:unordered the text names none
		if part < 0 || part > AmountMax {
			return fmt.Errorf("%w: a limit is not from 0 to 2^42 millionths", ErrInvalid)
		}
	}
	return nil
}

func (s *State) addGang(g Gang) error {
	if g.ID == "" || g.Queue == "" || g.Cardinality == 0 {
		return fmt.Errorf("%w: gang %q of queue %q with %d members", ErrInvalid, g.ID, g.Queue, g.Cardinality)
	}
	if q := s.queueOf(g.Queue); q.gangs[g.ID] == nil {
		q.gangs[g.ID] = &gangState{Gang: g}
	}
	return nil
}

func (s *State) addJob(j Job) error {
	if s.jobs[j.ID] != nil || s.held[j.ID] != nil || s.leasing[j.ID] != nil {
		return fmt.Errorf("%w: job %x waits already", ErrInvalid, j.ID)
	}
	queued := &queuedJob{Job: j}
	if err := s.resolve(queued); err != nil {
		return err
	}
	s.enqueue(queued)
	return nil
}

// resolve finds the shape and the gang of a job.
func (s *State) resolve(j *queuedJob) error {
	j.shape = s.shapes[j.Shape]
	switch {
	case j.shape == nil:
		return fmt.Errorf("%w: job %x is of shape %d, which is not known", ErrInvalid, j.ID, j.Shape)
	case j.ID == JobID{} || j.Queue == "":
		return fmt.Errorf("%w: job %x of queue %q", ErrInvalid, j.ID, j.Queue)
	case j.Gang == "":
		return nil
	}
	q := s.queues[j.Queue]
	if q == nil || q.gangs[j.Gang] == nil {
		return fmt.Errorf("%w: job %x is of gang %q, which is not known", ErrInvalid, j.ID, j.Gang)
	}
	j.gang = &q.gangs[j.Gang].Gang
	return nil
}

// endJob takes a job out of its queue and its gang.
func (s *State) endJob(id JobID) {
	if j := s.jobs[id]; j != nil {
		s.dequeue(j)
		s.miss(j)
		return
	}
	if j := s.held[id]; j != nil {
		s.release(j)
		s.miss(j)
		return
	}
	if r := s.leasing[id]; r != nil {
		r.job.gone = true // it waits under the lease, which will be taken back
		return
	}
	m := s.away[id]
	if m == nil {
		return
	}
	s.comeBack(id).ended++
	s.dropGang(s.queueOf(m.gang.Queue), &m.gang.Gang)
}

// miss notes that a job ended while it waited.
func (s *State) miss(j *queuedJob) {
	if j.gang != nil {
		q := s.queueOf(j.Queue)
		q.gangs[j.gang.ID].missed++
		s.dropGang(q, j.gang)
	}
}

// hold takes a job out of its queue, also one whose lease is assumed, for that may
// be taken back.
func (s *State) hold(id JobID) {
	if j := s.jobs[id]; j != nil {
		s.dequeue(j)
		s.withhold(j)
		return
	}
	if r := s.leasing[id]; r != nil {
		r.job.held = true
	}
}

// reprioritize moves a waiting job, also one that waits under an assumed lease.
func (s *State) reprioritize(d JobReprioritized) {
	if j := s.jobs[d.Job]; j != nil {
		s.dequeue(j)
		j.Priority = d.Priority
		s.enqueue(j)
	}
	if r := s.leasing[d.Job]; r != nil {
		r.job.Priority = d.Priority
	}
}

// dropGang forgets a gang of which every member has ended.
func (s *State) dropGang(q *queue, gang *Gang) {
	if gang == nil {
		return
	}
	if g := q.gangs[gang.ID]; g != nil && g.over() {
		delete(q.gangs, gang.ID)
	}
}

// lease makes a waiting job a run.
func (s *State) lease(r Run) (*run, error) {
	over := s.leasing[r.Job]
	waits := s.jobs[r.Job] != nil || s.held[r.Job] != nil || over != nil && !over.job.gone
	if !waits || r.ID == (RunID{}) || r.Phase != Leased {
		return nil, fmt.Errorf("%w: run %x of job %x, which does not wait", ErrInvalid, r.ID, r.Job)
	}
	if over != nil {
		s.takeBack(over) // another lease of the job is the fact
	}
	j := s.jobs[r.Job]
	if j != nil {
		s.dequeue(j)
	} else {
		j = s.held[r.Job]
		s.release(j)
	}
	q := s.queueOf(j.Queue)
	s.goAway(j, r.ID)
	// A run may name a node that is not known: its executor was not heard from yet.
	leased := &run{Run: r, queue: q, shape: j.shape, gang: j.gang, job: j, node: s.nodes[r.Node], before: r.Phase}
	s.occupy(leased)
	return leased, nil
}

// leased makes a run a fact, which it may have been assumed to be.
func (s *State) leased(r Run) error {
	known := s.runs[r.ID]
	if known == nil {
		fresh, err := s.lease(r)
		if err == nil {
			s.global.take(s.cfg.Rate, r.Since)
			fresh.queue.tokens.take(s.cfg.QueueRate, r.Since)
		}
		return err
	}
	if !known.leaseAssumed || known.Job != r.Job {
		return fmt.Errorf("%w: run %x is known", ErrInvalid, r.ID)
	}
	s.leaseIsFact(known)
	return nil
}

// phased moves a run. That it must go stays assumed until it is told.
func (s *State) phased(d RunPhased) error {
	r := s.runs[d.Run]
	if r == nil || d.Phase < Leased || d.Phase > Releasing {
		return fmt.Errorf("%w: phase %d of run %x, which is not known", ErrInvalid, d.Phase, d.Run)
	}
	s.leaseIsFact(r)
	r.before = d.Phase
	if d.Phase == Releasing {
		r.goingAssumed = false
	}
	if !r.goingAssumed {
		s.setPhase(r, d.Phase)
	}
	return nil
}

func (s *State) goneRun(id RunID) {
	if r := s.runs[id]; r != nil {
		s.leaseIsFact(r)
		s.vacate(r)
		s.lose(r)
		s.dropGang(r.queue, r.gang)
	}
}

func (s *State) setNode(n Node) error {
	if err := s.check("total", n.Total); err != nil {
		return fmt.Errorf("node %q: %w", n.ID, err)
	}
	if err := s.check("use of others", n.Other); err != nil {
		return fmt.Errorf("node %q: %w", n.ID, err)
	}
	if n.Executor == "" || !strings.HasPrefix(string(n.ID), string(n.Executor)+"/") || n.MaxPods < 0 {
		return fmt.Errorf("%w: node %q of executor %q with at most %d pods", ErrInvalid, n.ID, n.Executor, n.MaxPods)
	}
	old := s.nodes[n.ID]
	fresh := &node{Node: n, free: slices.Clone(n.Total)}
	fresh.free.sub(n.Other)
	fresh.later = slices.Clone(fresh.free)
	s.nodes[n.ID] = fresh
	if old != nil {
		fresh.runs = old.runs
	} else {
		fresh.runs = s.runsOn(n.ID)
	}
	for _, r := range fresh.runs {
		r.node = fresh
		fresh.hold(r)
	}
	s.nodesChanged()
	return nil
}

// runsOn finds runs that name a node which was not known.
func (s *State) runsOn(id NodeID) (runs []*run) {
	for _, r := range s.runs { //archcheck:sorted below
		if r.Node == id {
			runs = append(runs, r)
		}
	}
	slices.SortFunc(runs, compareRuns)
	return runs
}

func (s *State) removeNode(id NodeID) {
	if n := s.nodes[id]; n != nil {
		for _, r := range n.runs {
			r.node = nil
		}
		delete(s.nodes, id)
		s.nodesChanged()
	}
}

// nodesChanged drops what was computed of the nodes.
func (s *State) nodesChanged() {
	s.order = nil
	for _, shape := range s.shapes { //archcheck:unordered each by itself
		clear(shape.nodes)
		shape.pools = nil
	}
}

// nodesFor are the nodes of a pool that take jobs and that a shape may run on, by name.
func (s *State) nodesFor(sh *shape, pool PoolID) []*node {
	nodes, known := sh.nodes[pool]
	if !known {
		for _, n := range s.nodesInOrder() {
			if n.Pool == pool && !n.Unschedulable && !s.lost[n.Executor] && sh.Match.Mismatch(&n.Node) == "" {
				nodes = append(nodes, n)
			}
		}
		sh.nodes[pool] = nodes
	}
	return nodes
}

// nodesInOrder is the nodes by name.
func (s *State) nodesInOrder() []*node {
	if s.order == nil {
		for _, id := range slices.Sorted(maps.Keys(s.nodes)) {
			s.order = append(s.order, s.nodes[id])
		}
	}
	return s.order
}

func (s *State) setQueue(q Queue) error {
	if q.ID == "" || q.Weight <= 0 || q.Weight > AmountMax {
		return fmt.Errorf("%w: queue %q of weight %d", ErrInvalid, q.ID, q.Weight)
	}
	for _, l := range q.Limits {
		if err := checkLimit(l.Limit); err != nil {
			return fmt.Errorf("queue %q: %w", q.ID, err)
		}
	}
	known := s.queueOf(q.ID)
	known.Queue, known.known = q, true
	return nil
}
