package eventwire_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	eventsv1 "github.com/fairlead-batch/fairlead/proto/gen/fairlead/events/v1"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/eventwire"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

var update = flag.Bool("update", false, "write golden files that are missing; a published one is never rewritten")

var (
	jobA, jobB = job.ID{1, 0xa}, job.ID{1, 0xb}
	runA, runB = job.RunID{2, 0xa}, job.RunID{2, 0xb}
)

// everything is a body with one of each thing that can stand in the log.
func everything() eventwire.Body {
	head := job.Head{Job: jobA, Time: 1_700_000_000_000_000_001}
	pod := job.Pod{Name: "armada-x-0", Namespace: "ns", UID: "uid", Node: "node-1"}
	failure := job.Failure{
		Cause: job.CauseOutOfMemory, Message: "Container main failed", Category: "oom", Subcategory: "limit",
		Containers: []job.ContainerEnd{{Name: "main", ExitCode: 137, Reason: "OOMKilled", Message: "killed"}}, Pod: pod,
	}
	spec := &job.PodSpec{Bytes: []byte{0x12, 0x00}}
	shape := &job.Shape{
		Requests:     []job.Amount{{Resource: "cpu", Value: 1500}, {Resource: "memory", Value: 1 << 30}},
		NodeSelector: []job.Label{{Key: "zone", Value: "a"}},
		NodeAffinity: []job.NodeTerm{{
			Labels: []job.NodeExpression{{Key: "gpu", Operator: "In", Values: []string{"a100", "h100"}}},
			Fields: []job.NodeExpression{{Key: "metadata.name", Operator: "NotIn", Values: []string{"node-2"}}},
		}},
		Tolerations:  []job.Toleration{{Key: "armadaproject.io/armada", Operator: "Equal", Value: "true", Effect: "NoSchedule"}},
		LimitSeconds: 3600, ExpectSeconds: 60,
	}
	submitted := job.SubmittedEvent{
		Head: head, Priority: 7, Class: "armada-default", Preemptible: true, Namespace: "ns",
		Labels: map[string]string{"a": "1", "b": "2"}, Annotations: map[string]string{"c": "3"}, Spec: spec, Shape: shape,
		Gang: job.Gang{ID: "g", Cardinality: 2, UniformityLabel: "rack"}, ClientID: "client-1", ExternalJobURI: "uri",
		Services: [][]byte{{1}}, Ingresses: [][]byte{{2}, {3}},
	}
	alike := submitted
	alike.Job = jobB
	return eventwire.Body{
		Batches: []eventwire.Batch{
			{Queue: "q", JobSet: "s", Cause: job.Cause{User: "ann", Groups: []string{"team"}, Service: "submit"}, Events: []job.Event{
				submitted, alike,
				job.CancelRequestedEvent{Head: head, Reason: "why"},
				job.ReprioritizeRequestedEvent{Head: head, Priority: 3},
				job.PreemptRequestedEvent{Head: head, Reason: "why"},
			}},
			{Queue: "q", JobSet: "s", Cause: job.Cause{Service: "scheduler"}, Events: []job.Event{
				job.LeasedEvent{
					Head: head, Run: runA, Executor: "east", Node: "node-1", Pool: "default", Level: 1000, After: []job.RunID{runB}, Attempt: 1,
					Tolerations: shape.Tolerations, GangLabelValue: "rack-1",
				},
				job.RequeuedEvent{Head: head, Run: runA},
				job.ReprioritizedEvent{Head: head, Priority: 3, Requestor: "ann"},
				job.RunExpiredEvent{Head: head, Run: runA, Reason: "silent"},
				job.SucceededEvent{Head: head, Run: runA},
				job.FailedEvent{Head: head, Run: runA, Failure: failure},
				job.PreemptedEvent{Head: head, Run: runA, Reason: "share", PreemptorJob: jobB, PreemptorRun: runB, Requestor: "bob"},
				job.PreemptedEvent{Head: head, Run: runA},
				job.CancelledEvent{Head: head, Run: runA, Reason: "why", Requestor: "ann"},
				job.CancelledEvent{Head: head},
				job.RejectedEvent{Head: head, Reason: "no node"},
				job.ReservedEvent{Head: head, Pool: "default", Until: 9, Members: []job.ReservedMember{
					{Job: jobA, Executor: "east", Node: "node-1"}, {Job: jobB, Run: runB, Executor: "west", Node: "node-2"},
				}},
				job.UnreservedEvent{Head: head},
			}},
			{Queue: "q", JobSet: "s", Cause: job.Cause{Service: "executor/east"}, Events: []job.Event{
				job.RunAcknowledgedEvent{Head: head, Run: runA},
				job.RunPendingEvent{Head: head, Run: runA, Pod: pod},
				job.RunRunningEvent{Head: head, Run: runA, Pod: pod},
				job.RunSucceededEvent{Head: head, Run: runA, Pod: pod},
				job.RunFailedEvent{Head: head, Run: runA, Failure: failure},
				job.RunReturnedEvent{Head: head, Run: runA, Reason: "stuck", Attempted: true, Pod: pod},
				job.RunReleasedEvent{Head: head, Run: runA},
			}},
		},
		Commands: []job.Command{
			{
				Time: 5, Cause: job.Cause{User: "ann", Service: "submit"}, Action: job.Cancel, Reason: "why",
				Select: job.Selector{
					Queues: []string{"q"}, JobSet: "s", Executor: "east", Node: "node-1", Classes: []string{"armada-default"},
					Pools: []string{"default"}, States: []job.State{job.Queued, job.Running},
				},
			},
			{Time: 6, Action: job.Reprioritize, Priority: 9, Select: job.Selector{Queues: []string{"q"}, JobSet: "s"}},
		},
		Settings: []eventwire.Setting{
			{Generation: 1, Time: 7, LogCreated: &eventwire.LogCreated{Installation: "i", Incarnation: 1, Partitions: 16}},
			{Generation: 2, Time: 8, Cause: job.Cause{User: "ann"}, QueueSet: &eventwire.Queue{
				Name: "q", PriorityFactor: 2.5, Cordoned: true, Labels: map[string]string{"team": "x"}, RetryPolicies: []string{"p"},
				Parent: "team", Quotas: []eventwire.Quota{{Pool: "gpu", Guarantee: map[string]int64{"cpu": 20_000}, Borrow: map[string]int64{"cpu": 1}, Lend: map[string]int64{"memory": 2}}},
				Permissions: []eventwire.Permission{{Subjects: []eventwire.Subject{{Kind: "Group", Name: "team"}}, Verbs: []string{"submit", "watch"}}},
				Limits:      []eventwire.ClassLimit{{Class: "armada-default", Pool: "default", MaximumFraction: map[string]float64{"cpu": 0.5}}},
			}},
			{Generation: 3, QueueDeleted: "q"},
		},
	}
}

