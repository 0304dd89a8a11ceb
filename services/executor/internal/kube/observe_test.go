package kube_test

import (
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fairlead-batch/fairlead/services/executor/internal/kube"
	"github.com/fairlead-batch/fairlead/services/executor/internal/lease"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// ours is a pod of ours with a status.
func ours(status corev1.PodStatus) *corev1.Pod {
	run, id := job.RunID{15: 1}, job.ID{15: 2}
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: "armada-x-0", Namespace: "ns", UID: "u",
			Labels: map[string]string{"armada_job_run_id": run.String(), "armada_job_id": id.String()},
		},
		Spec: corev1.PodSpec{NodeName: "n"}, Status: status,
	}
}

// TestSeen: what a pod's status says, in the words of the core.
func TestSeen(t *testing.T) {
	t.Parallel()
	then := metav1.NewTime(time.Unix(1_800_000_000, 0))
	always := corev1.ContainerRestartPolicyAlways
	waiting := func(name, reason, message string) corev1.ContainerStatus {
		return corev1.ContainerStatus{Name: name, State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}}
	}
	running := func(name string) corev1.ContainerStatus {
		return corev1.ContainerStatus{Name: name, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: then}}}
	}
	ended := func(name string, code int32, at metav1.Time) corev1.ContainerStatus {
		return corev1.ContainerStatus{Name: name, State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code, Reason: "Error", StartedAt: at}}}
	}
	cases := map[string]struct {
		pod  *corev1.Pod
		want lease.Pod
	}{
		"just made": {ours(corev1.PodStatus{Phase: corev1.PodPending}), lease.Pod{Phase: lease.PodPending}},
		"no node": {
			ours(corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{
				{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: "Unschedulable", Message: "0/3 nodes are available"},
			}}),
			lease.Pod{Phase: lease.PodPending, Waiting: "Unschedulable", WaitingMessage: "0/3 nodes are available"},
		},
		"how every pod begins": {
			ours(corev1.PodStatus{Phase: corev1.PodPending, ContainerStatuses: []corev1.ContainerStatus{waiting("main", "ContainerCreating", "")}}),
			lease.Pod{Phase: lease.PodPending},
		},
		"no secret": {
			ours(corev1.PodStatus{Phase: corev1.PodPending, ContainerStatuses: []corev1.ContainerStatus{waiting("main", "CreateContainerConfigError", `secret "x" not found`)}}),
			lease.Pod{Phase: lease.PodPending, Waiting: "CreateContainerConfigError", WaitingIn: "main", WaitingMessage: `secret "x" not found`},
		},
		"an init container runs": {
			ours(corev1.PodStatus{
				Phase: corev1.PodPending, InitContainerStatuses: []corev1.ContainerStatus{running("fetch")},
				ContainerStatuses: []corev1.ContainerStatus{waiting("main", "PodInitializing", "")},
			}),
			lease.Pod{Phase: lease.PodPending, Ran: true, Initialising: true},
		},
		"a sidecar runs, and main has no image": {
			func() *corev1.Pod {
				p := ours(corev1.PodStatus{
					Phase: corev1.PodPending, InitContainerStatuses: []corev1.ContainerStatus{running("proxy")},
					ContainerStatuses: []corev1.ContainerStatus{waiting("main", "ErrImagePull", "not found")},
				})
				p.Spec.InitContainers = []corev1.Container{{Name: "proxy", RestartPolicy: &always}}
				return p
			}(),
			lease.Pod{Phase: lease.PodPending, Ran: true, Waiting: "ErrImagePull", WaitingIn: "main", WaitingMessage: "not found"},
		},
		"could not be started": { // the runtime's error, with a start in 1970
			ours(corev1.PodStatus{Phase: corev1.PodFailed, ContainerStatuses: []corev1.ContainerStatus{ended("main", 128, metav1.Unix(0, 0))}}),
			lease.Pod{Phase: lease.PodFailed, Ends: []job.ContainerEnd{{Name: "main", ExitCode: 128, Reason: "Error"}}},
		},
		"ran and failed": {
			ours(corev1.PodStatus{Phase: corev1.PodFailed, ContainerStatuses: []corev1.ContainerStatus{ended("main", 3, then)}}),
			lease.Pod{Phase: lease.PodFailed, Ran: true, Ends: []job.ContainerEnd{{Name: "main", ExitCode: 3, Reason: "Error"}}},
		},
		"evicted by its node": {
			ours(corev1.PodStatus{Phase: corev1.PodFailed, Reason: "Evicted", Message: "The node was low on resource: memory."}),
			lease.Pod{Phase: lease.PodFailed, Reason: "Evicted", Message: "The node was low on resource: memory."},
		},
		"evicted by the API": {
			func() *corev1.Pod {
				p := ours(corev1.PodStatus{
					Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{running("main")},
					Conditions: []corev1.PodCondition{{Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, Reason: "EvictionByEvictionAPI", Message: "Eviction API: evicting"}},
				})
				p.DeletionTimestamp = &then
				return p
			}(),
			lease.Pod{Phase: lease.PodRunning, Ran: true, Deleting: true, Disruption: "Eviction API: evicting"},
		},
		"its node does not answer": {
			ours(corev1.PodStatus{Phase: corev1.PodUnknown}), lease.Pod{Phase: lease.PodRunning},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tc.want.Run, tc.want.Job, tc.want.Grace = job.RunID{15: 1}, job.ID{15: 2}, 30*time.Second
			tc.want.Pod = job.Pod{Name: "armada-x-0", Namespace: "ns", UID: "u", Node: "n"}
			got, is := kube.Seen(tc.pod)
			if !is {
				t.Fatal("it is not known as ours")
			}
			if diff := gocmp.Diff(tc.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestForeign: what bears our label and is not ours, another scheduler's among it, is
// not taken for a run.
func TestForeign(t *testing.T) {
	t.Parallel()
	for name, labels := range map[string]map[string]string{
		"no labels":        nil,
		"a run by UUID":    {"armada_job_run_id": "3f0e5f3c-9d8c-4a35-8a44-5e1b4f1f6a55", "armada_job_id": job.ID{1}.String()},
		"a run, no job":    {"armada_job_run_id": job.RunID{1}.String()},
		"the zero run":     {"armada_job_run_id": job.RunID{}.String(), "armada_job_id": job.ID{1}.String()},
		"a job of no ULID": {"armada_job_run_id": job.RunID{1}.String(), "armada_job_id": "x"},
	} {
		if p, is := kube.Seen(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Labels: labels}}); is {
			t.Errorf("%s: taken for %+v", name, p)
		}
	}
}
