package app_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	apipb "github.com/fairlead-batch/fairlead/proto/gen/api"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/lookout/app"
)

func submitted(id byte) job.Event {
	return job.SubmittedEvent{Head: job.Head{Job: job.ID{15: id}, Time: 1}, Spec: &job.PodSpec{}, Shape: &job.Shape{}}
}

// life is all that happens to a job that succeeds.
func life(id byte) []job.Event {
	head, run := job.Head{Job: job.ID{15: id}, Time: 2}, job.RunID{14: 1, 15: id}
	return []job.Event{
		submitted(id),
		job.LeasedEvent{Head: head, Run: run, Executor: "c1", Node: "n1", Pool: "default"},
		job.RunAcknowledgedEvent{Head: head, Run: run},
		job.RunPendingEvent{Head: head, Run: run},
		job.RunRunningEvent{Head: head, Run: run},
		job.RunSucceededEvent{Head: head, Run: run},
		job.SucceededEvent{Head: head, Run: run},
	}
}

// TestAcknowledgedIsAnswered: whatever was appended before a call is in its answer,
// at whichever replica, while one stops and another takes its place.
func TestAcknowledgedIsAnswered(t *testing.T) {
	t.Parallel()
	onBothStores(t, func(t *testing.T, w *world) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
		defer cancel()
		first, second := w.start("one"), w.start("two")
		for id := byte(1); id <= 20; id++ {
			set := fmt.Sprint("set ", id%3)
			for i, e := range life(id) {
				w.told(set, e)
				if i > 0 {
					continue
				}
				for name, r := range map[string]replica{"one": first, "two": second} {
					got, err := r.jobs.GetJobStatus(ctx, &apipb.JobStatusRequest{JobIds: []string{job.ID{15: id}.String()}})
					if err != nil || got.GetJobStates()[job.ID{15: id}.String()] == apipb.JobState_UNKNOWN {
						t.Fatalf("job %d at replica %s: %v, %v", id, name, got, err)
					}
				}
			}
			info, err := second.submit.GetQueueInfo(ctx, &apipb.QueueInfoRequest{Name: "q"})
			if err != nil || len(info.GetActiveJobSets()) > 0 {
				t.Fatalf("after %d whole lives: %v, %v; want nothing active", id, info, err)
			}
			if id == 10 {
				first.stop()
				first = w.start("three")
			}
		}
		details, err := first.jobs.GetJobDetails(ctx, &apipb.JobDetailsRequest{JobIds: []string{job.ID{15: 3}.String()}, ExpandJobRun: true, ExpandJobSpec: true})
		must(t, err)
		if d := details.GetJobDetails()[job.ID{15: 3}.String()]; d.GetState() != apipb.JobState_SUCCEEDED || len(d.GetJobRuns()) != 1 || d.GetJobSpec() == nil {
			t.Errorf("details %v", d)
		}
		must(t, first.ready())
	})
}

// TestAStoppedProcessIsUnavailable: no rows move, so nobody is told that a job is
// unknown.
func TestAStoppedProcessIsUnavailable(t *testing.T) {
	t.Parallel()
	w := newWorld(t, app.NewMemoryStore())
	r := w.start("one")
	r.stop()
	w.told("s", submitted(1))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err := r.jobs.GetJobStatus(ctx, &apipb.JobStatusRequest{JobIds: []string{job.ID{15: 1}.String()}})
	if status.Code(err) != codes.Unavailable {
		t.Errorf("error %v, want Unavailable", err)
	}
}

func TestConfigValidate(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(*app.Config)
		valid  bool
	}{
		"the default":     {func(*app.Config) {}, true},
		"no ids":          {func(c *app.Config) { c.QueryItemsMax = 0 }, false},
		"too many ids":    {func(c *app.Config) { c.QueryItemsMax = 10_001 }, false},
		"no patience":     {func(c *app.Config) { c.CaughtUpWithin = 0 }, false},
		"a little of all": {func(c *app.Config) { c.QueryItemsMax, c.CaughtUpWithin = 1, time.Nanosecond }, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := app.DefaultConfig()
			test.change(&cfg)
			if err := cfg.Validate(); (err == nil) != test.valid {
				t.Errorf("error %v, valid %v", err, test.valid)
			}
		})
	}
}