// asked notes which methods of a visitor were called, so that a new event that
// everything() lacks fails the test below.
type asked map[string]bool

func (a asked) note(name string) bool { a[name] = true; return true }

func (a asked) Submitted(job.SubmittedEvent) bool             { return a.note("Submitted") }
func (a asked) CancelRequested(job.CancelRequestedEvent) bool { return a.note("CancelRequested") }
func (a asked) ReprioritizeRequested(job.ReprioritizeRequestedEvent) bool {
	return a.note("ReprioritizeRequested")
}

func (a asked) PreemptRequested(job.PreemptRequestedEvent) bool { return a.note("PreemptRequested") }
func (a asked) Leased(job.LeasedEvent) bool                     { return a.note("Leased") }
func (a asked) Requeued(job.RequeuedEvent) bool                 { return a.note("Requeued") }
func (a asked) Reprioritized(job.ReprioritizedEvent) bool       { return a.note("Reprioritized") }
func (a asked) RunExpired(job.RunExpiredEvent) bool             { return a.note("RunExpired") }
func (a asked) Succeeded(job.SucceededEvent) bool               { return a.note("Succeeded") }
func (a asked) Failed(job.FailedEvent) bool                     { return a.note("Failed") }
func (a asked) Preempted(job.PreemptedEvent) bool               { return a.note("Preempted") }
func (a asked) Cancelled(job.CancelledEvent) bool               { return a.note("Cancelled") }
func (a asked) Rejected(job.RejectedEvent) bool                 { return a.note("Rejected") }
func (a asked) Reserved(job.ReservedEvent) bool                 { return a.note("Reserved") }
func (a asked) Unreserved(job.UnreservedEvent) bool             { return a.note("Unreserved") }
func (a asked) RunAcknowledged(job.RunAcknowledgedEvent) bool   { return a.note("RunAcknowledged") }
func (a asked) RunPending(job.RunPendingEvent) bool             { return a.note("RunPending") }
func (a asked) RunRunning(job.RunRunningEvent) bool             { return a.note("RunRunning") }
func (a asked) RunSucceeded(job.RunSucceededEvent) bool         { return a.note("RunSucceeded") }
func (a asked) RunFailed(job.RunFailedEvent) bool               { return a.note("RunFailed") }
func (a asked) RunReturned(job.RunReturnedEvent) bool           { return a.note("RunReturned") }
func (a asked) RunReleased(job.RunReleasedEvent) bool           { return a.note("RunReleased") }

