package sim

import (
	"fmt"

	executorv1 "github.com/fairlead-batch/fairlead/proto/gen/fairlead/executor/v1"
	executor "github.com/fairlead-batch/fairlead/services/executor/app"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// fail notes a violation. The first one ends the run.
func (w *world) fail(format string, args ...any) {
	if w.failed == nil {
		w.failed = fmt.Errorf(format, args...)
		w.tell("VIOLATION", "%v", w.failed)
	}
}

// checkOrder judges what a scheduler says to an executor: of a plan that is not
// whole nothing may be said.
func (w *world) checkOrder(s *stream, m *executorv1.Down) {
	for _, l := range m.GetLeases().GetLeases() {
		id, err := job.RunIDFrom(l.GetRun())
		if err != nil {
			w.fail("%s sends a lease without a run: %v", s.replica.name, err)
			return
		}
		run := w.truth.runs[id]
		switch {
		case run == nil:
			w.fail("%s sends the lease of run %s, which the log does not have", s.replica.name, id)
		case !w.truth.counts(run.plan):
			w.fail("%s sends the lease of run %s of plan %v, which is not whole", s.replica.name, id, run.plan)
		case run.executor != s.site.name:
			w.fail("%s sends the lease of run %s, which is for %s, to %s", s.replica.name, id, run.executor, s.site.name)
		}
	}
}

// checkGangs judges a plan that has become whole: of a gang that starts in it no
// member is left waiting, but one that came back after the plan was decided.
func (w *world) checkGangs(key planKey, p *plan) {
	leased := map[job.ID]bool{}
	for _, id := range p.leased {
		leased[id] = true
	}
	for _, id := range p.leased {
		gang := w.truth.jobs[id].gang
		if gang.ID == "" {
			continue
		}
		for _, mate := range w.truth.sorted() {
			waits := mate.job.State == job.Queued && !mate.job.Asked.Has(job.AskedCancel) && !leased[mate.job.ID]
			if mate.gang.ID == gang.ID && waits && mate.back <= p.decided {
				w.fail("plan %v starts job %s of gang %s and leaves %s waiting", key, id, gang.ID, mate.job.ID)
			}
		}
	}
}

// checkPods judges the pods of a cluster by its own records, after its executor was
// stepped.
func (w *world) checkPods(s *site) {
	records := s.cluster.Records()
	for i := s.seen; i < len(records); i++ {
		w.checkNewPod(s, &records[i])
	}
	s.seen = len(records)
	for i := range records {
		r := &records[i]
		if r.Phase == executor.PodFailed && r.Started == 0 && !s.dead[r.Node] {
			w.fail("node %s of %s has no room for the pod of run %s beside %s", r.Node, s.name, r.Run, holders(records, r.Node))
		}
	}
	s.live = s.live[:0]
	held := map[string]map[string]int64{}
	for i := range records {
		if r := &records[i]; r.Ended == 0 {
			s.live = append(s.live, r.Job)
			w.hold(s, held, r)
		}
	}
	w.checkTwice(s)
}

// holders are the runs whose pods live on a node.
func holders(records []executor.PodRecord, node string) (runs []job.RunID) {
	for i := range records {
		if r := &records[i]; r.Node == node && r.Ended == 0 {
			runs = append(runs, r.Run)
		}
	}
	return runs
}

// checkNewPod: a pod is made only for a run whose acknowledgement the log accepted.
func (w *world) checkNewPod(s *site, r *executor.PodRecord) {
	w.counts.add(countPods)
	run := w.truth.runs[r.Run]
	switch {
	case run == nil:
		w.fail("%s makes a pod for run %s, which the log does not have", s.name, r.Run)
	case !run.acknowledged:
		w.fail("%s makes a pod for run %s, whose lease is not acknowledged in the log", s.name, r.Run)
	case run.expired:
		// The executor's start window is over before the leader gives its runs up.
		w.fail("%s makes a pod for run %s, which was given up as expired", s.name, r.Run)
	case run.executor != s.name || run.node != r.Node || run.job != r.Job:
		w.fail("%s makes the pod of run %s on node %s: the log says %s on %s", s.name, r.Run, r.Node, run.executor, run.node)
	}
}

// checkExpired: no run is given up while its executor may make pods, since a leader has
// answered it not long ago. Of one that has just stood still nobody knows.
func (w *world) checkExpired(id job.RunID) {
	for _, s := range w.sites {
		lives := s.up && w.now-s.stepped <= 2*job.Time(w.site.HeartbeatInterval)
		if s.name == w.truth.runs[id].executor && lives && s.core.Counts().WindowOpen {
			w.fail("run %s is given up as expired while %s may make pods", id, s.name)
		}
	}
}

// hold adds what a pod asks for to what its node holds: never more than it has.
func (w *world) hold(s *site, held map[string]map[string]int64, r *executor.PodRecord) {
	on := held[r.Node]
	if on == nil {
		on = map[string]int64{}
		held[r.Node] = on
	}
	for _, a := range w.truth.jobs[r.Job].requests {
		on[a.Resource] += a.Value
		if on[a.Resource] > nodeTotal(a.Resource) {
			w.fail("node %s of %s holds %d of %s", r.Node, s.name, on[a.Resource], a.Resource)
		}
	}
}

// checkTwice: no job has two pods that live, in whatever clusters.
func (w *world) checkTwice(changed *site) {
	seen := map[job.ID]string{}
	for _, s := range w.sites {
		for _, id := range s.live {
			if other, twice := seen[id]; twice {
				w.fail("job %s has pods in %s and %s at once, seen at %s", id, other, s.name, changed.name)
			}
			seen[id] = s.name
		}
	}
}

// checkViews: what each replica makes of the log is what the fold makes of it up to
// the same positions.
func (w *world) checkViews() {
	for _, r := range w.replicas {
		if r.up {
			w.checkView(r)
		}
	}
}

func (w *world) checkView(r *replica) {
	theirs := map[job.ID]job.Job{}
	for _, j := range r.node.Jobs() {
		theirs[j.ID] = j
	}
	for _, l := range w.truth.sorted() {
		ours := l.at(r.node.Position(l.partition))
		is, there := theirs[l.job.ID]
		delete(theirs, l.job.ID)
		switch {
		case there && is != ours:
			w.fail("%s has job %s as %+v, the fold has %+v", r.name, l.job.ID, is, ours)
		case !there && ours.State != 0 && !ours.Settled():
			w.fail("%s has lost job %s, which is %+v", r.name, l.job.ID, ours)
		}
	}
	for id := range theirs { //archcheck:unordered any is one too many
		w.fail("%s has job %s, which the fold does not have", r.name, id)
	}
}

// checkAcknowledged: what was acknowledged to users is in the log and counts.
func (w *world) checkAcknowledged() {
	for _, id := range w.users.acknowledged {
		if w.truth.jobs[id] == nil {
			w.fail("job %s was acknowledged and is lost", id)
		}
	}
}

// atRest says why the system is not at rest; empty: it is.
func (w *world) atRest() string {
	if len(w.users.claims) > 0 {
		return fmt.Sprintf("%d requests of users are not answered", len(w.users.claims))
	}
	for _, l := range w.truth.sorted() {
		if !l.job.Settled() {
			return fmt.Sprintf("job %s of queue %s, gang %q, is %+v", l.job.ID, l.queue, l.gang.ID, l.job)
		}
	}
	for _, s := range w.sites {
		if n := s.core.Counts(); n.Leased+n.Pending+n.Running+n.Ended+n.Releasing+n.Unacknowledged > 0 {
			return fmt.Sprintf("%s holds %+v", s.name, n)
		}
		for _, r := range s.cluster.Records() {
			if r.Gone == 0 {
				return fmt.Sprintf("%s has the pod of run %s", s.name, r.Run)
			}
		}
	}
	for _, r := range w.replicas {
		for _, p := range allPartitions() {
			if at := r.node.Position(p); at != w.truth.partitions[p].at {
				return fmt.Sprintf("%s has read %s up to %s", r.name, p, at)
			}
		}
		if n := len(r.node.Jobs()); n > 0 {
			return fmt.Sprintf("%s keeps %d jobs", r.name, n)
		}
	}
	return ""
}

// partitionOf is where a job set's entries stand.
func partitionOf(queue, jobSet string) eventlog.Partition {
	return eventlog.PartitionOf(queue, jobSet, partitions)
}
