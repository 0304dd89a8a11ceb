package kube

import (
	"maps"
	"reflect"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/fairlead-batch/fairlead/services/executor/internal/lease"
	"github.com/fairlead-batch/fairlead/services/executor/internal/podwire"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// state is what was observed, and what of it is not told yet. What waits to be told
// is bounded by what there is: of a pod and of a node only the newest waits, and each
// order has one answer. Safe for concurrent use.
type state struct {
	mu        sync.Mutex
	poolLabel string
	pods      map[types.NamespacedName]lease.Pod
	nodes     map[string]lease.Node
	// others are the pods that are not ours, by UID, and used what they hold by node.
	others map[types.UID]foreign
	used   map[string]*usage
	// reasons are why pods of ours do not start, by their events.
	reasons map[types.UID]reason
	// awayFor is why the API server is away; nil: it is not.
	awayFor error

	facts []lease.Fact
	// newest is where in facts the PodSeen of a UID waits.
	newest map[string]int
	// dirty are nodes that look different since they were told; told is how they looked.
	dirty map[string]bool
	told  map[string]lease.Node
	// wake holds a token while there is something to tell.
	wake chan struct{}
}

// foreign is what a pod that is not ours holds.
type foreign struct {
	node    string
	amounts []job.Amount
}

// usage is what pods that are not ours hold of a node.
type usage struct {
	amounts map[string]int64
	pods    int32
}

func newState(poolLabel string) *state {
	return &state{
		poolLabel: poolLabel, pods: map[types.NamespacedName]lease.Pod{}, nodes: map[string]lease.Node{},
		others: map[types.UID]foreign{}, used: map[string]*usage{}, newest: map[string]int{},
		reasons: map[types.UID]reason{},
		dirty:   map[string]bool{}, told: map[string]lease.Node{}, wake: make(chan struct{}, 1),
	}
}

// ring lets whoever waits look.
func (s *state) ring() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// answer tells what became of an order.
func (s *state) answer(f lease.Fact) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.facts = append(s.facts, f)
	s.ring()
}

// take returns what is to be told, and forgets it.
func (s *state) take() []lease.Fact {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.facts
	s.facts = nil
	clear(s.newest)
	for _, name := range slices.Sorted(maps.Keys(s.dirty)) {
		before, wasTold := s.told[name]
		now, is := s.node(name)
		switch {
		case !is && wasTold:
			delete(s.told, name)
			out = append(out, lease.NodeGone{Name: name})
		case is && (!wasTold || !reflect.DeepEqual(before, now)):
			s.told[name] = now
			out = append(out, lease.NodeSeen{Node: now})
		}
	}
	clear(s.dirty)
	return out
}

// list returns all that is there. What waited to be told is in it.
func (s *state) list() (pods []lease.Pod, nodes []lease.Node) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.facts = nil
	clear(s.newest)
	clear(s.dirty)
	clear(s.told)
	for _, name := range slices.Sorted(maps.Keys(s.nodes)) {
		n, _ := s.node(name)
		s.told[name] = n
		nodes = append(nodes, n)
	}
	pods = slices.SortedFunc(maps.Values(s.pods), func(a, b lease.Pod) int { return slices.Compare(a.Run[:], b.Run[:]) })
	return pods, nodes
}

// node is a node with what others hold of it. While the API server is away it takes
// nothing new.
func (s *state) node(name string) (lease.Node, bool) {
	n, is := s.nodes[name]
	if !is {
		return lease.Node{}, false
	}
	n.Unschedulable = n.Unschedulable || s.awayFor != nil
	if u := s.used[name]; u != nil {
		for _, resource := range slices.Sorted(maps.Keys(u.amounts)) {
			if u.amounts[resource] > 0 {
				n.UsedByOthers = append(n.UsedByOthers, job.Amount{Resource: resource, Value: u.amounts[resource]})
			}
		}
		n.PodsOfOthers = u.pods
	}
	return n, true
}

func (s *state) markDirty(name string) {
	s.dirty[name] = true
	s.ring()
}

