package schedule

import (
	"fmt"
	"slices"
	"strings"
)

// Question is what a what-if asks.
type Question struct {
	// Config is other rules to go by; nil: those that the state has. It costs as much as
	// loading the content anew.
	Config *Config
	// Facts are supposed, in order: jobs and their shapes, nodes, queues, whatever ends.
	Facts []Delta
	// Jobs are asked about, beside those that Facts queue.
	Jobs  []JobID
	Round Round
}

// Answer is what would come of a round.
type Answer struct {
	// Plan is what the round would decide, on all jobs that wait.
	Plan *Plan
	// Jobs are those that are asked about, in the order of the question.
	Jobs []Outcome
	// Before are the queues' shares as things are, After those once the plan was carried
	// out.
	Before, After []Share
}

// Outcome is what a round would do to a job.
type Outcome struct {
	Job JobID
	// Start is where it would start; nil: it would not.
	Start *Start
	// Preempts are the runs that would be preempted for it.
	Preempts []Preempt
	// Rejected says why no node could ever hold it; empty: some could, or the round was not
	// asked to reject.
	Rejected string
	// Why is why it would wait after the round; nil: it would start, or is none that waits.
	Why *Why
}

// WhatIf runs a round on a fork of which something more is true. The state is as before.
// Errors: ErrInvalid, for rules and facts that New and Apply refuse.
func (s *State) WhatIf(q Question) (*Answer, error) { return s.Fork().WhatIfHere(q) }

// WhatIfHere is WhatIf on a fork that the caller made and is done with: what is supposed
// stays in it.
func (s *State) WhatIfHere(q Question) (*Answer, error) {
	a := &Answer{Before: s.Shares(q.Round.Now)}
	if q.Config != nil {
		loaded, err := Load(q.Config, s.rows(true))
		if err != nil {
			return nil, fmt.Errorf("what if the rules were others: %w", err)
		}
		s = loaded
	}
	if err := s.Apply(q.Facts...); err != nil {
		return nil, fmt.Errorf("what if: %w", err)
	}
	a.Plan = s.Plan(q.Round)
	if err := s.carryOut(a.Plan, q.Round.Now); err != nil {
		return nil, fmt.Errorf("what if, after the round: %w", err)
	}
	a.After = s.Shares(q.Round.Now)
	for _, id := range q.jobs() {
		a.Jobs = append(a.Jobs, s.outcome(a.Plan, id, q.Round.Now))
	}
	return a, nil
}

// jobs are those that are asked about.
func (q *Question) jobs() []JobID {
	var out []JobID
	for _, d := range q.Facts {
		if queued, is := d.(JobQueued); is && !slices.Contains(q.Jobs, queued.Job.ID) {
			out = append(out, queued.Job.ID)
		}
	}
	return append(out, q.Jobs...)
}

// carryOut makes facts of a plan, with runs named after their jobs.
func (s *State) carryOut(plan *Plan, now Time) error {
	for _, p := range plan.Preempts {
		if err := s.Apply(RunPhased{Run: p.Run, Phase: Releasing}); err != nil {
			return err
		}
	}
	for i := range plan.Starts {
		start := &plan.Starts[i]
		r := Run{Job: start.Job, Node: start.Node, Pool: start.Pool, Level: start.Level, Since: now, Phase: Leased}
		for b, of := range start.Job {
			r.ID[b] = ^of
		}
		if err := s.Apply(RunLeased{Run: r}); err != nil {
			return err
		}
	}
	return nil
}

func (s *State) outcome(plan *Plan, id JobID, now Time) Outcome {
	out := Outcome{Job: id}
	for i := range plan.Starts {
		if plan.Starts[i].Job == id {
			out.Start = &plan.Starts[i]
		}
	}
	for _, p := range plan.Preempts {
		if p.For == id {
			out.Preempts = append(out.Preempts, p)
		}
	}
	for _, r := range plan.Rejects {
		if r.Job == id {
			out.Rejected = r.Reason
		}
	}
	if why, waits := s.Why(id, now); waits {
		out.Why = &why
	}
	return out
}

