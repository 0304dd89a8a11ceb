package lead

import (
	"cmp"
	"slices"

	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// What follows answers questions between two steps. It changes nothing that a step sees.

// Explained is what a replica knows of a job.
type Explained struct {
	Job           job.Job
	Queue, JobSet string
	// Run is where it runs; nil: it has no live run.
	Run *job.LeasedEvent
	// Why is why it waits; nil: it does not.
	Why *schedule.Why
}

// Explain says what is known of a job at a time; false where it is not, or not any more.
func (c *Core) Explain(id job.ID, at job.Time) (Explained, bool) {
	rec := c.table.jobs[id]
	if rec == nil {
		return Explained{}, false
	}
	out := Explained{Job: rec.aheadOfLog(), Queue: rec.set.queue, JobSet: rec.set.name}
	if rec.place != nil && out.Job.Run.State.Live() {
		leased := rec.place.leased
		out.Run = &leased
	}
	if why, waits := c.board.state.Why(schedule.JobID(id), schedule.Time(at)); waits {
		out.Why = &why
	}
	return out, true
}

// Round is a scheduling round that a leader has had.
type Round struct {
	// Number counts the rounds of a core, from 1.
	Number uint64
	At     job.Time
	Steps  uint64
	Stop   schedule.Stop
	// Queues are those of which it started or preempted something, by pool and name.
	Queues []RoundQueue
	// Rejected is how many jobs no node could ever hold.
	Rejected int
}

// RoundQueue is what a round did to a queue in a pool.
type RoundQueue struct {
	Pool, Queue string
	// Started is how many jobs, in so many Gangs, a job of its own being one.
	Started, Gangs, Preempted int
	// Scheduled is what the jobs asked for that started, and Lost what those did that were
	// preempted, in the order of the rules' resources.
	Scheduled, Lost schedule.Vec
	// Example is a job that it started; zero: none.
	Example job.ID
}

// Newest is the newest round; the zero Round before the first.
func (c *Core) Newest() Round { return c.lead.newest }

// noteRound notes what a round decided.
func (c *Core) noteRound(plan *schedule.Plan) {
	r := Round{Number: c.lead.newest.Number + 1, At: c.now, Steps: plan.Steps, Stop: plan.Stop, Rejected: len(plan.Rejects)}
	at := func(pool string, rec *record) *RoundQueue {
		i := slices.IndexFunc(r.Queues, func(q RoundQueue) bool { return q.Pool == pool && q.Queue == rec.set.queue })
		if i < 0 {
			i = len(r.Queues)
			r.Queues = append(r.Queues, RoundQueue{Pool: pool, Queue: rec.set.queue, Scheduled: c.board.nothing(), Lost: c.board.nothing()})
		}
		return &r.Queues[i]
	}
	seen := map[gangKey]bool{}
	for i := range plan.Starts {
		start := &plan.Starts[i]
		rec := c.table.jobs[job.ID(start.Job)]
		if rec == nil {
			continue
		}
		q := at(string(start.Pool), rec)
		q.Started++
		c.board.addRequest(q.Scheduled, rec.spec)
		if gang := rec.gangKey(); gang == (gangKey{}) || !seen[gang] {
			seen[gang] = true
			q.Gangs++
		}
		q.Example = rec.job.ID
	}
	for i := range plan.Preempts {
		if rec := c.holder(job.RunID(plan.Preempts[i].Run)); rec != nil && rec.place != nil {
			q := at(rec.place.leased.Pool, rec)
			q.Preempted++
			c.board.addRequest(q.Lost, rec.spec)
		}
	}
	slices.SortFunc(r.Queues, func(a, b RoundQueue) int { return cmp.Or(cmp.Compare(a.Pool, b.Pool), cmp.Compare(a.Queue, b.Queue)) })
	c.lead.newest = r
}

// Shares are the queues' shares of each pool at a time.
func (c *Core) Shares(at job.Time) []schedule.Share { return c.board.state.Shares(schedule.Time(at)) }

// Capacity is what a pool has in all, beside pods of others, in the order of Resources.
func (c *Core) Capacity(pool string) schedule.Vec {
	return c.board.state.Capacity(schedule.PoolID(pool))
}

// SpotPrice is that of a pool, in millionths; false: it has none.
func (c *Core) SpotPrice(pool string) (int64, bool) {
	return c.board.state.SpotPrice(schedule.PoolID(pool))
}

// Rules are those that the round goes by. They are not to be changed.
func (c *Core) Rules() *schedule.Config { return &c.board.cfg }

// KnowsQueue says whether a queue is defined.
func (c *Core) KnowsQueue(name string) bool { _, known := c.queues[name]; return known }

// Copy is a copy of the round's state, with what it takes to suppose more. It is the
// caller's, for one goroutine.
type Copy struct {
	State *schedule.State
	board *board
}

// Copy makes one. It costs some milliseconds a million jobs.
func (c *Core) Copy() *Copy {
	return &Copy{State: c.board.state.Fork(), board: &board{cfg: c.board.cfg}}
}

// Shape is a shape and a class in the terms of the round.
func (f *Copy) Shape(shape *job.Shape, class string) schedule.Shape {
	return f.board.shapeOf(&spec{shape: shape, class: class})
}

// Amounts are amounts in the order of the round's resources.
func (f *Copy) Amounts(list []job.Amount) schedule.Vec { return f.board.amounts(list) }

// Rules are those that the round goes by: a copy.
func (f *Copy) Rules() schedule.Config { return f.board.cfg }
