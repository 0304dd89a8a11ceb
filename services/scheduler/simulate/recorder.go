package simulate

import "time"

// Recorder is told what happens, in its order. An error ends the simulation.
type Recorder interface {
	// Run is told of a run when it is over, or at the end of the simulation.
	Run(RunRow) error
	// Shares are told after a round that found or made a difference. The slice is used
	// again.
	Shares([]ShareRow) error
}

// Outcome is how a run ended.
type Outcome uint8

// The outcomes.
const (
	// Succeeded: it had its run time.
	Succeeded Outcome = iota + 1
	// Preempted: it had to go before.
	Preempted
	// Unfinished: the simulation ended before.
	Unfinished
)

// String is the outcome in a word.
func (o Outcome) String() string {
	switch o {
	case Succeeded:
		return "succeeded"
	case Preempted:
		return "preempted"
	case Unfinished:
		return "unfinished"
	}
	return "none"
}

// RunRow is a run. Times are from the beginning.
type RunRow struct {
	Key
	// Pool and Node are places in the world's rules and nodes.
	Pool, Node int32
	Outcome    Outcome
	// Submitted is when this attempt was.
	Submitted, Started, Ended time.Duration
}

// Wait is how long the attempt waited.
func (r RunRow) Wait() time.Duration { return r.Started - r.Submitted }

// ShareRow is a queue in a pool after a round. Shares are in units of 2^-32.
type ShareRow struct {
	At    time.Duration
	Round uint64
	// Pool and Queue are places in the world's rules and queues.
	Pool, Queue int32
	// Actual is its dominant share after the round; Ideal and Fair are what the round
	// reckoned when it began.
	Actual, Ideal, Fair int64
	// Running counts its runs in the pool; Started and Preempted those since its last row.
	Running, Started, Preempted uint32
}
