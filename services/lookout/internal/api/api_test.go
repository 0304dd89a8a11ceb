package api_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	apipb "github.com/fairlead-batch/fairlead/proto/gen/api"
	corev1 "github.com/fairlead-batch/fairlead/proto/gen/k8s.io/api/core/v1"
	networkingv1 "github.com/fairlead-batch/fairlead/proto/gen/k8s.io/api/networking/v1"
	"github.com/fairlead-batch/fairlead/proto/gen/k8s.io/apimachinery/pkg/api/resource"
	"github.com/fairlead-batch/fairlead/services/internal/auth"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/fault"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/lookout/internal/api"
	"github.com/fairlead-batch/fairlead/services/lookout/internal/viewtest"
)

// everyState has a job in each state: a queued, b leased, and so on.
const everyState = `
submit a uri=u
submit b
submit c
submit d
submit e
submit f
submit g
submit h
submit i

lease b r2
lease c r3
ack c r3
pending c r3
lease d r4
ack d r4
pending d r4
running d r4 node-4
lease e r5
ack e r5
pending e r5
running e r5
end e r5
succeeded e r5
lease f r6
ack f r6
broke f r6 137 out of memory
failed f r6 137: out of memory
lease g r7
preempted g r7 of low priority
lease h r8
cancelled h bob not needed
rejected i too large
`

func TestStates(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(d *api.Deps) { d.IDsMax = 20 })
	w.done(everyState)
	upper := strings.ToUpper(ids("a")[0])
	asked := append(ids("abcdefghiza"), upper, "no id", "")
	got, err := w.jobs.GetJobStatus(t.Context(), &apipb.JobStatusRequest{JobIds: asked})
	must(t, err)
	want := map[string]apipb.JobState{upper: apipb.JobState_QUEUED, "no id": apipb.JobState_UNKNOWN, "": apipb.JobState_UNKNOWN}
	states := []apipb.JobState{
		apipb.JobState_QUEUED, apipb.JobState_LEASED, apipb.JobState_PENDING, apipb.JobState_RUNNING, apipb.JobState_SUCCEEDED,
		apipb.JobState_FAILED, apipb.JobState_PREEMPTED, apipb.JobState_CANCELLED, apipb.JobState_REJECTED, apipb.JobState_UNKNOWN,
	}
	for i, id := range ids("abcdefghiz") {
		want[id] = states[i]
	}
	if diff := cmp.Diff(want, got.GetJobStates()); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
}

func TestRunStates(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(d *api.Deps) { d.IDsMax = 20 })
	w.done(everyState)
	w.done(`
submit j

lease j j1
gaveback j j1 no such node
requeue j j1
lease j j2
lost j j2 the executor is silent
requeue j j2
lease j j3
ack j j3
`)
	runs := []string{"r2", "r3", "r4", "r5", "r6", "r7", "r8", "j1", "j2", "j3", "r9"}
	want := map[string]apipb.JobRunState{}
	asked := []string{"no id"}
	for i, state := range []apipb.JobRunState{
		apipb.JobRunState_RUN_STATE_LEASED, apipb.JobRunState_RUN_STATE_PENDING, apipb.JobRunState_RUN_STATE_RUNNING,
		apipb.JobRunState_RUN_STATE_SUCCEEDED, apipb.JobRunState_RUN_STATE_FAILED, apipb.JobRunState_RUN_STATE_PREEMPTED,
		apipb.JobRunState_RUN_STATE_CANCELLED, apipb.JobRunState_RUNS_STATE_LEASE_RETURNED,
		apipb.JobRunState_RUN_STATE_LEASE_EXPIRED, apipb.JobRunState_RUN_STATE_LEASED,
	} {
		want[viewtest.Run(runs[i]).String()] = state
	}
	for _, run := range runs {
		asked = append(asked, viewtest.Run(run).String())
	}
	got, err := w.jobs.GetJobRunDetails(t.Context(), &apipb.JobRunDetailsRequest{RunIds: asked})
	must(t, err)
	states := map[string]apipb.JobRunState{}
	for id, run := range got.GetJobRunDetails() {
		states[id] = run.GetState()
		if run.GetRunId() != id || run.GetJobId() == "" || run.GetCluster() != "c1" || run.GetLeasedTs() == nil {
			t.Errorf("run %+v", run)
		}
	}
	if diff := cmp.Diff(want, states); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
}

