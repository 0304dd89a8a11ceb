package simulated

import (
	"container/heap"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/fairlead-batch/fairlead/services/executor/internal/lease"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// pod is a pod and where it is in its life.
type pod struct {
	key       podKey
	run       job.RunID
	job       job.ID
	nodeName  string
	node      *node // nil when there is no such node
	blueprint *blueprint
	wishes    *wishes
	// number counts pods, and record is its place among the records.
	number uint64
	record int
	stage  podStage
	// holds says that it takes room on its node.
	holds    bool
	deleting bool
	// ran says that its containers were started.
	ran bool
	// end is how it ended, or will; set from its start on.
	end *life
	// due is when it goes on by itself, and slot its place in the timeline, from 1;
	// zero: it does not.
	due  time.Duration
	slot int
}

type podStage uint8

const (
	// placed: its node has not looked at it.
	placed podStage = iota
	waiting
	running
	over
)

// bind hands the pod to its node, as a kubelet sees a pod that is bound to it.
func (c *Cluster) bind(p *pod) {
	p.node = c.nodes[p.nodeName]
	p.stage = waiting
	switch n := p.node; {
	case n == nil || n.dead:
		return // nobody is there to start it
	case !c.fits(p):
		return // fits has ended it
	}
	p.hold(+1)
	w := p.wishes
	switch {
	case p.waiting() != "":
		c.tellOf(lease.PodSeen{Pod: p.seen()})
	case w != nil && w.stuck:
	case w != nil && w.delaySet:
		c.dueIn(p, w.delay)
	default:
		c.dueIn(p, c.cfg.StartDelay)
	}
}

// fits asks whether the node has room, and fails the pod where it has not.
func (c *Cluster) fits(p *pod) bool {
	n := p.node
	if n.MaxPods > 0 && n.pods+n.PodsOfOthers >= n.MaxPods {
		c.reject(p, "OutOfpods", "Node didn't have enough resource: pods")
		return false
	}
	for _, r := range p.blueprint.requests {
		var free int64
		if r.resource < len(n.free) {
			free = n.free[r.resource]
		}
		if r.value > free {
			name := c.resourceName(r.resource)
			c.reject(p, "OutOf"+name, fmt.Sprintf("Node didn't have enough resource: %s, requested: %d, free: %d", name, r.value, free))
			return false
		}
	}
	return true
}

func (c *Cluster) resourceName(number int) string {
	for name, i := range c.resources { //archcheck:unordered one of them has the number
		if i == number {
			return name
		}
	}
	return ""
}

func (c *Cluster) reject(p *pod, reason, message string) {
	c.finish(p, &life{phase: lease.PodFailed, reason: reason, message: "Pod was rejected: " + message})
}

// hold takes room on the node (+1) or gives it back (-1).
func (p *pod) hold(sign int64) {
	if p.holds == (sign > 0) || p.node == nil {
		return
	}
	p.holds = sign > 0
	p.node.pods += int32(sign) //nolint:gosec // +1 or -1
	for _, r := range p.blueprint.requests {
		if r.resource < len(p.node.free) {
			p.node.free[r.resource] -= sign * r.value
		}
	}
}

// happen is the pod's next step in time.
func (c *Cluster) happen(p *pod) {
	switch {
	case p.deleting:
		c.vanish(p)
	case p.stage == waiting:
		c.startPod(p)
	case p.stage == running:
		c.finish(p, p.end)
	}
}

func (c *Cluster) startPod(p *pod) {
	l := p.blueprint.live(p.run, p.wishes, c.now.Wall)
	p.end, p.stage, p.ran = &l, running, true
	c.recordStart(p)
	c.tellOf(lease.PodSeen{Pod: p.seen()})
	if !l.forever {
		c.dueIn(p, l.runs)
	}
}

// finish ends the pod's containers. Its record stays until it is deleted.
func (c *Cluster) finish(p *pod, l *life) {
	p.end, p.stage = l, over
	p.hold(-1)
	c.dueNever(p)
	c.recordEnd(p, l.phase)
	c.tellOf(lease.PodSeen{Pod: p.seen()})
}

// terminate begins the end of a pod that is deleted. On a node that is lost it only
// ends by force.
func (c *Cluster) terminate(p *pod, how lease.Deletion) {
	stuck := p.node == nil || p.node.dead
	switch {
	case how == lease.Forced || p.stage == over || p.stage == placed:
		c.vanish(p)
	case stuck && !p.deleting:
		p.deleting = true
		c.dueNever(p)
		c.tellOf(lease.PodSeen{Pod: p.seen()})
	case stuck || p.deleting:
	case p.stage == running:
		p.deleting = true
		c.dueIn(p, min(c.cfg.StopDelay, p.blueprint.spec.Grace))
	default:
		c.vanish(p)
	}
}

// vanish takes the pod's record away.
func (c *Cluster) vanish(p *pod) {
	p.hold(-1)
	c.dueNever(p)
	c.recordGone(p)
	delete(c.pods, p.key)
	c.tellOf(lease.PodGone{Run: p.run, UID: p.uid()})
}

// uid makes Kubernetes' form of an id from the run and the pod's number: a second
// pod of a run has another.
func (p *pod) uid() string {
	var raw [16]byte
	copy(raw[:], p.run[8:])
	for i := range 8 {
		raw[8+i] = byte(p.number >> (56 - 8*i))
	}
	var text [36]byte
	at := 0
	for i, b := range raw {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			text[at] = '-'
			at++
		}
		at += hex.Encode(text[at:], []byte{b})
	}
	return string(text[:])
}

