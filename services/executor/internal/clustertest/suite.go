// Package clustertest says what a cluster owes the executor, as tests: whatever
// stands behind the orders and facts of package lease passes [Run].
//
// A [Bed] is one cluster, for one test, with two nodes and nothing on them. The
// suite speaks to it in orders and facts alone, and makes pods that say by
// annotations (sim/*) how they live, so that a cluster where kwok plays the kubelet
// can pass too. It never waits by the clock: the bed's Next does.
package clustertest

import (
	"maps"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/fairlead-batch/fairlead/services/executor/internal/lease"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// Bed is a cluster under test. Its funcs are called by one goroutine.
type Bed struct {
	// List begins anew, as an executor that starts: it is called before anything else,
	// and again for a restart. Facts not taken by then are never told.
	List func(t *testing.T) lease.Listed
	// Do hands orders over.
	Do func(orders ...lease.Order)
	// Next waits for facts and returns those that came, in order. It ends the test when
	// none comes in reasonable time.
	Next func(t *testing.T) []lease.Fact
	// Now is the cluster's Time.Mono.
	Now func() time.Duration
	// Namespace is one that pods can be made in.
	Namespace string
	// Remove removes a pod as somebody else would: kubectl delete --force.
	Remove func(t *testing.T, pod job.Pod)
	// LoseNode takes a node away, as when its machine is gone.
	LoseNode func(t *testing.T, name string)
}

// Run runs the suite. open makes a bed and has it closed when the test ends.
func Run(t *testing.T, open func(t *testing.T) Bed) {
	t.Helper()
	cases := map[string]func(s *session){
		"lists nodes":                            listsNodes,
		"keeps the highest epoch":                keepsEpoch,
		"a pod lives and ends well":              livesWell,
		"a pod ends badly":                       endsBadly,
		"made twice is made once":                madeTwice,
		"a name is taken":                        nameTaken,
		"too late":                               tooLate,
		"refuses a spec":                         refusesSpec,
		"refuses a namespace":                    refusesNamespace,
		"deletes a running pod":                  deletesRunning,
		"deletes by force":                       deletesForced,
		"deletes an ended pod":                   deletesEnded,
		"deletes what is not there":              deletesAbsent,
		"deletes no pod of another run":          deletesOwn,
		"tells what others remove":               removedByOthers,
		"lists pods after a restart":             listsAfterRestart,
		"a node is lost, its pod goes by force":  nodeLost,
		"a pod that is stuck can be deleted":     deletesStuck,
		"a second pod of a run has its own uid":  secondPod,
		"orders for many pods are all answered":  manyPods,
		"an executor that starts hears no facts": restartForgets,
	}
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &session{t: t, Bed: open(t), phases: map[job.RunID]lease.PodPhase{}}
			s.listed = s.List(t)
			cases[name](s)
		})
	}
}

// session is one test with its bed.
type session struct {
	Bed
	t      *testing.T
	listed lease.Listed
	// heard are facts that nobody has waited for yet.
	heard []lease.Fact
	// phases are the newest told; a pod never goes back.
	phases map[job.RunID]lease.PodPhase
}

// await takes facts until one is of type F and as wanted; earlier ones are kept for
// others to wait for, but for those on the same thing.
func await[F lease.Fact](s *session, want func(F) bool) F {
	s.t.Helper()
	for {
		for i, f := range s.heard {
			if f, ok := f.(F); ok && want(f) {
				s.heard = slices.Delete(s.heard, i, i+1)
				return f
			}
		}
		more := s.Next(s.t)
		for _, f := range more {
			s.judge(f)
		}
		s.heard = append(s.heard, more...)
	}
}

// judge checks that a pod's phases come in order.
func (s *session) judge(f lease.Fact) {
	if seen, ok := f.(lease.PodSeen); ok {
		if before := s.phases[seen.Pod.Run]; seen.Pod.Phase < before {
			s.t.Fatalf("pod of run %s goes back from phase %d to %d", seen.Pod.Run, before, seen.Pod.Phase)
		}
		s.phases[seen.Pod.Run] = seen.Pod.Phase
	}
	if gone, ok := f.(lease.PodGone); ok {
		delete(s.phases, gone.Run)
	}
}

// lease is one for a node, with annotations as pairs.
func (s *session) lease(number byte, annotations ...string) *lease.Lease {
	l := &lease.Lease{
		Run: job.RunID{0: 1, 15: number}, Job: job.ID{0: 1, 15: number}, Queue: "queue", JobSet: "set",
		Namespace: s.Namespace, Node: s.listed.Nodes[0].Name, Pool: "pool", PodName: "armada-" + job.ID{0: 1, 15: number}.String() + "-0",
		Spec: spec(s.t), Annotations: map[string]string{}, Labels: map[string]string{"app": "conformance"},
	}
	for pair := range slices.Chunk(annotations, 2) {
		l.Annotations[pair[0]] = pair[1]
	}
	return l
}

// spec is a small pod, on the wire.
func spec(t *testing.T) []byte {
	t.Helper()
	amounts := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("10m"), corev1.ResourceMemory: resource.MustParse("10Mi")}
	grace := int64(1)
	pod := corev1.PodSpec{
		RestartPolicy: corev1.RestartPolicyNever, TerminationGracePeriodSeconds: &grace,
		Containers: []corev1.Container{{
			Name: "main", Image: "alpine:3.20.0", Command: []string{"sleep", "infinity"},
			Resources: corev1.ResourceRequirements{Requests: amounts, Limits: amounts},
		}},
	}
	wire, err := pod.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return wire
}

const soon = time.Hour

func (s *session) create(l *lease.Lease) lease.Created {
	s.t.Helper()
	s.Do(lease.CreatePod{Lease: l, Before: s.Now() + soon})
	return await(s, func(f lease.Created) bool { return f.Run == l.Run })
}

func (s *session) mustCreate(l *lease.Lease) lease.Created {
	s.t.Helper()
	f := s.create(l)
	if f.Outcome != lease.CreateMade {
		s.t.Fatalf("create: outcome %d: %v", f.Outcome, f.Err)
	}
	return f
}

func (s *session) delete(run job.RunID, pod job.Pod, how lease.Deletion) lease.Deleted {
	s.t.Helper()
	s.Do(lease.DeletePod{Run: run, Pod: pod, How: how})
	return await(s, func(f lease.Deleted) bool { return f.Run == run })
}

func (s *session) awaitPhase(run job.RunID, phase lease.PodPhase) lease.Pod {
	s.t.Helper()
	return await(s, func(f lease.PodSeen) bool { return f.Pod.Run == run && f.Pod.Phase == phase }).Pod
}

func (s *session) awaitGone(run job.RunID) lease.PodGone {
	s.t.Helper()
	return await(s, func(f lease.PodGone) bool { return f.Run == run })
}
