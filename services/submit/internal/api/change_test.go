package api_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"

	pb "github.com/fairlead-batch/fairlead/proto/gen/api"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/eventwire"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

var (
	at    = job.Time(moment.UnixNano())
	cause = job.Cause{User: "anonymous", Service: "submit"}
	job1  = job.ID{15: 1}
	job2  = job.ID{15: 2}
)

// wantBodies says that the events stream holds exactly these.
func (b *bed) wantBodies(want ...eventwire.Body) {
	b.t.Helper()
	if diff := cmp.Diff(want, b.bodies(eventlog.Events)); diff != "" {
		b.t.Errorf("entries (-want +got):\n%s", diff)
	}
}

func facts(list ...job.Event) eventwire.Body {
	return eventwire.Body{Batches: []eventwire.Batch{{Queue: "q", JobSet: "s", Cause: cause, Events: list}}}
}

func command(c job.Command) eventwire.Body {
	c.Time, c.Cause = at, cause
	return eventwire.Body{Commands: []job.Command{c}}
}

func TestCancelJobs(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.createQueue("q")
	resp, err := b.submit.CancelJobs(t.Context(), &pb.JobCancelRequest{
		Queue: "q", JobSetId: "s", JobIds: []string{job1.String(), job2.String()}, JobId: job1.String(), Reason: "why",
	})
	if err != nil || !slices.Equal(resp.GetCancelledIds(), []string{job1.String(), job2.String()}) {
		t.Errorf("answer %v, error %v", resp, err)
	}
	b.wantBodies(facts(
		job.CancelRequestedEvent{Head: job.Head{Job: job1, Time: at}, Reason: "why"},
		job.CancelRequestedEvent{Head: job.Head{Job: job2, Time: at}, Reason: "why"}))
}

// Armada's clients cancel a job set by naming no job, and expect one empty id.
func TestCancelJobsWithoutIDsIsTheJobSet(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.createQueue("q")
	resp, err := b.submit.CancelJobs(t.Context(), &pb.JobCancelRequest{Queue: "q", JobSetId: "s", Reason: "why"})
	if err != nil || !slices.Equal(resp.GetCancelledIds(), []string{""}) {
		t.Errorf("answer %v, error %v", resp, err)
	}
	b.wantBodies(command(job.Command{Action: job.Cancel, Reason: "why", Select: job.Selector{Queues: []string{"q"}, JobSet: "s"}}))
}

func TestCancelJobSet(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.createQueue("q")
	_, err := b.submit.CancelJobSet(t.Context(), &pb.JobSetCancelRequest{
		Queue: "q", JobSetId: "s", Filter: &pb.JobSetFilter{States: []pb.JobState{pb.JobState_PENDING, pb.JobState_RUNNING}},
	})
	if err != nil {
		t.Fatal(err)
	}
	b.wantBodies(command(job.Command{Action: job.Cancel, Select: job.Selector{
		Queues: []string{"q"}, JobSet: "s", States: []job.State{job.Leased, job.Pending, job.Running},
	}}))
	_, err = b.submit.CancelJobSet(t.Context(), &pb.JobSetCancelRequest{
		Queue: "q", JobSetId: "s", Filter: &pb.JobSetFilter{States: []pb.JobState{pb.JobState_PENDING}},
	})
	wantError(t, err, codes.InvalidArgument, "must always be used together")
}

func TestReprioritizeJobs(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.createQueue("q")
	resp, err := b.submit.ReprioritizeJobs(t.Context(), &pb.JobReprioritizeRequest{Queue: "q", JobSetId: "s", JobIds: []string{job1.String()}, NewPriority: 7.4})
	if diff := cmp.Diff(map[string]string{job1.String(): ""}, resp.GetReprioritizationResults()); err != nil || diff != "" {
		t.Errorf("error %v, answer (-want +got):\n%s", err, diff)
	}
	resp, err = b.submit.ReprioritizeJobs(t.Context(), &pb.JobReprioritizeRequest{Queue: "q", JobSetId: "s", NewPriority: 8})
	if diff := cmp.Diff(map[string]string{"all jobs in job set s": ""}, resp.GetReprioritizationResults()); err != nil || diff != "" {
		t.Errorf("error %v, answer (-want +got):\n%s", err, diff)
	}
	b.wantBodies(
		facts(job.ReprioritizeRequestedEvent{Head: job.Head{Job: job1, Time: at}, Priority: 7}),
		command(job.Command{Action: job.Reprioritize, Priority: 8, Select: job.Selector{Queues: []string{"q"}, JobSet: "s"}}))
}

