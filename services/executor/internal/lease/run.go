package lease

import (
	"bytes"
	"fmt"
	"time"

	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// run is what the core knows of one run.
type run struct {
	id    job.RunID
	job   job.ID
	stage stage
	// told is the newest state that was reported of it.
	told job.RunState
	// lease is here until the pod is.
	lease *Lease

	// blockers counts the runs that must be gone before its pod is made; waiting are
	// the runs that it blocks.
	blockers int
	waiting  []*run
	// inCreate says that the cluster was told to make the pod and has not answered.
	inCreate bool
	// unsure says that an attempt to make the pod failed, and may have made it.
	unsure bool
	// goneUID is a pod whose record ended before the creation was answered.
	goneUID string
	// tryUntil is when attempts end, counted from the first that failed.
	tryUntil time.Duration
	// pause is that of the newest repeated order.
	pause time.Duration

	pod job.Pod
	// there says that the pod is known to be there.
	there bool
	grace time.Duration
	// stuckAt is when a pod that does not run is given up; never: its init containers
	// run. waitsFor is why it does not, and pulling says that its image is why.
	stuckAt  time.Duration
	waitsFor string
	pulling  bool
	// external says that somebody else asked for the pod's removal, and disruption why.
	external   bool
	disruption string
	verdict    verdict
	// how is the newest removal asked for, and removeAgain says that it failed.
	how         Deletion
	removeAgain bool

	// due is the time that it waits for and slot its place among the deadlines, from
	// 1; zero: it waits for none.
	due  time.Duration
	slot int
}

// stage is where a run stands; the package doc draws it.
type stage uint8

const (
	held stage = iota + 1
	ready
	creating
	live
	clearing
	ended
	tidying
)

// verdict is what is reported of a run once its pod is gone. The zero verdict
// reports nothing.
type verdict struct {
	kind    verdictKind
	failure job.Failure
	// attempted and why are of a return.
	attempted bool
	why       string
}

type verdictKind uint8

const (
	verdictNone verdictKind = iota
	verdictReleased
	verdictReturned
	verdictFailed
)

func failedAs(f job.Failure) verdict { return verdict{kind: verdictFailed, failure: f} }

func (r *run) knownPhase() RunPhase {
	switch r.stage {
	case held, ready, creating:
		return PhaseLeased
	case clearing:
		return PhaseReleasing
	case ended, tidying:
		return PhaseEnded
	case live:
		if r.told == job.RunRunning {
			return PhaseRunning
		}
	}
	return PhasePending
}

// blocks says whether a pod of it may be on its node, now or later.
func (r *run) blocks() bool { return r.stage <= clearing }

func compare(a, b job.RunID) int { return bytes.Compare(a[:], b[:]) }

func earlier(a, b job.RunID) bool { return compare(a, b) < 0 }

func (c *Core) head(r *run) job.Head { return job.Head{Job: r.job, Time: c.now.Wall} }

// leased takes a lease over, and says so.
func (c *Core) leased(l *Lease) {
	if c.runs[l.Run] != nil || c.over.has(l.Run) {
		c.counts.LateOrders++
		return
	}
	r := &run{id: l.Run, job: l.Job, stage: held, lease: l, told: job.RunLeased}
	if len(c.runs) >= c.cfg.RunsMax {
		c.over.add(r.id, r.job)
		c.report(r.id, reportStep, job.RunReturnedEvent{
			Head: c.head(r), Run: r.id, Reason: fmt.Sprintf("the executor holds %d runs, its limit", len(c.runs)),
		})
		return
	}
	c.runs[r.id] = r
	for _, id := range l.After {
		if before := c.runs[id]; before != nil && before.blocks() {
			r.blockers++
			before.waiting = append(before.waiting, r)
		}
	}
	r.told = job.RunAcknowledged
	c.report(r.id, reportLease, job.RunAcknowledgedEvent{Head: c.head(r), Run: r.id})
}

// goAhead lets the pod of a run be made.
func (c *Core) goAhead(id job.RunID) {
	r := c.runs[id]
	if r == nil || r.stage != held {
		c.counts.LateOrders++
		return
	}
	r.stage = ready
	c.maybeStart(r)
}

// maybeStart puts a ready run among those that can be started, unless it waits for
// something else than the window.
func (c *Core) maybeStart(r *run) {
	if r.stage == ready && r.blockers == 0 && r.slot == 0 {
		c.startable = append(c.startable, r)
	}
}

// startPods makes the pods that may be made now.
func (c *Core) startPods() {
	if len(c.startable) == 0 || !c.windowOpen() {
		return
	}
	taken := 0
	for _, r := range c.startable {
		if c.creates >= c.cfg.CreatesMax {
			break
		}
		taken++
		if r.stage == ready && c.runs[r.id] == r {
			c.start(r)
		}
	}
	c.startable = append(c.startable[:0], c.startable[taken:]...)
}

func (c *Core) start(r *run) {
	if _, there := c.nodes[r.lease.Node]; !there {
		c.clear(r, verdict{kind: verdictReturned, why: fmt.Sprintf("node %s is gone", r.lease.Node)})
		return
	}
	r.stage, r.inCreate = creating, true
	c.creates++
	c.emit(CreatePod{Lease: r.lease, Before: c.answered.Mono + c.cfg.StartWindow})
}

// stop makes the pod of a run go. A run that is not known has none: it is released
// at once.
func (c *Core) stop(s Stop) {
	r := c.runs[s.Run]
	if r == nil {
		c.counts.LateOrders++
		id := s.Job
		if id.IsZero() {
			id = c.over.job(s.Run)
		}
		c.over.add(s.Run, id)
		c.report(s.Run, reportStep, job.RunReleasedEvent{Head: job.Head{Job: id, Time: c.now.Wall}, Run: s.Run})
		return
	}
	c.clear(r, verdict{kind: verdictReleased})
}

// clear makes the pod of a run go, if there may be one, and then reports. A later
// verdict takes the place of an earlier one: who stopped the run has given it up.
func (c *Core) clear(r *run, v verdict) {
	was := r.stage
	r.verdict, r.stage = v, clearing
	switch {
	case r.inCreate:
		c.dueAt(r, never) // the answer says whether there is a pod
	case !r.there && !r.unsure:
		c.gone(r)
	case was == clearing || was == tidying:
		// It is going already.
	default:
		c.remove(r, Graceful)
	}
}

// remove tells the cluster to remove the pod. Should it still be there past its
// grace, it is forced.
func (c *Core) remove(r *run, how Deletion) {
	pod := r.pod
	if pod.Name == "" && r.lease != nil {
		pod = leasedPod(r.lease)
	}
	patience := c.cfg.ForceAfter
	if how == Graceful {
		patience += r.grace
	} else {
		c.counts.Forced++
	}
	r.how, r.removeAgain = how, false
	c.dueIn(r, patience)
	c.emit(DeletePod{Run: r.id, Pod: pod, How: how})
}

// leasedPod is the pod that a lease asks for.
func leasedPod(l *Lease) job.Pod {
	return job.Pod{Name: l.PodName, Namespace: l.Namespace, Node: l.Node}
}

// gone is called when a run has no pod any more, or never had one: now it is said
// what is to be said.
func (c *Core) gone(r *run) {
	r.there, r.unsure = false, false
	c.dueAt(r, never)
	switch r.stage {
	case live:
		c.vanished(r)
	case clearing:
		c.pronounce(r)
	case tidying:
		c.forget(r)
	case ended: // its report is still to be acknowledged
	case held, ready, creating: // it wants a pod and has none yet
	}
}

// pronounce reports the verdict on a run whose pod is gone.
func (c *Core) pronounce(r *run) {
	v := r.verdict
	switch v.kind {
	case verdictNone:
		c.forget(r)
	case verdictReleased:
		c.report(r.id, reportStep, job.RunReleasedEvent{Head: c.head(r), Run: r.id})
		c.forget(r)
	case verdictReturned:
		c.end(r, job.RunReturned, job.RunReturnedEvent{Head: c.head(r), Run: r.id, Reason: v.why, Attempted: v.attempted, Pod: r.pod})
	case verdictFailed:
		c.end(r, job.RunFailed, job.RunFailedEvent{Head: c.head(r), Run: r.id, Failure: v.failure})
	}
}

// end reports how a run ended. It is kept until that is acknowledged, so that it
// lacks in no Hello before.
func (c *Core) end(r *run, told job.RunState, e job.Event) {
	r.stage, r.lease, r.told = ended, nil, told
	c.report(r.id, reportEnd, e)
	c.unblock(r)
}

// tidy removes what is left of a run whose end was acknowledged.
func (c *Core) tidy(r *run) {
	if !r.there {
		c.forget(r)
		return
	}
	r.stage = tidying
	c.remove(r, Graceful)
}

// unblock lets those go on that wait for this run's pod to be gone.
func (c *Core) unblock(r *run) {
	waiting := r.waiting
	r.waiting = nil
	for _, w := range waiting {
		w.blockers--
		c.maybeStart(w)
	}
}

// forget drops a run. Its id is remembered for a while: a pod of it that shows up
// late is removed, and a lease of it is not taken twice.
func (c *Core) forget(r *run) {
	c.dueAt(r, never)
	delete(c.runs, r.id)
	c.over.add(r.id, r.job)
	c.unblock(r)
}

// dueRun does what a run waited for.
func (c *Core) dueRun(r *run) {
	switch r.stage {
	case ready:
		c.maybeStart(r)
	case live:
		c.dueLive(r)
	case clearing, tidying:
		c.dueRemoval(r)
	case held, creating, ended:
	}
}

// over remembers runs that are over, the newest of them, and their jobs.
type over struct {
	jobs map[job.RunID]job.ID
	// ring is filled up to its capacity and then written over, from next on.
	ring []job.RunID
	next int
}

func newOver(most int) over {
	return over{jobs: map[job.RunID]job.ID{}, ring: make([]job.RunID, 0, most)}
}

func (o *over) has(id job.RunID) bool {
	_, there := o.jobs[id]
	return there
}

// job is the job of a run, or zero.
func (o *over) job(id job.RunID) job.ID { return o.jobs[id] }

func (o *over) add(id job.RunID, j job.ID) {
	if o.has(id) || cap(o.ring) == 0 {
		return
	}
	if len(o.ring) < cap(o.ring) {
		o.ring = append(o.ring, id)
	} else {
		delete(o.jobs, o.ring[o.next])
		o.ring[o.next] = id
	}
	o.next = (o.next + 1) % cap(o.ring)
	o.jobs[id] = j
}
