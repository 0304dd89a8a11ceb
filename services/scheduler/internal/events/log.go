package events

import (
	"errors"
	"fmt"
	"math"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/eventwire"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/scheduler/internal/lead"
)

// Read decodes a run of the log. The error is eventlog.ErrNewer: the partition
// cannot be read on by this program.
func Read(run eventlog.Run) (lead.LogRead, error) {
	in := lead.LogRead{Run: run, Bodies: make([]lead.Body, len(run.Entries))}
	for i, e := range run.Entries {
		if e.Damage != nil || e.Kind != eventlog.Facts {
			continue
		}
		body, err := eventwire.Read(e)
		if errors.Is(err, eventlog.ErrNewer) {
			return lead.LogRead{}, fmt.Errorf("%s at %s: %w", run.Partition, e.At, err)
		}
		if err != nil {
			in.Bodies[i] = lead.Body{Damage: err}
			continue
		}
		in.Bodies[i] = lead.Body{Batches: body.Batches, Commands: body.Commands, Settings: settings(body.Settings)}
	}
	return in, nil
}

// Drafts encodes what the core wants to append.
func Drafts(list []lead.Draft) ([]eventlog.Draft, error) {
	out := make([]eventlog.Draft, len(list))
	for i, d := range list {
		out[i] = eventlog.Draft{
			Partition: d.Partition, Kind: d.Kind, Epoch: d.Epoch,
			Plan: d.Plan, Part: d.Part, Parts: d.Parts,
		}
		if d.Kind != eventlog.Facts {
			continue
		}
		body, err := eventwire.Encode(eventwire.Body{Batches: d.Batches})
		if err != nil {
			return nil, fmt.Errorf("encode entry for %s: %w", d.Partition, err)
		}
		out[i].Body = body
	}
	return out, nil
}

func settings(list []eventwire.Setting) []lead.Setting {
	out := make([]lead.Setting, len(list))
	for i, s := range list {
		out[i] = lead.Setting{Generation: s.Generation, Deleted: s.QueueDeleted}
		if s.LogCreated != nil {
			out[i].Created = &lead.Created{Installation: s.LogCreated.Installation, Partitions: s.LogCreated.Partitions}
		}
		if s.QueueSet != nil {
			out[i].Queue = queue(s.QueueSet)
		}
	}
	return out
}

// million is the unit of weights and fractions in the round: it has no floats.
const million = 1_000_000

func queue(q *eventwire.Queue) *lead.Queue {
	out := &lead.Queue{Name: q.Name, Weight: weight(q.PriorityFactor), Cordoned: q.Cordoned, Parent: q.Parent}
	for _, l := range q.Limits {
		limit := lead.ClassLimit{Class: l.Class, Pool: l.Pool, Fraction: make(map[string]int64, len(l.MaximumFraction))}
		for resource, fraction := range l.MaximumFraction {
			limit.Fraction[resource] = int64(math.Round(min(max(fraction, 0), 1) * million))
		}
		out.Limits = append(out.Limits, limit)
	}
	for _, quota := range q.Quotas {
		out.Quotas = append(out.Quotas, lead.Quota(quota))
	}
	return out
}

// weight is 1 / priority factor in millionths, at least 1. Submit refuses factors
// below 1; an old entry with one counts as 1.
func weight(priorityFactor float64) int64 {
	return max(1, int64(math.Round(million/max(1, priorityFactor))))
}

// Payload is what a lease needs of a submitted job beside the core's decision.
type Payload struct {
	Submitted job.SubmittedEvent
	Cause     job.Cause
}

// Payloads reads the submitted jobs of an entry's body.
func Payloads(body []byte) (map[job.ID]Payload, error) {
	decoded, err := eventwire.Decode(body)
	if err != nil {
		return nil, fmt.Errorf("decode a submitted entry: %w", err)
	}
	out := map[job.ID]Payload{}
	for _, batch := range decoded.Batches {
		for _, e := range batch.Events {
			if e, ok := e.(job.SubmittedEvent); ok {
				out[e.Job] = Payload{Submitted: e, Cause: batch.Cause}
			}
		}
	}
	return out, nil
}
