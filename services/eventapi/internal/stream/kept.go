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
	Failure string
}

// Apply gives what is kept after a fact. Errors: job.ErrIllegal, and then nothing
// has changed.
func (k Kept) Apply(e job.Event) (Kept, error) {
	err := advance(&k, e)
	return k, err
}

// advance is Kept.Apply in place.
func advance(k *Kept, e job.Event) error {
	next, err := job.Apply(k.Job, e)
	if err != nil {
		return err
	}
	k.Job = next
	job.Visit(e, job.Visitor[nothing]((*remember)(k)))
	return nil
}

// remember is how each fact changes what is kept beside the job.
type remember Kept

func (r *remember) Leased(e job.LeasedEvent) nothing {
	*r = remember{Job: r.Job, Executor: e.Executor, Pool: e.Pool}
	return nothing{}
}

func (r *remember) RunPending(e job.RunPendingEvent) nothing     { return r.pod(e.Pod) }
func (r *remember) RunRunning(e job.RunRunningEvent) nothing     { return r.pod(e.Pod) }
func (r *remember) RunSucceeded(e job.RunSucceededEvent) nothing { return r.pod(e.Pod) }
func (r *remember) RunReturned(e job.RunReturnedEvent) nothing   { return r.pod(e.Pod) }

func (r *remember) RunFailed(e job.RunFailedEvent) nothing {
	r.pod(e.Failure.Pod)
	r.Failure = string(fields{}.failure((*Kept)(r), e.Failure))
	return nothing{}
}

func (r *remember) Requeued(job.RequeuedEvent) nothing {
	*r = remember{Job: r.Job}
	return nothing{}
}

func (r *remember) Submitted(job.SubmittedEvent) nothing { return nothing{} }

func (r *remember) CancelRequested(job.CancelRequestedEvent) nothing { return nothing{} }

func (r *remember) ReprioritizeRequested(job.ReprioritizeRequestedEvent) nothing { return nothing{} }

func (r *remember) PreemptRequested(job.PreemptRequestedEvent) nothing { return nothing{} }

func (r *remember) Reprioritized(job.ReprioritizedEvent) nothing { return nothing{} }

func (r *remember) RunExpired(job.RunExpiredEvent) nothing { return nothing{} }

func (r *remember) Succeeded(job.SucceededEvent) nothing { return nothing{} }

func (r *remember) Failed(job.FailedEvent) nothing { return nothing{} }

func (r *remember) Preempted(job.PreemptedEvent) nothing { return nothing{} }

func (r *remember) Cancelled(job.CancelledEvent) nothing { return nothing{} }

func (r *remember) Rejected(job.RejectedEvent) nothing { return nothing{} }

func (r *remember) Reserved(job.ReservedEvent) nothing { return nothing{} }

func (r *remember) Unreserved(job.UnreservedEvent) nothing { return nothing{} }

func (r *remember) RunAcknowledged(job.RunAcknowledgedEvent) nothing { return nothing{} }

func (r *remember) RunReleased(job.RunReleasedEvent) nothing { return nothing{} }

// pod is what is kept when a report names its pod.
func (r *remember) pod(p job.Pod) nothing {
	if p != (job.Pod{}) {
		r.Pod = p
	}
	return nothing{}
}

const keptVersion = 1

const (
	keptPreemptible = 1 << iota
	keptReleasing
)

// Bytes is the compact form, some 20 bytes for a job that waits. The id is not in
// it: it is the key. Equal values give equal bytes.
func (k Kept) Bytes() []byte { return k.appendTo(nil) }

func (k Kept) appendTo(b []byte) []byte {
	j := k.Job
	var flags byte
	if j.Preemptible {
		flags |= keptPreemptible
	}
	if j.Run.Releasing {
		flags |= keptReleasing
	}
	b = append(b, keptVersion, byte(j.State), byte(j.Asked), flags, byte(j.Run.State))
	b = append(b, j.Run.ID[:]...)
	b = binary.AppendUvarint(b, uint64(j.Attempts))
	b = binary.AppendUvarint(b, uint64(j.Priority))
	b = binary.AppendUvarint(b, uint64(j.Wanted))
	b = binary.AppendVarint(b, int64(j.Last))
	for _, s := range [...]string{k.Executor, k.Pool, k.Pod.Name, k.Pod.Namespace, k.Pod.UID, k.Pod.Node, k.Failure} {
		b = append(binary.AppendUvarint(b, uint64(len(s))), s...)
	}
	return b
}

// KeptFrom reads what Bytes wrote of a job. Its texts are parts of b. Errors:
// eventlog.ErrNewer for a form of a newer program, eventlog.ErrDamaged.
func KeptFrom(id job.ID, b string) (Kept, error) {
	const fixed = 5 + len(job.RunID{})
	switch {
	case len(b) > 0 && b[0] > keptVersion:
		return Kept{}, fmt.Errorf("read state of job %s: %w: version %d, at most %d", id, eventlog.ErrNewer, b[0], keptVersion)
	case len(b) < fixed || b[0] != keptVersion:
		return Kept{}, fmt.Errorf("read state of job %s: %w: %d bytes", id, eventlog.ErrDamaged, len(b))
	}
	k := Kept{Job: job.Job{
		ID: id, State: job.State(b[1]), Asked: job.Asked(b[2]), Preemptible: b[3]&keptPreemptible != 0,
		Run: job.Run{State: job.RunState(b[4]), Releasing: b[3]&keptReleasing != 0, ID: job.RunID([]byte(b[5:fixed]))},
	}}
	r := keptReader{rest: b[fixed:]}
	k.Job.Attempts, k.Job.Priority, k.Job.Wanted = r.number(), r.number(), r.number()
	k.Job.Last = r.time()
	k.Executor, k.Pool = r.text(), r.text()
	k.Pod = job.Pod{Name: r.text(), Namespace: r.text(), UID: r.text(), Node: r.text()}
	k.Failure = r.text()
	if r.broken || len(r.rest) > 0 {
		return Kept{}, fmt.Errorf("read state of job %s: %w: cut or too long", id, eventlog.ErrDamaged)
	}
	return k, nil
}

// keptReader reads the variable part; it notes that it broke and goes on with zeros.
type keptReader struct {
	rest   string
	broken bool
}

// varint gives the bytes that begin with a varint; a copy, too short to be allocated.
func (r *keptReader) varint() []byte {
	return []byte(r.rest[:min(len(r.rest), binary.MaxVarintLen64)])
}

// skip takes n bytes off; none: they could not be read.
func (r *keptReader) skip(n int) bool {
	if n <= 0 {
		r.broken, r.rest = true, ""
		return false
	}
	r.rest = r.rest[n:]
	return true
}

func (r *keptReader) uvarint() uint64 {
	v, n := binary.Uvarint(r.varint())
	if !r.skip(n) {
		return 0
	}
	return v
}

func (r *keptReader) number() uint32 { return uint32(r.uvarint()) } //nolint:gosec // it was one when it was written

func (r *keptReader) time() job.Time {
	v, n := binary.Varint(r.varint())
	if !r.skip(n) {
		return 0
	}
	return job.Time(v)
}

func (r *keptReader) text() string {
	n := r.uvarint()
	if n > uint64(len(r.rest)) {
		r.broken, r.rest = true, ""
		return ""
	}
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s
}