func at(seconds int64) *timestamppb.Timestamp { return &timestamppb.Timestamp{Seconds: seconds} }

func TestDetails(t *testing.T) {
	t.Parallel()
	w := newWorld(t, asIs)
	w.done(`
submit a

lease a r1 n1
gaveback a r1 no such node
requeue a r1
lease a r2 n2
ack a r2
cancelled a bob not needed
`)
	a := ids("a")[0]
	got, err := w.jobs.GetJobDetails(t.Context(), &apipb.JobDetailsRequest{JobIds: append(ids("za"), "no id")})
	must(t, err)
	want := &apipb.JobDetails{
		JobId: a, Queue: "q", Jobset: "s", Namespace: "ns", State: apipb.JobState_CANCELLED, SubmittedTs: at(1), LastTransitionTs: at(8),
		CancelTs: at(8), CancelUser: "bob", CancelReason: "not needed", LatestRunId: viewtest.Run("r2").String(),
	}
	if diff := cmp.Diff(map[string]*apipb.JobDetails{a: want}, got.GetJobDetails(), protocmp.Transform()); diff != "" {
		t.Errorf("details (-want +got):\n%s", diff)
	}
	got, err = w.jobs.GetJobDetails(t.Context(), &apipb.JobDetailsRequest{JobIds: ids("a"), ExpandJobRun: true})
	must(t, err)
	want.JobRuns = []*apipb.JobRunDetails{
		{
			RunId: viewtest.Run("r1").String(), JobId: a, State: apipb.JobRunState_RUNS_STATE_LEASE_RETURNED, Cluster: "c1", Node: "n1",
			LeasedTs: at(3), FinishedTs: at(4),
		},
		{
			RunId: viewtest.Run("r2").String(), JobId: a, State: apipb.JobRunState_RUN_STATE_CANCELLED, Cluster: "c1", Node: "n2",
			LeasedTs: at(6), FinishedTs: at(8),
		},
	}
	if diff := cmp.Diff(map[string]*apipb.JobDetails{a: want}, got.GetJobDetails(), protocmp.Transform()); diff != "" {
		t.Errorf("with runs (-want +got):\n%s", diff)
	}
}

// bytesOf is a message in the wire form.
func bytesOf(t *testing.T, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	must(t, err)
	return b
}

func TestSpecs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, asIs)
	host, kind := "host", "ClusterIP"
	pod := &corev1.PodSpec{Hostname: &host}
	service := &corev1.Service{Spec: &corev1.ServiceSpec{Type: &kind}}
	ingress := &networkingv1.Ingress{Spec: &networkingv1.IngressSpec{IngressClassName: &host}}
	batch := job.Batch{Queue: "q", JobSet: "s", Cause: job.Cause{User: "ann", Groups: []string{"g1", "g2"}}}
	spec := &job.PodSpec{Bytes: bytesOf(t, pod)}
	shape := &job.Shape{Requests: []job.Amount{{Resource: "cpu", Value: 1500}, {Resource: "example.com/fpga", Value: 2}, {Resource: "memory", Value: 1 << 20}}}
	for _, name := range []string{"a", "b"} {
		batch.Events = append(batch.Events, job.SubmittedEvent{
			Head: job.Head{Job: viewtest.Job(name), Time: viewtest.Second}, Priority: 3, Namespace: "ns", ClientID: "client-" + name,
			Labels: map[string]string{"l": "1"}, Annotations: map[string]string{"x": "y"}, Spec: spec, Shape: shape,
			Services: [][]byte{bytesOf(t, service)}, Ingresses: [][]byte{bytesOf(t, ingress)},
		})
	}
	w.append(batch)
	w.project()
	got, err := w.jobs.GetJobDetails(t.Context(), &apipb.JobDetailsRequest{JobIds: ids("ab"), ExpandJobSpec: true})
	must(t, err)
	quantity := func(s string) *resource.Quantity { return &resource.Quantity{String_: &s} }
	amounts := map[string]*resource.Quantity{"cpu": quantity("1500m"), "example.com/fpga": quantity("2"), "memory": quantity("1048576")}
	for _, name := range []string{"a", "b"} {
		id := ids(name)[0]
		want := &apipb.Job{
			Id: id, JobSetId: "s", Queue: "q", Priority: 3,
			PodSpec: pod, //nolint:staticcheck // clients look for it in the deprecated field
			Created: at(1), Namespace: "ns", Owner: "ann",
			Labels: map[string]string{"l": "1"}, Annotations: map[string]string{"x": "y"}, ClientId: "client-" + name,
			QueueOwnershipUserGroups: []string{"g1", "g2"}, K8SIngress: []*networkingv1.Ingress{ingress}, K8SService: []*corev1.Service{service},
			SchedulingResourceRequirements: &corev1.ResourceRequirements{Limits: amounts, Requests: amounts},
		}
		if diff := cmp.Diff(want, got.GetJobDetails()[id].GetJobSpec(), protocmp.Transform()); diff != "" {
			t.Errorf("spec of %s (-want +got):\n%s", name, diff)
		}
	}
}

func TestSpecsAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, asIs)
	large := strings.Repeat("x", 12<<20)
	batch := job.Batch{Queue: "q", JobSet: "s"}
	spec := &job.PodSpec{Bytes: bytesOf(t, &corev1.PodSpec{Hostname: &large})}
	for _, name := range []string{"a", "b", "c"} {
		batch.Events = append(batch.Events, job.SubmittedEvent{Head: job.Head{Job: viewtest.Job(name)}, Spec: spec, Shape: &job.Shape{}})
	}
	w.append(batch)
	w.project()
	_, err := w.jobs.GetJobDetails(t.Context(), &apipb.JobDetailsRequest{JobIds: ids("abc"), ExpandJobSpec: true})
	code(t, err, codes.ResourceExhausted, "more than 32 MiB", "expand_job_spec")
}

func TestErrors(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(d *api.Deps) { d.IDsMax = 20 })
	w.done(everyState)
	got, err := w.jobs.GetJobErrors(t.Context(), &apipb.JobErrorsRequest{JobIds: ids("abcdefghiz")})
	must(t, err)
	want := map[string]string{ids("f")[0]: "137: out of memory", ids("g")[0]: "of low priority", ids("i")[0]: "too large"}
	if diff := cmp.Diff(want, got.GetJobErrors()); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
}

func TestByURI(t *testing.T) {
	t.Parallel()
	w := newWorld(t, asIs)
	w.done("submit a uri=u\nsubmit b uri=u\nsubmit c uri=v\nsubmit d uri=u set=other\ncancelled b bob")
	got, err := w.jobs.GetJobStatusUsingExternalJobUri(t.Context(), &apipb.JobStatusUsingExternalJobUriRequest{Queue: "q", Jobset: "s", ExternalJobUri: "u"})
	must(t, err)
	want := map[string]apipb.JobState{ids("a")[0]: apipb.JobState_QUEUED, ids("b")[0]: apipb.JobState_CANCELLED}
	if diff := cmp.Diff(want, got.GetJobStates()); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
	_, err = w.jobs.GetJobStatusUsingExternalJobUri(t.Context(), &apipb.JobStatusUsingExternalJobUriRequest{})
	code(t, err, codes.InvalidArgument, `"queue"`, `"jobset"`, `"external_job_uri"`)
}

func TestActiveQueues(t *testing.T) {
	t.Parallel()
	w := newWorld(t, asIs)
	w.done("submit a queue=p\nsubmit b\nsubmit c queue=o\nlease a r1\nlease b r2\n")
	got, err := w.jobs.GetActiveQueues(t.Context(), &apipb.GetActiveQueuesRequest{})
	must(t, err)
	want := map[string]*apipb.ActiveQueues{"default": {Queues: []string{"p", "q"}}}
	if diff := cmp.Diff(want, got.GetActiveQueuesByPool(), protocmp.Transform()); diff != "" {
		t.Errorf("active queues (-want +got):\n%s", diff)
	}
}

