package sim

import (
	"fmt"
	"slices"
	"time"

	executor "github.com/fairlead-batch/fairlead/services/executor/app"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// site is an executor process and its cluster. The process can be killed; the
// cluster, with its pods and the newest epoch, stays.
type site struct {
	process
	core    *executor.Core
	cluster *executor.Cluster
	inbox   []executor.Input
	// streams are those to the replicas, by number; nil: none.
	streams []*stream
	timer   int
	// stepped is when the executor was stepped last.
	stepped job.Time
	// seen is how many pods of the cluster were looked at as new.
	seen int
	// live are the jobs of the pods that live in the cluster.
	live []job.ID
	// nodes are those that live, and dead those that died.
	nodes []string
	dead  map[string]bool
	// doom befalls it when it is told that it may make a pod, before it hears that;
	// nil: nothing.
	doom func()
}

// start begins a life over the cluster as it is.
func (s *site) start() {
	s.begin()
	s.inbox, s.streams = nil, make([]*stream, replicas)
	cfg := s.w.site
	cfg.Name = s.name
	core, err := executor.New(cfg, executor.Deps{
		NewID:   func(at time.Time) [16]byte { return s.w.ids.next(job.Time(at.UnixNano())) },
		Cluster: s.cluster,
	})
	if err != nil {
		s.w.fail("make executor: %v", err)
		return
	}
	s.core = core
	s.poke()
}

// poke lets the executor look at its cluster.
func (s *site) poke() { s.post(executor.Due{}) }

// lose notes that a node died.
func (s *site) lose(node string) {
	s.nodes = slices.DeleteFunc(s.nodes, func(name string) bool { return name == node })
	s.dead[node] = true
}

// gain adds a node that was not there before.
func (s *site) gain(number int) {
	n := executor.Node{
		Name: fmt.Sprintf("spare-%d", number), Total: []job.Amount{{Resource: "cpu", Value: nodeCPU}}, Labels: map[string]string{},
	}
	if err := s.cluster.Cause(executor.NodeChanges{Node: n}); err != nil {
		s.w.fail("add a node: %v", err)
		return
	}
	s.nodes = append(s.nodes, n.Name)
	s.poke()
}

func (s *site) kill() {
	s.w.leave(&s.process)
	s.end()
}

// post puts something into the inbox.
func (s *site) post(in executor.Input) {
	if !s.up {
		return
	}
	if m, ok := in.(executor.Received); ok && s.doom != nil && len(m.Message.GetAcknowledgements().GetGo()) > 0 {
		doom := s.doom
		s.doom = nil
		doom()
	}
	s.inbox = append(s.inbox, in)
	s.soon(s.step)
}

// clocks are the two clocks of the executor's machine.
func (s *site) clocks() executor.Time {
	return executor.Time{Mono: time.Duration(s.w.now - began + 1), Wall: s.wall()}
}

func (s *site) step() {
	inputs := s.inbox
	s.inbox, s.stepped = nil, s.w.now
	for _, o := range s.core.Step(s.clocks(), inputs...) {
		s.w.note(s.name, o)
		s.do(o)
	}
	s.w.checkPods(s)
}

func (s *site) do(o executor.Output) {
	switch o := o.(type) {
	case executor.Dial:
		s.w.connect(s, o.Replica)
	case executor.HangUp:
		if open := s.streams[o.Replica]; open != nil {
			open.hangUp()
		}
	case executor.Send:
		if open := s.streams[o.Replica]; open != nil && open.up.open {
			open.say(o.Message)
		}
	case executor.SetTimer:
		s.timer++
		timer, life := s.timer, s.life
		s.w.at(began-1+job.Time(o.At), func() {
			if s.life == life && s.timer == timer {
				s.post(executor.Due{})
			}
		})
	}
}
