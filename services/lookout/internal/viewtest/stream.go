package viewtest

import (
	"encoding/binary"
	"fmt"

	"pgregory.net/rapid"

	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// Partitions is how many partitions the entries of Stream are of.
const Partitions = 2

// Stream draws lives of jobs in several partitions, each of which ends in some
// state or none, with events among them that Apply refuses. Worlds have no id in
// common.
func Stream(t *rapid.T, world uint32) (entries []Entry) {
	s := streamed{world: world, jobs: make([]job.Job, rapid.IntRange(1, 6).Draw(t, "jobs"))}
	steps := rapid.IntRange(1, 60).Draw(t, "steps")
	for range steps {
		s.step(t)
	}
	return s.entries
}

type streamed struct {
	world   uint32
	entries []Entry
	jobs    []job.Job
	runs    byte
	specs   []spec
}

// id makes an id of two small numbers.
func (s *streamed) id(high, low int) (id job.ID) {
	binary.BigEndian.PutUint32(id[:], s.world)
	id[14], id[15] = byte(high), byte(low) //nolint:gosec // small
	return id
}

// step adds an event, mostly one that counts, to a new entry or to the last one.
func (s *streamed) step(t *rapid.T) {
	n := rapid.IntRange(0, len(s.jobs)-1).Draw(t, "job")
	partition := uint32(n) % Partitions //nolint:gosec // small
	last := len(s.entries) - 1
	if last < 0 || s.entries[last].Partition != partition || rapid.Bool().Draw(t, "new entry") {
		s.entries = append(s.entries, Entry{Partition: partition})
		s.specs = nil
		last++
	}
	e := s.event(t, n)
	for range rapid.SampledFrom([]int{0, 5, 20}).Draw(t, "care") {
		if _, err := job.Apply(s.jobs[n], e); err == nil {
			break
		}
		e = s.event(t, n)
	}
	s.jobs[n], _ = job.Apply(s.jobs[n], e) // refused: unchanged, as for everybody
	s.entries[last].Batches = append(s.entries[last].Batches, job.Batch{
		Queue: "q", JobSet: fmt.Sprint("s", partition), Cause: job.Cause{User: "ann"}, Events: []job.Event{e},
	})
}

// event draws any event on a job.
func (s *streamed) event(t *rapid.T, n int) job.Event {
	head := job.Head{Job: s.id(0, n+1), Time: job.Time(rapid.Int64Range(0, 100_000).Draw(t, "time"))}
	why := rapid.SampledFrom([]string{"", "because", "nul\x00nul", "ünï"}).Draw(t, "why")
	if s.jobs[n].State == 0 {
		return s.submitted(t, head, why)
	}
	run := s.jobs[n].Run.ID
	switch rapid.IntRange(0, 9).Draw(t, "other run") {
	case 0:
		run = job.RunID(s.id(0, 255))
	case 1, 2:
		s.runs++
		run = job.RunID(s.id(n+1, int(s.runs)))
	}
	if run.IsZero() {
		run = job.RunID(s.id(n+1, 0))
	}
	verbs := [...]string{
		"lease", "lease", "requeue", "requeue", "ack", "ack", "pending", "pending", "running", "running", "end", "broke", "gaveback",
		"lost", "release", "succeeded", "failed", "preempted", "submit", "cancelled", "rejected", "cancel", "preempt", "7", "priority",
	}
	switch verb := rapid.SampledFrom(verbs[:]).Draw(t, "verb"); verb {
	case "submit":
		return s.submitted(t, head, why)
	case "cancelled":
		return job.CancelledEvent{Head: head, Requestor: "bob", Reason: why}
	case "rejected":
		return job.RejectedEvent{Head: head, Reason: why}
	case "cancel", "preempt", "7":
		return wish(head, verb)
	case "priority":
		return job.ReprioritizedEvent{Head: head, Priority: 7}
	case "broke":
		return ofRun(head, verb, run, []string{"3", why})
	default:
		return ofRun(head, verb, run, []string{why})
	}
}

func (s *streamed) submitted(t *rapid.T, head job.Head, why string) job.Event {
	if i := rapid.IntRange(0, 1).Draw(t, "spec"); i >= len(s.specs) {
		s.specs = append(s.specs, spec{&job.PodSpec{Bytes: []byte(why)}, shape()})
	}
	sp := rapid.SampledFrom(s.specs).Draw(t, "one of the specs")
	e := job.SubmittedEvent{
		Head: head, Priority: 3, Class: "c", Preemptible: true, Namespace: "ns", Spec: sp.pod, Shape: sp.shape,
		ExternalJobURI: why, ClientID: why,
	}
	if why != "" {
		e.Labels, e.Annotations = map[string]string{"k": why}, map[string]string{why: "v", "a": ""}
		e.Services, e.Ingresses = [][]byte{[]byte(why)}, [][]byte{{0, 1}, {}}
	}
	return e
}
