package events

import (
	executorv1 "github.com/fairlead-batch/fairlead/proto/gen/fairlead/executor/v1"
	"github.com/fairlead-batch/fairlead/services/executor/internal/lease"
	"github.com/fairlead-batch/fairlead/services/internal/eventwire"
)

// Up writes what the executor says. The result shares memory with m, which is not
// to be changed after.
func Up(m lease.UpMessage) *executorv1.Up {
	switch m := m.(type) {
	case lease.Hello:
		return &executorv1.Up{Message: &executorv1.Up_Hello{Hello: hello(m)}}
	case lease.NodeChanges:
		return &executorv1.Up{Message: &executorv1.Up_Nodes{Nodes: &executorv1.NodeChanges{Changed: nodes(m.Changed), Gone: m.Gone}}}
	case lease.Reports:
		return &executorv1.Up{Message: &executorv1.Up_Reports{Reports: reports(m)}}
	case lease.Heartbeat:
		return &executorv1.Up{Message: &executorv1.Up_Heartbeat{Heartbeat: &executorv1.Heartbeat{Number: m.Number}}}
	}
	panic("events: a message of no known type") // unreachable: the set is closed
}

func hello(m lease.Hello) *executorv1.Hello {
	out := &executorv1.Hello{
		Installation: m.Installation, Executor: m.Executor, Pool: m.Pool, Session: m.Session[:], Epoch: m.Epoch,
		Runs: make([]*executorv1.KnownRun, len(m.Runs)), Nodes: nodes(m.Nodes), Last: m.Last,
	}
	for i := range m.Runs {
		r := &m.Runs[i]
		out.Runs[i] = &executorv1.KnownRun{Run: r.Run[:], Job: r.Job[:], Phase: phase(r.Phase)}
	}
	return out
}

func phase(p lease.RunPhase) executorv1.RunPhase {
	switch p {
	case lease.PhaseLeased:
		return executorv1.RunPhase_RUN_PHASE_LEASED
	case lease.PhasePending:
		return executorv1.RunPhase_RUN_PHASE_PENDING
	case lease.PhaseRunning:
		return executorv1.RunPhase_RUN_PHASE_RUNNING
	case lease.PhaseEnded:
		return executorv1.RunPhase_RUN_PHASE_ENDED
	case lease.PhaseReleasing:
		return executorv1.RunPhase_RUN_PHASE_RELEASING
	}
	return executorv1.RunPhase_RUN_PHASE_UNSPECIFIED
}

func nodes(list []lease.Node) []*executorv1.Node {
	out := make([]*executorv1.Node, len(list))
	for i, n := range list {
		out[i] = &executorv1.Node{
			Name: n.Name, Pool: n.Pool, Total: eventwire.Amounts(n.Total), UsedByOthers: eventwire.Amounts(n.UsedByOthers),
			Labels: n.Labels, Unschedulable: n.Unschedulable, MaxPods: n.MaxPods, PodsOfOthers: n.PodsOfOthers,
		}
		for _, t := range n.Taints {
			out[i].Taints = append(out[i].Taints, &executorv1.Taint{Key: t.Key, Value: t.Value, Effect: t.Effect})
		}
	}
	return out
}

func reports(m lease.Reports) *executorv1.Reports {
	out := &executorv1.Reports{Reports: make([]*executorv1.Report, len(m.Reports))}
	for i, r := range m.Reports {
		out.Reports[i] = &executorv1.Report{Number: r.Number, Event: eventwire.Report(r.Event)}
	}
	return out
}
