package lead

import (
	"time"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// Input is what the shell tells the core. The set is closed: it is the types of
// this file that implement it.
//
//sumtype:decl
type Input interface{ input() }

// LogRead is a run of one partition of the log, decoded and not yet judged.
type LogRead struct {
	Run eventlog.Run
	// Bodies are the contents of Run.Entries, one each; the zero Body for those
	// that carry none.
	Bodies []Body
}

// Body is the content of an entry.
type Body struct {
	Batches  []job.Batch
	Commands []job.Command
	Settings []Setting
	// Damage says why it could not be decoded; such an entry is counted and passed over.
	Damage error
}

// Setting is the newest state of a queue: Queue is set, or Deleted.
type Setting struct {
	Generation uint64
	Queue      *Queue
	Deleted    string
	// Created is set for the first entry of the control stream.
	Created *Created
}

// Created names the log.
type Created struct {
	Installation string
	Partitions   uint32
}

// Queue is what the scheduler needs of a queue.
type Queue struct {
	Name string
	// Weight is 1 / priority factor, in millionths.
	Weight   int64
	Cordoned bool
	Limits   []ClassLimit
	// Parent is the queue that it is part of; empty: of none.
	Parent string
	Quotas []Quota
}

// Quota is what a queue may count on in a pool and the most that it may hold, by resource.
type Quota struct {
	// Pool is empty for every pool that has no other.
	Pool                    string
	Guarantee, Borrow, Lend map[string]int64
}

// ClassLimit is the most that jobs of a priority class of a queue may hold: parts
// in a million of the pool's total, by resource. An empty Pool means every pool.
type ClassLimit struct {
	Class, Pool string
	Fraction    map[string]int64
}

// Warm says how far the log reached when the process started: the core does not
// lead before it has read so far.
type Warm struct {
	To map[eventlog.Partition]eventlog.Position
}

// LockGained: this process holds the leader lock.
type LockGained struct{}

// LockLost: it does not hold it any more, or cannot tell.
type LockLost struct{}

// EpochTaken answers TakeEpoch.
type EpochTaken struct{ Epoch uint64 }

// LockChecked: the lock was still held at a moment after the newest CheckLock was
// put out.
type LockChecked struct{}

// Appended answers an Append. Stored says that the log holds it, which does not
// mean that it counts. An append that failed ends the leadership.
type Appended struct {
	Ticket uint64
	Err    error
}

// Stored: the store holds a snapshot that read so far, ours or another replica's.
type Stored struct {
	Places Places
	// Took is how long it took to store, where it is ours.
	Took time.Duration
}

// NotStored: the snapshot of the newest SaveSnapshot could not be stored.
type NotStored struct{}

// Trimmed: the log has forgotten what stands up to these places. What was closed before
// them is of no use to the gates any more.
type Trimmed struct{ Oldest Places }

// EntriesRead brings entries that the shell wanted for leases. The core itself makes
// nothing of it.
type EntriesRead struct {
	Bodies map[EntryRef][]byte
	// Missing are those that are not there.
	Missing []EntryRef
}

// Due says that the time of the newest SetTimer has come.
type Due struct{}

// Connected: an executor said who it is, all its runs and all its nodes.
type Connected struct {
	Session  Session
	Executor string
	Pool     string
	// Began orders sessions of one executor: the newer one counts.
	Began [16]byte
	Epoch uint64
	Runs  []KnownRun
	Nodes []Node
}

// KnownRun is a run that an executor holds.
type KnownRun struct {
	Run   job.RunID
	Job   job.ID
	Phase RunPhase
}

// RunPhase is how far a run is for its executor.
type RunPhase uint8

// The phases of a run at its executor.
const (
	// PhaseLeased: the lease is held; no pod was made.
	PhaseLeased RunPhase = iota + 1
	PhasePending
	PhaseRunning
	// PhaseEnded: the pod ended and its report is not acknowledged.
	PhaseEnded
	// PhaseReleasing: the pod must go and is still there.
	PhaseReleasing
)

// Node is a node as its executor sees it.
type Node struct {
	Name string
	// Pool is empty for the executor's own.
	Pool          string
	Total         []job.Amount
	UsedByOthers  []job.Amount
	Labels        map[string]string
	Taints        []Taint
	Unschedulable bool
	// MaxPods is the most pods it takes; zero: no limit.
	MaxPods, PodsOfOthers int32
}

// Taint is a Kubernetes taint.
type Taint struct{ Key, Value, Effect string }

// NodesChanged: nodes as they are now, and names of those that are gone.
type NodesChanged struct {
	Session Session
	Changed []Node
	Gone    []string
}

// Reported are facts on runs, in the executor's order.
type Reported struct {
	Session Session
	Reports []Report
}

// Report is one fact on a run.
type Report struct {
	Number uint64
	Event  job.Event
}

// Heartbeat of an executor.
type Heartbeat struct {
	Session Session
	Number  uint64
}

// Disconnected: the session is over.
type Disconnected struct{ Session Session }

func (LogRead) input()      {}
func (Warm) input()         {}
func (LockGained) input()   {}
func (LockLost) input()     {}
func (EpochTaken) input()   {}
func (LockChecked) input()  {}
func (Appended) input()     {}
func (Due) input()          {}
func (Stored) input()       {}
func (NotStored) input()    {}
func (Trimmed) input()      {}
func (EntriesRead) input()  {}
func (Connected) input()    {}
func (NodesChanged) input() {}
func (Reported) input()     {}
func (Heartbeat) input()    {}
func (Disconnected) input() {}

// Session names a stream of an executor within this process; the shell counts
// them from 1.
type Session uint64

// Output is what the core wants done. Outputs are carried out in order; nothing
// is awaited but what an input answers.
//
//sumtype:decl
type Output interface{ output() }

// Append writes entries as this process's author, in order. Appended answers.
type Append struct {
	Ticket uint64
	Drafts []Draft
}

// Draft is an entry to be written.
type Draft struct {
	Partition   eventlog.Partition
	Kind        eventlog.Kind
	Epoch       uint64
	Plan        uint64
	Part, Parts uint32
	Batches     []job.Batch
}

// TakeEpoch asks the store for an epoch above every one in its row and above
// this. EpochTaken answers, or LockLost when another was quicker.
type TakeEpoch struct{ Above uint64 }

// CheckLock asks whether the lock is still held. LockChecked or LockLost answers.
type CheckLock struct{}

// SetTimer asks for Due at that time; a later SetTimer replaces it.
type SetTimer struct{ At job.Time }

// StepDown ends the process's leadership: the shell gives the lock back and starts
// the core anew from the log, so that nothing of the overlay is left.
type StepDown struct{ Why error }

// Halt ends the process: the partition cannot be read on. An operator is needed.
type Halt struct{ Why error }

// SendLeases orders runs.
type SendLeases struct {
	Session Session
	Epoch   uint64
	Leases  []Lease
}

// Lease is an order to run. What the core does not keep (spec, labels, owner) the
// shell adds from the entry in which the job was submitted.
type Lease struct {
	Run            job.RunID
	Job            job.ID
	Entry          EntryRef
	Queue, JobSet  string
	Node, Pool     string
	PodName        string
	After          []job.RunID
	Tolerations    []job.Toleration
	GangLabelValue string
}

// EntryRef names an entry of the events stream.
type EntryRef struct {
	Partition uint32
	At        eventlog.Position
}

// SendStops orders that pods go.
type SendStops struct {
	Session Session
	Epoch   uint64
	Stops   []Stop
}

// Stop orders that the pod of a run goes.
type Stop struct {
	Run job.RunID
	Job job.ID
	Why StopReason
}

// StopReason is why a pod must go.
type StopReason uint8

// The reasons of stops.
const (
	StopCancelled StopReason = iota + 1
	StopPreempted
	// StopOver: the run is over as far as the log knows.
	StopOver
)

// Acknowledge settles reports: they were read back, or will never count. Go are
// the runs whose pods may be made.
type Acknowledge struct {
	Session Session
	Epoch   uint64
	Reports []uint64
	Go      []job.RunID
}

// AnswerHeartbeat answers the newest heartbeat of a session.
type AnswerHeartbeat struct {
	Session Session
	Epoch   uint64
	Number  uint64
}

// Greet tells an executor whether this replica leads. The epoch is zero when it
// does not.
type Greet struct {
	Session Session
	Epoch   uint64
}

// Refuse closes a session.
type Refuse struct {
	Session Session
	Why     string
}

// Release says that no job of an entry is left: what the shell keeps of it can go.
type Release struct{ Entry EntryRef }

// SaveSnapshot stores a snapshot, and with it the entries of its jobs that the stored
// one may not have. Stored or NotStored answers.
type SaveSnapshot struct {
	Snapshot Snapshot
	// After is how far the stored snapshot read, as far as is known: entries up to there
	// are stored.
	After Places
	// Settled are entries of which no job is left, and that may be stored.
	Settled []EntryRef
}

// Keep says that jobs of an entry are unfinished: the shell keeps its content.
type Keep struct{ Entry EntryRef }

func (Append) output()          {}
func (TakeEpoch) output()       {}
func (CheckLock) output()       {}
func (SetTimer) output()        {}
func (StepDown) output()        {}
func (Halt) output()            {}
func (SendLeases) output()      {}
func (SendStops) output()       {}
func (Acknowledge) output()     {}
func (AnswerHeartbeat) output() {}
func (Greet) output()           {}
func (Refuse) output()          {}
func (Release) output()         {}
func (Keep) output()            {}
func (SaveSnapshot) output()    {}

// Config is what the core is told once.
type Config struct {
	// Author is this process in the log.
	Author eventlog.Author
	// Partitions is how many partitions the events stream has.
	Partitions uint32
	// ExecutorTimeout is how long an executor may be silent before its runs are
	// given up. It must be above the executors' start window.
	ExecutorTimeout time.Duration
	// PublishTimeout is how long an own entry may stay unread before the leader
	// steps down.
	PublishTimeout time.Duration
	// MinInterval is the least time between two rounds.
	MinInterval time.Duration
	// PreemptionInterval is how often at most a round preempts for fair shares.
	PreemptionInterval time.Duration
	// SettleAfter is how long after its takeover a leader rejects no job, so that
	// executors can connect first.
	SettleAfter time.Duration
	// AttemptsMax is how often a job is tried in all when executors give it back.
	AttemptsMax uint32
	// RetryBackoff is how long it waits before it is tried again.
	RetryBackoff Backoff
	// StartsMax is the budget of a round in steps: gangs started and victims taken.
	StartsMax uint64
	// EntryEventsMax is the most events that are put into one entry.
	EntryEventsMax int
	// SnapshotEvents is how many events may stand behind the stored snapshot before it
	// is replaced; a leader waits for twice as many, so that a follower does it. Zero: no
	// snapshots are taken.
	SnapshotEvents uint64
	// SnapshotInterval is how old it may be while there are any; a leader adds half of it.
	SnapshotInterval time.Duration
}

// Backoff is how long a job waits that was given back before it may start again: the first
// time Initial, each time twice as long as before, and Max at the most. Zero Initial: not at
// all.
type Backoff struct{ Initial, Max time.Duration }

// after is the wait after so many attempts.
func (b Backoff) after(attempts int) time.Duration {
	wait := b.Initial
	for ; attempts > 1 && wait < b.Max; attempts-- {
		wait *= 2 // Max is far below what would overflow
	}
	return min(wait, b.Max)
}
