package api

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/fairlead-batch/fairlead/proto/gen/schedulerobjects"
	"github.com/fairlead-batch/fairlead/services/internal/fault"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/scheduler/internal/lead"
	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// nothing is the report on what is not known, as Armada has it.
const nothing = "none"

// Reporting answers schedulerobjects.SchedulerReporting, in text as Armada's. It is safe for
// concurrent use.
type Reporting struct {
	schedulerobjects.UnimplementedSchedulerReportingServer

	questions *Questions
}

// NewReporting makes it of a server of questions, whose limits it shares.
func NewReporting(questions *Questions) *Reporting { return &Reporting{questions: questions} }

// GetSchedulingReport tells of the newest rounds.
func (r *Reporting) GetSchedulingReport(ctx context.Context, req *schedulerobjects.SchedulingReportRequest) (*schedulerobjects.SchedulingReport, error) {
	if of := req.GetMostRecentForJob(); of != nil {
		text, err := r.job(ctx, of.GetJobId())
		return &schedulerobjects.SchedulingReport{Report: text}, err
	}
	text, err := r.rounds(ctx, req.GetMostRecentForQueue().GetQueueName(), req.GetVerbosity())
	return &schedulerobjects.SchedulingReport{Report: text}, err
}

// GetQueueReport tells of a queue's shares and of the newest round that dealt with it.
func (r *Reporting) GetQueueReport(ctx context.Context, req *schedulerobjects.QueueReportRequest) (*schedulerobjects.QueueReport, error) {
	if req.GetQueueName() == "" {
		return nil, fault.NewInvalid(fault.Violation{Field: "queueName", Rule: "must not be empty"})
	}
	text, err := r.rounds(ctx, req.GetQueueName(), req.GetVerbosity())
	return &schedulerobjects.QueueReport{Report: text}, err
}

// GetJobReport says why a job waits, or where it is.
func (r *Reporting) GetJobReport(ctx context.Context, req *schedulerobjects.JobReportRequest) (*schedulerobjects.JobReport, error) {
	text, err := r.job(ctx, req.GetJobId())
	return &schedulerobjects.JobReport{Report: text}, err
}

func (r *Reporting) job(ctx context.Context, text string) (string, error) {
	id, err := job.ParseID(text)
	if err != nil {
		return "", fault.NewInvalid(fault.Violation{Field: "jobId", Rule: text + " is not a valid jobId"})
	}
	if err := r.questions.take(1); err != nil {
		return "", err
	}
	now := r.questions.mind.Now()
	out := nothing
	err = r.questions.mind.Ask(ctx, func(core *lead.Core) {
		if found, known := core.Explain(id, job.Time(now.UnixNano())); known {
			e := explanation(id, found)
			out = fmt.Sprintf("Time: %s\nJob id: %s\nQueue: %s\n%s", now.UTC().Format(time.RFC3339), id, e.GetQueue(), e.GetText())
		}
	})
	return out, err
}

// seenPool is what a report says of a pool beside the rounds.
type seenPool struct {
	name string
	// resources are those of amounts, in their order.
	resources []string
	capacity  schedule.Vec
	shares    []schedule.Share
	// leads says that this replica decides: it knows all rounds since it does.
	leads bool
	// spot is the spot price, as text; empty: there is none.
	spot string
}

// rounds is the newest round of each pool; of one that dealt with a queue where one is named.
func (r *Reporting) rounds(ctx context.Context, queue string, verbosity int32) (string, error) {
	if err := r.questions.take(1); err != nil {
		return "", err
	}
	now := job.Time(r.questions.mind.Now().UnixNano())
	var pools []seenPool
	known := queue == ""
	err := r.questions.mind.Ask(ctx, func(core *lead.Core) {
		known = known || core.KnowsQueue(queue)
		shares := core.Shares(now)
		for _, id := range core.Rules().Pools {
			seen := seenPool{name: string(id), leads: core.Leading(), resources: core.Rules().Resources, capacity: core.Capacity(string(id))}
			if price, is := core.SpotPrice(string(id)); is {
				seen.spot = strconv.FormatFloat(float64(price)/schedule.Million, 'f', -1, 64)
			}
			for _, s := range shares {
				if s.Pool == id {
					seen.shares = append(seen.shares, s)
				}
			}
			pools = append(pools, seen)
		}
	})
	if err != nil {
		return "", err
	}
	if !known {
		return nothing, nil
	}
	var b strings.Builder
	list := r.questions.mind.Rounds()
	for i := range pools {
		pools[i].write(&b, list, queue, verbosity > 0 || queue != "")
	}
	return b.String(), nil
}

