package jobfile_test

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	eventsv1 "github.com/fairlead-batch/fairlead/proto/gen/fairlead/events/v1"
	schedulerv1 "github.com/fairlead-batch/fairlead/proto/gen/fairlead/scheduler/v1"
	"github.com/fairlead-batch/fairlead/tools/fairlead/internal/jobfile"
)

const whatIf = `
queue: research
jobSetId: not-needed
jobs:
- clientId: one
  priority: 3
  annotations:
    armadaproject.io/gangId: g
    armadaproject.io/gangCardinality: "2"
    armadaproject.io/gangNodeUniformityLabel: rack
  podSpec:
    priorityClassName: high
    nodeSelector: {zone: a}
    tolerations:
    - {key: team, operator: Equal, value: red, effect: NoSchedule}
    affinity:
      nodeAffinity:
        requiredDuringSchedulingIgnoredDuringExecution:
          nodeSelectorTerms:
          - matchExpressions: [{key: disk, operator: In, values: [ssd]}]
    initContainers:
    - {name: fetch, resources: {requests: {cpu: 2, memory: 1Gi}}}
    containers:
    - {name: main, resources: {requests: {cpu: 500m, memory: 2Gi}}}
    - {name: side, resources: {requests: {cpu: 250m}}}
jobIds: [01arz3ndektsv4rrffq69g5fav]
nodes:
- {count: 2, like: cluster/n1}
- {pool: p, total: {cpu: 64}, labels: {zone: a}}
queues:
- {name: research, priorityFactor: 2, cordoned: true}
settings: {lookbackMax: 10, protectedFraction: 0}
`

func TestReadQuestion(t *testing.T) {
	t.Parallel()
	got, err := jobfile.ReadQuestion("f.yaml", strings.NewReader(whatIf), jobfile.Override{})
	if err != nil {
		t.Fatal(err)
	}
	want := &schedulerv1.WhatIfRequest{
		Jobs: []*schedulerv1.SupposedJob{{
			Name: "one", Queue: "research", Priority: 3, PriorityClass: "high", Gang: "g", GangCardinality: 2, GangUniformityLabel: "rack",
			Shape: &eventsv1.Shape{
				Requests:     []*eventsv1.ResourceAmount{{Resource: "cpu", Amount: 2000}, {Resource: "memory", Amount: 2 << 30}},
				NodeSelector: []*eventsv1.Label{{Key: "zone", Value: "a"}},
				NodeAffinity: []*eventsv1.NodeTerm{{Labels: []*eventsv1.NodeExpression{{Key: "disk", Operator: "In", Values: []string{"ssd"}}}}},
				Tolerations:  []*eventsv1.Toleration{{Key: "team", Operator: "Equal", Value: "red", Effect: "NoSchedule"}},
			},
		}},
		JobIds: []string{"01arz3ndektsv4rrffq69g5fav"},
		Nodes: []*schedulerv1.SupposedNodes{
			{Count: 2, Like: "cluster/n1"},
			{Pool: "p", Total: []*eventsv1.ResourceAmount{{Resource: "cpu", Amount: 64_000}}, Labels: []*eventsv1.Label{{Key: "zone", Value: "a"}}},
		},
		Queues:   []*schedulerv1.SupposedQueue{{Name: "research", PriorityFactor: 2, Cordoned: new(true)}},
		Settings: &schedulerv1.SupposedSettings{LookbackMax: new(uint32(10)), ProtectedFraction: new(float64(0))},
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("question (-want +got):\n%s", diff)
	}
}

// A pod's own requests and limits, and how long it may run, count as they do when it is
// submitted: with its limit a job may be let onto nodes that are reserved.
func TestReadQuestionOfAWholePod(t *testing.T) {
	t.Parallel()
	const text = `
queue: q
jobs:
- podSpec:
    activeDeadlineSeconds: 60
    resources: {requests: {cpu: 3}, limits: {cpu: 8, memory: 4Gi, hugepages-2Mi: 4Mi}}
    containers:
    - {name: main, resources: {requests: {cpu: 1, memory: 1Gi, ephemeral-storage: 7Ei}}}
    - {name: side, resources: {requests: {ephemeral-storage: 7Ei}}}
`
	got, err := jobfile.ReadQuestion("f.yaml", strings.NewReader(text), jobfile.Override{})
	if err != nil {
		t.Fatal(err)
	}
	want := &eventsv1.Shape{
		Requests: []*eventsv1.ResourceAmount{
			{Resource: "cpu", Amount: 3000},
			{Resource: "ephemeral-storage", Amount: math.MaxInt64}, // the sum fits in no number
			{Resource: "hugepages-2Mi", Amount: 4 << 20},
			{Resource: "memory", Amount: 1 << 30},
		},
		LimitSeconds: 60,
	}
	if diff := cmp.Diff(want, got.GetJobs()[0].GetShape(), protocmp.Transform()); diff != "" {
		t.Errorf("shape (-want +got):\n%s", diff)
	}
}

func TestReadQuestionRefuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                     "asks about no job",
		"queue: q":                             "asks about no job",
		"jobs: [{podSpec: {containers: []}}]":  "queue: is missing",
		"queue: q\njobs: [{}]":                 "jobs[0]: has no podSpec",
		"jobIds: [x]\nnode: []":                "node: unknown key",
		"jobIds: [x]\nnodes: [{count: 1}]":     "nodes[0]: has neither like nor total",
		"jobIds: [x]\nsettings: {lookback: 1}": "settings.lookback: unknown key",
		"queue: q\njobs: [{priority: 1.5, podSpec: {containers: []}}]":                             "must be a whole number",
		"queue: q\njobs: [{annotations: {armadaproject.io/gangId: g}, podSpec: {containers: []}}]": "gangCardinality",
	} {
		_, err := jobfile.ReadQuestion("f.yaml", strings.NewReader(text), jobfile.Override{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", text, err, want)
		}
	}
}
