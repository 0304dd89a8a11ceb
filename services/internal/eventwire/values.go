package eventwire

import (
	"cmp"
	"slices"

	eventsv1 "github.com/fairlead-batch/fairlead/proto/gen/fairlead/events/v1"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// The small values that events are made of, each way. The lists keep nil for
// empty, so that a value reads back as it was written.

func cause(c job.Cause) *eventsv1.Cause {
	return &eventsv1.Cause{User: c.User, Groups: c.Groups, Service: c.Service}
}

func causeFrom(c *eventsv1.Cause) job.Cause {
	return job.Cause{User: c.GetUser(), Groups: c.GetGroups(), Service: c.GetService()}
}

func gang(g job.Gang) *eventsv1.Gang {
	if g == (job.Gang{}) {
		return nil
	}
	return &eventsv1.Gang{
		Id: g.ID, Cardinality: g.Cardinality, NodeUniformityLabel: g.UniformityLabel, Tier: g.Tier, Group: g.Group, GroupTiers: g.GroupTiers,
		Min: g.Min, Want: g.Want, GroupMins: g.GroupMins, GroupWants: g.GroupWants, GroupLabels: g.GroupLabels,
	}
}

func gangFrom(g *eventsv1.Gang) job.Gang {
	return job.Gang{
		ID: g.GetId(), Cardinality: g.GetCardinality(), UniformityLabel: g.GetNodeUniformityLabel(),
		Tier: g.GetTier(), Group: g.GetGroup(), GroupTiers: g.GetGroupTiers(),
		Min: g.GetMin(), Want: g.GetWant(), GroupMins: g.GetGroupMins(), GroupWants: g.GetGroupWants(), GroupLabels: g.GetGroupLabels(),
	}
}

func shape(s *job.Shape) *eventsv1.Shape {
	out := &eventsv1.Shape{
		Tolerations: tolerations(s.Tolerations), Requests: Amounts(s.Requests), PriceBand: s.PriceBand,
		LimitSeconds: s.LimitSeconds, ExpectSeconds: s.ExpectSeconds,
	}
	for _, l := range s.NodeSelector {
		out.NodeSelector = append(out.NodeSelector, &eventsv1.Label{Key: l.Key, Value: l.Value})
	}
	for _, term := range s.NodeAffinity {
		out.NodeAffinity = append(out.NodeAffinity, &eventsv1.NodeTerm{Labels: expressions(term.Labels), Fields: expressions(term.Fields)})
	}
	return out
}

func shapeFrom(s *eventsv1.Shape) *job.Shape {
	out := &job.Shape{
		Tolerations: tolerationsFrom(s.GetTolerations()), Requests: AmountsFrom(s.GetRequests()), PriceBand: s.GetPriceBand(),
		LimitSeconds: s.GetLimitSeconds(), ExpectSeconds: s.GetExpectSeconds(),
	}
	for _, l := range s.GetNodeSelector() {
		out.NodeSelector = append(out.NodeSelector, job.Label{Key: l.GetKey(), Value: l.GetValue()})
	}
	for _, term := range s.GetNodeAffinity() {
		out.NodeAffinity = append(out.NodeAffinity, job.NodeTerm{Labels: expressionsFrom(term.GetLabels()), Fields: expressionsFrom(term.GetFields())})
	}
	return out
}

// labels are the entries of a map, sorted by key, so that equal maps give equal bytes.
func labels(m map[string]string) []*eventsv1.Label {
	if len(m) == 0 {
		return nil
	}
	values := make([]eventsv1.Label, len(m))
	out := make([]*eventsv1.Label, 0, len(m))
	for key, value := range m {
		label := &values[len(out)]
		label.Key, label.Value = key, value
		out = append(out, label)
	}
	slices.SortFunc(out, func(a, b *eventsv1.Label) int { return cmp.Compare(a.GetKey(), b.GetKey()) })
	return out
}

// labelsFrom is the map of entries; of equal keys the last one counts, as in a map.
func labelsFrom(list []*eventsv1.Label) map[string]string {
	if len(list) == 0 {
		return nil
	}
	out := make(map[string]string, len(list))
	for _, l := range list {
		out[l.GetKey()] = l.GetValue()
	}
	return out
}

func expressions(list []job.NodeExpression) (out []*eventsv1.NodeExpression) {
	for _, e := range list {
		out = append(out, &eventsv1.NodeExpression{Key: e.Key, Operator: e.Operator, Values: e.Values})
	}
	return out
}

func expressionsFrom(list []*eventsv1.NodeExpression) (out []job.NodeExpression) {
	for _, e := range list {
		out = append(out, job.NodeExpression{Key: e.GetKey(), Operator: e.GetOperator(), Values: e.GetValues()})
	}
	return out
}

func tolerations(list []job.Toleration) (out []*eventsv1.Toleration) {
	for _, t := range list {
		out = append(out, &eventsv1.Toleration{Key: t.Key, Operator: t.Operator, Value: t.Value, Effect: t.Effect})
	}
	return out
}

func tolerationsFrom(list []*eventsv1.Toleration) (out []job.Toleration) {
	for _, t := range list {
		out = append(out, job.Toleration{Key: t.GetKey(), Operator: t.GetOperator(), Value: t.GetValue(), Effect: t.GetEffect()})
	}
	return out
}

func pod(p job.Pod) *eventsv1.Pod {
	if p == (job.Pod{}) {
		return nil
	}
	return &eventsv1.Pod{Name: p.Name, Namespace: p.Namespace, Uid: p.UID, Node: p.Node}
}

func podFrom(p *eventsv1.Pod) job.Pod {
	return job.Pod{Name: p.GetName(), Namespace: p.GetNamespace(), UID: p.GetUid(), Node: p.GetNode()}
}

func failure(f job.Failure) *eventsv1.Failure {
	out := &eventsv1.Failure{
		Cause: eventsv1.FailureCause(f.Cause), Message: f.Message,
		Category: f.Category, Subcategory: f.Subcategory, Pod: pod(f.Pod),
	}
	for _, c := range f.Containers {
		out.Containers = append(out.Containers, &eventsv1.ContainerEnd{Name: c.Name, ExitCode: c.ExitCode, Reason: c.Reason, Message: c.Message})
	}
	return out
}

func failureFrom(f *eventsv1.Failure) job.Failure {
	out := job.Failure{
		Cause: job.FailureCause(f.GetCause()), Message: f.GetMessage(), //nolint:gosec // checked by the decoder
		Category: f.GetCategory(), Subcategory: f.GetSubcategory(), Pod: podFrom(f.GetPod()),
	}
	for _, c := range f.GetContainers() {
		out.Containers = append(out.Containers, job.ContainerEnd{Name: c.GetName(), ExitCode: c.GetExitCode(), Reason: c.GetReason(), Message: c.GetMessage()})
	}
	return out
}

func command(c job.Command) *eventsv1.Command {
	s := c.Select
	out := &eventsv1.Command{
		Time: int64(c.Time), Cause: cause(c.Cause), Action: eventsv1.Action(c.Action), Reason: c.Reason, Priority: c.Priority,
		Selector: &eventsv1.Selector{
			Queues: s.Queues, JobSet: s.JobSet, Executor: s.Executor, Node: s.Node, PriorityClasses: s.Classes, Pools: s.Pools,
		},
	}
	for _, state := range s.States {
		out.Selector.States = append(out.Selector.States, eventsv1.JobState(state))
	}
	return out
}
