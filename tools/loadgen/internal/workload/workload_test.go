package workload_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/fairlead-batch/fairlead/proto/gen/api"
	"github.com/fairlead-batch/fairlead/tools/loadgen/internal/workload"
)

// TestJobs: a list of jobs has so many different specs, and what its kind says.
func TestJobs(t *testing.T) {
	t.Parallel()
	jobs := workload.Jobs(workload.Kind{MilliCPU: 100, Runs: time.Second, ExitCode: 3}, 2*workload.Specs)
	distinct := map[string]bool{}
	for _, j := range jobs {
		distinct[j.GetPodSpecs()[0].String()] = true
		if got := j.GetAnnotations(); got["sim/run-duration"] != "1s" || got["sim/exit-code"] != "3" {
			t.Fatalf("annotations %v", got)
		}
	}
	if len(distinct) != workload.Specs {
		t.Errorf("%d different specs, want %d", len(distinct), workload.Specs)
	}
}

func TestRead(t *testing.T) {
	t.Parallel()
	at := time.Unix(100, 0).UTC()
	m := &api.EventStreamMessage{Message: &api.EventMessage{Events: &api.EventMessage_Leased{
		Leased: &api.JobLeasedEvent{JobId: "j", Created: timestamppb.New(at)},
	}}}
	got, ok := workload.Read(m)
	if want := (workload.Event{Kind: "leased", Job: "j", Created: at}); !ok || got != want {
		t.Errorf("read %+v, %v; want %+v", got, ok, want)
	}
	if _, ok := workload.Read(&api.EventStreamMessage{Message: &api.EventMessage{}}); ok {
		t.Error("a message of no kind was read")
	}
}

func TestEnded(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		message          *api.EventMessage
		ended, succeeded bool
	}{
		"running":   {message: &api.EventMessage{Events: &api.EventMessage_Running{}}},
		"succeeded": {message: &api.EventMessage{Events: &api.EventMessage_Succeeded{}}, ended: true, succeeded: true},
		"failed":    {message: &api.EventMessage{Events: &api.EventMessage_Failed{}}, ended: true},
		"cancelled": {message: &api.EventMessage{Events: &api.EventMessage_Cancelled{}}, ended: true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if ended, succeeded := workload.Ended(&api.EventStreamMessage{Message: test.message}); ended != test.ended || succeeded != test.succeeded {
				t.Errorf("ended %v, succeeded %v", ended, succeeded)
			}
		})
	}
}
