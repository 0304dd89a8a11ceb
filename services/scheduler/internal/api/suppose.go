package api

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	eventsv1 "github.com/fairlead-batch/fairlead/proto/gen/fairlead/events/v1"
	schedulerv1 "github.com/fairlead-batch/fairlead/proto/gen/fairlead/scheduler/v1"
	"github.com/fairlead-batch/fairlead/services/internal/eventwire"
	"github.com/fairlead-batch/fairlead/services/internal/fault"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/scheduler/internal/lead"
	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// defaultClass is the priority class of a supposed job that names none.
const defaultClass = "armada-default"

// supposed is a what-if in the terms of the round, and what its jobs are called.
type supposed struct {
	question schedule.Question
	names    map[schedule.JobID]string
}

// checkWhatIf refuses what needs no state to be refused.
func checkWhatIf(req *schedulerv1.WhatIfRequest) ([]job.ID, error) {
	var check fault.Check
	if n := len(req.GetJobs()); n > SupposedJobsMax {
		check.Violate("jobs", n, fmt.Sprintf("must be at most %d", SupposedJobsMax))
	}
	if n := len(req.GetJobIds()); n > ExplainJobsMax {
		check.Violate("jobIds", n, fmt.Sprintf("must be at most %d", ExplainJobsMax))
	}
	if len(req.GetJobs())+len(req.GetJobIds()) == 0 {
		check.Violate("jobs", nil, "must have a job, or jobIds must: nothing is asked about")
	}
	ids := parseIDs(&check, req.GetJobIds())
	for i, j := range req.GetJobs() {
		at := fmt.Sprintf("jobs[%d].", i)
		if j.GetQueue() == "" {
			check.Violate(at+"queue", nil, "must not be empty")
		}
		if j.GetShape() == nil {
			check.Violate(at+"shape", nil, "must be set")
		}
		if j.GetGang() != "" && j.GetGangCardinality() == 0 {
			check.Violate(at+"gangCardinality", 0, "must be at least 1")
		}
		if j.GetGangMin() > j.GetGangCardinality() {
			check.Violate(at+"gangMin", j.GetGangMin(), "must be at most gangCardinality")
		}
		if want := j.GetGangWant(); want > 0 && (j.GetGangMin() == 0 || want < j.GetGangMin() || want > j.GetGangCardinality()) {
			check.Violate(at+"gangWant", want, "must be from gangMin, which must be given, to gangCardinality")
		}
	}
	nodes := 0
	for i, n := range req.GetNodes() {
		nodes += int(max(1, n.GetCount()))
		if n.GetLike() == "" && len(n.GetTotal()) == 0 {
			check.Violate(fmt.Sprintf("nodes[%d].total", i), nil, "must be set where like is not")
		}
	}
	if nodes > SupposedNodesMax {
		check.Violate("nodes", nodes, fmt.Sprintf("must be at most %d in all", SupposedNodesMax))
	}
	for i, q := range req.GetQueues() {
		at := fmt.Sprintf("queues[%d].", i)
		if q.GetName() == "" {
			check.Violate(at+"name", nil, "must not be empty")
		}
		if f := q.GetPriorityFactor(); f != 0 && (f < 1 || f > 1_000_000 || math.IsNaN(f)) {
			check.Violate(at+"priorityFactor", f, "must be from 1 to 1000000")
		}
	}
	if f := req.GetSettings().GetProtectedFraction(); f < 0 || f > 1 || math.IsNaN(f) {
		check.Violate("settings.protectedFraction", f, "must be from 0 to 1")
	}
	return ids, check.Err()
}

