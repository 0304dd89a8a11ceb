package app_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"
	kubev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	apipb "github.com/fairlead-batch/fairlead/proto/gen/api"
	corev1 "github.com/fairlead-batch/fairlead/proto/gen/k8s.io/api/core/v1"
	"github.com/fairlead-batch/fairlead/services/internal/auth"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog/memlog"
	"github.com/fairlead-batch/fairlead/services/internal/eventwire"
	"github.com/fairlead-batch/fairlead/services/internal/fault"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/internal/run"
	"github.com/fairlead-batch/fairlead/services/submit/app"
)

const partitions = 2

func newID(at time.Time) [16]byte {
	return ulid.MustNew(ulid.Timestamp(at), ulid.DefaultEntropy())
}

// inMemory is a submit as a simulation has it.
func inMemory(t *testing.T, cfg app.Config) (*app.Service, *memlog.Log) {
	t.Helper()
	broker, err := memlog.NewBroker(memlog.Config{Partitions: partitions}, memlog.ResendAll, time.Now)
	must(t, err)
	t.Cleanup(broker.Close)
	log, err := broker.Open(partitions)
	must(t, err)
	t.Cleanup(log.Close)
	service, err := app.New(cfg, app.Deps{
		Store: app.NewMemoryStore(), Log: log, Partitions: partitions, Clock: app.RealClock(), NewID: newID, Authorize: auth.AllowAll{}, Logger: zap.NewNop(),
	})
	must(t, err)
	return service, log
}

// bodies are what a partition holds, less closes.
func bodies(t testing.TB, log eventlog.Log, p eventlog.Partition) (out []eventwire.Body) {
	t.Helper()
	bounds, err := log.Bounds(t.Context(), p)
	must(t, err)
	reader, err := log.Read(t.Context(), p, bounds.Oldest)
	must(t, err)
	defer reader.Close()
	for at := bounds.Oldest; at.Before(bounds.Newest); {
		read, err := reader.Next(t.Context())
		must(t, err)
		for _, e := range read.Entries {
			if e.Kind == eventlog.Facts {
				body, err := eventwire.Decode(e.Body)
				must(t, err)
				out = append(out, body)
			}
		}
		at = read.To
	}
	return out
}

func request(t testing.TB, clientIDs ...string) *apipb.JobSubmitRequest {
	t.Helper()
	amounts := kubev1.ResourceList{"cpu": resource.MustParse("1"), "nvidia.com/gpu": resource.MustParse("1")}
	pod := kubev1.PodSpec{Containers: []kubev1.Container{{
		Name: "main", Image: "alpine", Resources: kubev1.ResourceRequirements{Requests: amounts, Limits: amounts},
	}}}
	raw, err := pod.Marshal()
	must(t, err)
	spec := &corev1.PodSpec{}
	must(t, proto.Unmarshal(raw, spec))
	req := &apipb.JobSubmitRequest{Queue: "q", JobSetId: "set"}
	for _, id := range clientIDs {
		req.JobRequestItems = append(req.JobRequestItems, &apipb.JobSubmitRequestItem{Namespace: "ns", PodSpecs: []*corev1.PodSpec{spec}, ClientId: id})
	}
	return req
}

// A simulation starts a submit, calls it, steps its background work and stops it.
func TestServiceIsSteppedFromOutside(t *testing.T) {
	t.Parallel()
	service, log := inMemory(t, app.DefaultConfig())
	ctx := auth.With(t.Context(), auth.Principal{Name: "ann"})
	_, err := service.API().CreateQueue(ctx, &apipb.Queue{Name: "q", PriorityFactor: 1})
	if fault.KindOf(err) != fault.Unavailable {
		t.Errorf("before the start: error %v", err)
	}
	must(t, service.Start(t.Context()))
	_, err = service.API().CreateQueue(ctx, &apipb.Queue{Name: "q", PriorityFactor: 1})
	must(t, err)
	must(t, service.RelayAll(t.Context()))
	resp, err := service.API().SubmitJobs(ctx, request(t, "a"))
	must(t, err)
	must(t, service.Tend(t.Context()))
	must(t, service.Sweep(t.Context()))
	must(t, service.Stop(t.Context()))
	control := bodies(t, log, eventlog.ControlPartition)
	if len(control) != 2 || control[0].Settings[0].LogCreated == nil || control[1].Settings[0].QueueSet.Name != "q" {
		t.Errorf("control: %+v: want what the log is, then the queue", control)
	}
	jobs := bodies(t, log, eventlog.PartitionOf("q", "set", partitions))
	e := jobs[0].Batches[0].Events[0].(job.SubmittedEvent)
	if len(jobs) != 1 || e.Job.String() != resp.GetJobResponseItems()[0].GetJobId() {
		t.Errorf("jobs: %+v", jobs)
	}
	checkDefaults(t, e)
}

