package app_test

import (
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/fairlead-batch/fairlead/proto/gen/api"
	eventsv1 "github.com/fairlead-batch/fairlead/proto/gen/fairlead/events/v1"
	schedulerv1 "github.com/fairlead-batch/fairlead/proto/gen/fairlead/scheduler/v1"
	corev1 "github.com/fairlead-batch/fairlead/proto/gen/k8s.io/api/core/v1"
	"github.com/fairlead-batch/fairlead/proto/gen/k8s.io/apimachinery/pkg/api/resource"
	"github.com/fairlead-batch/fairlead/proto/gen/schedulerobjects"
)

// TestExplain: a job that is too large waits, why says what it may ask for, a what-if with
// that starts and one with a larger node does, and the reports tell of both.
func TestExplain(t *testing.T) {
	t.Parallel()
	conn, err := grpc.NewClient(start(t).GRPC.String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() }) // all calls are over
	explain := schedulerv1.NewExplainServiceClient(conn)
	id := submitLarge(t, conn)

	why := waits(t, explain, id)
	if c := why.GetChanges(); len(c) == 0 || c[0].GetKind() != schedulerv1.ChangeKind_CHANGE_KIND_ASK_LESS || c[0].GetAmounts()[0].GetAmount() != 32_000 {
		t.Errorf("changes %v, want to ask for at most 32 cpu first", c)
	}
	if r := why.GetPools()[0].GetReasons(); len(r) != 1 || r[0].GetReason() != schedulerv1.NodeReason_NODE_REASON_TOO_SMALL || r[0].GetNodes() != 100 {
		t.Errorf("reasons %v, want 100 nodes that are too small", r)
	}
	cpu := func(n int64) []*eventsv1.ResourceAmount {
		return []*eventsv1.ResourceAmount{{Resource: "cpu", Amount: n}, {Resource: "memory", Amount: 1 << 30}}
	}
	answer, err := explain.WhatIf(t.Context(), &schedulerv1.WhatIfRequest{
		Jobs:   []*schedulerv1.SupposedJob{{Name: "less", Queue: "q", Shape: &eventsv1.Shape{Requests: cpu(32_000)}}},
		Nodes:  []*schedulerv1.SupposedNodes{{Like: "local/node-0", Total: cpu(64_000)[:1]}},
		JobIds: []string{id},
	})
	if err != nil {
		t.Fatal(err)
	}
	if o := answer.GetOutcomes(); len(o) != 2 || o[0].GetResult() != "starts" || o[1].GetResult() != "starts" || o[1].GetNode() != "what-if/1-1" {
		t.Errorf("what-if: %s\n%v", answer.GetText(), o)
	}
	waits(t, explain, id) // as before

	_, err = explain.WhatIf(t.Context(), &schedulerv1.WhatIfRequest{Jobs: []*schedulerv1.SupposedJob{{}}, JobIds: []string{"x"}})
	refusedWith(t, err, "jobs[0].queue", "jobs[0].shape", "jobIds[0]")
	_, err = explain.Explain(t.Context(), &schedulerv1.ExplainRequest{})
	refusedWith(t, err, "jobIds")
	reports(t, schedulerobjects.NewSchedulerReportingClient(conn), id)
	supposesOfAQueue(t, conn)
}

