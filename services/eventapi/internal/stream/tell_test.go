package stream_test

import (
	"flag"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	apipb "github.com/fairlead-batch/fairlead/proto/gen/api"
	corev1 "github.com/fairlead-batch/fairlead/proto/gen/k8s.io/api/core/v1"
	networkingv1 "github.com/fairlead-batch/fairlead/proto/gen/k8s.io/api/networking/v1"
	"github.com/fairlead-batch/fairlead/proto/gen/k8s.io/apimachinery/pkg/api/resource"
	"github.com/fairlead-batch/fairlead/services/eventapi/internal/stream"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

var update = flag.Bool("update", false, "write testdata again")

// lives are one of each way through a job's life.
func lives() map[string]*life {
	ask := func(h job.Head) job.Event { return job.CancelRequestedEvent{Head: h, Reason: "enough"} }
	cancelled := func(h job.Head) job.Event {
		return job.CancelledEvent{Head: h, Reason: "enough", Requestor: "ann"}
	}
	returned := func(h job.Head) job.Event {
		return job.RunReturnedEvent{Head: h, Run: run1, Reason: "no image", Attempted: true, Pod: pod}
	}
	requeued := func(h job.Head) job.Event { return job.RequeuedEvent{Head: h, Run: run1} }
	expired := func(h job.Head) job.Event { return job.RunExpiredEvent{Head: h, Run: run1, Reason: "silent"} }
	runFailed := func(h job.Head) job.Event { return job.RunFailedEvent{Head: h, Run: run1, Failure: broken()} }
	return map[string]*life{
		"succeeded": newLife(jobA).running(run1).succeeded(run1),
		"failed": newLife(jobA).running(run1).add(runFailed).
			add(func(h job.Head) job.Event { return job.FailedEvent{Head: h, Run: run1, Failure: broken()} }),
		"failed and tried again": newLife(jobA).running(run1).add(runFailed).add(requeued).leased(run2),
		"preempted on request": newLife(jobA).running(run1).
			add(func(h job.Head) job.Event { return job.PreemptRequestedEvent{Head: h, Reason: "please"} }).
			add(func(h job.Head) job.Event {
				return job.PreemptedEvent{Head: h, Run: run1, Reason: "please", Requestor: "ann"}
			}).
			add(func(h job.Head) job.Event { return job.RunReleasedEvent{Head: h, Run: run1} }),
		"preempted for another": newLife(jobA).running(run1).
			add(func(h job.Head) job.Event {
				return job.PreemptedEvent{Head: h, Run: run1, Reason: "fair share", PreemptorJob: jobB, PreemptorRun: run2}
			}),
		"cancelled one by one":     newLife(jobA).add(ask).add(cancelled),
		"cancelled with its set":   newLife(jobA).running(run1).add(cancelled),
		"returned and leased anew": newLife(jobA).leased(run1).acknowledged(run1).pending(run1).add(returned).add(requeued).leased(run2),
		"expired unseen":           newLife(jobA).leased(run1).add(expired).add(requeued).leased(run2),
		"expired and lost": newLife(jobA).running(run1).add(expired).
			add(func(h job.Head) job.Event {
				return job.FailedEvent{Head: h, Run: run1, Failure: job.Failure{Cause: job.CauseLeaseExpired}}
			}),
		"rejected": newLife(jobA).
			add(func(h job.Head) job.Event { return job.RejectedEvent{Head: h, Reason: "no node is large enough"} }),
		"reprioritized": newLife(jobA).
			add(func(h job.Head) job.Event { return job.ReprioritizeRequestedEvent{Head: h, Priority: 9} }).
			add(func(h job.Head) job.Event { return job.ReprioritizedEvent{Head: h, Priority: 9, Requestor: "ann"} }),
	}
}

// TestLives: what each life looks like, in testdata/lives.txt, message by message.
func TestLives(t *testing.T) {
	t.Parallel()
	var got strings.Builder
	all := lives()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		got.WriteString("# " + name + "\n")
		for _, m := range tell(t, all[name]) {
			got.WriteString(show(m.ProtoReflect()) + "\n")
		}
		got.WriteString("\n")
	}
	const file = "testdata/lives.txt"
	if *update {
		if err := os.WriteFile(file, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("lives (-want +got), write them with -update:\n%s", diff)
	}
}

// TestOrder is what clients rely on: each life's kinds in order.
func TestOrder(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"succeeded":                "submitted queued leased pending running succeeded",
		"failed":                   "submitted queued leased pending running failed",
		"failed and tried again":   "submitted queued leased pending running failed leased",
		"preempted on request":     "submitted queued leased pending running preempting preempted failed",
		"preempted for another":    "submitted queued leased pending running preempted failed",
		"cancelled one by one":     "submitted queued cancelling cancelled",
		"cancelled with its set":   "submitted queued leased pending running cancelling cancelled",
		"returned and leased anew": "submitted queued leased pending lease_returned leased",
		"expired unseen":           "submitted queued leased lease_expired leased",
		"expired and lost":         "submitted queued leased pending running lease_expired failed",
		"rejected":                 "submitted queued failed",
		"reprioritized":            "submitted queued reprioritizing reprioritized",
	}
	for name, life := range lives() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var kinds []string
			for _, m := range tell(t, life) {
				kinds = append(kinds, kind(m))
				if retryable := m.GetFailed().GetRetryable(); retryable != (kind(m) == "failed" && name == "failed and tried again") {
					t.Errorf("retryable is %v", retryable)
				}
			}
			if got := strings.Join(kinds, " "); got != want[name] {
				t.Errorf("got  %s\nwant %s", got, want[name])
			}
		})
	}
}

