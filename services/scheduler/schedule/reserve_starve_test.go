package schedule_test

import (
	"encoding/binary"
	"testing"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// starving is two nodes of four cpus under an endless stream of small jobs, and a gang that
// needs both nodes, on virtual time, a round a second.
type starving struct {
	t     *testing.T
	state *schedule.State
	next  uint64
	// ends are the small runs and when they end.
	ends map[schedule.RunID]schedule.Time
	// limited: what is known of a small job is that it lasts 30 s at most; else nothing.
	limited bool
}

// small are the shapes of small jobs: with and without a limit.
const small, smallUnlimited, large = schedule.ShapeID(1), schedule.ShapeID(2), schedule.ShapeID(3)

func newStarving(t *testing.T, after int64, limited bool) *starving {
	t.Helper()
	state, err := schedule.New(schedule.Config{
		Resources: []string{"cpu"}, Dominant: []string{"cpu"}, Pools: []schedule.PoolID{"p"},
		Classes: []schedule.Class{{ID: "c"}}, Lookback: 100, Protected: schedule.Million,
		ReserveAfter: after, ReservationsMax: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	s := &starving{t: t, state: state, ends: map[schedule.RunID]schedule.Time{}, limited: limited}
	shape := func(id schedule.ShapeID, cpu int64, limit int32) schedule.Delta {
		return schedule.ShapeAdded{ID: id, Shape: schedule.Shape{Request: schedule.Vec{cpu}, Class: "c", Limit: limit}}
	}
	node := func(id schedule.NodeID) schedule.Delta {
		return schedule.NodeSet{Node: schedule.Node{ID: id, Executor: "x", Pool: "p", Total: schedule.Vec{4}, Other: schedule.Vec{0}}}
	}
	s.apply(shape(small, 1, 30), shape(smallUnlimited, 1, 0), shape(large, 4, 0), node("x/1"), node("x/2"),
		schedule.QueueSet{Queue: schedule.Queue{ID: "few", Weight: schedule.Million}},
		schedule.QueueSet{Queue: schedule.Queue{ID: "many", Weight: schedule.Million}},
		schedule.GangAdded{Gang: schedule.Gang{ID: "g", Queue: "few", Cardinality: 2}})
	s.submit(0, 50)
	s.step(0)
	for range 2 {
		s.apply(schedule.JobQueued{Job: schedule.Job{ID: s.id(), Queue: "few", Shape: large, Gang: "g"}})
	}
	return s
}

func (s *starving) id() (id [16]byte) {
	s.next++
	binary.BigEndian.PutUint64(id[8:], s.next)
	return id
}

func (s *starving) apply(deltas ...schedule.Delta) {
	s.t.Helper()
	if err := s.state.Apply(deltas...); err != nil {
		s.t.Fatal(err)
	}
}

// submit has more small jobs wait.
func (s *starving) submit(now schedule.Time, n int) {
	shape := smallUnlimited
	if s.limited {
		shape = small
	}
	for range n {
		s.apply(schedule.JobQueued{Job: schedule.Job{ID: s.id(), Queue: "many", Shape: shape, Submitted: now}})
	}
}

// step ends what ends at a time and plans. It says whether the gang starts.
func (s *starving) step(now schedule.Time) (started bool) {
	for run, at := range s.ends {
		if at <= now {
			s.apply(schedule.RunGone{Run: run})
			delete(s.ends, run)
		}
	}
	plan := s.state.Plan(schedule.Round{Now: now})
	for _, name := range plan.Unreserves {
		s.apply(schedule.ReservationGone{Job: name})
	}
	for _, start := range plan.Starts {
		run := schedule.RunID(s.id())
		s.apply(schedule.RunLeased{Run: schedule.Run{ID: run, Job: start.Job, Node: start.Node, Pool: start.Pool, Since: now, Phase: schedule.Leased}})
		started = started || start.Gang == "g"
		s.ends[run] = now + seconds(int64(5+s.next*7%26)) // 5 to 30 s
	}
	for _, r := range plan.Reservations {
		s.apply(schedule.ReservationSet{Reservation: r})
	}
	s.submit(now, len(plan.Starts))
	return started
}

// TestReservationEndsStarving: without reservations a gang waits for ever behind small jobs,
// with them it starts within the time after which it gets one and that of the longest job
// that ran then, whether or not that is known.
func TestReservationEndsStarving(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		after   int64
		limited bool
		within  int64
	}{
		"without a reservation":     {after: 0, within: 0},
		"limits known":              {after: int64(seconds(60)), limited: true, within: 60 + 30},
		"nothing known of the runs": {after: int64(seconds(60)), within: 60 + 30},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStarving(t, test.after, test.limited)
			started := int64(0)
			for now := int64(1); now <= 2000 && started == 0; now++ {
				if s.step(seconds(now)) {
					started = now
				}
			}
			if started > test.within || started == 0 && test.within > 0 {
				t.Errorf("the gang starts after %d s, want at most %d (0: never)", started, test.within)
			}
		})
	}
}
