package stream

import (
	"encoding/binary"
	"fmt"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// Kept is what is kept of an unfinished job between two of its facts.
type Kept struct {
	Job job.Job
	// Executor, Pool and Pod are the newest run's.
	Executor, Pool string
	Pod            job.Pod
	// Failure is how the newest run failed, as encoded fields of api.JobFailedEvent,
	// until the scheduler has said what that means for the job.
	Failure []byte
}

// Apply gives what is kept after a fact. Errors: job.ErrIllegal, and then nothing
// has changed.
func (k Kept) Apply(e job.Event) (Kept, error) {
	next, err := job.Apply(k.Job, e)
	if err != nil {
		return k, err
	}
	k.Job = next
	return job.Visit(e, remember{k}), nil
}

// remember is how each fact changes what is kept beside the job.
type remember struct{ Kept }

var _ job.Visitor[Kept] = remember{}

func (r remember) Leased(e job.LeasedEvent) Kept {
	return Kept{Job: r.Job, Executor: e.Executor, Pool: e.Pool}
}

func (r remember) RunPending(e job.RunPendingEvent) Kept     { return r.pod(e.Pod) }
func (r remember) RunRunning(e job.RunRunningEvent) Kept     { return r.pod(e.Pod) }
func (r remember) RunSucceeded(e job.RunSucceededEvent) Kept { return r.pod(e.Pod) }
func (r remember) RunReturned(e job.RunReturnedEvent) Kept   { return r.pod(e.Pod) }

func (r remember) RunFailed(e job.RunFailedEvent) Kept {
	k := r.pod(e.Failure.Pod)
	k.Failure = failure(k, e.Failure)
	return k
}

func (r remember) Requeued(job.RequeuedEvent) Kept { return Kept{Job: r.Job} }

func (r remember) Submitted(job.SubmittedEvent) Kept                         { return r.Kept }
func (r remember) CancelRequested(job.CancelRequestedEvent) Kept             { return r.Kept }
func (r remember) ReprioritizeRequested(job.ReprioritizeRequestedEvent) Kept { return r.Kept }
func (r remember) PreemptRequested(job.PreemptRequestedEvent) Kept           { return r.Kept }
func (r remember) Reprioritized(job.ReprioritizedEvent) Kept                 { return r.Kept }
func (r remember) RunExpired(job.RunExpiredEvent) Kept                       { return r.Kept }
func (r remember) Succeeded(job.SucceededEvent) Kept                         { return r.Kept }
func (r remember) Failed(job.FailedEvent) Kept                               { return r.Kept }
func (r remember) Preempted(job.PreemptedEvent) Kept                         { return r.Kept }
func (r remember) Cancelled(job.CancelledEvent) Kept                         { return r.Kept }
func (r remember) Rejected(job.RejectedEvent) Kept                           { return r.Kept }
func (r remember) RunAcknowledged(job.RunAcknowledgedEvent) Kept             { return r.Kept }
func (r remember) RunReleased(job.RunReleasedEvent) Kept                     { return r.Kept }

// pod is what is kept when a report names its pod.
func (r remember) pod(p job.Pod) Kept {
	if p != (job.Pod{}) {
		r.Pod = p
	}
	return r.Kept
}

const keptVersion = 1

const (
	keptPreemptible = 1 << iota
	keptReleasing
)

// Bytes is the compact form, some 20 bytes for a job that waits. The id is not in
// it: it is the key. Equal values give equal bytes.
func (k Kept) Bytes() []byte {
	j := k.Job
	var flags byte
	if j.Preemptible {
		flags |= keptPreemptible
	}
	if j.Run.Releasing {
		flags |= keptReleasing
	}
	b := make([]byte, 0, 64+len(k.Executor)+len(k.Pool)+len(k.Pod.Name)+len(k.Pod.Namespace)+len(k.Pod.UID)+len(k.Pod.Node)+len(k.Failure))
	b = append(b, keptVersion, byte(j.State), byte(j.Asked), flags, byte(j.Run.State))
	b = append(b, j.Run.ID[:]...)
	b = binary.AppendUvarint(b, uint64(j.Attempts))
	b = binary.AppendUvarint(b, uint64(j.Priority))
	b = binary.AppendUvarint(b, uint64(j.Wanted))
	b = binary.AppendVarint(b, int64(j.Last))
	for _, s := range [...]string{k.Executor, k.Pool, k.Pod.Name, k.Pod.Namespace, k.Pod.UID, k.Pod.Node, string(k.Failure)} {
		b = append(binary.AppendUvarint(b, uint64(len(s))), s...)
	}
	return b
}

// KeptFrom reads what Bytes wrote of a job. Errors: eventlog.ErrNewer for a form
// of a newer program, eventlog.ErrDamaged.
func KeptFrom(id job.ID, b []byte) (Kept, error) {
	const fixed = 5 + len(job.RunID{})
	switch {
	case len(b) > 0 && b[0] > keptVersion:
		return Kept{}, fmt.Errorf("read state of job %s: %w: version %d, at most %d", id, eventlog.ErrNewer, b[0], keptVersion)
	case len(b) < fixed || b[0] != keptVersion:
		return Kept{}, fmt.Errorf("read state of job %s: %w: %d bytes", id, eventlog.ErrDamaged, len(b))
	}
	k := Kept{Job: job.Job{
		ID: id, State: job.State(b[1]), Asked: job.Asked(b[2]), Preemptible: b[3]&keptPreemptible != 0,
		Run: job.Run{State: job.RunState(b[4]), Releasing: b[3]&keptReleasing != 0, ID: job.RunID(b[5:fixed])},
	}}
	r := keptReader{rest: b[fixed:]}
	k.Job.Attempts, k.Job.Priority, k.Job.Wanted = r.number(), r.number(), r.number()
	k.Job.Last = r.time()
	k.Executor, k.Pool = r.text(), r.text()
	k.Pod = job.Pod{Name: r.text(), Namespace: r.text(), UID: r.text(), Node: r.text()}
	if failure := r.text(); failure != "" {
		k.Failure = []byte(failure)
	}
	if r.broken || len(r.rest) > 0 {
		return Kept{}, fmt.Errorf("read state of job %s: %w: cut or too long", id, eventlog.ErrDamaged)
	}
	return k, nil
}

// keptReader reads the variable part; it notes that it broke and goes on with zeros.
type keptReader struct {
	rest   []byte
	broken bool
}

func (r *keptReader) uvarint() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.broken, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *keptReader) number() uint32 { return uint32(r.uvarint()) } //nolint:gosec // it was one when it was written

func (r *keptReader) time() job.Time {
	v, n := binary.Varint(r.rest)
	if n <= 0 {
		r.broken, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[n:]
	return job.Time(v)
}

func (r *keptReader) text() string {
	n := r.uvarint()
	if n > uint64(len(r.rest)) {
		r.broken, r.rest = true, nil
		return ""
	}
	s := string(r.rest[:n])
	r.rest = r.rest[n:]
	return s
}