// Shares are the queues' shares of each pool at a moment, as a round begins with them.
func (s *State) Shares(now Time) []Share {
	p := &s.rounds
	p.begin(s, Round{Now: now})
	p.parking.idle = true
	defer p.end()
	for pool := range p.cfg.Pools {
		p.enter(homeOf(pool))
	}
	return p.plan.Shares
}

// Capacity is what a pool has in all: its nodes, beside pods of others, what its hosts' nodes
// have for it, and of floating resources.
func (s *State) Capacity(pool PoolID) Vec {
	sum := make(Vec, len(s.cfg.Resources))
	for i := range s.nodes {
		if n := &s.nodes[i]; n.known && n.Pool == pool {
			sum.add(n.Total)
			sum.sub(n.Other)
		}
	}
	if at, is := s.poolOf[pool]; is && s.planned(at) {
		s.addHosts(at, sum)
		for r, floats := range s.isFloating {
			if floats {
				sum[r] = s.room(s.floatingOf, at)[r]
			}
		}
	}
	return sum
}

// Queue is a queue that is defined. What it shares with the state nobody may change.
func (s *State) Queue(id QueueID) (Queue, bool) {
	h, is := s.queueOf[id]
	if !is || !s.queues[h].known {
		return Queue{}, false
	}
	return s.queues[h].Queue, true
}

// Node is a node that is known.
func (s *State) Node(id NodeID) (Node, bool) {
	h, is := s.nodeOf[id]
	if !is || !s.nodes[h].known {
		return Node{}, false
	}
	return s.nodes[h].Node, true
}

// Text is the answer for people; name says what a job is called.
func (a *Answer) Text(name func(JobID) string) string {
	var b strings.Builder
	for i := range a.Jobs {
		a.Jobs[i].write(&b, name)
	}
	others := 0
	for i := range a.Plan.Starts {
		if !slices.ContainsFunc(a.Jobs, func(o Outcome) bool { return o.Job == a.Plan.Starts[i].Job }) {
			others++
		}
	}
	fmt.Fprintf(&b, "The round would start %s that nobody asked about, and preempt %s in all.\n", count(others, "job"), count(len(a.Plan.Preempts), "run"))
	for _, after := range a.After {
		before := Share{}
		if at := slices.IndexFunc(a.Before, func(s Share) bool { return s.Pool == after.Pool && s.Queue == after.Queue }); at >= 0 {
			before = a.Before[at]
		}
		if before.Actual != after.Actual || before.Ideal != after.Ideal {
			fmt.Fprintf(&b, "Queue %q of pool %s: from %s to %s; its ideal share from %s to %s.\n", after.Queue, after.Pool,
				percent(before.Actual), percent(after.Actual), percent(before.Ideal), percent(after.Ideal))
		}
	}
	return b.String()
}

func (o *Outcome) write(b *strings.Builder, name func(JobID) string) {
	switch {
	case o.Start != nil:
		fmt.Fprintf(b, "%s would start on node %s of pool %s", name(o.Job), o.Start.Node, o.Start.Pool)
		if len(o.Preempts) > 0 {
			fmt.Fprintf(b, ", for which %s would be preempted", count(len(o.Preempts), "run"))
		}
		if len(o.Start.After) > 0 {
			fmt.Fprintf(b, ", once %s there ended", count(len(o.Start.After), "run"))
		}
		b.WriteString(".\n")
	case o.Rejected != "":
		fmt.Fprintf(b, "%s would be rejected: %s.\n", name(o.Job), o.Rejected)
	case o.Why != nil:
		fmt.Fprintf(b, "%s would wait.\n", name(o.Job))
		for line := range strings.Lines(o.Why.Text()) {
			b.WriteString("  " + line)
		}
	default:
		fmt.Fprintf(b, "%s is no job that waits.\n", name(o.Job))
	}
}
