package simulated

import (
	"container/heap"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/fairlead-batch/fairlead/services/executor/internal/lease"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// Limits of a cluster.
const (
	// NodesMax is the most nodes of a configuration.
	NodesMax = 100_000
	// specsMax is how many distinct pod specs are kept read.
	specsMax = 10_000
)

// Cluster is a simulated cluster as a stepped value. One goroutine.
type Cluster struct {
	cfg   Config
	now   lease.Time
	epoch uint64

	nodes map[string]*node
	pods  map[podKey]*pod
	// times are the pods that something happens to by itself.
	times timeline
	// made counts pods; it orders what happens at one time.
	made uint64

	specs     map[string]*blueprint
	resources map[string]int

	facts   []lease.Fact
	trouble trouble
	records []Record
}

// podKey is what makes a pod's name unique.
type podKey struct{ namespace, name string }

// node is a node and what its pods leave free.
type node struct {
	lease.Node
	// free is by the cluster's numbers of resources.
	free []int64
	pods int32
	// dead says that it is lost: nothing on it moves.
	dead bool
}

// New makes a cluster of the configured nodes, all of them empty. It fails for a
// configuration that makes two nodes of one name, or too many.
func New(cfg Config) (*Cluster, error) {
	c := &Cluster{
		cfg: cfg, nodes: map[string]*node{}, pods: map[podKey]*pod{},
		specs: map[string]*blueprint{}, resources: map[string]int{},
	}
	for _, g := range cfg.Groups {
		if g.Count < 0 || len(c.nodes)+g.Count > NodesMax {
			return nil, fmt.Errorf("make nodes %s: %d of them, at most %d in all", g.Prefix, g.Count, NodesMax)
		}
		for i := range g.Count {
			name := fmt.Sprintf("%s%d", g.Prefix, i)
			if c.nodes[name] != nil {
				return nil, fmt.Errorf("make nodes: two are called %s", name)
			}
			c.addNode(g.node(name))
		}
	}
	return c, nil
}

func (g Group) node(name string) lease.Node {
	labels := maps.Clone(g.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	labels["kubernetes.io/hostname"] = name
	return lease.Node{Name: name, Pool: g.Pool, Total: g.Total, Labels: labels, Taints: g.Taints, MaxPods: g.MaxPods}
}

func (c *Cluster) addNode(n lease.Node) *node {
	made := &node{Node: n}
	made.free = make([]int64, len(c.resources))
	for _, t := range n.Total {
		i := c.resource(t.Resource)
		made.free = grow(made.free, i)
		made.free[i] += t.Value
	}
	for _, u := range n.UsedByOthers {
		i := c.resource(u.Resource)
		made.free = grow(made.free, i)
		made.free[i] -= u.Value
	}
	c.nodes[n.Name] = made
	return made
}

// resource is the number of a resource.
func (c *Cluster) resource(name string) int {
	i, known := c.resources[name]
	if !known {
		i = len(c.resources)
		c.resources[name] = i
	}
	return i
}

func grow(list []int64, index int) []int64 {
	for len(list) <= index {
		list = append(list, 0)
	}
	return list
}

// List is what the cluster holds now: what an executor that starts is to be told.
// Facts that are not told yet are forgotten, for they are in it.
func (c *Cluster) List() lease.Listed {
	c.facts = c.facts[:0]
	in := lease.Listed{Epoch: c.epoch}
	for _, name := range slices.Sorted(maps.Keys(c.nodes)) {
		in.Nodes = append(in.Nodes, c.nodes[name].Node)
	}
	for _, p := range c.sortedPods() {
		in.Pods = append(in.Pods, p.seen())
	}
	return in
}

func (c *Cluster) sortedPods() []*pod {
	all := slices.Collect(maps.Values(c.pods)) //archcheck:sorted below
	slices.SortFunc(all, func(a, b *pod) int { return slices.Compare(a.run[:], b.run[:]) })
	return all
}

// Step carries out orders at a time, lets happen what happens up to then by itself,
// and returns what there is to tell, in order. now.Mono never goes back. The facts
// are the caller's until the next Step or Cause.
func (c *Cluster) Step(now lease.Time, orders ...lease.Order) []lease.Fact {
	now.Mono = max(now.Mono, c.now.Mono)
	if !c.trouble.late {
		c.facts = c.facts[:0]
	}
	c.passTo(now)
	c.now = now
	for _, o := range orders {
		c.carryOut(o)
	}
	c.passTo(now) // what takes no time
	return c.tell()
}

// passTo lets the pods live up to a moment.
func (c *Cluster) passTo(now lease.Time) {
	for len(c.times) > 0 && c.times[0].due <= now.Mono {
		p := heap.Pop(&c.times).(*pod)
		c.now = lease.Time{Mono: p.due, Wall: now.Wall - job.Time(now.Mono-p.due)}
		c.happen(p)
	}
	c.now = now
}

// tell returns the facts, unless they are to come late.
func (c *Cluster) tell() []lease.Fact {
	if c.trouble.lateUntil > c.now.Mono {
		c.trouble.late = true
		return nil
	}
	c.trouble.late = false
	return c.facts
}

// Due is when something is to be told next though nothing is ordered, as
// lease.Time.Mono; false when nothing is.
func (c *Cluster) Due() (time.Duration, bool) {
	at := time.Duration(math.MaxInt64)
	if len(c.times) > 0 {
		at = c.times[0].due
	}
	if c.trouble.late && len(c.facts) > 0 {
		at = min(at, c.trouble.lateUntil)
	}
	return at, at != math.MaxInt64
}

func (c *Cluster) tellOf(f lease.Fact) { c.facts = append(c.facts, f) }

func (c *Cluster) carryOut(o lease.Order) {
	switch o := o.(type) {
	case lease.SaveEpoch:
		c.saveEpoch(o)
	case lease.CreatePod:
		c.createPod(o)
	case lease.DeletePod:
		c.deletePod(o)
	}
}

func (c *Cluster) saveEpoch(o lease.SaveEpoch) {
	err := c.trouble.failure(epochCall)
	if err == nil || c.trouble.hidden {
		c.epoch = max(c.epoch, o.Epoch)
	}
	if err != nil {
		c.tellOf(lease.EpochSaved{Err: err})
		return
	}
	c.tellOf(lease.EpochSaved{Epoch: c.epoch})
}

// createPod makes a pod like an API server, and hands it to its node.
func (c *Cluster) createPod(o lease.CreatePod) {
	l := o.Lease
	refuse := func(outcome lease.CreateOutcome, err error) {
		c.tellOf(lease.Created{Run: l.Run, Outcome: outcome, Err: err})
	}
	if c.now.Mono > o.Before {
		refuse(lease.CreateLate, nil)
		return
	}
	trouble := c.trouble.failure(createCall)
	if trouble != nil && !c.trouble.hidden {
		refuse(lease.CreateFailed, trouble)
		return
	}
	p, outcome, err := c.admit(l)
	switch {
	case err != nil:
		refuse(outcome, err)
		return
	case trouble != nil:
		refuse(lease.CreateFailed, trouble)
	default:
		c.tellOf(lease.Created{Run: l.Run, Outcome: lease.CreateMade, Pod: p.name(), Grace: p.blueprint.spec.Grace})
	}
	if p.stage == placed {
		c.bind(p)
	}
}

// admit makes the record of a pod, or finds that of its run.
func (c *Cluster) admit(l *lease.Lease) (*pod, lease.CreateOutcome, error) {
	key := podKey{namespace: l.Namespace, name: l.PodName}
	if p := c.pods[key]; p != nil {
		if p.run == l.Run {
			return p, 0, nil
		}
		return nil, lease.CreateFailed, fmt.Errorf("pods %q already exists", l.PodName)
	}
	if slices.Contains(c.cfg.MissingNamespaces, l.Namespace) {
		return nil, lease.CreateRefused, fmt.Errorf("namespaces %q not found", l.Namespace)
	}
	b, err := c.blueprint(l)
	if err != nil {
		return nil, lease.CreateRefused, err
	}
	w, err := readWishes(l.Annotations)
	if err != nil {
		return nil, lease.CreateRefused, err
	}
	c.made++
	p := &pod{key: key, run: l.Run, job: l.Job, nodeName: l.Node, blueprint: b, wishes: w, stage: placed, number: c.made, record: noRecord}
	c.pods[key] = p
	c.recordPod(p)
	return p, 0, nil
}

// blueprint reads the spec of a lease, or finds it read.
func (c *Cluster) blueprint(l *lease.Lease) (*blueprint, error) {
	spec := l.Spec
	if len(l.Floating) > 0 { // it has another blueprint, which asks for less
		spec = append(slices.Clip(spec), "\x00"+strings.Join(l.Floating, "\x00")...)
	}
	if b := c.specs[string(spec)]; b != nil {
		return b, nil
	}
	read, err := c.cfg.Read(l.Spec)
	if err != nil {
		return nil, fmt.Errorf("read pod spec: %w", err)
	}
	if len(c.specs) >= specsMax {
		clear(c.specs) // who still has one keeps it; the rest is read again
	}
	read.Requests = slices.DeleteFunc(read.Requests, func(r job.Amount) bool { return slices.Contains(l.Floating, r.Resource) })
	b := newBlueprint(read, c.resource)
	c.specs[string(spec)] = b
	return b, nil
}

// deletePod removes a pod like an API server.
func (c *Cluster) deletePod(o lease.DeletePod) {
	p := c.pods[podKey{namespace: o.Pod.Namespace, name: o.Pod.Name}]
	if p == nil || p.run != o.Run {
		c.tellOf(lease.Deleted{Run: o.Run, Outcome: lease.DeleteAbsent})
		return
	}
	trouble := c.trouble.failure(deleteCall)
	if trouble != nil {
		c.tellOf(lease.Deleted{Run: o.Run, Outcome: lease.DeleteFailed, Err: trouble})
		if !c.trouble.hidden {
			return
		}
	} else {
		c.tellOf(lease.Deleted{Run: o.Run, Outcome: lease.DeleteAccepted})
	}
	c.terminate(p, o.How)
}
