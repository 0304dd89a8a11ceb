// Package viewtest makes stretches of the log for lookout's tests: from scripts, at
// random, and in bulk. It is for tests only.
package viewtest

import (
	"strings"

	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// Second is a second of [job.Time].
const Second job.Time = 1_000_000_000

// Job is the id that scripts call by a letter.
func Job(name string) job.ID { return job.ID{15: name[0]} }

// Run is the id that scripts call by a letter and a digit.
func Run(name string) job.RunID { return job.RunID{14: name[0], 15: name[1]} }

// Entry is an entry of a partition.
type Entry struct {
	Partition uint32
	Batches   []job.Batch
}

// Script reads entries of partition 0, an event a line, with an empty line between
// entries. Time is the number of the line in seconds. A line is a verb, a job, a run
// where the event has one, and the rest of what there is to say:
//
//	submit a [queue=q] [set=s] [spec=x] [key=value ...]
//	wish a cancel | wish a preempt | wish a 7
//	lease a r1 node     requeue a r1      priority a 7
//	ack|pending|running|end|release a r1
//	broke a r1 code text    gaveback a r1 text    lost a r1 text
//	succeeded a r1      failed a r1 text    preempted a r1 text
//	cancelled a [user text]     rejected a text
//
// A mistake in it panics.
func Script(script string) []Entry {
	s := scripted{batch: map[job.ID]job.Batch{}, specs: map[string]spec{}}
	for i, line := range strings.Split(strings.TrimSpace(script), "\n") {
		words := strings.Fields(line)
		if len(words) == 0 {
			s.close()
			continue
		}
		s.line(job.Head{Job: Job(words[1]), Time: job.Time(i+1) * Second}, words[0], words[2:])
	}
	s.close()
	return s.entries
}

type scripted struct {
	entries []Entry
	open    []job.Batch
	// batch is the one, without events, that a job's events are in.
	batch map[job.ID]job.Batch
	// specs are those of the open entry, whose pointers its jobs share.
	specs map[string]spec
}

type spec struct {
	pod   *job.PodSpec
	shape *job.Shape
}

func (s *scripted) close() {
	if len(s.open) > 0 {
		s.entries = append(s.entries, Entry{Batches: s.open})
	}
	s.open, s.specs = nil, map[string]spec{}
}

func (s *scripted) line(head job.Head, verb string, rest []string) {
	e := s.event(head, verb, rest)
	batch := s.batch[head.Job]
	batch.Events = []job.Event{e}
	s.open = append(s.open, batch)
}

func (s *scripted) event(head job.Head, verb string, rest []string) job.Event {
	first, others, _ := strings.Cut(strings.Join(rest, " "), " ")
	switch verb {
	case "submit":
		return s.submit(head, rest)
	case "wish":
		return wish(head, first)
	case "priority":
		return job.ReprioritizedEvent{Head: head, Priority: number(first)}
	case "cancelled":
		return job.CancelledEvent{Head: head, Requestor: first, Reason: others}
	case "rejected":
		return job.RejectedEvent{Head: head, Reason: strings.Join(rest, " ")}
	}
	return ofRun(head, verb, Run(first), rest[1:])
}

// shape is the same for every spec of a script.
func shape() *job.Shape {
	return &job.Shape{Requests: []job.Amount{
		{Resource: "cpu", Value: 1500},
		{Resource: "ephemeral-storage", Value: 3},
		{Resource: "example.com/fpga", Value: 9},
		{Resource: "memory", Value: 2},
		{Resource: "nvidia.com/gpu", Value: 4},
	}}
}

func (s *scripted) submit(head job.Head, rest []string) job.Event {
	batch := job.Batch{Queue: "q", JobSet: "s", Cause: job.Cause{User: "ann", Groups: []string{"g"}}}
	e := job.SubmittedEvent{
		Head: head, Priority: 5, Class: "armada-default", Preemptible: true, Namespace: "ns", Annotations: map[string]string{},
	}
	name := "x"
	for _, pair := range rest {
		key, value, _ := strings.Cut(pair, "=")
		switch key {
		case "queue":
			batch.Queue = value
		case "set":
			batch.JobSet = value
		case "spec":
			name = value
		case "uri":
			e.ExternalJobURI = value
		case "client":
			e.ClientID = value
		default:
			e.Annotations[key] = value
		}
	}
	if _, known := s.specs[name]; !known {
		s.specs[name] = spec{&job.PodSpec{Bytes: []byte(name)}, shape()}
	}
	e.Spec, e.Shape = s.specs[name].pod, s.specs[name].shape
	if _, again := s.batch[head.Job]; !again {
		s.batch[head.Job] = batch
	}
	return e
}
