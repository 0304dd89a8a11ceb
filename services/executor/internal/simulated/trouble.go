package simulated

import (
	"errors"
	"fmt"
	"time"

	"github.com/fairlead-batch/fairlead/services/executor/internal/lease"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// Trouble is something that goes wrong by order. The set is closed: it is the types
// of this file that implement it.
//
//sumtype:decl
type Trouble interface{ cause(c *Cluster) error }

// NodeDies: a node is lost, and taken off the list. Its containers end with it; the
// records of its pods stay until they are removed by force.
type NodeDies struct{ Name string }

// NodeChanges: a node is new, or is now like this. What its pods hold stays held.
type NodeChanges struct{ Node lease.Node }

// PodDies: a pod's containers end badly, or its node turns it out. An empty Reason is
// a container that failed with ExitCode; others are the pod's own (Evicted).
type PodDies struct {
	Run      job.RunID
	Reason   string
	ExitCode int32
}

// PodVanishes: somebody removes a pod by force.
type PodVanishes struct{ Run job.RunID }

// CallsFail: the next calls to the API server fail. Where Hidden is set they do what
// was asked all the same.
type CallsFail struct {
	Creates, Deletes, Epochs int
	Hidden                   bool
}

// FactsComeLate: nothing is told for a while; then everything, in order.
type FactsComeLate struct{ For time.Duration }

// ErrNoSuch is wrapped where trouble is ordered for a node or pod that is not there.
var ErrNoSuch = errors.New("no such node or pod")

// errBusy is what calls that fail say.
var errBusy = errors.New("the server was unable to return a response in the time allotted")

// Cause orders trouble, as of the time of the newest Step. What there is to tell of
// it, the next Step tells. Errors: ErrNoSuch.
func (c *Cluster) Cause(t Trouble) error { return t.cause(c) }

// trouble is what is ordered and lasts.
type trouble struct {
	// left are the calls still to fail.
	left   [calls]int
	hidden bool
	// late says that facts are being kept back, until lateUntil.
	late      bool
	lateUntil time.Duration
}

type call int

const (
	createCall call = iota
	deleteCall
	epochCall
	calls
)

// failure says whether a call is to fail.
func (t *trouble) failure(c call) error {
	if t.left[c] == 0 {
		return nil
	}
	t.left[c]--
	return errBusy
}

func (t NodeDies) cause(c *Cluster) error {
	n := c.nodes[t.Name]
	if n == nil || n.dead {
		return fmt.Errorf("lose node %s: %w", t.Name, ErrNoSuch)
	}
	c.keep()
	n.dead = true
	delete(c.nodes, t.Name)
	for _, p := range c.sortedPods() {
		if p.node == n {
			c.dueNever(p)
			c.recordEnd(p, lease.PodFailed)
			p.hold(-1)
		}
	}
	c.tellOf(lease.NodeGone{Name: t.Name})
	return nil
}

func (t NodeChanges) cause(c *Cluster) error { //nolint:unparam // other trouble can fail
	c.keep()
	before := c.nodes[t.Node.Name]
	n := c.addNode(t.Node)
	if before != nil {
		for _, p := range c.sortedPods() {
			if p.node == before {
				p.hold(-1)
				p.node = n
				if p.stage == waiting || p.stage == running {
					p.hold(+1)
				}
			}
		}
	}
	c.tellOf(lease.NodeSeen{Node: t.Node})
	return nil
}

func (t PodDies) cause(c *Cluster) error {
	p := c.find(t.Run)
	if p == nil || p.stage == over {
		return fmt.Errorf("end pod of run %s: %w", t.Run, ErrNoSuch)
	}
	c.keep()
	l := &life{phase: lease.PodFailed, reason: t.Reason}
	if t.Reason == "" {
		for _, container := range p.blueprint.spec.Containers {
			l.ends = append(l.ends, job.ContainerEnd{Name: container.Name, ExitCode: t.ExitCode, Reason: reasonError})
		}
	} else {
		l.message = "The pod was ended: " + t.Reason
	}
	c.finish(p, l)
	return nil
}

func (t PodVanishes) cause(c *Cluster) error {
	p := c.find(t.Run)
	if p == nil {
		return fmt.Errorf("remove pod of run %s: %w", t.Run, ErrNoSuch)
	}
	c.keep()
	c.vanish(p)
	return nil
}

func (t CallsFail) cause(c *Cluster) error { //nolint:unparam // other trouble can fail
	c.trouble.left = [calls]int{createCall: t.Creates, deleteCall: t.Deletes, epochCall: t.Epochs}
	c.trouble.hidden = t.Hidden
	return nil
}

func (t FactsComeLate) cause(c *Cluster) error { //nolint:unparam // other trouble can fail
	c.trouble.lateUntil = c.now.Mono + t.For
	return nil
}

// keep makes the next Step tell what is told now: it would begin a new list.
func (c *Cluster) keep() {
	if !c.trouble.late {
		c.facts = c.facts[:0]
		c.trouble.late = true
	}
}

func (c *Cluster) find(run job.RunID) *pod {
	for _, p := range c.pods { //archcheck:unordered a run has one pod
		if p.run == run {
			return p
		}
	}
	return nil
}
