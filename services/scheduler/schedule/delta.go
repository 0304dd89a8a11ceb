package schedule

import "errors"

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

// ShapeGone: no job of this shape will come. Refused while one waits, is held or runs.
type ShapeGone struct{ ID ShapeID }

// GangAdded: jobs of this gang may come. One that is known stays as it is, and may get more
// groups.
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
type RunGone struct {
	Run RunID
	// At is when; zero: it never held anything. Ended says that it ended of itself: a short
	// one is charged, see charge.go.
	At    Time
	Ended bool
}

// TimePassed: no plan is asked for that is before this time. What ended until then is
// forgotten, and usage is as of then.
type TimePassed struct{ Now Time }

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

// ReservationSet: the nodes are reserved. It says nothing where one of the jobs waits no
// more: a reservation ends with the first of its jobs that gets a run, ends, or is held.
type ReservationSet struct{ Reservation Reservation }

// ReservationGone: there is no such reservation.
type ReservationGone struct{ Job JobID }

func (ShapeAdded) delta()       {}
func (ShapeGone) delta()        {}
func (GangAdded) delta()        {}
func (JobQueued) delta()        {}
func (JobGone) delta()          {}
func (JobHeld) delta()          {}
func (JobReprioritized) delta() {}
func (RunLeased) delta()        {}
func (RunPhased) delta()        {}
func (RunGone) delta()          {}
func (TimePassed) delta()       {}
func (NodeSet) delta()          {}
func (NodeGone) delta()         {}
func (QueueSet) delta()         {}
func (QueueGone) delta()        {}
func (ExecutorLost) delta()     {}
func (ExecutorBack) delta()     {}
func (ReservationSet) delta()   {}
func (ReservationGone) delta()  {}
