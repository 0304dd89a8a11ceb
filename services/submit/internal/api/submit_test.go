package api_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
	kubev1 "k8s.io/api/core/v1"

	pb "github.com/fairlead-batch/fairlead/proto/gen/api"
	corev1 "github.com/fairlead-batch/fairlead/proto/gen/k8s.io/api/core/v1"
	"github.com/fairlead-batch/fairlead/services/internal/auth"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// request is one for jobs of queue "q" with these items.
func request(items ...*pb.JobSubmitRequestItem) *pb.JobSubmitRequest {
	return &pb.JobSubmitRequest{Queue: "q", JobSetId: "set", JobRequestItems: items}
}

func one(spec *corev1.PodSpec) []*corev1.PodSpec { return []*corev1.PodSpec{spec} }

// oldField is an item with its spec in the field that is deprecated and that most
// clients use.
func oldField(spec *corev1.PodSpec) *pb.JobSubmitRequestItem {
	return &pb.JobSubmitRequestItem{Namespace: "ns", PodSpec: spec} //nolint:staticcheck // see above
}

func TestSubmitJobs(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.createQueue("q")
	resp, err := b.submit.SubmitJobs(t.Context(), request(
		&pb.JobSubmitRequestItem{
			Priority: 2, Namespace: "ns", PodSpecs: one(pod(t, plain)), ClientId: "a", ExternalJobUri: "uri",
			Labels: map[string]string{"l": "{JobId}"}, Annotations: map[string]string{"armadaproject.io/gangId": "g", "armadaproject.io/gangCardinality": "2"},
			Services: []*pb.ServiceConfig{{Ports: []uint32{80}, Type: pb.ServiceType_Headless}}, Ingress: []*pb.IngressConfig{{Ports: []uint32{80}}},
		},
		oldField(pod(t, plain)),
		&pb.JobSubmitRequestItem{Namespace: "ns", PodSpecs: one(pod(t, func(s *kubev1.PodSpec) { s.PriorityClassName = "armada-preemptible" }))},
		&pb.JobSubmitRequestItem{Namespace: "ns", PodSpecs: one(pod(t, plain)), ClientId: "a"},
	))
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, item := range resp.GetJobResponseItems() {
		ids = append(ids, item.GetJobId())
		if item.GetError() != "" || item.GetJobId() != strings.ToLower(item.GetJobId()) {
			t.Errorf("item %v", item)
		}
	}
	if len(ids) != 4 || ids[3] != ids[0] {
		t.Fatalf("ids %v: want four, the last as the first", ids)
	}
	bodies := b.bodies(eventlog.Events)
	if len(bodies) != 1 || len(bodies[0].Batches) != 1 {
		t.Fatalf("%d entries: want one with one batch", len(bodies))
	}
	batch := bodies[0].Batches[0]
	if diff := cmp.Diff(job.Cause{User: "anonymous", Service: "submit"}, batch.Cause); diff != "" || batch.Queue != "q" || batch.JobSet != "set" {
		t.Errorf("queue %s, job set %s, cause (-want +got):\n%s", batch.Queue, batch.JobSet, diff)
	}
	var got []job.SubmittedEvent
	for _, e := range batch.Events {
		got = append(got, e.(job.SubmittedEvent))
	}
	if len(got) != 3 {
		t.Fatalf("%d events, want 3", len(got))
	}
	if got[0].Spec != got[1].Spec || got[0].Shape != got[1].Shape || got[2].Spec == got[0].Spec {
		t.Error("equal specs are not one, or different ones are")
	}
	e := got[0]
	if e.Job.String() != ids[0] || e.Time != job.Time(moment.UnixNano()) || e.Priority != 2 || e.Namespace != "ns" || e.ClientID != "a" || e.ExternalJobURI != "uri" ||
		e.Labels["l"] != ids[0] || e.Gang != (job.Gang{ID: "g", Cardinality: 2}) || len(e.Services) != 1 || len(e.Ingresses) != 1 || e.Preemptible {
		t.Errorf("event %+v", e)
	}
	if got[2].Class != "armada-preemptible" || !got[2].Preemptible || len(got[1].Services) != 0 {
		t.Errorf("events %+v, %+v", got[1], got[2])
	}
	if diff := cmp.Diff([]job.Amount{{Resource: "cpu", Value: 1000}, {Resource: "memory", Value: 1 << 30}}, e.Shape.Requests); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	var spec kubev1.PodSpec
	if err := spec.Unmarshal(e.Spec.Bytes); err != nil || *spec.TerminationGracePeriodSeconds != 1 || spec.Containers[0].Image != "alpine:3.20" {
		t.Errorf("spec %v, error %v: want what was sent with the defaults in it", spec, err)
	}
	again, err := b.submit.SubmitJobs(t.Context(), request(&pb.JobSubmitRequestItem{Namespace: "ns", PodSpecs: one(pod(t, plain)), ClientId: "a"}))
	if err != nil || again.GetJobResponseItems()[0].GetJobId() != ids[0] || len(b.bodies(eventlog.Events)) != 1 {
		t.Errorf("repeat: %v, error %v", again, err)
	}
}