// TestSubmittedJob: the api.Job is what the generated types would have written.
func TestSubmittedJob(t *testing.T) {
	t.Parallel()
	name := "main"
	spec := &corev1.PodSpec{Containers: []*corev1.Container{{Name: &name}}}
	service, ingress := &corev1.Service{Spec: &corev1.ServiceSpec{Type: &name}}, &networkingv1.Ingress{Spec: &networkingv1.IngressSpec{IngressClassName: &name}}
	l := &life{id: jobA}
	l.add(func(h job.Head) job.Event {
		e := submitted(h)
		e.Spec = &job.PodSpec{Bytes: marshal(t, spec)}
		e.Services, e.Ingresses = [][]byte{marshal(t, service)}, [][]byte{marshal(t, ingress)}
		return e
	})
	got := tell(t, l)[0]
	created := &timestamppb.Timestamp{Seconds: 1}
	quantity := func(s string) *resource.Quantity { return &resource.Quantity{String_: &s} }
	amounts := map[string]*resource.Quantity{"cpu": quantity("1500m"), "memory": quantity("1048576")}
	want := &apipb.EventMessage{Events: &apipb.EventMessage_Submitted{Submitted: &apipb.JobSubmittedEvent{
		JobId: jobA.String(), JobSetId: "s", Queue: "q", Created: created,
		Job: &apipb.Job{
			PodSpec: spec, //nolint:staticcheck // deprecated, and where clients look
			Id:      jobA.String(), JobSetId: "s", Queue: "q", Priority: 3, Created: created, Namespace: "ns", Owner: "ann",
			Labels: map[string]string{"a": "1", "b": "2"}, Annotations: map[string]string{"x": "y"}, ClientId: "client-1",
			QueueOwnershipUserGroups: []string{"g1", "g2"}, K8SIngress: []*networkingv1.Ingress{ingress}, K8SService: []*corev1.Service{service},
			SchedulingResourceRequirements: &corev1.ResourceRequirements{Limits: amounts, Requests: amounts},
		},
	}}}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("submitted (-want +got):\n%s", diff)
	}
}

// TestTimeNeverGoesBack: an executor's clock is late, and the stream is not.
func TestTimeNeverGoesBack(t *testing.T) {
	t.Parallel()
	l := newLife(jobA).leased(run1).acknowledged(run1)
	l.events = append(l.events, job.RunPendingEvent{Head: job.Head{Job: jobA, Time: -5_500_000_000}, Run: run1})
	told := tell(t, l)
	if created := told[len(told)-1].GetPending().GetCreated(); created.GetSeconds() != 3 {
		t.Errorf("pending at %v, want 3 s, when the lease was acknowledged", created)
	}
	early := &life{id: jobB, now: -3_500_000_000}
	early.add(func(h job.Head) job.Event { return submitted(h) })
	if created := tell(t, early)[0].GetSubmitted().GetCreated(); created.GetSeconds() != 0 || created.GetNanos() != 0 {
		t.Errorf("a clock before 1970 gave %v", created)
	}
}

// TestRefused: what does not apply is not told, whoever else listens.
func TestRefused(t *testing.T) {
	t.Parallel()
	book := stream.NewBook()
	silent := func(stream.Set) stream.Hear { return nil }
	if refused, err := book.Apply(newLife(jobA).leased(run1).entry(1), silent); refused > 0 || err != nil {
		t.Fatal(refused, err)
	}
	late := &life{id: jobA}
	late.leased(run2).add(func(h job.Head) job.Event { return job.SucceededEvent{Head: h, Run: run1} })
	heard := 0
	refused, err := book.Apply(late.entry(2), func(stream.Set) stream.Hear { return func([]byte) { heard++ } })
	if refused != 2 || heard > 0 || err != nil {
		t.Errorf("%d refused, %d heard, %v; want 2 and none", refused, heard, err)
	}
}

func marshal(t *testing.T, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