func TestQueueInfo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, asIs)
	w.done("submit a\nsubmit b\nsubmit c set=t\nsubmit d queue=p\nsubmit e\nlease b r2\nlease c r3\ncancelled e bob")
	got, err := w.submit.GetQueueInfo(t.Context(), &apipb.QueueInfoRequest{Name: "q"})
	must(t, err)
	want := &apipb.QueueInfo{Name: "q", ActiveJobSets: []*apipb.JobSetInfo{{Name: "s", QueuedJobs: 1, LeasedJobs: 1}, {Name: "t", LeasedJobs: 1}}}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("queue info (-want +got):\n%s", diff)
	}
	_, err = w.submit.GetQueueInfo(t.Context(), &apipb.QueueInfoRequest{})
	code(t, err, codes.InvalidArgument, `"name"`)
	_, err = w.submit.GetQueue(t.Context(), &apipb.QueueGetRequest{Name: "q"})
	code(t, err, codes.Unimplemented)
}

// watchers lets those through whom the queue's grants name.
type watchers struct{}

func (watchers) Authorize(p auth.Principal, q auth.Question) error {
	if q.Permission == auth.WatchAllEvents && q.Verb == auth.VerbWatch && len(q.Grants) == 1 {
		return nil
	}
	return fault.NewDenied("%s lacks permission %s", p.Name, q.Permission)
}

func TestQueueInfoIsForWatchers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(d *api.Deps) {
		d.Authorize = watchers{}
		d.Grants = func(_ context.Context, queue string) ([]auth.Grant, bool, error) {
			switch queue {
			case "open":
				return make([]auth.Grant, 1), true, nil
			case "closed":
				return nil, true, nil
			case "unsure":
				return nil, false, fault.NewUnavailable("not now")
			}
			return nil, false, nil
		}
	})
	for queue, want := range map[string]codes.Code{"open": codes.OK, "closed": codes.PermissionDenied, "unsure": codes.Unavailable, "none": codes.NotFound} {
		_, err := w.submit.GetQueueInfo(t.Context(), &apipb.QueueInfoRequest{Name: queue})
		code(t, err, want)
	}
}

func TestTooManyIDs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, asIs) // at most four
	calls := map[string]func(ids []string) error{
		"job_ids of status": func(ids []string) error {
			_, err := w.jobs.GetJobStatus(t.Context(), &apipb.JobStatusRequest{JobIds: ids})
			return err
		},
		"job_ids of details": func(ids []string) error {
			_, err := w.jobs.GetJobDetails(t.Context(), &apipb.JobDetailsRequest{JobIds: ids})
			return err
		},
		"job_ids of errors": func(ids []string) error {
			_, err := w.jobs.GetJobErrors(t.Context(), &apipb.JobErrorsRequest{JobIds: ids})
			return err
		},
		"run_ids of runs": func(ids []string) error {
			_, err := w.jobs.GetJobRunDetails(t.Context(), &apipb.JobRunDetailsRequest{RunIds: ids})
			return err
		},
	}
	for name, call := range calls {
		field, _, _ := strings.Cut(name, " ")
		if err := call(ids("abcd")); err != nil {
			t.Errorf("%s: four are fine: %v", name, err)
		}
		code(t, call(ids("abcde")), codes.InvalidArgument, fmt.Sprintf("%q", field), "5 ids", "at most 4 ids")
		if err := call(nil); err != nil {
			t.Errorf("%s: none are fine: %v", name, err)
		}
	}
}

