package lease

import (
	"maps"
	"slices"

	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// created takes what became of a creation.
func (c *Core) created(in Created) {
	r := c.runs[in.Run]
	if r == nil || !r.inCreate {
		return // told twice
	}
	r.inCreate = false
	c.creates--
	gone := false
	switch in.Outcome {
	case CreateMade:
		gone = in.Pod.UID == r.goneUID && in.Pod.UID != ""
		r.there, r.unsure = !gone, false
		r.grace = in.Grace
		c.counts.Created++
	case CreateLate:
		c.counts.CreateLate++
	case CreateFailed:
		r.unsure = true
		c.counts.CreateFailed++
	case CreateRefused:
	}
	switch r.stage {
	case creating:
		c.createdInTurn(r, in)
	case clearing: // it was stopped in between
		if r.there || r.unsure {
			c.remove(r, Graceful)
		} else {
			c.gone(r)
		}
		return
	case held, ready, live, ended, tidying: // the pod was seen before the answer came
	}
	if gone && r.stage != ready {
		c.gone(r)
	}
}

// createdInTurn goes on with a run that still wants its pod.
func (c *Core) createdInTurn(r *run, in Created) {
	switch in.Outcome {
	case CreateMade:
		c.becameLive(r, in.Pod)
	case CreateLate:
		r.stage = ready
		c.maybeStart(r)
	case CreateFailed:
		c.createAgain(r, in.Err)
	case CreateRefused:
		c.clear(r, failedAs(notCreated(leasedPod(r.lease), in.Err)))
	}
}

// createAgain tries once more after a pause, or gives the run back.
func (c *Core) createAgain(r *run, err error) {
	if r.tryUntil == 0 {
		r.tryUntil = c.now.Mono + c.cfg.CreateWithin
	}
	r.pause = backoff(r.pause, c.cfg.RetryMin, c.cfg.RetryMax)
	if c.now.Mono+r.pause > r.tryUntil {
		c.clear(r, verdict{kind: verdictReturned, why: "the pod could not be created: " + err.Error()})
		return
	}
	r.stage = ready
	c.dueIn(r, r.pause)
}

// becameLive reports that the pod is there.
func (c *Core) becameLive(r *run, p job.Pod) {
	if p.Node == "" && r.lease != nil {
		p.Node = r.lease.Node
	}
	r.stage, r.there, r.lease, r.pause = live, true, nil, 0
	r.pod = p
	if r.told < job.RunPending {
		r.told = job.RunPending
		c.report(r.id, reportStep, job.RunPendingEvent{Head: c.head(r), Run: r.id, Pod: r.pod})
	}
	r.stuckAt = c.now.Mono + c.cfg.PendingWithin
	c.dueAt(r, r.stuckAt)
}

// podSeen takes a pod as it is now.
func (c *Core) podSeen(p Pod) {
	r := c.runs[p.Run]
	if r == nil {
		r = c.adopt(p)
	}
	r.there = true
	r.grace = p.Grace
	switch r.stage {
	case held, ready, creating:
		c.becameLive(r, p.Pod)
		c.observe(r, p)
	case live:
		if p.Node != "" {
			r.pod = p.Pod
		}
		c.observe(r, p)
	case clearing:
		if r.slot == 0 && !r.inCreate {
			c.remove(r, Graceful)
		}
	case ended, tidying:
	}
}

// adopt takes a pod over that no lease of this process asked for: one from before
// a restart, or one that shows up after its run was over and must go.
func (c *Core) adopt(p Pod) *run {
	r := &run{id: p.Run, job: p.Job, stage: creating, told: job.RunAcknowledged, pod: p.Pod}
	c.runs[r.id] = r
	if c.over.has(p.Run) {
		r.stage = clearing // with the zero verdict: everything was said
		return r
	}
	c.counts.Adopted++
	return r
}

// observe reports what a pod became, leaving no state out.
func (c *Core) observe(r *run, p Pod) {
	r.disruption = p.Disruption
	if (p.Ran && p.Phase != PodPending || p.Phase == PodRunning || p.Phase == PodSucceeded) && r.told < job.RunRunning {
		r.told = job.RunRunning
		c.report(r.id, reportStep, job.RunRunningEvent{Head: c.head(r), Run: r.id, Pod: r.pod})
		c.dueAt(r, never)
	}
	switch {
	case p.Phase == PodSucceeded:
		c.dueAt(r, never)
		c.end(r, job.RunSucceeded, job.RunSucceededEvent{Head: c.head(r), Run: r.id, Pod: r.pod})
	case p.Deleting:
		// Somebody else removes it; how it was killed is not how it ended. Should its
		// node not answer, the removal is forced.
		if !r.external {
			r.external = true
			c.dueIn(r, r.grace+c.cfg.ForceAfter)
		}
	case p.Phase == PodFailed:
		c.podFailed(r, p)
	case r.told == job.RunPending:
		c.observeWaiting(r, p)
	}
}

// podFailed tells a pod that its node would not take from one that ran and failed.
func (c *Core) podFailed(r *run, p Pod) {
	if r.told < job.RunRunning && refusedByNode(p) {
		c.clear(r, verdict{kind: verdictReturned, attempted: true, why: failureText(p)})
		return
	}
	c.dueAt(r, never)
	c.end(r, job.RunFailed, job.RunFailedEvent{Head: c.head(r), Run: r.id, Failure: failureOf(p, r.pod)})
}

// observeWaiting looks at why a pod does not run yet. It has a deadline unless its init
// containers are at work; one of them being over is no reason to be late for the next.
func (c *Core) observeWaiting(r *run, p Pod) {
	r.waitsFor = waitingText(p)
	if p.Initialising && p.Waiting == "" {
		r.stuckAt, r.pulling, r.verdict = never, false, verdict{}
		c.dueAt(r, never)
		return
	}
	if r.stuckAt == never {
		r.stuckAt = c.now.Mono + c.cfg.PendingWithin
		c.dueAt(r, r.stuckAt)
	}
	switch p.Waiting {
	case waitingInvalidImage:
		c.clear(r, failedAs(notStarted(p, r.pod)))
	case waitingPull, waitingPullBackOff:
		if !r.pulling {
			r.pulling = true
			c.dueAt(r, min(r.stuckAt, c.now.Mono+c.cfg.ImagePullWithin))
		}
		if p.Waiting == waitingPull || r.verdict.kind == verdictNone { // a back-off's message says less
			r.verdict = failedAs(notStarted(p, r.pod)) // for when it is given up
		}
	default:
		if r.pulling {
			r.pulling, r.verdict = false, verdict{}
			c.dueAt(r, r.stuckAt)
		}
	}
}

// dueLive gives up a pod that does not run, or forces the removal that somebody
// else asked for.
func (c *Core) dueLive(r *run) {
	switch {
	case r.external:
		c.dueRemoval(r)
	case r.pulling:
		c.clear(r, r.verdict)
	default:
		c.clear(r, verdict{kind: verdictReturned, attempted: true, why: stuckText(c.cfg.PendingWithin, r.waitsFor)})
	}
}

// podGone takes the end of a pod's record. While a creation is under way its answer
// says which pod that was.
func (c *Core) podGone(in PodGone) {
	r := c.runs[in.Run]
	switch {
	case r == nil:
	case r.inCreate:
		r.goneUID, r.there = in.UID, false
	case in.UID != r.pod.UID && in.UID != "" && r.pod.UID != "": // another pod of the run
	case r.stage == held || r.stage == ready:
		r.there = false // an attempt had made it, and another will
	default:
		c.gone(r)
	}
}

// vanished ends a run whose pod is gone without our doing. One that never ran and
// was on its way out may be tried elsewhere.
func (c *Core) vanished(r *run) {
	if (r.external || r.disruption != "") && r.told == job.RunPending {
		c.end(r, job.RunReturned, job.RunReturnedEvent{Head: c.head(r), Run: r.id, Reason: withReason(textDeletedBefore, r.disruption), Attempted: true, Pod: r.pod})
		return
	}
	c.end(r, job.RunFailed, job.RunFailedEvent{Head: c.head(r), Run: r.id, Failure: vanishedFailure(r.disruption, r.pod)})
}

// deleted takes what became of a removal.
func (c *Core) deleted(in Deleted) {
	r := c.runs[in.Run]
	if r == nil {
		return
	}
	switch in.Outcome {
	case DeleteAccepted:
		r.pause = 0
	case DeleteAbsent:
		if !r.inCreate {
			c.gone(r)
		}
	case DeleteFailed:
		r.pause = backoff(r.pause, c.cfg.RetryMin, c.cfg.RetryMax)
		r.removeAgain = true
		c.dueIn(r, r.pause)
	}
}

// dueRemoval repeats a removal that failed, or forces one that takes too long.
func (c *Core) dueRemoval(r *run) {
	if r.removeAgain {
		c.remove(r, r.how)
		return
	}
	c.remove(r, Forced)
}

func (c *Core) nodeGone(name string) {
	delete(c.nodes, name)
	c.changed[name] = true
	c.lostNode(name)
}

// missingNodes are the nodes that pods name and the cluster does not have, sorted.
func (c *Core) missingNodes() []string {
	missing := map[string]bool{}
	for _, r := range c.runs { //archcheck:sorted below
		if _, there := c.nodes[r.pod.Node]; r.there && r.pod.Node != "" && !there {
			missing[r.pod.Node] = true
		}
	}
	return slices.Sorted(maps.Keys(missing))
}

// lostNode ends the runs whose pods were on a node that is no more. Nobody is left
// to end the pods, so their removal is forced.
func (c *Core) lostNode(name string) {
	for _, r := range c.onNode(name) {
		switch r.stage {
		case live:
			r.verdict, r.stage = failedAs(nodeLostFailure(name, r.pod)), clearing
			c.remove(r, Forced)
		case clearing, tidying:
			if !r.inCreate {
				c.remove(r, Forced)
			}
		case held, ready, creating, ended: // start looks at the node; an ended pod waits for its acknowledgement
		}
	}
}

// onNode are the runs with a pod on a node, in the order of their ids.
func (c *Core) onNode(name string) (on []*run) {
	for _, r := range c.runs { //archcheck:sorted below
		if r.there && r.pod.Node == name {
			on = append(on, r)
		}
	}
	slices.SortFunc(on, func(a, b *run) int { return compare(a.id, b.id) })
	return on
}