func TestPreemptJobs(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.createQueue("q")
	resp, err := b.submit.PreemptJobs(t.Context(), &pb.JobPreemptRequest{Queue: "q", JobSetId: "s"})
	if err != nil || len(resp.GetPreemptionResults()) != 0 {
		t.Errorf("answer %v, error %v", resp, err)
	}
	resp, err = b.submit.PreemptJobs(t.Context(), &pb.JobPreemptRequest{Queue: "q", JobSetId: "s", JobIds: []string{job1.String()}, Reason: "why"})
	if diff := cmp.Diff(map[string]string{job1.String(): ""}, resp.GetPreemptionResults()); err != nil || diff != "" {
		t.Errorf("error %v, answer (-want +got):\n%s", err, diff)
	}
	b.wantBodies(facts(job.PreemptRequestedEvent{Head: job.Head{Job: job1, Time: at}, Reason: "why"}))
}

func TestChangesThatAreRefused(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	_, err := b.submit.CancelJobs(t.Context(), &pb.JobCancelRequest{Queue: "q", JobSetId: "s"})
	wantError(t, err, codes.NotFound, `could not find queue "q"`)
	_, err = b.submit.CancelJobs(t.Context(), &pb.JobCancelRequest{Reason: "a reason that is longer than the fifty bytes it may have"})
	wantError(t, err, codes.InvalidArgument, "queue cannot be empty")
	wantError(t, err, codes.InvalidArgument, "jobset cannot be empty")
	wantError(t, err, codes.InvalidArgument, "reason cannot be longer than 50 bytes")
	b.wantBodies()
}

// A command on a queue goes to every partition, for its job sets are anywhere; also
// when the queue is gone and its jobs are not.
func TestCommandsOnAQueueGoEverywhere(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	_, err := b.queues.CancelOnQueue(t.Context(), &pb.QueueCancelRequest{
		Name: "gone", PriorityClasses: []string{"c"}, Pools: []string{"p"}, JobStates: []pb.JobState{pb.JobState_QUEUED, pb.JobState_LEASED},
	})
	if err != nil {
		t.Fatal(err)
	}
	cancel := command(job.Command{Action: job.Cancel, Select: job.Selector{
		Queues: []string{"gone"}, Classes: []string{"c"}, Pools: []string{"p"}, States: []job.State{job.Queued, job.Leased},
	}})
	b.wantBodies(cancel, cancel, cancel, cancel)
	if _, err := b.queues.CancelOnQueue(t.Context(), &pb.QueueCancelRequest{Name: "gone"}); err != nil {
		t.Fatal(err) // no states pick no job
	}
	b.wantBodies(cancel, cancel, cancel, cancel)
	if _, err := b.queues.PreemptOnQueue(t.Context(), &pb.QueuePreemptRequest{Name: "q"}); err != nil {
		t.Fatal(err)
	}
	preempt := command(job.Command{Action: job.Preempt, Select: job.Selector{Queues: []string{"q"}}})
	b.wantBodies(cancel, preempt, cancel, preempt, cancel, preempt, cancel, preempt)
	for _, state := range []pb.JobState{pb.JobState_SUCCEEDED, pb.JobState_UNKNOWN} {
		_, err = b.queues.CancelOnQueue(t.Context(), &pb.QueueCancelRequest{Name: "q", JobStates: []pb.JobState{state}})
		wantError(t, err, codes.InvalidArgument, "provided job states must be non-terminal")
	}
}
