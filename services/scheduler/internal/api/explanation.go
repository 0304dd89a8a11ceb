package api

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	eventsv1 "github.com/fairlead-batch/fairlead/proto/gen/fairlead/events/v1"
	schedulerv1 "github.com/fairlead-batch/fairlead/proto/gen/fairlead/scheduler/v1"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/scheduler/internal/lead"
	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// unknownState is that of a job which the scheduler does not have.
const unknownState = "unknown"

// missing is what is said of a job that the scheduler does not have.
func missing(id job.ID) *schedulerv1.JobExplanation {
	return &schedulerv1.JobExplanation{JobId: id.String(), State: unknownState, Text: "The scheduler has no such job: it has ended, or never was.\n"}
}

func explanation(id job.ID, found lead.Explained) *schedulerv1.JobExplanation {
	out := &schedulerv1.JobExplanation{JobId: id.String()}
	out.State, out.Queue, out.JobSet = found.Job.State.String(), found.Queue, found.JobSet
	switch {
	case found.Why != nil:
		out.Why, out.Text = whyOut(found.Why), found.Why.Text()
	case found.Run != nil:
		out.Executor, out.Node, out.Pool = found.Run.Executor, found.Run.Node, found.Run.Pool
		out.Text = fmt.Sprintf("It does not wait: it is %s on node %s/%s of pool %s.\n", out.State, out.Executor, out.Node, out.Pool)
	default:
		out.Text = fmt.Sprintf("It does not wait: it is %s.\n", out.State)
	}
	return out
}

func timeOut(t schedule.Time) *timestamppb.Timestamp {
	if t == 0 {
		return nil
	}
	return timestamppb.New(time.Unix(0, int64(t)))
}

func whyOut(w *schedule.Why) *schedulerv1.Why {
	out := &schedulerv1.Why{
		Position: int64(w.Position), Queued: int64(w.Queued), Gang: string(w.Gang), MembersWaiting: int64(w.Waiting),
		Members: int64(w.Members), Cardinality: int64(w.Cardinality), GangMin: int64(w.Min), Starts: w.Starts, Blocks: blocksOut(w.Blocks, w),
		ReservedPool: string(w.Reservation.Pool), ReservedJobs: int64(len(w.Reservation.Members)), ReservedBy: timeOut(w.Reservation.Time),
	}
	for i := range w.Pools {
		p := &w.Pools[i]
		pool := &schedulerv1.PoolWhy{
			Pool: string(p.Pool), Host: string(p.Host), Share: part(p.Share), ShareAfter: part(p.After), IdealShare: part(p.Ideal), FairShare: part(p.Fair),
			Blocks: blocksOut(p.Blocks, w), Nodes: int64(p.Nodes), NearestNode: string(p.Nearest), Lacks: amountsOut(p.Lacks),
			MembersPlaced: int64(p.Placed), Preemption: schedulerv1.Preemption(p.Preemption), Starts: p.Starts,
		}
		for _, r := range p.Reasons {
			pool.Reasons = append(pool.Reasons, &schedulerv1.NodeCount{Reason: schedulerv1.NodeReason(r.Reason), Detail: r.Detail, Nodes: int64(r.Nodes)})
		}
		out.Pools = append(out.Pools, pool)
	}
	for i := range w.Changes {
		c := &w.Changes[i]
		out.Changes = append(out.Changes, &schedulerv1.Change{
			Kind: schedulerv1.ChangeKind(c.Kind), At: timeOut(c.At), Pool: string(c.Pool), PriorityClass: string(c.Class), Queue: string(c.Queue),
			Node: string(c.Node), Amounts: amountsOut(c.Amounts), Count: int64(c.Count), Text: c.Text(),
		})
	}
	return out
}

