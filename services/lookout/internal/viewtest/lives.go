package viewtest

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// Phases are what happens in the lives of jobs that succeed, one after another: each
// is a stretch of its own where batches are small, and all are one where they are not.
const Phases = 4

// Lives are n lives of jobs that succeed, with ids from first on, as entries of a
// hundred jobs with twenty distinct specs, in job sets of a partition. The entries of
// a phase are those of an index below Phases.
func Lives(partition uint32, first, n int) (phases [Phases][]Entry) {
	const jobsAnEntry = 100
	for start := first; start < first+n; start += jobsAnEntry {
		submitted := job.Batch{Queue: fmt.Sprint("queue-", partition), JobSet: fmt.Sprint("sweep-", start/10_000), Cause: job.Cause{User: "alice", Groups: []string{"research"}}}
		scheduled := job.Batch{Queue: submitted.Queue, JobSet: submitted.JobSet, Cause: job.Cause{Service: "scheduler"}}
		var specs [20]spec
		for i := range specs {
			specs[i] = spec{&job.PodSpec{Bytes: podSpec(i)}, shape()}
		}
		var entries [Phases]Entry
		for i := range entries {
			entries[i] = Entry{Partition: partition, Batches: []job.Batch{scheduled}}
		}
		entries[0].Batches[0] = submitted
		for i := start; i < min(start+jobsAnEntry, first+n); i++ {
			for phase, events := range life(partition, i, specs[i%len(specs)]) {
				batch := &entries[phase].Batches[0]
				batch.Events = append(batch.Events, events...)
			}
		}
		for phase := range phases {
			phases[phase] = append(phases[phase], entries[phase])
		}
	}
	return phases
}

// podSpec is of a usual size, and says nothing: nobody here decodes it.
func podSpec(i int) []byte {
	return slices.Concat([]byte(fmt.Sprintf("container %d ", i)), slices.Repeat([]byte("image: registry/name command: sleep "), 15))
}

func life(partition uint32, i int, sp spec) [Phases][]job.Event {
	var id job.ID
	binary.BigEndian.PutUint64(id[:], 1<<56|uint64(i)) //nolint:gosec // counts; never the zero id
	binary.BigEndian.PutUint32(id[8:], partition)
	binary.BigEndian.PutUint32(id[12:], uint32(i*2654435761)) //nolint:gosec // the random end of a ULID
	run := job.RunID(id)
	run[15]++
	now := job.Time(1_800_000_000)*Second + job.Time(i)*1_000_000
	head := func() job.Head {
		now += Second
		return job.Head{Job: id, Time: now}
	}
	pod := job.Pod{Name: "armada-" + id.String() + "-0", Namespace: "default", UID: "5f0c2d1e-3c39-4a0d-9d0f-6f6c5f2e6c11", Node: fmt.Sprint("node-", i%100)}
	return [Phases][]job.Event{
		{job.SubmittedEvent{
			Head: head(), Priority: 1, Class: "armada-default", Namespace: "default", Spec: sp.pod, Shape: sp.shape,
			Labels: map[string]string{"app": "sweep"}, Annotations: map[string]string{"example.com/team": "research", "example.com/step": fmt.Sprint(i)},
		}},
		{
			job.LeasedEvent{Head: head(), Run: run, Executor: "cluster-1", Node: pod.Node, Pool: "default"},
			job.RunAcknowledgedEvent{Head: head(), Run: run},
		},
		{job.RunPendingEvent{Head: head(), Run: run, Pod: pod}, job.RunRunningEvent{Head: head(), Run: run, Pod: pod}},
		{job.RunSucceededEvent{Head: head(), Run: run, Pod: pod}, job.SucceededEvent{Head: head(), Run: run}},
	}
}
