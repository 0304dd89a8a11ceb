package stream_test

import (
	"testing"

	"github.com/fairlead-batch/fairlead/services/eventapi/internal/stream"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// BenchmarkBook is what it costs to fold and tell a life that succeeds.
func BenchmarkBook(b *testing.B) {
	const jobs = 100
	var entries []stream.Entry
	for i := range lives()["succeeded"].events {
		var events []job.Event
		for n := range jobs {
			events = append(events, newLife(job.ID{1, byte(n)}).running(run1).succeeded(run1).events[i])
		}
		entries = append(entries, entryOf(uint64(i+1), set, events...))
	}
	book, bytes := stream.NewBook(), 0
	hear := func(message []byte) { bytes += len(message) }
	b.ReportAllocs()
	for b.Loop() {
		for _, e := range entries {
			if refused, err := book.Apply(e, func(stream.Set) stream.Hear { return hear }); refused > 0 || err != nil {
				b.Fatal(refused, err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*jobs), "ns/life")
	b.ReportMetric(float64(bytes)/float64(b.N*jobs), "B/life")
}