// supposesOfAQueue: another factor of a known queue is supposed, and its amounts stay.
func supposesOfAQueue(t *testing.T, conn *grpc.ClientConn) {
	t.Helper()
	if _, err := api.NewSubmitClient(conn).CreateQueue(t.Context(), &api.Queue{
		Name: "capped", PriorityFactor: 1, Labels: map[string]string{"fairlead/guarantee": "cpu=1", "fairlead/borrow": "cpu=0"},
	}); err != nil {
		t.Fatal(err)
	}
	reporting := schedulerobjects.NewSchedulerReportingClient(conn)
	for known := false; !known; {
		report, err := reporting.GetQueueReport(t.Context(), &schedulerobjects.QueueReportRequest{QueueName: "capped"})
		if err != nil && status.Code(err) != codes.ResourceExhausted {
			t.Fatal(err)
		}
		known = err == nil && report.GetReport() != "none"
	}
	for cpu, want := range map[int64]string{1000: "starts", 2000: "waits"} {
		answer, err := schedulerv1.NewExplainServiceClient(conn).WhatIf(t.Context(), &schedulerv1.WhatIfRequest{
			Jobs:   []*schedulerv1.SupposedJob{{Queue: "capped", Shape: &eventsv1.Shape{Requests: []*eventsv1.ResourceAmount{{Resource: "cpu", Amount: cpu}}}}},
			Queues: []*schedulerv1.SupposedQueue{{Name: "capped", PriorityFactor: 2}},
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := answer.GetOutcomes()[0].GetResult(); got != want {
			t.Errorf("a job of %d of the queue's 1000 thousandths of cpu: %s, want %s\n%s", cpu, got, want, answer.GetText())
		}
	}
}

// submitLarge submits a job that no node could hold, and returns its id.
func submitLarge(t *testing.T, conn *grpc.ClientConn) string {
	t.Helper()
	submit := api.NewSubmitClient(conn)
	if _, err := submit.CreateQueue(t.Context(), &api.Queue{Name: "q", PriorityFactor: 1}); err != nil {
		t.Fatal(err)
	}
	amounts := map[string]*resource.Quantity{"cpu": {String_: new("40")}, "memory": {String_: new("64Mi")}}
	answer, err := submit.SubmitJobs(t.Context(), &api.JobSubmitRequest{Queue: "q", JobSetId: "s", JobRequestItems: []*api.JobSubmitRequestItem{{
		Namespace: "default",
		PodSpecs: []*corev1.PodSpec{{Containers: []*corev1.Container{{
			Name: new("main"), Image: new("alpine:3.20.0"), Command: []string{"sleep"}, Args: []string{"1"},
			Resources: &corev1.ResourceRequirements{Requests: amounts, Limits: amounts},
		}}}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return answer.GetJobResponseItems()[0].GetJobId()
}

// waits is why a job waits, once the scheduler has read of it.
func waits(t *testing.T, explain schedulerv1.ExplainServiceClient, id string) *schedulerv1.Why {
	t.Helper()
	for {
		answer, err := explain.Explain(t.Context(), &schedulerv1.ExplainRequest{JobIds: []string{id}})
		if err != nil && status.Code(err) != codes.ResourceExhausted {
			t.Fatal(err)
		}
		if why := answer.GetJobs(); len(why) == 1 && why[0].GetWhy() != nil {
			return why[0].GetWhy()
		}
	}
}

func refusedWith(t *testing.T, err error, fields ...string) {
	t.Helper()
	for _, field := range fields {
		if status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), field) {
			t.Errorf("error %v, want InvalidArgument that names %s", err, field)
		}
	}
}

// reports asks for every report.
func reports(t *testing.T, client schedulerobjects.SchedulerReportingClient, id string) {
	t.Helper()
	_, err := client.GetJobReport(t.Context(), &schedulerobjects.JobReportRequest{JobId: "X"})
	refusedWith(t, err, "X is not a valid jobId")
	unknown, err := client.GetJobReport(t.Context(), &schedulerobjects.JobReportRequest{JobId: "01arz3ndektsv4rrffq69g5fav"})
	if err != nil || unknown.GetReport() != "none" {
		t.Errorf("report on a job that is not known: %q, %v", unknown.GetReport(), err)
	}
	job, err := client.GetJobReport(t.Context(), &schedulerobjects.JobReportRequest{JobId: id})
	if err != nil || !strings.Contains(job.GetReport(), "100 of 100 nodes: too small") {
		t.Errorf("job report: %q, %v", job.GetReport(), err)
	}
	all, err := client.GetSchedulingReport(t.Context(), &schedulerobjects.SchedulingReportRequest{Verbosity: 1})
	if err != nil || !strings.Contains(all.GetReport(), "Total capacity: cpu 3200") || !strings.Contains(all.GetReport(), "Termination reason: nothing more") || !strings.Contains(all.GetReport(), "Resources preempted: none") || !strings.Contains(all.GetReport(), "Queue q: share") {
		t.Errorf("scheduling report: %q, %v", all.GetReport(), err)
	}
	queue, err := client.GetQueueReport(t.Context(), &schedulerobjects.QueueReportRequest{QueueName: "nobody's"})
	if err != nil || queue.GetReport() != "none" {
		t.Errorf("report on a queue that is not known: %q, %v", queue.GetReport(), err)
	}
}
