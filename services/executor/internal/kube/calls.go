package kube

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/fairlead-batch/fairlead/services/executor/internal/lease"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// work carries out orders until there are to be no more.
func (c *Cluster) work(ctx context.Context) {
	for {
		order, more := c.orders.take()
		if !more {
			return
		}
		begun := c.deps.Now()
		answer := c.carryOut(ctx, order)
		c.observe(answer, c.deps.Now()-begun)
		c.state.answer(answer)
		c.orders.finish(order)
	}
}

// carryOut makes the calls of an order and returns its answer.
func (c *Cluster) carryOut(ctx context.Context, order lease.Order) lease.Fact {
	switch order := order.(type) {
	case lease.SaveEpoch:
		epoch, err := c.saveEpoch(ctx, order.Epoch)
		return lease.EpochSaved{Epoch: epoch, Err: err}
	case lease.CreatePod:
		return c.createPod(ctx, order)
	case lease.DeletePod:
		outcome, err := c.deletePod(ctx, order)
		return lease.Deleted{Run: order.Run, Outcome: outcome, Err: err}
	}
	panic(fmt.Sprintf("kube: unknown order %T", order)) // unreachable: the set is closed
}

// createPod makes the pod of a lease, or finds that it is there.
func (c *Cluster) createPod(ctx context.Context, order lease.CreatePod) lease.Created {
	l := order.Lease
	failed := func(outcome lease.CreateOutcome, err error) lease.Created {
		return lease.Created{Run: l.Run, Outcome: outcome, Err: err}
	}
	pod, err := manifest(l, c.cfg.PriorityClasses)
	if err != nil {
		return failed(lease.CreateRefused, err)
	}
	left := order.Before - c.deps.Now()
	if left < 0 {
		return failed(lease.CreateLate, nil)
	}
	// The client tries again by itself when the server says that it is busy; the
	// deadline keeps that within the window too.
	ctx, cancel := context.WithTimeout(ctx, min(left, c.cfg.CallTimeout))
	defer cancel()
	pods := c.deps.Client.CoreV1().Pods(l.Namespace)
	made, err := pods.Create(ctx, pod, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		taken := err
		if made, err = pods.Get(ctx, l.PodName, metav1.GetOptions{}); err == nil && !isOf(made, l.Run) {
			err = taken // by another run, whose pod may yet go
		}
	}
	if err != nil {
		return failed(judge(err), err)
	}
	return lease.Created{Run: l.Run, Outcome: lease.CreateMade, Pod: named(made), Grace: grace(made)}
}

// isOf says whether the pod is the run's.
func isOf(pod *corev1.Pod, run job.RunID) bool { return pod.Labels[runLabel] == run.String() }

// judge says whether a creation may work later. What is not known to be for ever may.
func judge(err error) lease.CreateOutcome {
	switch {
	case apierrors.IsForbidden(err) && passes(err.Error()):
		return lease.CreateFailed
	case apierrors.IsInvalid(err), apierrors.IsForbidden(err), apierrors.IsBadRequest(err), apierrors.IsRequestEntityTooLargeError(err):
		return lease.CreateRefused
	case apierrors.IsNotFound(err) && !aboutPod(err):
		return lease.CreateRefused // the namespace
	}
	return lease.CreateFailed
}

// passes says whether what is forbidden now may be allowed soon: a quota that is used up
// or not counted yet, or a namespace so new that it has no default service account. They
// are Forbidden like a pod that is never allowed, and nothing but the text tells them
// apart.
func passes(text string) bool {
	return slices.ContainsFunc([]string{"exceeded quota", "status unknown for quota", `serviceaccount "default" not found`}, func(part string) bool {
		return strings.Contains(text, part)
	})
}

// aboutPod says whether the server's answer was about a pod: one that was there when
// it was made and not when it was read.
func aboutPod(err error) bool {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return false
	}
	details := status.Status().Details
	return details != nil && details.Kind == "pods"
}

// deletePod removes the pod of a run, and no other of that name.
func (c *Cluster) deletePod(ctx context.Context, order lease.DeletePod) (lease.DeleteOutcome, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.CallTimeout)
	defer cancel()
	uid, err := c.uidOf(ctx, order)
	switch {
	case err != nil:
		return lease.DeleteFailed, err
	case uid == "":
		return lease.DeleteAbsent, nil
	}
	options := metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}}
	if order.How == lease.Forced {
		options.GracePeriodSeconds = new(int64)
	}
	err = c.deps.Client.CoreV1().Pods(order.Pod.Namespace).Delete(ctx, order.Pod.Name, options)
	switch {
	case apierrors.IsNotFound(err), apierrors.IsConflict(err): // it went, or another took its name, in between
		return lease.DeleteAbsent, nil
	case err != nil:
		return lease.DeleteFailed, fmt.Errorf("delete pod %s/%s: %w", order.Pod.Namespace, order.Pod.Name, err)
	}
	return lease.DeleteAccepted, nil
}

// uidOf is the UID of the run's pod, empty when there is none. What was observed
// serves where it agrees; where not, it may be out of date, and the server is asked.
func (c *Cluster) uidOf(ctx context.Context, order lease.DeletePod) (types.UID, error) {
	if known, is := c.state.pod(order.Pod.Namespace, order.Pod.Name); is && known.Run == order.Run && known.UID == order.Pod.UID {
		return types.UID(known.UID), nil
	}
	pod, err := c.deps.Client.CoreV1().Pods(order.Pod.Namespace).Get(ctx, order.Pod.Name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return "", nil
	case err != nil:
		return "", fmt.Errorf("read pod %s/%s: %w", order.Pod.Namespace, order.Pod.Name, err)
	case !isOf(pod, order.Run):
		return "", nil
	}
	return pod.UID, nil
}
