package cli_test

import (
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/fairlead-batch/fairlead/proto/gen/api"
	corev1 "github.com/fairlead-batch/fairlead/proto/gen/k8s.io/api/core/v1"
)

func at(seconds int64) *timestamppb.Timestamp {
	return &timestamppb.Timestamp{Seconds: 1_800_000_000 + seconds}
}

// three is a server with three jobs in two job sets.
func three() *peer {
	return &peer{
		jobs: map[string]*api.JobDetails{
			"01aa": {
				JobId: "01aa", Queue: "q", Jobset: "s", Namespace: "default", State: api.JobState_FAILED,
				SubmittedTs: at(0), LastTransitionTs: at(90), LatestRunId: "run-2",
				JobSpec: &api.Job{Id: "01aa", PodSpecs: []*corev1.PodSpec{{RestartPolicy: new("Never")}}},
				JobRuns: []*api.JobRunDetails{
					{RunId: "run-1", State: api.JobRunState_RUNS_STATE_LEASE_RETURNED, Cluster: "east", Node: "node-1", LeasedTs: at(1), FinishedTs: at(20)},
					{RunId: "run-2", State: api.JobRunState_RUN_STATE_FAILED, Cluster: "west", Node: "node-2", LeasedTs: at(30), StartedTs: at(40), FinishedTs: at(90)},
				},
			},
			"01bb": {JobId: "01bb", Queue: "q", Jobset: "s", SubmittedTs: at(-200_000), LastTransitionTs: at(-200_000)},
			"01cc": {
				JobId: "01cc", Queue: "q", Jobset: "t", State: api.JobState_CANCELLED, CancelReason: "wrong data", CancelUser: "alice",
				SubmittedTs: at(0), CancelTs: at(5), LastTransitionTs: at(6),
			},
		},
		errs: map[string]string{"01aa": "container main exited with 3:\nno such file \x1b[31m"},
	}
}

func TestGetJob(t *testing.T) {
	t.Parallel()
	golden(t, map[string]check{
		"failed":        {peer: three(), args: words("get job 01aa")},
		"queued":        {peer: three(), args: words("get job 01bb")},
		"cancelled":     {peer: three(), args: words("get job 01cc")},
		"failed json":   {peer: three(), args: words("get job 01aa -o json")},
		"queued yaml":   {peer: three(), args: words("get job 01bb -o yaml")},
		"several":       {peer: three(), args: words("get jobs 01cc 01aa 01bb 01aa")},
		"narrow":        {peer: three(), args: words("get job 01cc 01aa 01bb"), columns: 70},
		"unknown":       {peer: three(), args: words("get job 01zz")},
		"unknown json":  {peer: three(), args: words("get job 01zz -o json")},
		"all unknown":   {peer: three(), args: words("get job 01zz 01yy")},
		"some unknown":  {peer: three(), args: words("get job 01zz 01aa 01bb")},
		"no such noun":  {peer: three(), args: words("get jbo 01aa")},
		"empty id":      {peer: three(), args: []string{"get", "job", ""}},
		"not answering": {peer: refuseAll(codes.Unimplemented, "unknown service api.Jobs"), args: words("get job 01aa")},
	})
}

// denied refuses a method.
func denied(p *peer, method string) *peer {
	p.refuse = func(called string, _ any) error {
		if called != method {
			return nil
		}
		return status.Error(codes.PermissionDenied, `[x-request-id: "r-1"] anonymous lacks permission cancel_any_jobs`)
	}
	return p
}

func TestAct(t *testing.T) {
	t.Parallel()
	said := three()
	said.said = map[string]string{"01aa": "", "01bb": "it is over"}
	golden(t, map[string]check{
		"cancel":                {peer: three(), args: words("cancel 01aa 01cc 01bb 01aa --reason enough")},
		"cancel json":           {peer: three(), args: words("cancel 01aa -o json")},
		"cancel where":          {peer: &peer{}, args: words("cancel 01aa --queue q --job-set s")},
		"cancel all":            {peer: three(), args: words("cancel --all --queue q --job-set s --reason enough")},
		"cancel unknown":        {peer: three(), args: words("cancel 01zz")},
		"cancel some unknown":   {peer: three(), args: words("cancel 01zz 01aa")},
		"cancel denied":         {peer: denied(three(), "CancelJobs"), args: words("cancel 01aa 01bb")},
		"cancel denied twice":   {peer: denied(three(), "CancelJobs"), args: words("cancel 01aa 01cc")},
		"cancel nothing":        {args: words("cancel")},
		"cancel without ids":    {args: words("cancel --queue q --job-set s")},
		"cancel half a place":   {args: words("cancel 01aa --queue q")},
		"cancel all of nothing": {args: words("cancel --all")},
		"cancel ids and all":    {args: words("cancel 01aa --all --queue q --job-set s")},
		"reprioritize":          {peer: three(), args: words("reprioritize 01aa --priority 2.5")},
		"reprioritize said":     {peer: said, args: words("reprioritize 01aa 01bb --priority 0")},
		"reprioritize all":      {args: words("reprioritize --all --queue q --job-set s --priority 7")},
		"reprioritize to what":  {args: words("reprioritize 01aa")},
		"reprioritize below":    {args: words("reprioritize 01aa --priority -1")},
		"preempt":               {peer: three(), args: words("preempt 01aa --reason node")},
		"preempt no whole set":  {peer: three(), args: words("preempt --queue q --job-set s")},
		"preempt look-up fails": {peer: denied(three(), "GetJobDetails"), args: words("preempt 01aa")},
	})
}
