package lead

import (
	"slices"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// post gathers the events of one step into as few entries as the limit allows.
// The events of a job are in one partition and keep their order.
type post struct {
	entries []postEntry
	// open is the index of the entry of a partition that still takes events.
	open map[uint32]int
}

type postEntry struct {
	partition uint32
	batches   []job.Batch
	events    int
	acks      []ack
}

// add takes events of one job set with one cause. They stay together in an entry.
func (p *post) add(set *jobSet, cause job.Cause, events []job.Event, acks []ack, entryEventsMax int) {
	i, open := p.open[set.partition]
	if !open || p.entries[i].events+len(events) > entryEventsMax {
		if p.open == nil {
			p.open = map[uint32]int{}
		}
		i = len(p.entries)
		p.entries = append(p.entries, postEntry{partition: set.partition})
		p.open[set.partition] = i
	}
	e := &p.entries[i]
	e.events += len(events)
	e.acks = append(e.acks, acks...)
	e.batches = appendBatch(e.batches, set, cause, events)
}

// appendBatch adds events to the newest batch where that is of the same job set
// and cause, else begins one.
func appendBatch(batches []job.Batch, set *jobSet, cause job.Cause, events []job.Event) []job.Batch {
	if n := len(batches); n > 0 {
		last := &batches[n-1]
		if last.Queue == set.queue && last.JobSet == set.name && sameCause(last.Cause, cause) {
			last.Events = append(last.Events, events...)
			return batches
		}
	}
	return append(batches, job.Batch{Queue: set.queue, JobSet: set.name, Cause: cause, Events: slices.Clone(events)})
}

func sameCause(a, b job.Cause) bool {
	return a.User == b.User && a.Service == b.Service && slices.Equal(a.Groups, b.Groups)
}

func (p *post) drafts(epoch uint64) []Draft {
	out := make([]Draft, len(p.entries))
	for i, e := range p.entries {
		out[i] = Draft{Partition: events(e.partition), Kind: eventlog.Facts, Epoch: epoch, Batches: e.batches}
	}
	return out
}

func (p *post) acks() [][]ack {
	out := make([][]ack, len(p.entries))
	for i, e := range p.entries {
		out[i] = e.acks
	}
	return out
}

func events(n uint32) eventlog.Partition {
	return eventlog.Partition{Stream: eventlog.Events, Number: n}
}
