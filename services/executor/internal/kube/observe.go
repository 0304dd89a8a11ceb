package kube

import (
	"slices"
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
	for i := range pod.Status.InitContainerStatuses {
		c := &pod.Status.InitContainerStatuses[i]
		readContainer(&out, c)
		out.Initialising = out.Initialising || c.State.Running != nil && !isSidecar(pod, c.Name)
	}
	for i := range pod.Status.ContainerStatuses {
		readContainer(&out, &pod.Status.ContainerStatuses[i])
	}
	readConditions(&out, pod.Status.Conditions)
	return out, true
}

// isSidecar says whether an init container is one that stays, beside the others.
func isSidecar(pod *corev1.Pod, name string) bool {
	return slices.ContainsFunc(pod.Spec.InitContainers, func(c corev1.Container) bool {
		return c.Name == name && c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways
	})
}

// readConditions reads why the pod has no node, which is all that is known of one that
// has no containers yet, and why somebody removes it.
func readConditions(out *lease.Pod, conditions []corev1.PodCondition) {
	for _, c := range conditions {
		switch {
		case c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse && out.Waiting == "":
			out.Waiting, out.WaitingMessage = c.Reason, c.Message
		case c.Type == corev1.DisruptionTarget && c.Status == corev1.ConditionTrue:
			out.Disruption = c.Reason
			if c.Message != "" {
				out.Disruption = c.Message
			}
		}
	}
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
		out.Waiting, out.WaitingIn, out.WaitingMessage = w.Reason, c.Name, w.Message
	}
}

// started says whether the container's process was ever there. A runtime that could
// not start it (StartError) ends it all the same, with a start in 1970.
func started(c *corev1.ContainerStatus) bool {
	ran := func(end *corev1.ContainerStateTerminated) bool { return end != nil && end.StartedAt.Unix() > 0 }
	return c.State.Running != nil || c.RestartCount > 0 || ran(c.State.Terminated) || ran(c.LastTerminationState.Terminated)
}
