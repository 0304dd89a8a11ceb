package lead

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// board is the round's state, told in the terms of the log. What the round refuses
// is a fact that it cannot know yet, or our bug; it is counted and the job waits.
type board struct {
	state *schedule.State
	cfg   schedule.Config
	specs specs
	// decisions are the assumed ones.
	decisions map[decision]schedule.DecisionID
	// reserving are those on reservations, by the job that they name, in the order in which
	// their events were written.
	reserving map[schedule.JobID][]schedule.DecisionID
	backoff   Backoff
	refused   uint64
}

// decision is what an own entry that is not read back decides on a run: its lease, or
// its end where going is set.
type decision struct {
	run   job.RunID
	going bool
}

func newBoard(cfg *schedule.Config, backoff Backoff) (*board, error) {
	state, err := schedule.New(*cfg)
	if err != nil {
		return nil, fmt.Errorf("make scheduling state: %w", err)
	}
	return &board{state: state, cfg: *cfg, specs: newSpecs(), backoff: backoff, decisions: map[decision]schedule.DecisionID{}, reserving: map[schedule.JobID][]schedule.DecisionID{}}, nil
}

func (b *board) apply(deltas ...schedule.Delta) {
	if b.state.Apply(deltas...) != nil {
		b.refused++
	}
}

// queued makes a job wait.
func (b *board) queued(rec *record) {
	if rec.gang != nil {
		b.apply(schedule.GangAdded{Gang: b.gangOf(rec)})
	}
	b.apply(schedule.JobQueued{Job: b.jobOf(rec)})
}

func (b *board) jobOf(rec *record) schedule.Job {
	j := schedule.Job{
		ID: schedule.JobID(rec.job.ID), Queue: schedule.QueueID(rec.set.queue), Shape: rec.spec.id,
		Priority: rec.job.Priority, Submitted: schedule.Time(rec.submitted),
	}
	if rec.gang != nil {
		j.Gang, j.Group = schedule.GangID(rec.gang.ID), schedule.GroupID(rec.gang.Group)
	}
	if rec.tried != nil {
		for _, node := range rec.tried.nodes {
			j.Avoid = append(j.Avoid, schedule.NodeID(node))
		}
		j.NotBefore = schedule.Time(rec.tried.at + job.Time(b.backoff.after(len(rec.tried.nodes))))
	}
	return j
}

// ended takes a job out of its queue, if it waits.
func (b *board) ended(rec *record) { b.apply(schedule.JobGone{Job: schedule.JobID(rec.job.ID)}) }

// held takes a job out of its queue that is to be cancelled and has not ended yet.
func (b *board) held(rec *record) { b.apply(schedule.JobHeld{Job: schedule.JobID(rec.job.ID)}) }

func (b *board) reprioritized(rec *record) {
	b.apply(schedule.JobReprioritized{Job: schedule.JobID(rec.job.ID), Priority: rec.job.Priority})
}

// assume lays an own lease, not read back yet, over the state.
func (b *board) assume(e job.LeasedEvent) {
	id, err := b.state.AssumeLeased(runOf(e))
	b.decided(decision{run: e.Run}, id, err)
}

// assumeGone lays an own preemption, not read back yet, over the state. The lease of
// the run may not be read back either.
func (b *board) assumeGone(run job.RunID) {
	id, err := b.state.AssumeReleasing(schedule.RunID(run))
	b.decided(decision{run: run, going: true}, id, err)
}

func (b *board) decided(d decision, id schedule.DecisionID, err error) {
	if err != nil {
		b.refused++
		return
	}
	b.decisions[d] = id
}

// settled: the decision, if there was one, is a fact now.
func (b *board) settled(d decision) {
	if id, assumed := b.decisions[d]; assumed {
		b.state.Settled(id)
		delete(b.decisions, d)
	}
}

// forget takes the decision of an event back, if it was one: the log refused it.
// With the lease of a run goes what was decided on its end.
func (b *board) forget(e job.Event) {
	run := job.RunOf(e)
	b.takeBack(decision{run: run, going: true})
	if _, lease := e.(job.LeasedEvent); lease {
		b.takeBack(decision{run: run})
	}
}

func (b *board) takeBack(d decision) {
	if id, assumed := b.decisions[d]; assumed {
		b.state.Forget(id)
		delete(b.decisions, d)
	}
}

// leased: the job has a node.
func (b *board) leased(e job.LeasedEvent) {
	b.apply(schedule.RunLeased{Run: runOf(e)})
	b.settled(decision{run: e.Run})
}

func (b *board) running(run job.RunID) {
	b.apply(schedule.RunPhased{Run: schedule.RunID(run), Phase: schedule.Running})
}

// releasing: the run must go and holds its node until its pod is gone.
func (b *board) releasing(run job.RunID) {
	b.apply(schedule.RunPhased{Run: schedule.RunID(run), Phase: schedule.Releasing})
	b.settled(decision{run: run, going: true})
}