// checkDefaults says that a job which said little has what Armada would have given it.
func checkDefaults(t *testing.T, e job.SubmittedEvent) {
	t.Helper()
	var spec kubev1.PodSpec
	must(t, spec.Unmarshal(e.Spec.Bytes))
	wantTolerations := []kubev1.Toleration{
		{Key: "armadaproject.io/armada", Operator: "Equal", Value: "true", Effect: "NoSchedule"},
		{Key: "armadaproject.io/pc-armada-default", Operator: "Equal", Value: "true", Effect: "NoSchedule"},
	}
	if diff := cmp.Diff(wantTolerations, spec.Tolerations); diff != "" {
		t.Errorf("tolerations (-want +got):\n%s", diff)
	}
	want := []job.Amount{
		{Resource: "cpu", Value: 1000}, {Resource: "ephemeral-storage", Value: 8 << 30}, {Resource: "memory", Value: 1 << 30}, {Resource: "nvidia.com/gpu", Value: 1},
	}
	if diff := cmp.Diff(want, e.Shape.Requests); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	if *spec.ActiveDeadlineSeconds != 336*3600 || *spec.TerminationGracePeriodSeconds != 1 || e.Class != "armada-default" || e.Preemptible {
		t.Errorf("deadline %d, grace %d, class %s", *spec.ActiveDeadlineSeconds, *spec.TerminationGracePeriodSeconds, e.Class)
	}
}

// As parts of a process it starts by itself, and closes its author at the end.
func TestParts(t *testing.T) {
	t.Parallel()
	cfg := app.DefaultConfig()
	cfg.Publishing.RelayEvery, cfg.Publishing.SweepEvery, cfg.Publishing.TendEvery = time.Millisecond, time.Millisecond, time.Millisecond
	service, log := inMemory(t, cfg)
	ctx, stop := context.WithCancel(t.Context())
	group := run.New(10*time.Second, run.Events{})
	group.Add(service.Parts()...)
	done := make(chan error, 1)
	go func() { done <- group.Run(ctx) }()
	call := auth.With(t.Context(), auth.Principal{Name: "ann"})
	deadline := time.Now().Add(10 * time.Second)
	for {
		_, err := service.API().CreateQueue(call, &apipb.Queue{Name: "q", PriorityFactor: 1})
		if err == nil {
			break
		}
		if fault.KindOf(err) != fault.Unavailable || time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	stop()
	must(t, <-done)
	if got := bodies(t, log, eventlog.ControlPartition); len(got) < 2 || got[0].Settings[0].LogCreated == nil {
		t.Errorf("control: %+v", got)
	}
	_, err := service.API().CreateQueue(call, &apipb.Queue{Name: "r", PriorityFactor: 1})
	if fault.KindOf(err) != fault.Unavailable {
		t.Errorf("after the end: error %v", err)
	}
}

func TestConfigIsValidated(t *testing.T) {
	t.Parallel()
	tests := map[string]func(*app.Config){
		"jobsMax":                  func(c *app.Config) { c.Submission.JobsMax = 0 },
		"maxPodSpecSizeBytes":      func(c *app.Config) { c.Submission.MaxPodSpecSizeBytes = 0 },
		"defaultPriorityClassName": func(c *app.Config) { c.Submission.DefaultPriorityClassName = "gold" },
		"minTerminationGracePeriod": func(c *app.Config) {
			c.Submission.MinTerminationGracePeriod = time.Hour
		},
		"defaultActiveDeadline": func(c *app.Config) { c.Submission.DefaultActiveDeadline = -1 },
		"maxOversubscriptionByResourceRequest[cpu]": func(c *app.Config) {
			c.Submission.MaxOversubscriptionByResourceRequest = map[string]float64{"cpu": 0.5}
		},
		"publishTimeout": func(c *app.Config) { c.Publishing.PublishTimeout = 0 },
		"incarnation":    func(c *app.Config) { c.Publishing.Incarnation = 0 },
		"positionAge":    func(c *app.Config) { c.Publishing.PositionAge = -1 },
		"submitWithin":   func(c *app.Config) { c.Publishing.SubmitWithin = c.Publishing.PublishTimeout },
		"ripeAfter":      func(c *app.Config) { c.Publishing.RipeAfter = c.Publishing.PublishTimeout },
		"abandonedAfter": func(c *app.Config) { c.Publishing.AbandonedAfter = c.Publishing.TendEvery },
		"sweepMax":       func(c *app.Config) { c.Publishing.SweepMax = 0 },
		"forgetMax":      func(c *app.Config) { c.Publishing.ForgetMax = 0 },
	}
	for key, spoil := range tests {
		t.Run(key, func(t *testing.T) {
			t.Parallel()
			cfg := app.DefaultConfig()
			spoil(&cfg)
			if _, err := app.New(cfg, app.Deps{}); err == nil || !strings.Contains(err.Error(), key) {
				t.Errorf("error %v, want one about %s", err, key)
			}
		})
	}
}
