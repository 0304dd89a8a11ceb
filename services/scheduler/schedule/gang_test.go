package schedule_test

import (
	"slices"
	"testing"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// gangBed is a state with room for everybody and some members of a gang of three.
type gangBed struct {
	t     *testing.T
	state *schedule.State
	now   schedule.Time
}

func newGangBed(t *testing.T, members byte) *gangBed {
	t.Helper()
	state, err := schedule.New(schedule.Config{
		Resources: []string{"cpu"}, Dominant: []string{"cpu"}, Pools: []schedule.PoolID{"pool"},
		Classes: []schedule.Class{{ID: "class"}}, Protected: schedule.Million, Lookback: 100,
	})
	if err != nil {
		t.Fatal(err)
	}
	b := &gangBed{t: t, state: state}
	b.apply(
		schedule.QueueSet{Queue: schedule.Queue{ID: "q", Weight: schedule.Million}},
		schedule.ShapeAdded{ID: 1, Shape: schedule.Shape{Request: schedule.Vec{1}, Class: "class"}},
		schedule.NodeSet{Node: schedule.Node{ID: "e/a", Executor: "e", Pool: "pool", Total: schedule.Vec{9}, Other: schedule.Vec{0}, Labels: map[string]string{"zone": "1"}}},
		schedule.NodeSet{Node: schedule.Node{ID: "e/b", Executor: "e", Pool: "pool", Total: schedule.Vec{9}, Other: schedule.Vec{0}, Labels: map[string]string{"zone": "2"}}},
	)
	for id := range members {
		b.queue(id + 1)
	}
	return b
}

func (b *gangBed) apply(deltas ...schedule.Delta) {
	b.t.Helper()
	if err := b.state.Apply(deltas...); err != nil {
		b.t.Fatal(err)
	}
}

func (b *gangBed) queue(id byte) {
	b.t.Helper()
	b.apply(
		schedule.GangAdded{Gang: schedule.Gang{ID: "g", Queue: "q", Cardinality: 3, Label: "zone"}},
		schedule.JobQueued{Job: schedule.Job{ID: schedule.JobID{id}, Queue: "q", Shape: 1, Gang: "g"}})
}

// start plans, makes facts of what starts, and returns the jobs and their nodes. The
// run of a job has the job's id and an attempt.
func (b *gangBed) start(attempt byte) (jobs []byte, nodes []schedule.NodeID) {
	b.t.Helper()
	b.now++
	for _, s := range b.state.Plan(schedule.Round{Now: b.now}).Starts {
		jobs, nodes = append(jobs, s.Job[0]), append(nodes, s.Node)
		b.apply(schedule.RunLeased{Run: schedule.Run{
			ID: memberRun(s.Job[0], attempt), Job: s.Job, Node: s.Node, Pool: s.Pool, Since: b.now, Phase: schedule.Leased,
		}})
	}
	slices.Sort(jobs)
	return jobs, nodes
}

func memberRun(id, attempt byte) schedule.RunID { return schedule.RunID{id, attempt} }

// returns gives a member's run back and lets it wait again.
func (b *gangBed) returns(id, attempt byte) {
	b.t.Helper()
	b.apply(schedule.RunGone{Run: memberRun(id, attempt)})
	b.queue(id)
}

// ends ends a member that has a run.
func (b *gangBed) ends(id, attempt byte) {
	b.t.Helper()
	b.apply(schedule.RunGone{Run: memberRun(id, attempt)}, schedule.JobGone{Job: schedule.JobID{id}})
}

func (b *gangBed) want(got []byte, want ...byte) {
	b.t.Helper()
	if !slices.Equal(got, want) {
		b.t.Errorf("jobs %v start, want %v", got, want)
	}
}

// TestReturnedMember: a member that was given back starts again beside its mates,
// and where they are.
func TestReturnedMember(t *testing.T) {
	t.Parallel()
	b := newGangBed(t, 3)
	jobs, nodes := b.start(1)
	b.want(jobs, 1, 2, 3)
	first := nodes[0]
	b.returns(2, 1)
	// Less is left where the others do not run, so that it would be the better fit.
	b.apply(schedule.NodeSet{Node: schedule.Node{ID: "e/b", Executor: "e", Pool: "pool", Total: schedule.Vec{1}, Other: schedule.Vec{0}, Labels: map[string]string{"zone": "2"}}})
	jobs, nodes = b.start(2)
	b.want(jobs, 2)
	if len(nodes) == 1 && nodes[0] != first {
		t.Errorf("it starts on %s, its mates are on %s", nodes[0], first)
	}
	b.ends(1, 1)
	b.ends(3, 1)
	b.returns(2, 2)
	jobs, _ = b.start(3)
	b.want(jobs, 2)
}

// TestReturnedGang: members that are all given back start together or not at all,
// also while the log tells of it one by one.
func TestReturnedGang(t *testing.T) {
	t.Parallel()
	b := newGangBed(t, 3)
	jobs, _ := b.start(1)
	b.want(jobs, 1, 2, 3)
	for id := range byte(3) {
		b.apply(schedule.RunGone{Run: memberRun(id+1, 1)})
	}
	b.queue(1)
	b.queue(2)
	jobs, _ = b.start(2)
	b.want(jobs)
	b.queue(3)
	jobs, _ = b.start(2)
	b.want(jobs, 1, 2, 3)
}

// TestBrokenGang: a member that ended before it ever started is missed.
func TestBrokenGang(t *testing.T) {
	t.Parallel()
	b := newGangBed(t, 3)
	b.apply(schedule.JobGone{Job: schedule.JobID{3}})
	jobs, _ := b.start(1)
	b.want(jobs)
}

// TestGangForgotten: a gang of which every member has ended is begun anew by its
// name; one of which a member was not heard of yet is not.
func TestGangForgotten(t *testing.T) {
	t.Parallel()
	b := newGangBed(t, 3)
	b.start(1)
	b.ends(1, 1)
	b.ends(2, 1)
	b.returns(3, 1)
	jobs, _ := b.start(2)
	b.want(jobs, 3)
	b.ends(3, 2)
	b.queue(4)
	jobs, _ = b.start(1)
	b.want(jobs)
}

// TestGangReplayed: facts on members of several partitions come one partition after
// the other.
func TestGangReplayed(t *testing.T) {
	t.Parallel()
	b := newGangBed(t, 2)
	for id := range byte(2) {
		b.apply(schedule.RunLeased{Run: schedule.Run{ID: memberRun(id+1, 1), Job: schedule.JobID{id + 1}, Node: "e/a", Pool: "pool", Phase: schedule.Leased}})
		b.ends(id+1, 1)
	}
	b.queue(3)
	b.apply(schedule.RunLeased{Run: schedule.Run{ID: memberRun(3, 1), Job: schedule.JobID{3}, Node: "e/a", Pool: "pool", Phase: schedule.Leased}})
	b.returns(3, 1)
	jobs, _ := b.start(2)
	b.want(jobs, 3)
}

// TestHeldJob: a job that is held starts no more. A lease of it that is a fact all
// the same is one, and one that is taken back leaves it held.
func TestHeldJob(t *testing.T) {
	t.Parallel()
	lease := schedule.Run{ID: memberRun(1, 1), Job: schedule.JobID{1}, Node: "e/a", Pool: "pool", Phase: schedule.Leased}
	b := newGangBed(t, 3)
	id, err := b.state.AssumeLeased(lease)
	if err != nil {
		t.Fatal(err)
	}
	b.apply(schedule.JobHeld{Job: schedule.JobID{1}})
	b.state.Forget(id)
	jobs, _ := b.start(1)
	b.want(jobs)
	b.apply(schedule.RunLeased{Run: lease})
	jobs, _ = b.start(1)
	b.want(jobs, 2, 3) // beside the first, which runs
	b.apply(schedule.JobHeld{Job: schedule.JobID{1}}, schedule.JobGone{Job: schedule.JobID{1}})
}
