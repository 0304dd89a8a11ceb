package job

import "fmt"

// Time is a moment in nanoseconds since 1970-01-01T00:00:00Z.
type Time int64

// State is where a job stands. The zero State is none: no such job.
type State uint8

// The states of a job. Those from Succeeded on are final.
const (
	Queued State = iota + 1
	Leased
	Pending
	Running
	Succeeded
	Failed
	Preempted
	Cancelled
	Rejected
)

var stateNames = [...]string{"none", "queued", "leased", "pending", "running", "succeeded", "failed", "preempted", "cancelled", "rejected"}

// States are all states of a job, in the order of its life.
func States() []State {
	return []State{Queued, Leased, Pending, Running, Succeeded, Failed, Preempted, Cancelled, Rejected}
}

// String is the state's name in lower case, as it stands in SQL and in texts.
func (s State) String() string { return name(stateNames[:], int(s)) }

// Final says whether nothing but the release of its node can happen to the job.
func (s State) Final() bool { return s >= Succeeded }

// RunState is where a run stands. The zero RunState is none: no run yet.
type RunState uint8

// The states of a run. Those from RunSucceeded on are over.
const (
	RunLeased RunState = iota + 1
	RunAcknowledged
	RunPending
	RunRunning
	RunSucceeded
	RunFailed
	RunPreempted
	RunCancelled
	RunReturned
	RunExpired
)

var runStateNames = [...]string{"-", "leased", "acknowledged", "pending", "running", "succeeded", "failed", "preempted", "cancelled", "returned", "expired"}

// String is the run state's name in lower case.
func (s RunState) String() string { return name(runStateNames[:], int(s)) }

// Live says whether the run may still become something.
func (s RunState) Live() bool { return s >= RunLeased && s <= RunRunning }

// Over says whether the run ended. A pod of it may still hold its node: [Run.Releasing].
func (s RunState) Over() bool { return s >= RunSucceeded }

func name(names []string, i int) string {
	if i < len(names) {
		return names[i]
	}
	return fmt.Sprintf("state(%d)", i)
}

// Asked is what users asked for and the scheduler has not answered yet.
type Asked uint8

// What can be asked for.
const (
	AskedCancel Asked = 1 << iota
	AskedPreempt
	AskedReprioritize
)

// Has says whether all of what is in a.
func (a Asked) Has(what Asked) bool { return a&what == what }

// Job is the state of a job: the fold of its events. It is comparable and holds
// no pointer. The zero Job is one that nobody has submitted.
type Job struct {
	ID    ID
	State State
	// Asked is what the scheduler still has to answer.
	Asked Asked
	// Preemptible is what its priority class allowed when it was submitted.
	Preemptible bool
	// Attempts counts the runs that an executor acknowledged: runs that may have had a pod.
	Attempts uint32
	// Priority orders it within its class; smaller goes first.
	Priority uint32
	// Wanted is the priority that was asked for while AskedReprioritize is set.
	Wanted uint32
	// Run is the newest run; the zero Run before the first.
	Run Run
	// Last is the newest time of its events. It never goes back.
	Last Time
}

// Run is the state of the newest run of a job.
type Run struct {
	ID    RunID
	State RunState
	// Releasing says that the run is over and that a pod of it may still be
	// there, so that it holds its node until RunReleased.
	Releasing bool
}

// Settled says whether no event can change the job any more: it is final and no
// pod of it is left.
func (j Job) Settled() bool { return j.State.Final() && !j.Run.Releasing }

// HoldsNode says whether its newest run takes room on a node.
func (j Job) HoldsNode() bool { return j.Run.State.Live() || j.Run.Releasing }
