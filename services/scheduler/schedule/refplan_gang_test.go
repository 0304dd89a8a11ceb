package schedule_test

import (
	"bytes"
	"maps"
	"slices"
	"strings"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// refGroup is a group of a gang, or the gang itself, whose name is empty.
type refGroup struct {
	schedule.Group
	members []schedule.Job
	groups  []*refGroup // by name
}

// refDomain is a domain in which a job must be: nodes whose labels have these values.
type refDomain struct {
	labels []string
	name   string
}

// place lays the next gang of a queue on nodes: all members or none.
func (r *ref) place(q *refQueue) bool {
	if q.next[0].Gang == "" {
		return r.placeMembers(q, &refGroup{members: q.next}, nil, "")
	}
	g := r.nextGang(q)
	return r.placeGroup(q, g, r.refTree(q, g, schedule.Group{Tier: g.Tier, Label: g.Label}), nil, "")
}

// refTree is what starts of a gang, from a group on.
func (r *ref) refTree(q *refQueue, g schedule.Gang, group schedule.Group) *refGroup {
	out := &refGroup{Group: group}
	for _, j := range q.next {
		if j.Group == group.ID {
			out.members = append(out.members, j)
		}
	}
	for _, child := range g.Groups { // by name
		if child.Parent == group.ID {
			if c := r.refTree(q, g, child); len(c.all()) > 0 {
				out.groups = append(out.groups, c)
			}
		}
	}
	return out
}

// all are the members of a group and of those in it.
func (g *refGroup) all() []schedule.Job {
	out := slices.Clone(g.members)
	for _, child := range g.groups {
		out = append(out, child.all()...)
	}
	return out
}

// placeGroup places a group, in one domain if it is bound: that with the fewest victims,
// then that where least is left, then the first by name. Mates that run have chosen for it.
func (r *ref) placeGroup(q *refQueue, gang schedule.Gang, g *refGroup, in []refDomain, domain string) bool {
	labels := r.boundBy(g.Group)
	if labels == nil {
		return r.placeMembers(q, g, in, domain)
	}
	request := make(schedule.Vec, len(r.cfg.Resources))
	for _, j := range g.all() {
		addTo(request, r.onNode(j.Shape))
	}
	best, victims, left := refDomain{}, -1, schedule.Vec(nil)
	try := func(d refDomain) bool {
		name := domain
		if g.ID == "" {
			name = d.name
		}
		return r.placeMembers(q, g, append(slices.Clip(in), d), name)
	}
	if name, is := r.domainOfMates(q, gang, g, labels); is {
		return try(refDomain{labels, name})
	}
	for _, name := range r.domains(labels) {
		before, d := len(r.plan.Preempts), refDomain{labels, name}
		r.trial(func() bool {
			if !try(d) {
				return false
			}
			n, sum := len(r.plan.Preempts)-before, make(schedule.Vec, len(request))
			for i := range r.nodes {
				if node := &r.nodes[i]; node.Pool == r.site && refIn(node, append(slices.Clip(in), d)) {
					addTo(sum, r.later(node))
				}
			}
			if victims < 0 || n < victims || n == victims && refTighter(sum, left, request) {
				best, victims, left = d, n, sum
			}
			return true
		})
	}
	return victims >= 0 && try(best)
}

// boundBy are the labels on which the nodes of a group agree; none: it is not bound.
func (r *ref) boundBy(g schedule.Group) (labels []string) {
	if i := slices.IndexFunc(r.cfg.Tiers, func(t schedule.Tier) bool { return t.ID == g.Tier }); i >= 0 {
		for _, t := range r.cfg.Tiers[:i+1] {
			labels = append(labels, t.Label)
		}
		return labels
	}
	if g.Label != "" {
		return []string{g.Label}
	}
	return nil
}

// domainName is the domain of a node: its values of labels; false: it lacks one.
func domainName(n *schedule.Node, labels []string) (string, bool) {
	var values []string
	for _, label := range labels {
		value, has := n.Labels[label]
		if label == schedule.ExecutorLabel {
			value, has = string(n.Executor), true
		}
		if !has {
			return "", false
		}
		values = append(values, value)
	}
	return strings.Join(values, "/"), true
}

// refIn says whether a node is in all of some domains.
func refIn(n *schedule.Node, in []refDomain) bool {
	return !slices.ContainsFunc(in, func(d refDomain) bool {
		name, is := domainName(n, d.labels)
		return !is || name != d.name
	})
}

// domains are those of the pool's nodes, by name.
func (r *ref) domains(labels []string) []string {
	names := map[string]bool{}
	for i := range r.nodes {
		if name, is := domainName(&r.nodes[i], labels); is && r.nodes[i].Pool == r.site {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// domainOfMates is where members of a group run, or of those in it: that of the smallest id.
func (r *ref) domainOfMates(q *refQueue, gang schedule.Gang, g *refGroup, labels []string) (string, bool) {
	for _, run := range r.gangRuns(q.ID, gang.ID) {
		n := r.node(run.Node)
		if n == nil || !refStays(run) || !r.within(gang, r.groupOf(run), g.ID) {
			continue
		}
		if name, is := domainName(n, labels); is {
			return name, true
		}
	}
	return "", false
}

// groupOf is the group of a run's job.
func (r *ref) groupOf(run *refRun) schedule.GroupID {
	for _, m := range r.rows.Members {
		if m.Run == run.ID {
			return m.Group
		}
	}
	for _, j := range r.rows.Jobs {
		if run.laid && j.ID == run.Job {
			return j.Group
		}
	}
	return ""
}

// within says whether a group is another or in it.
func (r *ref) within(gang schedule.Gang, group, other schedule.GroupID) bool {
	for group != other && group != "" {
		i := slices.IndexFunc(gang.Groups, func(g schedule.Group) bool { return g.ID == group })
		group = gang.Groups[i].Parent
	}
	return group == other
}

// gangRuns are the runs of a gang, by id.
func (r *ref) gangRuns(queue schedule.QueueID, gang schedule.GangID) (out []*refRun) {
	for i := range r.runs {
		if r.runs[i].Queue == queue && r.runs[i].Gang == gang {
			out = append(out, &r.runs[i])
		}
	}
	slices.SortFunc(out, func(a, b *refRun) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	return out
}

// placeMembers places the members of a group and then the groups in it, or nothing.
func (r *ref) placeMembers(q *refQueue, g *refGroup, in []refDomain, domain string) bool {
	starts, preempts := len(r.plan.Starts), len(r.plan.Preempts)
	return r.trialUnless(func() bool {
		for _, j := range g.members {
			at, _ := r.homeOrAway(j, q.away)
			n, victims := r.find(q, j, in, at)
			if n == nil {
				return false
			}
			for _, v := range victims {
				r.plan.Preempts = append(r.plan.Preempts, schedule.Preempt{Run: v.run.ID, For: j.ID, Rule: v.rule, Lost: r.lost(v.run)})
				v.run.Phase = schedule.Releasing
			}
			r.start(q, j, n, domain, at)
		}
		for _, child := range g.groups {
			if !r.placeGroup(q, r.nextGang(q), child, in, domain) {
				return false
			}
		}
		r.putBack(starts, preempts)
		return true
	})
}

// nextGang is the gang of what goes next of a queue.
func (r *ref) nextGang(q *refQueue) schedule.Gang {
	i := slices.IndexFunc(r.rows.Gangs, func(g schedule.GangRow) bool { return g.Queue == q.ID && g.ID == q.next[0].Gang })
	return r.rows.Gangs[i].Gang
}
