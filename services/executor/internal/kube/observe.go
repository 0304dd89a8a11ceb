package kube

import (
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/fairlead-batch/fairlead/services/executor/internal/lease"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// seen is a pod as the core knows pods; false when its labels name no run and job, so
// that it is not ours whatever it claims.
func seen(pod *corev1.Pod) (lease.Pod, bool) {
	run, err := job.ParseRunID(pod.Labels[runLabel])
	if err != nil || run.IsZero() {
		return lease.Pod{}, false
	}
	id, err := job.ParseID(pod.Labels[jobLabel])
	if err != nil || id.IsZero() {
		return lease.Pod{}, false
	}
	out := lease.Pod{
		Run: run, Job: id, Pod: named(pod), Phase: phase(pod.Status.Phase), Deleting: pod.DeletionTimestamp != nil,
		Reason: pod.Status.Reason, Message: pod.Status.Message, Grace: grace(pod),
	}
	for _, list := range [][]corev1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses} {
		for i := range list {
			readContainer(&out, &list[i])
		}
	}
	return out, true
}

func named(pod *corev1.Pod) job.Pod {
	return job.Pod{Name: pod.Name, Namespace: pod.Namespace, UID: string(pod.UID), Node: pod.Spec.NodeName}
}

func grace(pod *corev1.Pod) time.Duration {
	if s := pod.Spec.TerminationGracePeriodSeconds; s != nil {
		return time.Duration(*s) * time.Second
	}
	return corev1.DefaultTerminationGracePeriodSeconds * time.Second
}

// phase reads a phase. Unknown is a node that does not answer: whether the pod runs
// is not known, so it is not said to have ended.
func phase(p corev1.PodPhase) lease.PodPhase {
	switch p {
	case corev1.PodSucceeded:
		return lease.PodSucceeded
	case corev1.PodFailed:
		return lease.PodFailed
	case corev1.PodRunning, corev1.PodUnknown:
		return lease.PodRunning
	case corev1.PodPending:
	}
	return lease.PodPending
}

func readContainer(out *lease.Pod, c *corev1.ContainerStatus) {
	out.Ran = out.Ran || started(c)
	if end := c.State.Terminated; end != nil {
		out.Ends = append(out.Ends, job.ContainerEnd{Name: c.Name, ExitCode: end.ExitCode, Reason: end.Reason, Message: end.Message})
	}
	// PodInitializing and ContainerCreating are how every pod begins, not why one does
	// not go on; the first container that says more stands for all.
	if w := c.State.Waiting; w != nil && out.Waiting == "" && w.Reason != "PodInitializing" && w.Reason != "ContainerCreating" {
		out.Waiting, out.WaitingMessage = w.Reason, w.Message
	}
}

// started says whether the container's process was ever there. A runtime that could
// not start it (StartError) ends it all the same, with a start in 1970.
func started(c *corev1.ContainerStatus) bool {
	ran := func(end *corev1.ContainerStateTerminated) bool { return end != nil && end.StartedAt.Unix() > 0 }
	return c.State.Running != nil || c.RestartCount > 0 || ran(c.State.Terminated) || ran(c.LastTerminationState.Terminated)
}