// suppose puts a what-if in the terms of the round.
func suppose(on *lead.Copy, req *schedulerv1.WhatIfRequest) (*supposed, error) {
	out := &supposed{names: map[schedule.JobID]string{}}
	if set := req.GetSettings(); set != nil {
		rules := on.Rules()
		if set.LookbackMax != nil {
			rules.Lookback = int(set.GetLookbackMax())
		}
		if set.ProtectedFraction != nil {
			rules.Protected = int64(math.Round(set.GetProtectedFraction() * schedule.Million))
		}
		out.question.Config = &rules
	}
	for _, q := range req.GetQueues() {
		queue, known := on.State.Queue(schedule.QueueID(q.GetName()))
		if !known {
			queue = schedule.Queue{ID: schedule.QueueID(q.GetName()), Weight: schedule.Million}
		}
		if f := q.GetPriorityFactor(); f != 0 {
			queue.Weight = max(1, int64(math.Round(schedule.Million/f)))
		}
		if q.Cordoned != nil {
			queue.Cordoned = q.GetCordoned()
		}
		out.add(schedule.QueueSet{Queue: queue})
	}
	for i, n := range req.GetNodes() {
		if err := out.nodes(on, i, n); err != nil {
			return nil, err
		}
	}
	for i, j := range req.GetJobs() {
		if err := out.job(on, i, j); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (s *supposed) add(facts ...schedule.Delta) {
	s.question.Facts = append(s.question.Facts, facts...)
}

// nodes adds nodes that are alike, of an executor that stands for all that are supposed.
func (s *supposed) nodes(on *lead.Copy, i int, n *schedulerv1.SupposedNodes) error {
	node := schedule.Node{Pool: on.Rules().Pools[0], Labels: map[string]string{}}
	if like := n.GetLike(); like != "" {
		known := false
		if node, known = on.State.Node(schedule.NodeID(like)); !known {
			return fault.NewInvalid(fault.Violation{Field: fmt.Sprintf("nodes[%d].like", i), Value: like, Rule: "must be a node that is known, as executor/name"})
		}
		node.Unschedulable = false
		if node.Labels = maps.Clone(node.Labels); node.Labels == nil {
			node.Labels = map[string]string{}
		}
	}
	if n.GetPool() != "" {
		node.Pool = schedule.PoolID(n.GetPool())
	}
	total := on.Amounts(amountsFrom(n.GetTotal()))
	for at, name := range on.Rules().Resources {
		said := slices.ContainsFunc(n.GetTotal(), func(a *eventsv1.ResourceAmount) bool { return a.GetResource() == name })
		if !said && len(node.Total) > 0 {
			total[at] = node.Total[at]
		}
	}
	node.Total = total
	for _, l := range n.GetLabels() {
		node.Labels[l.GetKey()] = l.GetValue()
	}
	node.Executor, node.Other = "what-if", make(schedule.Vec, len(node.Total))
	for k := range max(1, n.GetCount()) {
		node.ID = schedule.NodeID(fmt.Sprintf("what-if/%d-%d", i+1, k+1))
		s.add(schedule.NodeSet{Node: node})
	}
	return nil
}

func amountsFrom(list []*eventsv1.ResourceAmount) (out []job.Amount) {
	for _, a := range list {
		out = append(out, job.Amount{Resource: a.GetResource(), Value: a.GetAmount()})
	}
	return out
}

// job adds a job that is submitted last of all.
func (s *supposed) job(on *lead.Copy, i int, j *schedulerv1.SupposedJob) error {
	class := j.GetPriorityClass()
	if class == "" {
		class = defaultClass
	}
	at := fmt.Sprintf("jobs[%d].", i)
	known := false
	for _, c := range on.Rules().Classes {
		known = known || string(c.ID) == class
	}
	if !known {
		return fault.NewInvalid(fault.Violation{Field: at + "priorityClass", Value: class, Rule: "must be a priority class that is known"})
	}
	shape := schedule.ShapeID(math.MaxUint32 - uint32(i)) //nolint:gosec // few; the core counts from 1
	row := schedule.Job{
		Queue: schedule.QueueID(j.GetQueue()), Shape: shape, Priority: j.GetPriority(), Submitted: math.MaxInt64, Gang: schedule.GangID(j.GetGang()),
	}
	for b := range row.ID {
		row.ID[b] = 0xff // after all ULIDs
	}
	binary.BigEndian.PutUint16(row.ID[14:], uint16(i)) //nolint:gosec // few
	s.names[row.ID] = j.GetName()
	if j.GetName() == "" {
		s.names[row.ID] = fmt.Sprintf("job %d", i+1)
	}
	s.add(schedule.ShapeAdded{ID: shape, Shape: on.Shape(eventwire.ShapeFrom(j.GetShape()), class)})
	if row.Gang != "" {
		s.add(schedule.GangAdded{Gang: schedule.Gang{
			ID: row.Gang, Queue: row.Queue, Cardinality: j.GetGangCardinality(), Label: j.GetGangUniformityLabel(),
			Min: j.GetGangMin(), Want: j.GetGangWant(),
		}})
	}
	s.add(schedule.JobQueued{Job: row})
	return nil
}

// name is what a job is called.
func (s *supposed) name(id schedule.JobID) string {
	if name, is := s.names[id]; is {
		return name
	}
	return "job " + job.ID(id).String()
}

// refused tells what the round does not take from what is our bug.
func refused(err error) error {
	if errors.Is(err, schedule.ErrInvalid) {
		return fault.NewInvalid(fault.Violation{Field: "request", Rule: err.Error()})
	}
	return err
}
