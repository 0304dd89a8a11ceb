package clustertest

import (
	"errors"

	"github.com/fairlead-batch/fairlead/services/executor/internal/lease"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

func listsNodes(s *session) {
	if len(s.listed.Nodes) != 2 || len(s.listed.Pods) != 0 || s.listed.Epoch != 0 {
		s.t.Fatalf("listed %+v, want two nodes and nothing else", s.listed)
	}
	for _, n := range s.listed.Nodes {
		has := map[string]int64{}
		for _, a := range n.Total {
			has[a.Resource] = a.Value
		}
		if n.Name == "" || has["cpu"] < 1000 || has["memory"] < 1<<30 || n.Unschedulable {
			s.t.Errorf("node %+v, want a name, a core and a GiB at least", n)
		}
	}
}

func keepsEpoch(s *session) {
	for _, step := range []struct{ save, want uint64 }{{7, 7}, {7, 7}, {5, 7}, {9, 9}} {
		s.Do(lease.SaveEpoch{Epoch: step.save})
		if f := await(s, func(lease.EpochSaved) bool { return true }); f.Err != nil || f.Epoch != step.want {
			s.t.Fatalf("saved %d: %+v, want %d", step.save, f, step.want)
		}
	}
	if got := s.List(s.t).Epoch; got != 9 {
		s.t.Errorf("after a restart the epoch is %d, want 9", got)
	}
}

func livesWell(s *session) {
	l := s.lease(1, "sim/run-duration", "1s")
	f := s.mustCreate(l)
	if f.Pod.Name != l.PodName || f.Pod.Namespace != l.Namespace || f.Pod.UID == "" || f.Pod.Node != l.Node || f.Grace.Seconds() != 1 {
		s.t.Errorf("created %+v for %+v", f, l)
	}
	if p := s.awaitPhase(l.Run, lease.PodRunning); p.Job != l.Job || p.Pod != f.Pod || !p.Ran {
		s.t.Errorf("running %+v, want job %s, pod %+v", p, l.Job, f.Pod)
	}
	p := s.awaitPhase(l.Run, lease.PodSucceeded)
	if len(p.Ends) != 1 || p.Ends[0].Name != "main" || p.Ends[0].ExitCode != 0 || !p.Ran {
		s.t.Errorf("ended %+v, want container main with 0", p)
	}
}

func endsBadly(s *session) {
	l := s.lease(1, "sim/run-duration", "1s", "sim/exit-code", "137", "sim/reason", "OOMKilled", "sim/message", "too much")
	s.mustCreate(l)
	p := s.awaitPhase(l.Run, lease.PodFailed)
	want := job.ContainerEnd{Name: "main", ExitCode: 137, Reason: "OOMKilled", Message: "too much"}
	if len(p.Ends) != 1 || p.Ends[0] != want || !p.Ran {
		s.t.Errorf("ended %+v, want %+v", p, want)
	}
}

func madeTwice(s *session) {
	l := s.lease(1)
	first := s.mustCreate(l)
	second := s.mustCreate(l)
	if first.Pod != second.Pod {
		s.t.Errorf("made %+v, then %+v", first.Pod, second.Pod)
	}
	if listed := s.List(s.t); len(listed.Pods) != 1 {
		s.t.Errorf("there are %d pods, want 1", len(listed.Pods))
	}
}

func nameTaken(s *session) {
	first := s.lease(1)
	s.mustCreate(first)
	second := s.lease(2)
	second.PodName = first.PodName
	if f := s.create(second); f.Outcome != lease.CreateFailed || f.Err == nil {
		s.t.Errorf("a taken name gives %+v, want CreateFailed", f)
	}
	if listed := s.List(s.t); len(listed.Pods) != 1 || listed.Pods[0].Run != first.Run {
		s.t.Errorf("there are %+v, want the pod of the first run", listed.Pods)
	}
}

func tooLate(s *session) {
	l := s.lease(1)
	s.Do(lease.CreatePod{Lease: l, Before: s.Now() - 1})
	if f := await(s, func(f lease.Created) bool { return f.Run == l.Run }); f.Outcome != lease.CreateLate {
		s.t.Errorf("outcome %d, want CreateLate", f.Outcome)
	}
	if listed := s.List(s.t); len(listed.Pods) != 0 {
		s.t.Errorf("there are %+v, want none", listed.Pods)
	}
}

func refusesSpec(s *session) {
	l := s.lease(1)
	l.Spec = nil // no containers
	if f := s.create(l); f.Outcome != lease.CreateRefused || f.Err == nil {
		s.t.Errorf("a spec without containers gives %+v, want CreateRefused", f)
	}
}

func refusesNamespace(s *session) {
	l := s.lease(1)
	l.Namespace = "invalid-namespace"
	if f := s.create(l); f.Outcome != lease.CreateRefused || f.Err == nil {
		s.t.Errorf("a namespace that is not there gives %+v, want CreateRefused", f)
	}
}

func deletesRunning(s *session) {
	l := s.lease(1)
	f := s.mustCreate(l)
	s.awaitPhase(l.Run, lease.PodRunning)
	if d := s.delete(l.Run, f.Pod, lease.Graceful); d.Outcome != lease.DeleteAccepted {
		s.t.Fatalf("delete: %+v", d)
	}
	if gone := s.awaitGone(l.Run); gone.UID != f.Pod.UID {
		s.t.Errorf("pod %s is gone, want %s", gone.UID, f.Pod.UID)
	}
}

func deletesForced(s *session) {
	l := s.lease(1)
	f := s.mustCreate(l)
	s.awaitPhase(l.Run, lease.PodRunning)
	if d := s.delete(l.Run, f.Pod, lease.Forced); d.Outcome != lease.DeleteAccepted {
		s.t.Fatalf("delete: %+v", d)
	}
	s.awaitGone(l.Run)
}

func deletesEnded(s *session) {
	l := s.lease(1, "sim/run-duration", "1s")
	f := s.mustCreate(l)
	s.awaitPhase(l.Run, lease.PodSucceeded)
	s.delete(l.Run, f.Pod, lease.Graceful)
	s.awaitGone(l.Run)
	if listed := s.List(s.t); len(listed.Pods) != 0 {
		s.t.Errorf("there are %+v, want none", listed.Pods)
	}
}

func deletesAbsent(s *session) {
	l := s.lease(1)
	if d := s.delete(l.Run, job.Pod{Name: l.PodName, Namespace: l.Namespace}, lease.Graceful); d.Outcome != lease.DeleteAbsent {
		s.t.Errorf("delete: %+v, want DeleteAbsent", d)
	}
}

func deletesOwn(s *session) {
	l := s.lease(1)
	f := s.mustCreate(l)
	other := job.RunID{0: 1, 15: 99}
	if d := s.delete(other, f.Pod, lease.Forced); d.Outcome != lease.DeleteAbsent {
		s.t.Errorf("delete: %+v, want DeleteAbsent", d)
	}
	if listed := s.List(s.t); len(listed.Pods) != 1 {
		s.t.Errorf("there are %+v, want the pod of the other run", listed.Pods)
	}
}

func removedByOthers(s *session) {
	l := s.lease(1)
	f := s.mustCreate(l)
	s.awaitPhase(l.Run, lease.PodRunning)
	s.Remove(s.t, f.Pod)
	if gone := s.awaitGone(l.Run); gone.UID != f.Pod.UID {
		s.t.Errorf("pod %s is gone, want %s", gone.UID, f.Pod.UID)
	}
}

func listsAfterRestart(s *session) {
	runs, ends := s.lease(1), s.lease(2, "sim/run-duration", "1s", "sim/exit-code", "3")
	f := s.mustCreate(runs)
	s.mustCreate(ends)
	s.awaitPhase(runs.Run, lease.PodRunning)
	s.awaitPhase(ends.Run, lease.PodFailed)
	listed := s.List(s.t)
	if len(listed.Pods) != 2 || len(listed.Nodes) != 2 {
		s.t.Fatalf("listed %+v, want two pods on two nodes", listed)
	}
	for _, p := range listed.Pods {
		switch p.Run {
		case runs.Run:
			if p.Phase != lease.PodRunning || !p.Ran || p.Pod != f.Pod || p.Job != runs.Job || p.Grace.Seconds() != 1 {
				s.t.Errorf("listed %+v, want it running", p)
			}
		case ends.Run:
			if p.Phase != lease.PodFailed || len(p.Ends) != 1 || p.Ends[0].ExitCode != 3 {
				s.t.Errorf("listed %+v, want it failed with 3", p)
			}
		default:
			s.t.Errorf("listed %+v, which nobody made", p)
		}
	}
}

func nodeLost(s *session) {
	l := s.lease(1)
	f := s.mustCreate(l)
	s.awaitPhase(l.Run, lease.PodRunning)
	s.LoseNode(s.t, l.Node)
	await(s, func(gone lease.NodeGone) bool { return gone.Name == l.Node })
	s.delete(l.Run, f.Pod, lease.Forced)
	s.awaitGone(l.Run)
	if listed := s.List(s.t); len(listed.Nodes) != 1 || len(listed.Pods) != 0 {
		s.t.Errorf("listed %+v, want one node and no pod", listed)
	}
}

func deletesStuck(s *session) {
	l := s.lease(1, "sim/stuck-pending", "true")
	f := s.mustCreate(l)
	s.delete(l.Run, f.Pod, lease.Graceful)
	s.awaitGone(l.Run)
}

func secondPod(s *session) {
	l := s.lease(1)
	first := s.mustCreate(l)
	s.delete(l.Run, first.Pod, lease.Forced)
	s.awaitGone(l.Run)
	if second := s.mustCreate(l); second.Pod.UID == first.Pod.UID {
		s.t.Errorf("two pods have the uid %s", second.Pod.UID)
	}
}

func manyPods(s *session) {
	const pods = 50
	orders := make([]lease.Order, 0, pods)
	for i := range byte(pods) {
		orders = append(orders, lease.CreatePod{Lease: s.lease(i+1, "sim/run-duration", "1s"), Before: s.Now() + soon})
	}
	s.Do(orders...)
	var errs []error
	for i := range byte(pods) {
		run := job.RunID{0: 1, 15: i + 1}
		errs = append(errs, await(s, func(f lease.Created) bool { return f.Run == run }).Err)
		s.awaitPhase(run, lease.PodSucceeded)
	}
	if err := errors.Join(errs...); err != nil {
		s.t.Error(err)
	}
}

func restartForgets(s *session) {
	l := s.lease(1)
	s.mustCreate(l)
	s.List(s.t)
	s.heard = nil
	second := s.lease(2)
	s.mustCreate(second)
	for _, f := range s.heard {
		if f, ok := f.(lease.Created); ok && f.Run == l.Run {
			s.t.Errorf("told %+v to an executor that did not ask", f)
		}
	}
}