// write writes a pool's block, with a line a queue where each is wanted.
func (p *seenPool) write(b *strings.Builder, list []RoundTook, queue string, each bool) { //nolint:revive // how much to tell
	fmt.Fprintf(b, "Pool %s\n  Total capacity: %s\n", p.name, p.amounts(p.capacity))
	if p.spot != "" {
		fmt.Fprintf(b, "  Spot price: %s\n", p.spot)
	}
	round := p.newest(list, queue)
	if round == nil {
		b.WriteString("  Newest round: " + p.noRound() + "\n")
	} else {
		p.writeRound(b, round, queue)
	}
	for _, s := range p.shares {
		if each && (queue == "" || string(s.Queue) == queue) {
			fmt.Fprintf(b, "  Queue %s: share %.4f, ideal %.4f, fair %.4f\n", s.Queue, part(s.Actual), part(s.Ideal), part(s.Fair))
		}
	}
}

// newest is the newest round that did something in the pool to a queue, or, where none is
// named, the newest of all.
func (p *seenPool) newest(list []RoundTook, queue string) *RoundTook {
	for i := range list {
		if queue == "" {
			return &list[i]
		}
		for _, q := range list[i].Queues {
			if q.Pool == p.name && q.Queue == queue {
				return &list[i]
			}
		}
	}
	return nil
}

func (p *seenPool) writeRound(b *strings.Builder, r *RoundTook, queue string) {
	began := time.Unix(0, int64(r.At)).UTC()
	fmt.Fprintf(b, "  Started: %s\n  Finished: %s\n  Duration: %s\n  Termination reason: %s\n",
		began.Format(time.RFC3339Nano), began.Add(r.Took).Format(time.RFC3339Nano), r.Took, stopText(r.Stop))
	started, gangs, preempted := 0, 0, 0
	scheduled, lost := make(schedule.Vec, len(p.resources)), make(schedule.Vec, len(p.resources))
	for _, q := range r.Queues {
		if q.Pool != p.name || queue != "" && q.Queue != queue {
			continue
		}
		started, gangs, preempted = started+q.Started, gangs+q.Gangs, preempted+q.Preempted
		for i := range p.resources {
			scheduled[i] += q.Scheduled[i]
			lost[i] += q.Lost[i]
		}
	}
	fmt.Fprintf(b, "  Number of gangs scheduled: %d\n  Number of jobs scheduled: %d\n  Number of jobs preempted: %d\n", gangs, started, preempted)
	fmt.Fprintf(b, "  Resources scheduled: %s\n  Resources preempted: %s\n", p.asked(scheduled), p.asked(lost))
	for _, q := range r.Queues {
		if q.Pool == p.name && (queue == "" || q.Queue == queue) {
			fmt.Fprintf(b, "  Queue %s: %d jobs scheduled", q.Queue, q.Started)
			if q.Started > 0 {
				fmt.Fprintf(b, " (e.g., %s)", q.Example)
			}
			fmt.Fprintf(b, ", %d preempted\n", q.Preempted)
		}
	}
}

// noRound is why no round is told.
func (p *seenPool) noRound() string {
	if !p.leads {
		return nothing + " here, for another replica leads; the rest is as this one knows it"
	}
	return nothing
}

// amounts are amounts of all resources.
func (p *seenPool) amounts(list schedule.Vec) string {
	out := make([]string, len(list))
	for i, amount := range list {
		out[i] = p.amount(i, amount)
	}
	return strings.Join(out, ", ")
}

// asked are those of which there is something.
func (p *seenPool) asked(list schedule.Vec) string {
	var out []string
	for i, amount := range list {
		if amount != 0 {
			out = append(out, p.amount(i, amount))
		}
	}
	return cmp.Or(strings.Join(out, ", "), nothing)
}

func (p *seenPool) amount(resource int, n int64) string {
	return p.resources[resource] + " " + schedule.Amount(p.resources[resource], n)
}

func stopText(s schedule.Stop) string {
	switch s {
	case schedule.StopDone:
		return "nothing more could be decided"
	case schedule.StopBudget:
		return "the round's budget of steps was used up"
	case schedule.StopLimit:
		return "as many jobs as may at a time were started"
	}
	return nothing
}
