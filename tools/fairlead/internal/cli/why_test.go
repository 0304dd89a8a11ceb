package cli_test

import (
	"context"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	schedulerv1 "github.com/fairlead-batch/fairlead/proto/gen/fairlead/scheduler/v1"
	"github.com/fairlead-batch/fairlead/proto/gen/schedulerobjects"
)

// explainPeer has one job that waits and one that runs; it answers a what-if with what it
// was asked.
type explainPeer struct {
	schedulerv1.UnimplementedExplainServiceServer

	peer *peer
}

func (explainPeer) Explain(_ context.Context, req *schedulerv1.ExplainRequest) (*schedulerv1.ExplainResponse, error) {
	job := &schedulerv1.JobExplanation{JobId: req.GetJobIds()[0], State: "unknown"}
	switch job.GetJobId() {
	case "01ww":
		job.State, job.Queue, job.JobSet = "queued", "q", "s"
		job.Why = &schedulerv1.Why{Position: 2, Queued: 3}
		job.Text = "Number 2 of 3 in queue \"q\".\nPool p: queue \"q\" has 10.00% of it, 20.00% with this job; ideal 10.00%, fair 50.00%.\n  5 of 5 nodes: insufficient cpu\n"
	case "01rr":
		job.State, job.Queue, job.JobSet, job.Executor, job.Node, job.Pool = "running", "q", "s", "c", "n1", "p"
		job.Text = "It does not wait: it is running on node c/n1 of pool p.\n"
	}
	return &schedulerv1.ExplainResponse{Jobs: []*schedulerv1.JobExplanation{job}}, nil
}

func (explainPeer) WhatIf(_ context.Context, req *schedulerv1.WhatIfRequest) (*schedulerv1.WhatIfResponse, error) {
	out := &schedulerv1.WhatIfResponse{}
	for _, j := range req.GetJobs() {
		out.Outcomes = append(out.Outcomes, &schedulerv1.Outcome{Job: j.GetName(), Result: "starts", Node: "c/n1", Pool: "p"})
		out.Text += j.GetName() + " of queue " + j.GetQueue() + " would start on node c/n1 of pool p.\n"
	}
	return out, nil
}

// reportPeer knows queue q.
type reportPeer struct {
	schedulerobjects.UnimplementedSchedulerReportingServer
}

func (reportPeer) GetSchedulingReport(context.Context, *schedulerobjects.SchedulingReportRequest) (*schedulerobjects.SchedulingReport, error) {
	return &schedulerobjects.SchedulingReport{Report: "Pool p\n  Newest round: none\n"}, nil
}

func (reportPeer) GetQueueReport(_ context.Context, req *schedulerobjects.QueueReportRequest) (*schedulerobjects.QueueReport, error) {
	if req.GetQueueName() != "q" {
		return &schedulerobjects.QueueReport{Report: "none"}, nil
	}
	return &schedulerobjects.QueueReport{Report: "Pool p\n  Queue q: share 0.1000\n"}, nil
}

func TestExplain(t *testing.T) {
	t.Parallel()
	golden(t, map[string]check{
		"waits":         {peer: three(), args: words("explain 01ww")},
		"narrow":        {peer: three(), args: words("explain 01ww"), columns: 40},
		"waits json":    {peer: three(), args: words("explain 01ww -o json")},
		"runs":          {peer: three(), args: words("explain 01rr")},
		"ended":         {peer: three(), args: words("explain 01aa")},
		"ended yaml":    {peer: three(), args: words("explain 01aa -o yaml")},
		"unknown":       {peer: three(), args: words("explain 01zz")},
		"no id":         {peer: three(), args: words("explain")},
		"not answering": {peer: refuseAll(codes.ResourceExhausted, "more than 20 jobs a second; try again"), args: words("explain 01ww")},
	})
}

func TestWhatIf(t *testing.T) {
	t.Parallel()
	const file = "queue: q\njobs: [{clientId: one, podSpec: {containers: []}}]\n"
	golden(t, map[string]check{
		"starts":      {peer: three(), args: words("what-if -"), in: file},
		"queue":       {peer: three(), args: words("what-if - --queue other"), in: file},
		"json":        {peer: three(), args: words("what-if - -o json"), in: file},
		"unknown key": {peer: three(), args: words("what-if -"), in: strings.ReplaceAll(file, "clientId", "clientID")},
		"no file":     {peer: three(), args: words("what-if none.yaml")},
	})
}

func TestReport(t *testing.T) {
	t.Parallel()
	golden(t, map[string]check{
		"all":           {peer: three(), args: words("report")},
		"queue":         {peer: three(), args: words("report --queue q")},
		"unknown queue": {peer: three(), args: words("report --queue z")},
		"json":          {peer: three(), args: words("report -o json")},
	})
}