// blockRules are the rules on the wire, whose numbers stay though the round's change.
func blockRules() map[schedule.BlockRule]schedulerv1.BlockRule {
	return map[schedule.BlockRule]schedulerv1.BlockRule{
		schedule.QueueUndefined:  schedulerv1.BlockRule_BLOCK_RULE_QUEUE_UNDEFINED,
		schedule.QueueCordoned:   schedulerv1.BlockRule_BLOCK_RULE_QUEUE_CORDONED,
		schedule.GangIncomplete:  schedulerv1.BlockRule_BLOCK_RULE_GANG_INCOMPLETE,
		schedule.GangAboveBurst:  schedulerv1.BlockRule_BLOCK_RULE_GANG_ABOVE_BURST,
		schedule.GangAboveMax:    schedulerv1.BlockRule_BLOCK_RULE_GANG_ABOVE_MAX,
		schedule.BeyondLookback:  schedulerv1.BlockRule_BLOCK_RULE_BEYOND_LOOKBACK,
		schedule.TooEarly:        schedulerv1.BlockRule_BLOCK_RULE_TOO_EARLY,
		schedule.NoTokens:        schedulerv1.BlockRule_BLOCK_RULE_NO_TOKENS,
		schedule.NoQueueTokens:   schedulerv1.BlockRule_BLOCK_RULE_NO_QUEUE_TOKENS,
		schedule.AboveLimit:      schedulerv1.BlockRule_BLOCK_RULE_ABOVE_LIMIT,
		schedule.AboveQuota:      schedulerv1.BlockRule_BLOCK_RULE_ABOVE_QUOTA,
		schedule.ShortOfFloating: schedulerv1.BlockRule_BLOCK_RULE_SHORT_OF_FLOATING,
		schedule.AboveAPeriod:    schedulerv1.BlockRule_BLOCK_RULE_ABOVE_A_PERIOD,
		schedule.PeriodUsed:      schedulerv1.BlockRule_BLOCK_RULE_PERIOD_USED,
		schedule.GangFirst:       schedulerv1.BlockRule_BLOCK_RULE_GANG_FIRST,
		schedule.GangFull:        schedulerv1.BlockRule_BLOCK_RULE_GANG_FULL,
		schedule.OtherRule:       schedulerv1.BlockRule_BLOCK_RULE_OTHER,
	}
}

func blocksOut(blocks []schedule.Block, w *schedule.Why) (out []*schedulerv1.Block) {
	for _, b := range blocks {
		out = append(out, &schedulerv1.Block{
			Rule: blockRules()[b.Rule], Until: timeOut(b.Until), Have: b.Have, Need: b.Need, PriorityClass: string(b.Class),
			Resource: b.Resource, Text: b.Text(w), Queue: string(b.Queue),
			Group: string(b.Group),
		})
	}
	return out
}

func amountsOut(list []schedule.Amounts) (out []*eventsv1.ResourceAmount) {
	for _, a := range list {
		out = append(out, &eventsv1.ResourceAmount{Resource: a.Resource, Amount: a.Amount})
	}
	return out
}

// part is a share as a number from 0 to 1.
func part(share uint64) float64 { return float64(share) / (1 << 32) }

// answer is what came of a what-if.
func (s *supposed) answer(a *schedule.Answer) *schedulerv1.WhatIfResponse {
	out := &schedulerv1.WhatIfResponse{RunsPreempted: int64(len(a.Plan.Preempts)), Text: a.Text(s.name)}
	asked := map[schedule.JobID]bool{}
	for i := range a.Jobs {
		asked[a.Jobs[i].Job] = true
		out.Outcomes = append(out.Outcomes, s.outcome(&a.Jobs[i]))
	}
	for i := range a.Plan.Starts {
		if !asked[a.Plan.Starts[i].Job] {
			out.OthersStarted++
		}
	}
	for _, after := range a.After {
		c := &schedulerv1.ShareChange{Pool: string(after.Pool), Queue: string(after.Queue), After: part(after.Actual), IdealAfter: part(after.Ideal)}
		if at := slices.IndexFunc(a.Before, func(b schedule.Share) bool { return b.Pool == after.Pool && b.Queue == after.Queue }); at >= 0 {
			c.Before, c.IdealBefore = part(a.Before[at].Actual), part(a.Before[at].Ideal)
		}
		out.Shares = append(out.Shares, c)
	}
	return out
}

func (s *supposed) outcome(o *schedule.Outcome) *schedulerv1.Outcome {
	out := &schedulerv1.Outcome{Job: strings.TrimPrefix(s.name(o.Job), "job "), Result: unknownState, Reason: o.Rejected}
	if name, is := s.names[o.Job]; is {
		out.Job = name
	}
	switch {
	case o.Start != nil:
		out.Result, out.Node, out.Pool = "starts", string(o.Start.Node), string(o.Start.Pool)
	case o.Rejected != "":
		out.Result = "rejected"
	case o.Why != nil:
		out.Result = "waits"
	}
	if o.Why != nil {
		out.Why = whyOut(o.Why)
	}
	for _, p := range o.Preempts {
		out.Preempted = append(out.Preempted, &schedulerv1.Preempted{RunId: job.RunID(p.Run).String(), Reason: p.Rule.String()})
	}
	return out
}