// Clients try again on this code with this text, since a queue may be new.
func TestSubmitJobsToAnUnknownQueue(t *testing.T) {
	t.Parallel()
	_, err := newBed(t).submit.SubmitJobs(t.Context(), request())
	wantError(t, err, codes.PermissionDenied, `could not find queue "q"`)
}

func TestSubmitJobsIsRefusedWhole(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.createQueue("q")
	both := oldField(pod(t, plain))
	both.PodSpecs = one(pod(t, plain))
	unreadable := pod(t, plain)
	unreadable.Containers[0].Resources.Requests["cpu"].String_ = new("much")
	_, err := b.submit.SubmitJobs(t.Context(), request(
		&pb.JobSubmitRequestItem{Namespace: "ns", PodSpecs: one(pod(t, plain)), ClientId: "a"},
		&pb.JobSubmitRequestItem{PodSpecs: one(pod(t, func(s *kubev1.PodSpec) { s.Containers[0].Resources.Limits = nil }))},
		&pb.JobSubmitRequestItem{Namespace: "ns"},
		both,
		&pb.JobSubmitRequestItem{Namespace: "ns", PodSpecs: one(unreadable)},
	))
	wantError(t, err, codes.InvalidArgument, "namespace is a required field")
	var fields []string
	for _, detail := range status.Convert(err).Details() {
		if bad, ok := detail.(*errdetails.BadRequest); ok {
			for _, v := range bad.GetFieldViolations() {
				fields = append(fields, v.GetField())
			}
		}
	}
	want := []string{
		"job_request_items[1].namespace",
		`job_request_items[1].pod_specs[0].containers[0].resources.limits["cpu"]`,
		`job_request_items[1].pod_specs[0].containers[0].resources.limits["memory"]`,
		"job_request_items[2].pod_spec",
		"job_request_items[3].pod_specs",
		"job_request_items[4].pod_specs[0]",
	}
	if diff := cmp.Diff(want, fields); diff != "" {
		t.Errorf("violations (-want +got):\n%s", diff)
	}
	if n := len(b.bodies(eventlog.Events)); n != 0 {
		t.Errorf("%d entries were written", n)
	}
	_, err = b.submit.SubmitJobs(t.Context(), &pb.JobSubmitRequest{})
	wantError(t, err, codes.InvalidArgument, "queue is a required field")
	_, err = b.submit.SubmitJobs(t.Context(), request(make([]*pb.JobSubmitRequestItem, 1001)...))
	wantError(t, err, codes.ResourceExhausted, "1001 jobs in a request, at most 1000")
}

