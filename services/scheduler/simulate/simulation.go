package simulate

import (
	"fmt"
	"time"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// epoch is where the round's time stands at the beginning: a while after zero, which some
// of its fields take for never.
const epoch = schedule.Time(24 * time.Hour)

// endless is when a simulation is given up that Until does not bound.
const endless = 100 * 365 * 24 * time.Hour

// chunk is how many facts are told at once.
const chunk = 1024

// Simulation is a world and where it stands. One goroutine.
type Simulation struct {
	world     *World
	state     *schedule.State
	agenda    agenda
	now       time.Duration
	account   *account
	templates []template
	nodeOf    map[schedule.NodeID]int32
	// runs are the rows of what runs, and freeRuns those of none.
	runs     []run
	freeRuns []int32
	// returns are the jobs that will be submitted again, and came when those that wait for
	// another attempt were submitted.
	returns     []comeback
	freeReturns []int32
	came        map[Key]time.Duration
	facts       []schedule.Delta
	rows        []ShareRow
	// round is when the newest was, shares when the newest was that preempted for shares.
	round, shares time.Duration
	// stale: something changed since the newest round. wake is when it wants to be woken.
	stale  bool
	wake   time.Duration
	over   bool
	counts Counts
	tally  tally
}

// template is what has happened to a template.
type template struct {
	shape schedule.ShapeID
	queue int32
	// blocked counts the templates that it waits for, left its jobs that have not
	// succeeded; next are the templates that wait for it.
	blocked int
	left    uint32
	next    []int
	came    time.Duration
	// soonest is when it could be submitted at the soonest, longest and ran are how long one
	// of its jobs that have succeeded took at least, and all of them together.
	soonest, longest time.Duration
	ran              area
}

// run is a run on its node.
type run struct {
	key                Key
	node               int32
	pool               int32
	turn               uint32
	live               bool
	submitted, started time.Duration
}

// comeback is jobs that are submitted again together: one, or those of a gang.
type comeback struct{ jobs []Key }

// Counts are how much has happened.
type Counts struct {
	// Jobs are those of the world; Submitted, Succeeded and Rejected count jobs, not
	// attempts; Waiting and Running are those that do now.
	Jobs, Submitted, Succeeded, Rejected, Waiting, Running uint64
	// Preemptions counts runs. Rounds counts plans, Starts the runs begun.
	Preemptions, Rounds, Starts uint64
}

// New makes a simulation at its beginning. Errors: ErrWorld, schedule.ErrInvalid.
func New(w World) (*Simulation, error) {
	if err := w.check(); err != nil {
		return nil, err
	}
	state, err := schedule.New(w.Rules)
	if err != nil {
		return nil, fmt.Errorf("take the rules: %w", err)
	}
	s := &Simulation{
		world: &w, state: state, account: newAccount(&w), nodeOf: map[schedule.NodeID]int32{}, came: map[Key]time.Duration{},
		round: -w.Interval, shares: -w.PreemptionInterval, wake: never,
	}
	s.tally.waits = make([][]uint32, len(w.Queues))
	for i := range w.Nodes {
		s.nodeOf[w.Nodes[i].ID] = int32(i) //nolint:gosec // below 2^31
		if err := s.tell(schedule.NodeSet{Node: w.Nodes[i]}); err != nil {
			return nil, err
		}
	}
	for i := range w.Queues {
		if err := s.tell(schedule.QueueSet{Queue: w.Queues[i]}); err != nil {
			return nil, err
		}
	}
	if err := s.addTemplates(); err != nil {
		return nil, err
	}
	return s, s.told()
}

// never is a moment that does not come.
const never = time.Duration(1<<63 - 1)

func (s *Simulation) addTemplates() error {
	shapes := map[string]schedule.ShapeID{}
	s.templates = make([]template, len(s.world.Templates))
	for i := range s.world.Templates {
		t := &s.world.Templates[i]
		queue, is := s.account.queueOf[t.Queue]
		if !is {
			return fmt.Errorf("%w: template %s is of queue %s, which is not there", ErrWorld, t.ID, t.Queue)
		}
		key := fmt.Sprintf("%+v", t.Shape) // maps are printed in order
		id, known := shapes[key]
		if !known {
			id = schedule.ShapeID(len(shapes) + 1) //nolint:gosec // below 2^31
			shapes[key] = id
			if err := s.tell(schedule.ShapeAdded{ID: id, Shape: t.Shape}); err != nil {
				return fmt.Errorf("template %s: %w", t.ID, err)
			}
		}
		row := &s.templates[i]
		row.shape, row.queue, row.blocked, row.left, row.soonest = id, queue, len(t.After), t.Number, t.Earliest
		s.counts.Jobs += uint64(t.Number)
		for _, of := range t.After {
			s.templates[of].next = append(s.templates[of].next, i)
		}
	}
	for i := range s.templates {
		if s.templates[i].blocked == 0 {
			s.agenda.push(event{at: s.world.Templates[i].Earliest, kind: templateCame, ref: int32(i)}) //nolint:gosec // checked
		}
	}
	return nil
}

// Step goes to the next moment at which something happens, or to the round that is due
// before it. It says whether there may be another step. Errors: those of the recorder, and
// ErrWorld where a world goes on for ever.
func (s *Simulation) Step(out Recorder) (more bool, err error) {
	at := never
	if len(s.agenda.events) > 0 {
		at = s.agenda.events[0].at
	}
	next := min(at, s.due())
	switch until := s.world.Until; {
	case s.over:
		return false, nil
	case next == never:
		return false, s.finish(out, s.now)
	case until > 0 && next > until:
		return false, s.finish(out, until)
	case next > endless:
		return false, fmt.Errorf("%w: it goes on for over %d years; bound it", ErrWorld, endless/(365*24*time.Hour))
	}
	s.now = next
	if at > next {
		return true, s.plan(out)
	}
	for len(s.agenda.events) > 0 && s.agenda.events[0].at == s.now {
		if err := s.happen(s.agenda.pop(), out); err != nil {
			return false, err
		}
	}
	return true, s.told()
}

// due is when the next round is.
func (s *Simulation) due() time.Duration {
	switch spaced := s.round + s.world.Interval; {
	case s.stale:
		return max(s.now, spaced)
	case s.wake != never:
		return max(s.wake, spaced)
	}
	return never
}

// plan makes a round and does what it decides.
func (s *Simulation) plan(out Recorder) error {
	sharesAt := s.shares + s.world.PreemptionInterval
	keep := s.now < sharesAt
	plan := s.state.Plan(schedule.Round{Now: epoch + schedule.Time(s.now), MayReject: true, KeepShares: keep})
	s.round, s.stale, s.wake = s.now, false, never
	s.counts.Rounds++
	if plan.Wake != 0 {
		s.wake = time.Duration(plan.Wake - epoch)
	}
	if keep {
		s.wake = min(s.wake, sharesAt)
	} else {
		s.shares = s.now
	}
	if err := s.preempt(plan.Preempts, out); err != nil {
		return err
	}
	if err := s.start(plan.Starts); err != nil {
		return err
	}
	for _, reject := range plan.Rejects {
		if err := s.reject(reject); err != nil {
			return err
		}
	}
	if err := s.reserve(plan); err != nil {
		return err
	}
	s.rows = s.account.shares(s.now, s.counts.Rounds, plan.Shares, s.rows[:0])
	if len(s.rows) == 0 {
		return nil
	}
	return out.Shares(s.rows)
}

// reserve tells the round which of its reservations are facts now, and everything else
// that was noted.
func (s *Simulation) reserve(plan *schedule.Plan) error {
	for _, job := range plan.Unreserves {
		if err := s.tell(schedule.ReservationGone{Job: job}); err != nil {
			return err
		}
	}
	for i := range plan.Reservations {
		if err := s.tell(schedule.ReservationSet{Reservation: plan.Reservations[i]}); err != nil {
			return err
		}
	}
	return s.told()
}

// tell notes a fact, to be told to the round with others.
func (s *Simulation) tell(d schedule.Delta) error {
	s.facts = append(s.facts, d)
	if len(s.facts) < chunk {
		return nil
	}
	return s.told()
}

// told tells the round all facts that were noted.
func (s *Simulation) told() error {
	if len(s.facts) == 0 {
		return nil
	}
	err := s.state.Apply(s.facts...)
	clear(s.facts)
	s.facts = s.facts[:0]
	if err != nil {
		return fmt.Errorf("tell the round: %w", err)
	}
	return nil
}

// Now is how far the simulation is.
func (s *Simulation) Now() time.Duration { return s.now }

// Counts are how much has happened so far.
func (s *Simulation) Counts() Counts { return s.counts }
