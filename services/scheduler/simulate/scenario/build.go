package scenario

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/fairlead-batch/fairlead/services/internal/fault"
	"github.com/fairlead-batch/fairlead/services/scheduler/policy"
	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
	"github.com/fairlead-batch/fairlead/services/scheduler/simulate"
)

// clusterLabel is the label that holds the name of a node's cluster, as in Armada's
// simulator. Gangs that name no other label stay within one value of it.
const clusterLabel = "armadaproject.io/clusterName"

// Build makes a world of what was read. What does not go together is an error with each
// place where it does not.
func Build(c Cluster, w Workload, r Rules) (simulate.World, error) {
	b := &builder{rules: r, cluster: c, workload: w}
	if r.AnyPool {
		b.rules.Pools = poolsOf(c)
	}
	round, err := b.rules.Round()
	if err != nil {
		return simulate.World{}, err
	}
	b.resources = round.Resources
	world := simulate.World{
		Rules: round, Pending: c.PendingDelayDistribution.spread(), Resubmit: c.WorkflowManagerDelayDistribution.spread(),
		Seed: uint64(w.RandomSeed), Interval: r.MinInterval, PreemptionInterval: r.PreemptionInterval, //nolint:gosec // any bits do
	}
	world.Nodes = b.nodes()
	b.jobs(&world)
	if err := b.check.Err(); err != nil {
		return simulate.World{}, fmt.Errorf("put together: %w", err)
	}
	return world, nil
}

// builder is what Build has in hand.
type builder struct {
	rules    Rules
	cluster  Cluster
	workload Workload
	// resources are the round's, floating ones among them.
	resources []string
	check     fault.Check
}

// poolsOf are the pools that clusters name, in their order.
func poolsOf(c Cluster) (pools []policy.Pool) {
	for _, site := range c.Clusters {
		if p := (policy.Pool{Name: poolOf(site)}); !slices.ContainsFunc(pools, func(q policy.Pool) bool { return q.Name == p.Name }) {
			pools = append(pools, p)
		}
	}
	return pools
}

func poolOf(site Site) string {
	if site.Pool == "" {
		return "default"
	}
	return site.Pool
}

func (d Distribution) spread() simulate.Spread {
	return simulate.Spread{Minimum: time.Duration(d.Minimum), TailMean: time.Duration(d.TailMean)}
}

// nodes are all nodes, named by cluster, template and number.
func (b *builder) nodes() (nodes []schedule.Node) {
	for i, site := range b.cluster.Clusters {
		pool := poolOf(site)
		if !slices.ContainsFunc(b.rules.Pools, func(p policy.Pool) bool { return p.Name == pool }) {
			b.check.Violate(fmt.Sprintf("clusters[%d].pool", i), pool, "must be one of the configuration's pools")
		}
		for j, t := range site.NodeTemplates {
			kind := schedule.Node{
				Executor: schedule.ExecutorID(site.Name), Pool: schedule.PoolID(pool),
				Total: b.amounts(t.TotalResources.Resources), Other: make(schedule.Vec, len(b.resources)),
			}
			for _, taint := range t.Taints {
				kind.Taints = append(kind.Taints, schedule.Taint{Key: taint.Key, Value: taint.Value, Effect: taint.Effect})
			}
			for n := range t.Number {
				node := kind
				name := fmt.Sprintf("%d-%06d", j, n)
				node.ID = schedule.NodeID(site.Name + "/" + name)
				node.Labels = maps.Clone(t.Labels)
				if node.Labels == nil {
					node.Labels = map[string]string{}
				}
				node.Labels[b.rules.NodeIDLabel], node.Labels[clusterLabel] = name, site.Name
				nodes = append(nodes, node)
			}
		}
	}
	return nodes
}

// amounts are those of the resources that the rules know; a node's others do not count.
func (b *builder) amounts(of map[string]Amount) schedule.Vec {
	out := make(schedule.Vec, len(b.resources))
	for i, name := range b.resources {
		out[i], _ = of[name].units(name) // checked when it was read
	}
	return out
}