// Each call asks for what armada.md 2.2 says it needs.
func TestWhatCallsNeed(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.createQueue("q")
	id := job.ID{15: 1}.String()
	calls := map[string]struct {
		call func() error
		want auth.Question
	}{
		"submit": {
			func() error { _, err := b.submit.SubmitJobs(t.Context(), request()); return err },
			auth.Question{Permission: auth.SubmitAnyJobs, Verb: auth.VerbSubmit},
		},
		"cancel": {
			func() error {
				_, err := b.submit.CancelJobs(t.Context(), &pb.JobCancelRequest{Queue: "q", JobSetId: "s", JobId: id})
				return err
			},
			auth.Question{Permission: auth.CancelAnyJobs, Verb: auth.VerbCancel},
		},
		"cancel job set": {
			func() error {
				_, err := b.submit.CancelJobSet(t.Context(), &pb.JobSetCancelRequest{Queue: "q", JobSetId: "s"})
				return err
			},
			auth.Question{Permission: auth.CancelAnyJobs, Verb: auth.VerbCancel},
		},
		"reprioritize": {
			func() error {
				_, err := b.submit.ReprioritizeJobs(t.Context(), &pb.JobReprioritizeRequest{Queue: "q", JobSetId: "s"})
				return err
			},
			auth.Question{Permission: auth.ReprioritizeAnyJobs, Verb: auth.VerbReprioritize},
		},
		"preempt": {
			func() error {
				_, err := b.submit.PreemptJobs(t.Context(), &pb.JobPreemptRequest{Queue: "q", JobSetId: "s"})
				return err
			},
			auth.Question{Permission: auth.PreemptAnyJobs, Verb: auth.VerbPreempt},
		},
		"create": {
			func() error { _, err := b.submit.CreateQueue(t.Context(), &pb.Queue{Name: "x"}); return err },
			auth.Question{Permission: auth.CreateQueue},
		},
		"update": {
			func() error { _, err := b.submit.UpdateQueue(t.Context(), &pb.Queue{Name: "x"}); return err },
			auth.Question{Permission: auth.CreateQueue},
		},
		"delete": {
			func() error {
				_, err := b.submit.DeleteQueue(t.Context(), &pb.QueueDeleteRequest{Name: "q"})
				return err
			},
			auth.Question{Permission: auth.DeleteQueue},
		},
		"cordon": {
			func() error {
				_, err := b.queues.CordonQueue(t.Context(), &pb.QueueCordonRequest{Name: "q"})
				return err
			},
			auth.Question{Permission: auth.CordonQueue},
		},
		"uncordon": {
			func() error {
				_, err := b.queues.UncordonQueue(t.Context(), &pb.QueueUncordonRequest{Name: "q"})
				return err
			},
			auth.Question{Permission: auth.CordonQueue},
		},
		"cancel on queue": {
			func() error {
				_, err := b.queues.CancelOnQueue(t.Context(), &pb.QueueCancelRequest{Name: "q"})
				return err
			},
			auth.Question{Permission: auth.CancelAnyJobs},
		},
		"preempt on queue": {
			func() error {
				_, err := b.queues.PreemptOnQueue(t.Context(), &pb.QueuePreemptRequest{Name: "q"})
				return err
			},
			auth.Question{Permission: auth.PreemptAnyJobs},
		},
	}
	for name, tc := range calls {
		b.may.all, b.may.asked = false, nil
		wantError(t, tc.call(), codes.PermissionDenied, "anonymous lacks permission "+string(tc.want.Permission))
		if tc.want.Verb != "" {
			tc.want.Grants = []auth.Grant{{
				Subjects: []auth.Subject{{Kind: auth.User, Name: "anonymous"}},
				Verbs:    []auth.Verb{auth.VerbSubmit, auth.VerbCancel, auth.VerbPreempt, auth.VerbReprioritize, auth.VerbWatch},
			}}
		}
		if diff := cmp.Diff([]auth.Question{tc.want}, b.may.asked); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if n := len(b.bodies(eventlog.Events)) + len(b.bodies(eventlog.Control)); n != 1 {
		t.Errorf("%d entries: want the creation of the queue alone", n)
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	resp, err := newBed(t).submit.Health(t.Context(), &emptypb.Empty{})
	if err != nil || resp.GetStatus() != pb.HealthCheckResponse_SERVING {
		t.Errorf("answer %v, error %v", resp, err)
	}
}

// One call with 100 jobs of 20 distinct specs, the client's share included.
func BenchmarkSubmitJobs(b *testing.B) {
	for name, clientID := range map[string]func(*pb.JobSubmitRequestItem, job.ID){
		"without client ids": func(*pb.JobSubmitRequestItem, job.ID) {},
		"with client ids":    func(item *pb.JobSubmitRequestItem, id job.ID) { item.ClientId = id.String() },
	} {
		b.Run(name, func(b *testing.B) {
			bed := newBed(b)
			bed.createQueue("q")
			req := request()
			for i := range 100 {
				spec := pod(b, func(s *kubev1.PodSpec) { s.Containers[0].Args[1] = string(rune('a' + i%20)) })
				req.JobRequestItems = append(req.JobRequestItems, oldField(spec))
			}
			next := ids()
			b.ReportAllocs()
			for b.Loop() {
				for _, item := range req.GetJobRequestItems() {
					clientID(item, next())
				}
				if _, err := bed.submit.SubmitJobs(b.Context(), req); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/100, "µs/job")
		})
	}
}
