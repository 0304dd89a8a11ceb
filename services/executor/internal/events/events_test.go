package events_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	eventsv1 "github.com/fairlead-batch/fairlead/proto/gen/fairlead/events/v1"
	executorv1 "github.com/fairlead-batch/fairlead/proto/gen/fairlead/executor/v1"
	"github.com/fairlead-batch/fairlead/services/executor/internal/events"
	"github.com/fairlead-batch/fairlead/services/executor/internal/lease"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

var (
	runA, runB = job.RunID{15: 'a'}, job.RunID{15: 'b'}
	jobA       = job.ID{15: 'A'}
)

func TestDown(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		wire *executorv1.Down
		want lease.Down
	}{
		"welcome": {
			&executorv1.Down{Epoch: 7, Message: &executorv1.Down_Welcome{Welcome: &executorv1.Welcome{Leads: true}}},
			lease.Down{Replica: 1, Epoch: 7, Message: lease.Welcome{Leads: true}},
		},
		"lease, every field": {
			&executorv1.Down{Epoch: 7, Message: &executorv1.Down_Leases{Leases: &executorv1.Leases{Leases: []*executorv1.Lease{{
				Run: runA[:], Job: jobA[:], Queue: "queue", JobSet: "set", User: "anna", Groups: []string{"team"}, Namespace: "ns",
				Labels: map[string]string{"l": "1"}, Annotations: map[string]string{"a": "2"}, PodSpec: []byte("spec"),
				Node: "n1", Pool: "pool", PodName: "armada-a-0", After: [][]byte{runB[:]},
				Tolerations: []*eventsv1.Toleration{{Key: "k", Operator: "Equal", Value: "v", Effect: "NoSchedule"}},
				Gang:        &eventsv1.Gang{Id: "g", Cardinality: 3, NodeUniformityLabel: "zone"}, GangLabelValue: "z1",
				Requests: []*eventsv1.ResourceAmount{{Resource: "cpu", Amount: 1500}},
				Services: [][]byte{[]byte("service")}, Ingresses: [][]byte{[]byte("ingress")},
			}}}}},
			lease.Down{Replica: 1, Epoch: 7, Message: lease.Leases{Leases: []*lease.Lease{{
				Run: runA, Job: jobA, Queue: "queue", JobSet: "set", User: "anna", Groups: []string{"team"}, Namespace: "ns",
				Labels: map[string]string{"l": "1"}, Annotations: map[string]string{"a": "2"}, Spec: []byte("spec"),
				Node: "n1", Pool: "pool", PodName: "armada-a-0", After: []job.RunID{runB},
				Tolerations: []job.Toleration{{Key: "k", Operator: "Equal", Value: "v", Effect: "NoSchedule"}},
				Gang:        job.Gang{ID: "g", Cardinality: 3, UniformityLabel: "zone"}, GangLabelValue: "z1",
				Requests: []job.Amount{{Resource: "cpu", Value: 1500}},
				Services: [][]byte{[]byte("service")}, Ingresses: [][]byte{[]byte("ingress")},
			}}}},
		},
		"stops": {
			&executorv1.Down{Epoch: 7, Message: &executorv1.Down_Stops{Stops: &executorv1.Stops{Stops: []*executorv1.Stop{
				{Run: runA[:], Job: runB[:], Reason: executorv1.StopReason_STOP_REASON_CANCELLED},
				{Run: runB[:], Job: runA[:], Reason: executorv1.StopReason_STOP_REASON_OVER},
			}}}},
			lease.Down{Replica: 1, Epoch: 7, Message: lease.Stops{Stops: []lease.Stop{
				{Run: runA, Job: job.ID(runB), Reason: lease.StopCancelled}, {Run: runB, Job: job.ID(runA), Reason: lease.StopOver},
			}}},
		},
		"acknowledgements": {
			&executorv1.Down{Epoch: 7, Message: &executorv1.Down_Acknowledgements{Acknowledgements: &executorv1.Acknowledgements{
				Reports: []uint64{1, 5}, Go: [][]byte{runA[:]},
			}}},
			lease.Down{Replica: 1, Epoch: 7, Message: lease.Acknowledgements{Reports: []uint64{1, 5}, Go: []job.RunID{runA}}},
		},
		"heartbeat": {
			&executorv1.Down{Epoch: 7, Message: &executorv1.Down_Heartbeat{Heartbeat: &executorv1.HeartbeatAnswer{Number: 9}}},
			lease.Down{Replica: 1, Epoch: 7, Message: lease.HeartbeatAnswer{Number: 9}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := events.Down(1, overTheWire(t, tc.wire))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestDownRefuses(t *testing.T) {
	t.Parallel()
	short := []byte("short")
	for name, tc := range map[string]struct {
		wire *executorv1.Down
		want error
	}{
		"nothing":      {&executorv1.Down{Epoch: 7}, events.ErrUnknown},
		"lease's run":  {&executorv1.Down{Message: &executorv1.Down_Leases{Leases: &executorv1.Leases{Leases: []*executorv1.Lease{{Run: short, Job: jobA[:]}}}}}, job.ErrID},
		"lease's job":  {&executorv1.Down{Message: &executorv1.Down_Leases{Leases: &executorv1.Leases{Leases: []*executorv1.Lease{{Run: runA[:], Job: short}}}}}, job.ErrID},
		"runs before":  {&executorv1.Down{Message: &executorv1.Down_Leases{Leases: &executorv1.Leases{Leases: []*executorv1.Lease{{Run: runA[:], Job: jobA[:], After: [][]byte{short}}}}}}, job.ErrID},
		"stop's run":   {&executorv1.Down{Message: &executorv1.Down_Stops{Stops: &executorv1.Stops{Stops: []*executorv1.Stop{{Run: short}}}}}, job.ErrID},
		"go's run":     {&executorv1.Down{Message: &executorv1.Down_Acknowledgements{Acknowledgements: &executorv1.Acknowledgements{Go: [][]byte{short}}}}, job.ErrID},
		"stop's job":   {&executorv1.Down{Message: &executorv1.Down_Stops{Stops: &executorv1.Stops{Stops: []*executorv1.Stop{{Run: runA[:], Job: short}}}}}, job.ErrID},
		"no run given": {&executorv1.Down{Message: &executorv1.Down_Stops{Stops: &executorv1.Stops{Stops: []*executorv1.Stop{{}}}}}, job.ErrID},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, err := events.Down(0, overTheWire(t, tc.wire)); !errors.Is(err, tc.want) {
				t.Errorf("got %+v and %v, want %v", got, err, tc.want)
			}
		})
	}
}

func TestUp(t *testing.T) {
	t.Parallel()
	node := lease.Node{
		Name: "n1", Pool: "gpu", Total: []job.Amount{{Resource: "cpu", Value: 8000}}, UsedByOthers: []job.Amount{{Resource: "cpu", Value: 100}},
		Labels: map[string]string{"zone": "z1"}, Taints: []lease.Taint{{Key: "k", Value: "v", Effect: "NoSchedule"}},
		Unschedulable: true, MaxPods: 110, PodsOfOthers: 4,
	}
	nodeWire := &executorv1.Node{
		Name: "n1", Pool: "gpu", Total: []*eventsv1.ResourceAmount{{Resource: "cpu", Amount: 8000}},
		UsedByOthers: []*eventsv1.ResourceAmount{{Resource: "cpu", Amount: 100}}, Labels: map[string]string{"zone": "z1"},
		Taints:        []*executorv1.Taint{{Key: "k", Value: "v", Effect: "NoSchedule"}},
		Unschedulable: true, MaxPods: 110, PodsOfOthers: 4,
	}
	phases := []*executorv1.KnownRun{}
	known := []lease.KnownRun{}
	for p := lease.PhaseLeased; p <= lease.PhaseReleasing; p++ {
		known = append(known, lease.KnownRun{Run: runA, Job: jobA, Phase: p})
		phases = append(phases, &executorv1.KnownRun{Run: runA[:], Job: jobA[:], Phase: executorv1.RunPhase(p)})
	}
	for name, tc := range map[string]struct {
		message lease.UpMessage
		want    *executorv1.Up
	}{
		"hello": {
			lease.Hello{
				Installation: "inst", Executor: "exec", Pool: "pool", Session: [16]byte{15: 1}, Epoch: 7,
				Runs: known, Nodes: []lease.Node{node}, Last: true,
			},
			&executorv1.Up{Message: &executorv1.Up_Hello{Hello: &executorv1.Hello{
				Installation: "inst", Executor: "exec", Pool: "pool", Session: append(make([]byte, 15), 1), Epoch: 7,
				Runs: phases, Nodes: []*executorv1.Node{nodeWire}, Last: true,
			}}},
		},
		"nodes": {
			lease.NodeChanges{Changed: []lease.Node{node}, Gone: []string{"n2"}},
			&executorv1.Up{Message: &executorv1.Up_Nodes{Nodes: &executorv1.NodeChanges{Changed: []*executorv1.Node{nodeWire}, Gone: []string{"n2"}}}},
		},
		"reports": {
			lease.Reports{Reports: []lease.Report{{Number: 3, Event: job.RunAcknowledgedEvent{Head: job.Head{Job: jobA, Time: 5}, Run: runA}}}},
			&executorv1.Up{Message: &executorv1.Up_Reports{Reports: &executorv1.Reports{Reports: []*executorv1.Report{{
				Number: 3, Event: &eventsv1.Event{
					Time: 5, Job: jobA[:], Event: &eventsv1.Event_RunAcknowledged{RunAcknowledged: &eventsv1.RunAcknowledged{Run: runA[:]}},
				},
			}}}}},
		},
		"heartbeat": {
			lease.Heartbeat{Number: 9},
			&executorv1.Up{Message: &executorv1.Up_Heartbeat{Heartbeat: &executorv1.Heartbeat{Number: 9}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := overTheWire(t, events.Up(tc.message))
			if diff := cmp.Diff(tc.want, got, protocmp.Transform()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// overTheWire writes a message and reads it.
func overTheWire[M proto.Message](t *testing.T, m M) M {
	t.Helper()
	raw, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	out := m.ProtoReflect().New().Interface()
	if err := proto.Unmarshal(raw, out); err != nil {
		t.Fatal(err)
	}
	return out.(M) //nolint:forcetypeassert // of the same type
}
