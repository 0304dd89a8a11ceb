package kube

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"

	"github.com/fairlead-batch/fairlead/services/executor/internal/lease"
)

const (
	// explainMax is how many pods are looked into at a time, so that a cluster full of
	// stuck pods costs its API server little.
	explainMax = 20
	// eventsMax is how many warnings of a pod are read; kubelets repeat themselves, and
	// the server counts repeats in one.
	eventsMax = 50
)

// reason is why a pod does not start, by its events.
type reason struct{ why, message string }

// explain looks from time to time into pods that do not start and whose status does not
// say why, as with a volume that cannot be mounted: only the pod's events do. Watching
// the events of a whole cluster for that would cost more than everything else here.
func (c *Cluster) explain(ctx context.Context) {
	tick := time.NewTicker(c.cfg.ExplainInterval)
	defer tick.Stop()
	asked := map[types.UID]int{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		var turn []lease.Pod
		turn, asked = whoseTurn(c.state.unexplained(), asked)
		for _, pod := range turn {
			why, err := c.warning(ctx, pod)
			if err != nil {
				if !apierrors.IsForbidden(err) && ctx.Err() == nil { // which it may be left: reasons are poorer then
					c.deps.Logger.Warn("events of a pod not read", zap.Stringer("run_id", pod.Run), zap.Error(err))
				}
				break
			}
			asked[types.UID(pod.UID)]++
			c.state.explained(pod, why)
		}
	}
}

// whoseTurn are the stuck pods to be looked into now, those least often asked about
// first, and how often each was asked about. One that was not stuck the last time is left
// for the next: most of those are just new.
func whoseTurn(stuck []lease.Pod, asked map[types.UID]int) (turn []lease.Pod, next map[types.UID]int) {
	next = make(map[types.UID]int, len(stuck))
	for _, p := range stuck {
		times, known := asked[types.UID(p.UID)]
		next[types.UID(p.UID)] = times
		if known {
			turn = append(turn, p)
		}
	}
	slices.SortFunc(turn, func(a, b lease.Pod) int {
		return cmp.Or(cmp.Compare(next[types.UID(a.UID)], next[types.UID(b.UID)]), cmp.Compare(a.UID, b.UID))
	})
	return turn[:min(len(turn), explainMax)], next
}

// warning is the newest warning about a pod; the zero reason: there is none.
func (c *Cluster) warning(ctx context.Context, pod lease.Pod) (reason, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.CallTimeout)
	defer cancel()
	list, err := c.deps.Client.CoreV1().Events(pod.Namespace).List(ctx, metav1.ListOptions{
		FieldSelector: fields.Set{"involvedObject.uid": pod.UID, "type": corev1.EventTypeWarning}.String(), Limit: eventsMax,
	})
	if err != nil {
		return reason{}, fmt.Errorf("list events of pod %s/%s: %w", pod.Namespace, pod.Name, err)
	}
	if len(list.Items) == 0 {
		return reason{}, nil
	}
	newest := slices.MaxFunc(list.Items, func(a, b corev1.Event) int { return happened(&a).Compare(happened(&b)) })
	return reason{why: newest.Reason, message: newest.Message}, nil
}

// happened is when an event happened last, by whichever field its author filled in.
func happened(e *corev1.Event) time.Time {
	at := e.EventTime.Time
	if e.Series != nil {
		at = e.Series.LastObservedTime.Time
	}
	if e.LastTimestamp.After(at) {
		at = e.LastTimestamp.Time
	}
	return at
}

// unexplained are pods that do not start and do not say why.
func (s *state) unexplained() (stuck []lease.Pod) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.pods {
		if bare := s.bare(p); bare.Phase == lease.PodPending && !bare.Initialising && !bare.Deleting && bare.Waiting == "" {
			stuck = append(stuck, p)
		}
	}
	return stuck
}

// bare is a pod without what its events said.
func (s *state) bare(p lease.Pod) lease.Pod {
	if why, is := s.reasons[types.UID(p.UID)]; is && p.Waiting == why.why {
		p.Waiting, p.WaitingMessage = "", ""
	}
	return p
}

// explained takes what the events of a pod say, and tells the pod anew if it is news.
func (s *state) explained(of lease.Pod, why reason) {
	s.mu.Lock()
	defer s.mu.Unlock()
	uid := types.UID(of.UID)
	key := types.NamespacedName{Namespace: of.Namespace, Name: of.Name}
	now, is := s.pods[key]
	if !is || now.UID != of.UID || s.reasons[uid] == why {
		return
	}
	now = s.bare(now)
	s.reasons[uid] = why
	s.tellPod(key, s.withReason(now))
}

// withReason is a pod with what its events say, where its status says nothing.
func (s *state) withReason(p lease.Pod) lease.Pod {
	if p.Phase == lease.PodPending && !p.Initialising && p.Waiting == "" {
		why := s.reasons[types.UID(p.UID)]
		p.Waiting, p.WaitingMessage = why.why, why.message
	}
	return p
}
