package job

// Event is a fact on one job. The set is closed: it is the types of this file.
//
//sumtype:decl
type Event interface {
	// Of is the job and the time.
	Of() Head
	event()
}

// Head is what every event has.
type Head struct {
	Job ID
	// Time is the author's clock; [Job.Last] is the time to show.
	Time Time
}

// Of is the head itself.
func (h Head) Of() Head { return h }

// SubmittedEvent: a job was accepted and waits in its queue. Authored by submit.
type SubmittedEvent struct {
	Head
	Priority uint32
	// Class is the name of the priority class.
	Class       string
	Preemptible bool
	// Namespace is the Kubernetes namespace of the pod.
	Namespace   string
	Labels      map[string]string
	Annotations map[string]string
	// Spec and Shape are shared by all jobs of an entry that are alike, and are
	// never changed.
	Spec  *PodSpec
	Shape *Shape
	// Gang is the zero Gang for a job of its own.
	Gang Gang
	// ClientID is the id under which the client may submit it again; empty: none.
	ClientID       string
	ExternalJobURI string
	// Services and Ingresses are Kubernetes wire bytes of what is made with the pod.
	Services  [][]byte
	Ingresses [][]byte
}

// CancelRequestedEvent: somebody asked for the job to be cancelled. Authored by submit.
type CancelRequestedEvent struct {
	Head
	Reason string
}

// ReprioritizeRequestedEvent: somebody asked for another priority. Authored by submit.
type ReprioritizeRequestedEvent struct {
	Head
	Priority uint32
}

// PreemptRequestedEvent: somebody asked for the run to be preempted. Authored by submit.
type PreemptRequestedEvent struct {
	Head
	Reason string
}

// LeasedEvent: the job was placed and a run begins. Authored by the scheduler.
type LeasedEvent struct {
	Head
	Run      RunID
	Executor string
	Node     string
	Pool     string
	// Level is the priority it holds its node at.
	Level int32
	// After are runs whose pods must be gone before this one's pod is made.
	After []RunID
	// Attempt is how many earlier runs were acknowledged; it makes the pod's name.
	Attempt uint32
	// Tolerations are added to those of the spec.
	Tolerations []Toleration
	// GangLabelValue is the value of the gang's uniformity label; empty without a rule.
	GangLabelValue string
}

// RequeuedEvent: the job waits again; its run is over. Authored by the scheduler.
type RequeuedEvent struct {
	Head
	Run RunID
}

// ReprioritizedEvent: the priority is now this. Authored by the scheduler.
type ReprioritizedEvent struct {
	Head
	Priority  uint32
	Requestor string
}

// RunExpiredEvent: the executor was silent for too long and the run is given up.
// Authored by the scheduler.
type RunExpiredEvent struct {
	Head
	Run    RunID
	Reason string
}

// SucceededEvent: the job ended well. Authored by the scheduler.
type SucceededEvent struct {
	Head
	Run RunID
}

// FailedEvent: the job ended badly and will not be tried again. Authored by the scheduler.
type FailedEvent struct {
	Head
	Run     RunID
	Failure Failure
}

// PreemptedEvent: the job ended because its place was needed or somebody asked.
// Authored by the scheduler.
type PreemptedEvent struct {
	Head
	Run    RunID
	Reason string
	// PreemptorJob and PreemptorRun got the place; zero when none did.
	PreemptorJob ID
	PreemptorRun RunID
	// Requestor asked for it; empty when the scheduler decided.
	Requestor string
}

// CancelledEvent: the job ended because somebody asked. Authored by the scheduler.
type CancelledEvent struct {
	Head
	// Run is the run that was live when it was decided; zero when the job waited.
	Run       RunID
	Reason    string
	Requestor string
}

// RejectedEvent: no known node could ever hold the job. Authored by the scheduler.
type RejectedEvent struct {
	Head
	Reason string
}

// ReservedEvent: nodes are reserved for the job, or for it and other members of its gang,
// until one of them gets a run, ends or is to be cancelled. Authored by the scheduler.
type ReservedEvent struct {
	Head
	Pool string
	// Until is when the nodes have room for all at the latest; zero: nobody knows.
	Until Time
	// Members are the jobs it is for, by id; the first is the event's own.
	Members []ReservedMember
}

// ReservedMember is a job and the node that is reserved for it.
type ReservedMember struct {
	Job ID
	// Run is the newest run that the job had; zero: none. With another one the reservation
	// is over. So what it is worth follows from the states of its jobs, in whatever order a
	// reader meets their partitions.
	Run            RunID
	Executor, Node string
}

// UnreservedEvent: the job's reservation cannot be held any more. Authored by the scheduler.
type UnreservedEvent struct{ Head }

// RunAcknowledgedEvent: the executor holds the lease. Until this is in the log
// it makes no pod. Authored by the executor.
type RunAcknowledgedEvent struct {
	Head
	Run RunID
}

// RunPendingEvent: the pod is made and waits to start. Authored by the executor.
type RunPendingEvent struct {
	Head
	Run RunID
	Pod Pod
}

// RunRunningEvent: the pod's containers run. Authored by the executor.
type RunRunningEvent struct {
	Head
	Run RunID
	Pod Pod
}

// RunSucceededEvent: the pod ended well. Authored by the executor.
type RunSucceededEvent struct {
	Head
	Run RunID
	Pod Pod
}

// RunFailedEvent: the pod ended badly, vanished, or could not be made. Authored
// by the executor.
type RunFailedEvent struct {
	Head
	Run     RunID
	Failure Failure
}

// RunReturnedEvent: the executor gives the lease back. Authored by the executor,
// or by a new leader for a plan that was never sent.
type RunReturnedEvent struct {
	Head
	Run    RunID
	Reason string
	// Attempted says whether a pod was made, so that the node counts as tried.
	Attempted bool
	Pod       Pod
}

// RunReleasedEvent: the pod of a run that had to go is gone, and its node free.
// Authored by the executor.
type RunReleasedEvent struct {
	Head
	Run RunID
}

// Batch is a run of facts on jobs of one job set with one cause.
type Batch struct {
	Queue, JobSet string
	Cause         Cause
	Events        []Event
}
