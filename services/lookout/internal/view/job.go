package view

import (
	"slices"

	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// Job is the row of a job. What stands above State was submitted and does not
// change. Slices and maps are shared between rows and with events: nobody changes
// what is in them.
type Job struct {
	Queue, JobSet string
	// Owner submitted it, and was in Groups then.
	Owner  string
	Groups []string
	// Namespace is the Kubernetes namespace of its pods.
	Namespace string
	// Class is the name of its priority class.
	Class string
	// ClientID and ExternalJobURI are the submitter's; empty: none.
	ClientID, ExternalJobURI string
	Requests                 Requests
	Labels, Annotations      map[string]string
	// Services and Ingresses are Kubernetes wire bytes of what is made with a pod.
	Services, Ingresses [][]byte
	// Spec is the pod spec: the id of a [Spec].
	Spec job.ID
	// Submitted is when it was submitted.
	Submitted job.Time

	// State is the fold of its events, of which history keeps what [Shown] says. Its
	// Last is in whole microseconds, as every time here.
	State job.Job
	// Transitioned is when State.State became what it is.
	Transitioned job.Time
	// Cancel is set where it was cancelled.
	Cancel Cancel
	// Error says why it ended badly (failed, preempted, rejected), for people; else empty.
	Error string
	// Runs are the ids of all its runs, oldest first: the last one is that of Run.
	Runs []job.RunID
	// Run is the newest run; the zero Run before the first. In history it stands
	// with all others among the runs, and is zero here.
	Run Run
}

// Cancel is how a job was cancelled. The zero Cancel: it was not.
type Cancel struct {
	At           job.Time
	User, Reason string
}

// Requests are what a job's pod asks for. Others than these are in its [Spec].
type Requests struct {
	// CPUMilli is in thousandths of a core.
	CPUMilli int64
	// MemoryBytes and StorageBytes (ephemeral) are in bytes.
	MemoryBytes, StorageBytes int64
	// GPUs counts nvidia.com/gpu, as Armada does.
	GPUs int64
}

// Run is the row of a run. A time is zero where it was not reached.
type Run struct {
	ID  job.RunID
	Job job.ID
	// Number counts the runs of the job from 1. Job and Number are the row's key, not
	// ID: that every run has an id of its own is for the scheduler to see to, and
	// job.Apply compares it with the newest run alone. A row that could not be written
	// for a second use of an id would stop the view.
	Number               int32
	Executor, Node, Pool string
	State                job.RunState
	// Leased is when it was placed, Pending when its pod was made, Started when
	// containers ran, Finished when it was over.
	Leased, Pending, Started, Finished job.Time
	// ExitCode is that of the first container that ended with another than 0, and 0
	// of a run that succeeded; nil where no container's end is known.
	ExitCode *int32
	// Error says why it ended badly, for people; else empty.
	Error string
	// Category and Subcategory of the failure; empty: none.
	Category, Subcategory string
}

// Spec is a pod spec, shared by jobs of one entry of the log.
type Spec struct {
	// ID is that of the first job that has it.
	ID job.ID
	// Bytes are Kubernetes' wire form.
	Bytes []byte
	// Requests are sums over the pod's containers, sorted by resource.
	Requests []job.Amount
}

const (
	resourceCPU     = "cpu"
	resourceMemory  = "memory"
	resourceStorage = "ephemeral-storage"
	resourceGPU     = "nvidia.com/gpu"
)

func requestsOf(amounts []job.Amount) (out Requests) {
	for _, a := range amounts {
		switch a.Resource {
		case resourceCPU:
			out.CPUMilli = a.Value
		case resourceMemory:
			out.MemoryBytes = a.Value
		case resourceStorage:
			out.StorageBytes = a.Value
		case resourceGPU:
			out.GPUs = a.Value
		}
	}
	return out
}

// exitCode is the first that is not 0; nil where there is none.
func exitCode(ends []job.ContainerEnd) *int32 {
	i := slices.IndexFunc(ends, func(c job.ContainerEnd) bool { return c.ExitCode != 0 })
	if i < 0 {
		return nil
	}
	code := ends[i].ExitCode
	return &code
}
