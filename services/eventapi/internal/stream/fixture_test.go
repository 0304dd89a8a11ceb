package stream_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	apipb "github.com/fairlead-batch/fairlead/proto/gen/api"
	"github.com/fairlead-batch/fairlead/services/eventapi/internal/stream"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

var (
	set   = stream.Set{Queue: "q", JobSet: "s"}
	other = stream.Set{Queue: "q", JobSet: "other"}
	jobA  = job.ID{0xa}
	jobB  = job.ID{0xb}
	run1  = job.RunID{1}
	run2  = job.RunID{2}
	pod   = job.Pod{Name: "armada-a-0", Namespace: "ns", UID: "uid", Node: "node"}
	ann   = job.Cause{User: "ann", Groups: []string{"g1", "g2"}, Service: "submit"}
)

// life writes facts on a job, a second apart.
type life struct {
	id     job.ID
	now    job.Time
	events []job.Event
}

func (l *life) head() job.Head {
	l.now += 1_000_000_000
	return job.Head{Job: l.id, Time: l.now}
}

func (l *life) add(fact func(h job.Head) job.Event) *life {
	l.events = append(l.events, fact(l.head()))
	return l
}

func newLife(id job.ID) *life {
	l := &life{id: id}
	return l.add(func(h job.Head) job.Event { return submitted(h) })
}

func submitted(h job.Head) job.SubmittedEvent {
	return job.SubmittedEvent{
		Head: h, Priority: 3, Class: "armada-default", Preemptible: true, Namespace: "ns",
		Labels: map[string]string{"b": "2", "a": "1"}, Annotations: map[string]string{"x": "y"},
		Spec: &job.PodSpec{}, Shape: &job.Shape{Requests: []job.Amount{{Resource: "cpu", Value: 1500}, {Resource: "memory", Value: 1 << 20}}},
		ClientID: "client-1",
	}
}

func (l *life) leased(run job.RunID) *life {
	return l.add(func(h job.Head) job.Event {
		return job.LeasedEvent{Head: h, Run: run, Executor: "cluster", Node: "node", Pool: "pool"}
	})
}

func (l *life) acknowledged(run job.RunID) *life {
	return l.add(func(h job.Head) job.Event { return job.RunAcknowledgedEvent{Head: h, Run: run} })
}

func (l *life) pending(run job.RunID) *life {
	return l.add(func(h job.Head) job.Event {
		return job.RunPendingEvent{Head: h, Run: run, Pod: job.Pod{Name: pod.Name, Namespace: pod.Namespace, UID: pod.UID}}
	})
}

func (l *life) running(run job.RunID) *life {
	return l.leased(run).acknowledged(run).pending(run).
		add(func(h job.Head) job.Event { return job.RunRunningEvent{Head: h, Run: run, Pod: pod} })
}

func (l *life) succeeded(run job.RunID) *life {
	return l.add(func(h job.Head) job.Event { return job.RunSucceededEvent{Head: h, Run: run, Pod: pod} }).
		add(func(h job.Head) job.Event { return job.SucceededEvent{Head: h, Run: run} })
}

func broken() job.Failure {
	return job.Failure{
		Cause: job.CauseOutOfMemory, Message: "out of memory", Category: "oom", Subcategory: "node", Pod: pod,
		Containers: []job.ContainerEnd{{Name: "main", ExitCode: 137, Reason: "OOMKilled", Message: "killed"}},
	}
}

func (l *life) entry(at uint64) stream.Entry {
	return stream.Entry{At: eventlog.Position{Entry: at}, Batches: []job.Batch{{Queue: set.Queue, JobSet: set.JobSet, Cause: ann, Events: l.events}}}
}

// tell folds the facts of a life, one entry each, and decodes what is told.
func tell(t *testing.T, l *life) (out []*apipb.EventMessage) {
	t.Helper()
	book := stream.NewBook()
	for i, e := range l.events {
		refused, err := book.Apply((&life{events: []job.Event{e}}).entry(uint64(i+1)), func(stream.Set) stream.Hear {
			return func(message []byte) { out = append(out, decode(t, message)) }
		})
		if err != nil || refused > 0 {
			t.Fatalf("%T: %d refused, %v", e, refused, err)
		}
	}
	return out
}

// decode reads a message strictly: no field that the type does not have.
func decode(t *testing.T, b []byte) *apipb.EventMessage {
	t.Helper()
	var m apipb.EventMessage
	if err := proto.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	refuseUnknown(t, m.ProtoReflect())
	return &m
}

func refuseUnknown(t *testing.T, m protoreflect.Message) {
	t.Helper()
	if unknown := m.GetUnknown(); len(unknown) > 0 {
		t.Fatalf("%s has unknown fields %x", m.Descriptor().FullName(), unknown)
	}
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if f.Message() == nil || f.IsMap() {
			return true
		}
		if f.IsList() {
			for i := range v.List().Len() {
				refuseUnknown(t, v.List().Get(i).Message())
			}
			return true
		}
		refuseUnknown(t, v.Message())
		return true
	})
}

// show writes a message in one line: its kind, then its fields by number.
func show(m protoreflect.Message) string {
	type field struct {
		number protoreflect.FieldNumber
		text   string
	}
	var list []field
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		list = append(list, field{f.Number(), fmt.Sprintf("%s:%s", f.Name(), showValue(f, v))})
		return true
	})
	slices.SortFunc(list, func(a, b field) int { return int(a.number) - int(b.number) })
	texts := make([]string, len(list))
	for i, f := range list {
		texts[i] = f.text
	}
	return "{" + strings.Join(texts, " ") + "}"
}

func showValue(f protoreflect.FieldDescriptor, v protoreflect.Value) string {
	switch {
	case f.IsMap():
		var list []string
		v.Map().Range(func(key protoreflect.MapKey, v protoreflect.Value) bool {
			list = append(list, fmt.Sprintf("%s=%s", key, showValue(f.MapValue(), v)))
			return true
		})
		slices.Sort(list)
		return "[" + strings.Join(list, " ") + "]"
	case f.IsList():
		var list []string
		for i := range v.List().Len() {
			if f.Message() != nil {
				list = append(list, show(v.List().Get(i).Message()))
			} else {
				list = append(list, v.List().Get(i).String())
			}
		}
		return "[" + strings.Join(list, " ") + "]"
	case f.Message() != nil:
		return show(v.Message())
	case f.Enum() != nil:
		return string(f.Enum().Values().ByNumber(v.Enum()).Name())
	}
	return v.String()
}

// kind is the name of what a message tells.
func kind(m *apipb.EventMessage) string {
	f := m.ProtoReflect().WhichOneof(m.ProtoReflect().Descriptor().Oneofs().ByName("events"))
	if f == nil {
		return "nothing"
	}
	return string(f.Name())
}