// freed: the run holds its node no more, since a time; zero: it never did.
func (b *board) freed(run job.RunID, at job.Time) {
	b.gone(schedule.RunGone{Run: schedule.RunID(run), At: schedule.Time(at)})
}

// finished: the run ended of itself.
func (b *board) finished(run job.RunID, at job.Time) {
	b.gone(schedule.RunGone{Run: schedule.RunID(run), At: schedule.Time(at), Ended: true})
}

func (b *board) gone(d schedule.RunGone) {
	run := job.RunID(d.Run)
	b.apply(d)
	b.settled(decision{run: run, going: true})
}

func (b *board) queueSet(q Queue) {
	out := schedule.Queue{ID: schedule.QueueID(q.Name), Parent: schedule.QueueID(q.Parent), Weight: q.Weight, Cordoned: q.Cordoned}
	for _, l := range q.Limits {
		out.Limits = append(out.Limits, schedule.ClassLimit{Class: schedule.ClassID(l.Class), Pool: schedule.PoolID(l.Pool), Limit: l.Fraction})
	}
	for _, quota := range q.Quotas {
		out.Quotas = append(out.Quotas, schedule.Quota{Pool: schedule.PoolID(quota.Pool), Guarantee: quota.Guarantee, Borrow: quota.Borrow, Lend: quota.Lend})
	}
	b.apply(schedule.QueueSet{Queue: out})
}

func (b *board) queueDeleted(name string) {
	b.apply(schedule.QueueGone{Queue: schedule.QueueID(name)})
}

func (b *board) nodeSet(e *executor, n Node) {
	pool := n.Pool
	if pool == "" {
		pool = e.pool
	}
	out := schedule.Node{
		ID: nodeID(e.name, n.Name), Executor: schedule.ExecutorID(e.name), Pool: schedule.PoolID(pool),
		Total: b.amounts(n.Total), Other: b.amounts(n.UsedByOthers), Labels: n.Labels, Unschedulable: n.Unschedulable,
	}
	if n.MaxPods > 0 {
		out.MaxPods = max(1, n.MaxPods-n.PodsOfOthers)
	}
	for _, t := range n.Taints {
		out.Taints = append(out.Taints, schedule.Taint{Key: t.Key, Value: t.Value, Effect: t.Effect})
	}
	b.apply(schedule.NodeSet{Node: out})
}

func (b *board) nodeGone(executor, name string) {
	b.apply(schedule.NodeGone{Node: nodeID(executor, name)})
}

func (b *board) online(executor string) {
	b.apply(schedule.ExecutorBack{Executor: schedule.ExecutorID(executor)})
}

func (b *board) offline(executor string) {
	b.apply(schedule.ExecutorLost{Executor: schedule.ExecutorID(executor)})
}

func (b *board) plan(r schedule.Round) *schedule.Plan { return b.state.Plan(r) }

func (b *board) amounts(list []job.Amount) schedule.Vec {
	out := make(schedule.Vec, len(b.cfg.Resources))
	for i, name := range b.cfg.Resources {
		for _, r := range list {
			if r.Resource == name {
				out[i] = max(0, min(r.Value, schedule.AmountMax))
			}
		}
	}
	return out
}

// nothing is an amount of no resource.
func (b *board) nothing() schedule.Vec { return make(schedule.Vec, len(b.cfg.Resources)) }

// addRequest adds what a job of a spec asks for of the resources that the configuration names.
func (b *board) addRequest(to schedule.Vec, s *spec) {
	for _, r := range s.shape.Requests {
		if i := slices.Index(b.cfg.Resources, r.Resource); i >= 0 {
			to[i] += r.Value
		}
	}
}

// nodeID names a node over all executors.
func nodeID(executor, node string) schedule.NodeID { return schedule.NodeID(executor + "/" + node) }

func splitNode(id schedule.NodeID) (executor, node string) {
	executor, node, _ = strings.Cut(string(id), "/")
	return executor, node
}

func runOf(e job.LeasedEvent) schedule.Run {
	return schedule.Run{
		ID: schedule.RunID(e.Run), Job: schedule.JobID(e.Job), Node: nodeID(e.Executor, e.Node), Pool: schedule.PoolID(e.Pool),
		Level: e.Level, Since: schedule.Time(e.Time), Phase: schedule.Leased,
	}
}

func matchOf(s *job.Shape) schedule.Match {
	m := schedule.Match{}
	for _, l := range s.NodeSelector {
		if m.Selector == nil {
			m.Selector = map[string]string{}
		}
		m.Selector[l.Key] = l.Value
	}
	for _, t := range s.NodeAffinity {
		m.Terms = append(m.Terms, schedule.Term{Labels: expressionsOf(t.Labels), Name: expressionsOf(t.Fields)})
	}
	for _, t := range s.Tolerations {
		m.Tolerations = append(m.Tolerations, schedule.Toleration(t))
	}
	return m
}

func expressionsOf(list []job.NodeExpression) (out []schedule.Expression) {
	for _, e := range list {
		out = append(out, schedule.Expression{Key: e.Key, Operator: e.Operator, Values: e.Values})
	}
	return out
}