// TestRoundTrip: everything reads back as it was written, twice to the same
// bytes, and jobs that shared a spec share it again.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	want := everything()
	wire, err := eventwire.Encode(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := eventwire.Decode(wire)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("-written +read:\n%s", diff)
	}
	again, err := eventwire.Encode(everything())
	if err != nil || string(again) != string(wire) {
		t.Errorf("equal bodies gave other bytes: %v", err)
	}
	first, second := got.Batches[0].Events[0].(job.SubmittedEvent), got.Batches[0].Events[1].(job.SubmittedEvent)
	if first.Spec != second.Spec || first.Shape != second.Shape {
		t.Error("jobs that shared a spec do not share it any more")
	}
	seen := asked{}
	for _, batch := range got.Batches {
		for _, e := range batch.Events {
			job.Visit[bool](e, seen)
		}
	}
	if len(seen) != 22 {
		t.Errorf("everything() has %d kinds of events, want all 22: %v", len(seen), seen)
	}
}

// published is what a form that was published decodes to. With -update it is published,
// as it stands, if there is none.
func published(t *testing.T, name string, now eventwire.Body) eventwire.Body {
	t.Helper()
	path := filepath.Join("testdata", name)
	if _, err := os.Stat(path); *update && errors.Is(err, os.ErrNotExist) {
		wire, err := eventwire.Encode(now)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, wire, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	wire, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got, err := eventwire.Decode(wire)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// TestPublishedReservations: so do the events on reservations, and how long a pod may run.
func TestPublishedReservations(t *testing.T) {
	t.Parallel()
	all := everything()
	now := eventwire.Body{Batches: []eventwire.Batch{all.Batches[0], all.Batches[1]}}
	now.Batches[0].Events = now.Batches[0].Events[:1]
	now.Batches[1].Events = slices.DeleteFunc(now.Batches[1].Events, func(e job.Event) bool { return !isOnReservation(e) })
	if diff := cmp.Diff(now, published(t, "v1-reserved.binpb", now)); diff != "" {
		t.Fatalf("-now +published:\n%s", diff)
	}
}

func isOnReservation(e job.Event) bool {
	_, reserved := e.(job.ReservedEvent)
	_, unreserved := e.(job.UnreservedEvent)
	return reserved || unreserved
}

// TestPublishedForms: each form that was ever published still decodes, to the
// same value.
func TestPublishedForms(t *testing.T) {
	t.Parallel()
	got := published(t, "v1-everything.binpb", everything())
	now := everything()
	// What follows came later than the form.
	shape := now.Batches[0].Events[0].(job.SubmittedEvent).Shape
	shape.LimitSeconds, shape.ExpectSeconds = 0, 0
	decided := &now.Batches[1].Events
	*decided = slices.DeleteFunc(*decided, isOnReservation)
	for _, s := range now.Settings {
		if s.QueueSet != nil {
			s.QueueSet.Parent, s.QueueSet.Quotas = "", nil
		}
	}
	if diff := cmp.Diff(now, got); diff != "" {
		t.Fatalf("-now +published:\n%s", diff)
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	id := jobA[:]
	event := func(e *eventsv1.Event) *eventsv1.Body {
		return &eventsv1.Body{Version: 1, Batches: []*eventsv1.EventBatch{{Events: []*eventsv1.Event{e}}}}
	}
	tests := map[string]struct {
		body *eventsv1.Body
		want error
	}{
		"a newer version":          {&eventsv1.Body{Version: 2}, eventlog.ErrNewer},
		"no version":               {&eventsv1.Body{}, eventlog.ErrDamaged},
		"an event of a newer type": {event(&eventsv1.Event{Job: id}), eventlog.ErrNewer},
		"a setting of a newer type": {
			&eventsv1.Body{Version: 1, Settings: []*eventsv1.Setting{{Generation: 1}}}, eventlog.ErrNewer,
		},
		"a command of a newer type": {
			&eventsv1.Body{Version: 1, Commands: []*eventsv1.Command{{Action: 99}}}, eventlog.ErrNewer,
		},
		"a state of a newer type": {
			&eventsv1.Body{Version: 1, Commands: []*eventsv1.Command{{Action: 1, Selector: &eventsv1.Selector{States: []eventsv1.JobState{99}}}}}, eventlog.ErrNewer,
		},
		"a short job id": {event(&eventsv1.Event{Job: id[:5], Event: &eventsv1.Event_Rejected{}}), eventlog.ErrDamaged},
		"no run id":      {event(&eventsv1.Event{Job: id, Event: &eventsv1.Event_RunReleased{}}), eventlog.ErrDamaged},
		"a spec that is not there": {
			event(&eventsv1.Event{Job: id, Event: &eventsv1.Event_Submitted{Submitted: &eventsv1.Submitted{Spec: 1}}}), eventlog.ErrDamaged,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wire, err := proto.Marshal(test.body)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := eventwire.Decode(wire); !errors.Is(err, test.want) {
				t.Fatalf("Decode = %v, want %v", err, test.want)
			}
		})
	}
	if _, err := eventwire.Decode(protowire.AppendTag(nil, 1, protowire.BytesType)); !errors.Is(err, eventlog.ErrDamaged) {
		t.Errorf("cut bytes: %v", err)
	}
}

// TestReport: what executors author travels outside of a body too; what they do
// not author is refused.
func TestReport(t *testing.T) {
	t.Parallel()
	body := everything()
	for _, e := range body.Batches[2].Events {
		got, err := eventwire.ReportFrom(eventwire.Report(e))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(e, got); diff != "" {
			t.Error(diff)
		}
	}
	for _, e := range body.Batches[1].Events {
		if got, err := eventwire.ReportFrom(eventwire.Report(e)); err == nil {
			t.Errorf("an executor reported %T", got)
		}
	}
}

// FuzzDecode: any bytes are a body or one of the two errors, and a body that was
// read can be written and reads back the same.
func FuzzDecode(f *testing.F) {
	wire, err := eventwire.Encode(everything())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(wire)
	f.Add([]byte{8, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		body, err := eventwire.Decode(b)
		if err != nil {
			if !errors.Is(err, eventlog.ErrDamaged) && !errors.Is(err, eventlog.ErrNewer) {
				t.Fatal(err)
			}
			return
		}
		wire, err := eventwire.Encode(body)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := eventwire.Decode(wire); err != nil {
			t.Fatalf("%+v was read and does not read back: %v", body, err)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	wire, err := eventwire.Encode(everything())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := eventwire.Decode(wire); err != nil {
			b.Fatal(err)
		}
	}
}