func (p *pod) name() job.Pod {
	return job.Pod{Name: p.key.name, Namespace: p.key.namespace, UID: p.uid(), Node: p.nodeName}
}

// waiting is why its containers cannot start; empty: nothing is in the way.
func (p *pod) waiting() string {
	if p.wishes != nil && p.wishes.waiting != "" {
		return p.wishes.waiting
	}
	return p.blueprint.waiting
}

// seen is the pod as the cluster tells it.
func (p *pod) seen() lease.Pod {
	s := lease.Pod{
		Run: p.run, Job: p.job, Pod: p.name(), Deleting: p.deleting, Phase: lease.PodPending,
		Grace: p.blueprint.spec.Grace,
	}
	switch p.stage {
	case placed:
	case waiting:
		s.Waiting, s.WaitingMessage = p.waiting(), p.blueprint.waitingMessage
	case running:
		s.Phase, s.Ran = lease.PodRunning, true
	case over:
		s.Phase, s.Reason, s.Message = p.end.phase, p.end.reason, p.end.message
		s.Ends = slices.Clone(p.end.ends)
		s.Ran = p.ran || len(s.Ends) > 0
	}
	return s
}

// timeline are the pods that go on by themselves, the earliest first: a
// [container/heap].
type timeline []*pod

// Len is for container/heap.
func (t *timeline) Len() int { return len(*t) }

// Less orders by time, then by age.
func (t *timeline) Less(i, j int) bool {
	a, b := (*t)[i], (*t)[j]
	if a.due != b.due {
		return a.due < b.due
	}
	return a.number < b.number
}

// Swap is for container/heap.
func (t *timeline) Swap(i, j int) {
	pods := *t
	pods[i], pods[j] = pods[j], pods[i]
	pods[i].slot, pods[j].slot = i+1, j+1
}

// Push is for container/heap.
func (t *timeline) Push(x any) {
	p := x.(*pod)
	*t = append(*t, p)
	p.slot = len(*t)
}

// Pop is for container/heap.
func (t *timeline) Pop() any {
	old := *t
	p := old[len(old)-1]
	old[len(old)-1] = nil
	*t = old[:len(old)-1]
	p.slot = 0
	return p
}

func (c *Cluster) dueIn(p *pod, d time.Duration) {
	p.due = c.now.Mono + d
	if p.slot > 0 {
		heap.Fix(&c.times, p.slot-1)
		return
	}
	heap.Push(&c.times, p)
}

func (c *Cluster) dueNever(p *pod) {
	if p.slot > 0 {
		heap.Remove(&c.times, p.slot-1)
	}
}
