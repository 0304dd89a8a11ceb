package eventwire_test

import (
	"fmt"
	"testing"

	"github.com/fairlead-batch/fairlead/services/internal/eventwire"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// entries are bodies as the log holds most of: 100 facts of one sort.
func entries() map[string]eventwire.Body {
	specs, shapes := make([]*job.PodSpec, 25), make([]*job.Shape, 25)
	for i := range specs {
		specs[i] = &job.PodSpec{Bytes: make([]byte, 500)}
		shapes[i] = &job.Shape{Requests: []job.Amount{{Resource: "cpu", Value: int64(100 + i)}, {Resource: "memory", Value: 64 << 20}}}
	}
	submitted, running := make([]job.Event, 100), make([]job.Event, 100)
	for i := range submitted {
		head := job.Head{Job: job.ID{1, byte(i)}, Time: 1_700_000_000_000_000_000}
		submitted[i] = job.SubmittedEvent{
			Head: head, Class: "armada-default", Namespace: "default", Spec: specs[i%25], Shape: shapes[i%25],
			Labels: map[string]string{"sweep": "bench", "member": fmt.Sprint(i)}, Annotations: map[string]string{"sim/run-duration": "100ms"},
		}
		running[i] = job.RunRunningEvent{Head: head, Run: job.RunID{2, byte(i)}, Pod: job.Pod{
			Name: "armada-01hf7yat00000000000000000a-0", Namespace: "default", UID: "6a5f0e9c-7c1e-4ad0-9a55-8a2f3c1d2e4f", Node: "node-12",
		}}
	}
	cause := job.Cause{User: "ann", Groups: []string{"team"}, Service: "submit"}
	return map[string]eventwire.Body{
		"submitted": {Batches: []eventwire.Batch{{Queue: "q", JobSet: "s", Cause: cause, Events: submitted}}},
		"running":   {Batches: []eventwire.Batch{{Queue: "q", JobSet: "s", Cause: cause, Events: running}}},
	}
}

// BenchmarkEncodeFacts and BenchmarkDecodeFacts are of 100 facts.
func BenchmarkEncodeFacts(b *testing.B) {
	for name, body := range entries() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := eventwire.Encode(body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDecodeFacts(b *testing.B) {
	for name, body := range entries() {
		b.Run(name, func(b *testing.B) {
			raw, err := eventwire.Encode(body)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := eventwire.Decode(raw); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
