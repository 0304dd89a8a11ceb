package lease

import "github.com/fairlead-batch/fairlead/services/internal/job"

// Input is what the shell tells the core. The set is closed: the facts of
// cluster.go, and the types of this file that implement it.
//
//sumtype:decl
type Input interface{ input() }

// Opened: a stream to a replica is open, for it was dialled.
type Opened struct {
	Replica Replica
	// Session names the stream: a ULID newer than any before.
	Session [16]byte
}

// Closed: the stream to a replica is over, or could not be opened. Nothing of it
// comes after.
type Closed struct{ Replica Replica }

// Down is a message of a scheduler replica.
type Down struct {
	Replica Replica
	// Epoch is the leader's; zero from one that does not lead.
	Epoch   uint64
	Message DownMessage
}

// Due says that the time of the newest SetTimer has come. A step with no input
// does as well.
type Due struct{}

func (Opened) input() {}
func (Closed) input() {}
func (Down) input()   {}
func (Due) input()    {}

// Replica names a scheduler replica: its place in the configured list, from 0.
type Replica int

// DownMessage is what a scheduler says. The set is closed: it is the types of this
// file that implement it.
//
//sumtype:decl
type DownMessage interface{ down() }

// Welcome answers Hello, and comes again when a replica begins to lead.
type Welcome struct{ Leads bool }

// Leases order runs.
type Leases struct{ Leases []*Lease }

// Stops order that pods go.
type Stops struct{ Stops []Stop }

// Acknowledgements settle reports. Go are the runs whose pods may be made; a
// RunAcknowledged report that is settled without one will never count.
type Acknowledgements struct {
	Reports []uint64
	Go      []job.RunID
}

// HeartbeatAnswer answers a heartbeat, after the leader checked that it leads.
type HeartbeatAnswer struct{ Number uint64 }

func (Welcome) down()          {}
func (Leases) down()           {}
func (Stops) down()            {}
func (Acknowledgements) down() {}
func (HeartbeatAnswer) down()  {}

// Lease is an order to run. It is never changed once it was handed to the core.
type Lease struct {
	Run           job.RunID
	Job           job.ID
	Queue, JobSet string
	// User and Groups are who submitted the job.
	User        string
	Groups      []string
	Namespace   string
	Labels      map[string]string
	Annotations map[string]string
	// Spec is the pod spec in Kubernetes' wire form.
	Spec       []byte
	Node, Pool string
	PodName    string
	// After are runs of this executor whose pods must be gone first.
	After []job.RunID
	// Tolerations are added to those of the spec.
	Tolerations []job.Toleration
	Gang        job.Gang
	// GangLabelValue is the value of the gang's uniformity label.
	GangLabelValue string
	// Requests are what the pod asks for in all.
	Requests []job.Amount
	// Floating are resources that stand on no node: the pod is made without asking for them.
	Floating []string
	// Services and Ingresses are Kubernetes wire bytes of what is made with the pod.
	Services, Ingresses [][]byte
}

// Stop orders that the pod of a run goes.
type Stop struct {
	Run job.RunID
	// Job is zero where the scheduler does not say it; then the release of a run that
	// is not known here cannot be reported for its job.
	Job    job.ID
	Reason StopReason
}

// StopReason is why a pod must go. It changes nothing here and is for the log.
type StopReason uint8

// The reasons of stops.
const (
	StopCancelled StopReason = iota + 1
	StopPreempted
	// StopOver: the run is over as far as the log knows.
	StopOver
)

// Output is what the core wants done. The set is closed: the orders of cluster.go,
// and the types of this file that implement it. Outputs are carried out in order;
// nothing is awaited but what an input answers.
//
//sumtype:decl
type Output interface{ output() }

// Dial opens a stream to a replica. Opened or Closed answers.
type Dial struct{ Replica Replica }

// HangUp closes the stream to a replica. Closed answers.
type HangUp struct {
	Replica Replica
	Why     string
}

// Up sends a message to a replica. It may be lost with its stream.
type Up struct {
	Replica Replica
	Message UpMessage
}

// SetTimer asks for Due when Time.Mono reaches At.Mono; a later SetTimer replaces it.
type SetTimer struct{ At Time }

func (Dial) output()     {}
func (HangUp) output()   {}
func (Up) output()       {}
func (SetTimer) output() {}

// UpMessage is what an executor says. The set is closed: it is the types of this
// file that implement it.
//
//sumtype:decl
type UpMessage interface{ up() }

// Hello is one page of who the executor is and what it holds. The core fills in
// what the configuration says of the executor's name.
type Hello struct {
	Installation, Executor, Pool string
	Session                      [16]byte
	Epoch                        uint64
	Runs                         []KnownRun
	Nodes                        []Node
	// Last marks the last page.
	Last bool
}

// KnownRun is a run that the executor holds.
type KnownRun struct {
	Run   job.RunID
	Job   job.ID
	Phase RunPhase
}

// RunPhase is how far a run is.
type RunPhase uint8

// The phases of a run.
const (
	// PhaseLeased: the lease is held; no pod is known.
	PhaseLeased RunPhase = iota + 1
	PhasePending
	PhaseRunning
	// PhaseEnded: the run's last report is not acknowledged, or its pod not yet tidied.
	PhaseEnded
	// PhaseReleasing: the pod must go and is still there.
	PhaseReleasing
)

// NodeChanges are nodes as they are now, and names of those that are gone.
type NodeChanges struct {
	Changed []Node
	Gone    []string
}

// Reports are facts on runs.
type Reports struct{ Reports []Report }

// Report is one fact on a run.
type Report struct {
	// Number counts from 1 within a session.
	Number uint64
	Event  job.Event
}

// Heartbeat says that the executor lives.
type Heartbeat struct{ Number uint64 }

func (Hello) up()       {}
func (NodeChanges) up() {}
func (Reports) up()     {}
func (Heartbeat) up()   {}