// jobs adds queues and templates, repeated ones as often as they are.
func (b *builder) jobs(world *simulate.World) {
	repeats := map[string][]int{}
	for i, q := range b.workload.Queues {
		world.Queues = append(world.Queues, schedule.Queue{ID: schedule.QueueID(q.Name), Weight: int64(math.Round(q.Weight * schedule.Million))})
		for j := range q.JobTemplates {
			t := &q.JobTemplates[j]
			one := b.template(fmt.Sprintf("queues[%d].jobTemplates[%d]", i, j), q.Name, t)
			id := templateID(&q, j)
			for n := range max(1, t.Repeat.NumTimes) {
				one.ID = id
				if t.Repeat.NumTimes > 0 {
					one.ID = fmt.Sprintf("%s-repeat-%d", id, n)
				}
				one.Earliest = time.Duration(t.EarliestSubmitTime) + time.Duration(n)*time.Duration(t.Repeat.Period)
				repeats[id] = append(repeats[id], len(world.Templates))
				world.Templates = append(world.Templates, one)
			}
		}
	}
	at := 0
	for _, q := range b.workload.Queues {
		for j := range q.JobTemplates {
			for range max(1, q.JobTemplates[j].Repeat.NumTimes) {
				for _, of := range q.JobTemplates[j].Dependencies {
					world.Templates[at].After = append(world.Templates[at].After, repeats[of]...)
				}
				at++
			}
		}
	}
}

// template is one that stands at a path of the file.
func (b *builder) template(path, queue string, t *JobTemplate) simulate.Template {
	out := simulate.Template{
		JobSet: t.JobSet, Queue: schedule.QueueID(queue), Number: uint32(t.Number), Priority: t.QueuePriority, //nolint:gosec // checked
		Runtime: t.RuntimeDistribution.spread(), AfterDelay: time.Duration(t.EarliestSubmitTimeFromDependencyCompletion),
		Gang: t.GangCardinality, Label: t.GangNodeUniformityLabel,
	}
	if out.Gang > 0 && out.Label == "" && len(b.cluster.Clusters) > 1 {
		out.Label = clusterLabel
	}
	class := t.PriorityClassName
	if class == "" {
		class = b.rules.DefaultClass
	}
	if _, is := b.rules.PriorityClasses[class]; !is {
		known := strings.Join(slices.Sorted(maps.Keys(b.rules.PriorityClasses)), ", ")
		b.check.Violate(path+".priorityClassName", class, "must be one of the configuration's priority classes: "+known)
	}
	requests := t.Requirements.ResourceRequirements.Requests
	for _, name := range slices.Sorted(maps.Keys(requests)) {
		if !slices.Contains(b.resources, name) {
			b.check.Violate(path+".requirements.resourceRequirements.requests", name, "must be one of the configuration's resources: "+strings.Join(b.resources, ", "))
		}
	}
	out.Shape = schedule.Shape{Request: b.amounts(requests), Class: schedule.ClassID(class), Match: t.Requirements.match()}
	return out
}

func (r *Requirements) match() schedule.Match {
	m := schedule.Match{Selector: r.NodeSelector}
	for _, term := range r.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms {
		m.Terms = append(m.Terms, schedule.Term{Labels: expressions(term.MatchExpressions), Name: expressions(term.MatchFields)})
	}
	for _, t := range r.Tolerations {
		m.Tolerations = append(m.Tolerations, schedule.Toleration{Key: t.Key, Operator: t.Operator, Value: t.Value, Effect: t.Effect})
	}
	return m
}

func expressions(list []Expression) (out []schedule.Expression) {
	for _, e := range list {
		out = append(out, schedule.Expression{Key: e.Key, Operator: e.Operator, Values: e.Values})
	}
	return out
}