// podIs takes a pod that bears our label as it is now.
func (s *state) podIs(pod *corev1.Pod) {
	now, ours := seen(pod)
	if !ours {
		s.otherIs(pod)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := types.NamespacedName{Namespace: pod.Namespace, Name: pod.Name}
	s.tellPod(key, s.withReason(now))
}

// tellPod keeps a pod as it is now, and tells it if that is news.
func (s *state) tellPod(key types.NamespacedName, now lease.Pod) {
	before, known := s.pods[key]
	if known && reflect.DeepEqual(before, now) {
		return
	}
	if known && before.UID != now.UID { // a watch that broke off told neither its end nor the beginning
		s.facts = append(s.facts, lease.PodGone{Run: before.Run, UID: before.UID})
		delete(s.reasons, types.UID(before.UID))
	}
	s.pods[key] = now
	if at, waits := s.newest[now.UID]; waits {
		s.facts[at] = lease.PodSeen{Pod: now}
	} else {
		s.newest[now.UID] = len(s.facts)
		s.facts = append(s.facts, lease.PodSeen{Pod: now})
	}
	s.ring()
}

// podGone takes the end of a pod that bears our label.
func (s *state) podGone(pod *corev1.Pod) {
	if _, ours := seen(pod); !ours {
		s.otherGone(pod)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := types.NamespacedName{Namespace: pod.Namespace, Name: pod.Name}
	before, known := s.pods[key]
	if !known {
		return
	}
	delete(s.pods, key)
	delete(s.reasons, types.UID(before.UID))
	s.facts = append(s.facts, lease.PodGone{Run: before.Run, UID: before.UID})
	s.ring()
}

// pod is one of ours by name, as observed; it may be out of date.
func (s *state) pod(namespace, name string) (lease.Pod, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, known := s.pods[types.NamespacedName{Namespace: namespace, Name: name}]
	return p, known
}

// otherIs takes a pod that is not ours. One that has ended holds nothing.
func (s *state) otherIs(pod *corev1.Pod) {
	if pod.Spec.NodeName == "" || pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
		s.otherGone(pod)
		return
	}
	now := foreign{node: pod.Spec.NodeName, amounts: podwire.Requests(&pod.Spec)}
	s.mu.Lock()
	defer s.mu.Unlock()
	before, known := s.others[pod.UID]
	if known && reflect.DeepEqual(before, now) {
		return
	}
	if known {
		s.hold(before, -1)
	}
	s.others[pod.UID] = now
	s.hold(now, +1)
}

func (s *state) otherGone(pod *corev1.Pod) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, known := s.others[pod.UID]
	if !known {
		return
	}
	delete(s.others, pod.UID)
	s.hold(before, -1)
}

// hold books what a pod holds, once more or once less.
func (s *state) hold(f foreign, times int32) {
	u := s.used[f.node]
	if u == nil {
		u = &usage{amounts: map[string]int64{}}
		s.used[f.node] = u
	}
	u.pods += times
	for _, a := range f.amounts {
		u.amounts[a.Resource] += int64(times) * a.Value
	}
	if u.pods == 0 {
		delete(s.used, f.node)
	}
	s.markDirty(f.node)
}

// nodeIs takes a node as it is now.
func (s *state) nodeIs(node *corev1.Node) {
	out := lease.Node{
		Name: node.Name, Pool: node.Labels[s.poolLabel], Labels: node.Labels, Unschedulable: node.Spec.Unschedulable || !isReady(node),
	}
	for _, name := range slices.Sorted(maps.Keys(node.Status.Allocatable)) {
		amount := node.Status.Allocatable[name]
		switch {
		case name == corev1.ResourcePods:
			out.MaxPods = int32(min(amount.Value(), 1<<30)) //nolint:gosec // bounded
		case name == corev1.ResourceCPU:
			out.Total = append(out.Total, job.Amount{Resource: string(name), Value: amount.MilliValue()})
		case !amount.IsZero():
			out.Total = append(out.Total, job.Amount{Resource: string(name), Value: amount.Value()})
		}
	}
	for _, t := range node.Spec.Taints {
		out.Taints = append(out.Taints, lease.Taint{Key: t.Key, Value: t.Value, Effect: string(t.Effect)})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.nodes[node.Name] = out
	s.markDirty(node.Name)
}

// isReady says whether the node's kubelet works, by its own word or, when it says
// nothing any more, the node controller's. The taints that follow from it come later,
// and a job may tolerate them; a pod that is bound to such a node just waits.
func isReady(node *corev1.Node) bool {
	return slices.ContainsFunc(node.Status.Conditions, func(c corev1.NodeCondition) bool {
		return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
	})
}

// nodeGone takes the end of a node.
func (s *state) nodeGone(node *corev1.Node) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.nodes, node.Name)
	s.markDirty(node.Name)
}