// TestReadYourWrites: what the log holds and the rows do not is waited for.
func TestReadYourWrites(t *testing.T) {
	t.Parallel()
	calls := map[string]func(ctx context.Context, w *world) (bool, error){
		"status": func(ctx context.Context, w *world) (bool, error) {
			got, err := w.jobs.GetJobStatus(ctx, &apipb.JobStatusRequest{JobIds: ids("ab")})
			return got.GetJobStates()[ids("b")[0]] == apipb.JobState_LEASED, err
		},
		"details": func(ctx context.Context, w *world) (bool, error) {
			got, err := w.jobs.GetJobDetails(ctx, &apipb.JobDetailsRequest{JobIds: ids("ab")})
			return len(got.GetJobDetails()) == 2, err
		},
		"errors": func(ctx context.Context, w *world) (bool, error) {
			got, err := w.jobs.GetJobErrors(ctx, &apipb.JobErrorsRequest{JobIds: ids("c")})
			return len(got.GetJobErrors()) == 1, err
		},
		"runs": func(ctx context.Context, w *world) (bool, error) {
			got, err := w.jobs.GetJobRunDetails(ctx, &apipb.JobRunDetailsRequest{RunIds: []string{viewtest.Run("r1").String()}})
			return len(got.GetJobRunDetails()) == 1, err
		},
		"by URI, though one is found": func(ctx context.Context, w *world) (bool, error) {
			got, err := w.jobs.GetJobStatusUsingExternalJobUri(ctx, &apipb.JobStatusUsingExternalJobUriRequest{Queue: "q", Jobset: "s", ExternalJobUri: "u"})
			return len(got.GetJobStates()) == 2, err
		},
		"active queues": func(ctx context.Context, w *world) (bool, error) {
			got, err := w.jobs.GetActiveQueues(ctx, &apipb.GetActiveQueuesRequest{})
			return len(got.GetActiveQueuesByPool()) == 1, err
		},
		"queue info, though one is found": func(ctx context.Context, w *world) (bool, error) {
			got, err := w.submit.GetQueueInfo(ctx, &apipb.QueueInfoRequest{Name: "q"})
			return got.GetActiveJobSets()[0].GetLeasedJobs() == 1, err
		},
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, asIs)
			w.done("submit a uri=u")
			w.told("submit b uri=u\nsubmit c\n\nlease b r1\nrejected c too large")
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			type result struct {
				whole bool
				err   error
			}
			got := make(chan result, 1)
			go func() {
				whole, err := call(ctx, w)
				got <- result{whole, err}
			}()
			select {
			case <-w.waits:
			case r := <-got:
				t.Fatalf("answered before the rows moved: whole %v, %v", r.whole, r.err)
			}
			w.project()
			if r := <-got; r.err != nil || !r.whole {
				t.Errorf("whole %v, %v", r.whole, r.err)
			}
		})
	}
}

// TestFoundIsAnsweredAtOnce: where nothing is missing nobody asks the log.
func TestFoundIsAnsweredAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(d *api.Deps) { d.Catchup = away{} })
	w.done("submit a\nlease a r1")
	got, err := w.jobs.GetJobStatus(t.Context(), &apipb.JobStatusRequest{JobIds: ids("a")})
	if err != nil || got.GetJobStates()[ids("a")[0]] != apipb.JobState_LEASED {
		t.Errorf("%v, %v", got, err)
	}
	_, err = w.jobs.GetJobStatus(t.Context(), &apipb.JobStatusRequest{JobIds: append(ids("a"), "no id")})
	if err != nil {
		t.Errorf("what is no id waits for nothing: %v", err)
	}
	_, err = w.jobs.GetJobStatus(t.Context(), &apipb.JobStatusRequest{JobIds: ids("ab")})
	code(t, err, codes.Unavailable, "try again")
}

// away is a log that is away.
type away struct{}

func (away) Newest(context.Context, eventlog.Partition) (eventlog.Position, error) {
	return eventlog.Position{}, errors.New("the log is away")
}

func (away) Reached(context.Context, eventlog.Partition, eventlog.Position) error {
	return errors.New("the log is away")
}

// TestBehind: where the bound is hit nobody is told that a job is unknown.
func TestBehind(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(d *api.Deps) { d.CaughtUpWithin = 10 * time.Millisecond })
	w.told("submit a")
	_, err := w.jobs.GetJobStatus(t.Context(), &apipb.JobStatusRequest{JobIds: ids("a")})
	code(t, err, codes.Unavailable, "10ms", "try again")
	_, err = w.jobs.GetJobDetails(t.Context(), &apipb.JobDetailsRequest{JobIds: ids("z")})
	code(t, err, codes.Unavailable)
}
