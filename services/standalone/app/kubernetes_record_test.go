package app_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"
)

const jobLabel = "armada_job_id"

// podRecord is what the API servers themselves say of every pod of a job, by watches of
// the test's own. Of no event of ours it knows anything.
type podRecord struct {
	mu   sync.Mutex
	pods map[types.UID]*witnessed
	// order are the pods in the order in which they were first seen.
	order []*witnessed
	// wrong are jobs that had two live pods at once, in words.
	wrong []string
	// changed is closed at the next change.
	changed chan struct{}
}

// witnessed is a pod, and how far it came.
type witnessed struct {
	site      *site
	name, job string
	uid       types.UID
	// phase is the newest, and gone says that its record is.
	phase corev1.PodPhase
	gone  bool
}

// live says whether it may run.
func (w *witnessed) live() bool {
	return !w.gone && w.phase != corev1.PodSucceeded && w.phase != corev1.PodFailed
}

// site is one cluster of the installation.
type site struct {
	name   string
	client kubernetes.Interface
	// kubeconfig is that of its executor.
	kubeconfig string
}

func newPodRecord() *podRecord {
	return &podRecord{pods: map[types.UID]*witnessed{}, changed: make(chan struct{})}
}

// watch takes a site's pods down, from now until the test ends.
func (r *podRecord) watch(t *testing.T, s *site) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	selected := metav1.ListOptions{LabelSelector: jobLabel}
	list, err := s.client.CoreV1().Pods("").List(ctx, selected)
	if err != nil || len(list.Items) > 0 {
		t.Fatalf("cluster %s: %d pods, error %v; want none", s.name, len(list.Items), err)
	}
	// The server drops a watch that is read too slowly, as on a busy machine; this one goes
	// on from the last event that it had, or says that it cannot.
	events, err := watchtools.NewRetryWatcherWithContext(ctx, list.ResourceVersion, &cache.ListWatch{
		WatchFuncWithContext: func(ctx context.Context, from metav1.ListOptions) (watch.Interface, error) {
			from.LabelSelector = selected.LabelSelector
			return s.client.CoreV1().Pods("").Watch(ctx, from)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for e := range events.ResultChan() {
			r.take(ctx, s, e)
		}
		if ctx.Err() == nil {
			r.note(fmt.Sprintf("the watch of cluster %s broke off: the record has a hole", s.name))
		}
	}()
	t.Cleanup(func() { cancel(); events.Stop(); <-ended })
}

func (r *podRecord) note(what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wrong = append(r.wrong, what)
	r.ring()
}

func (r *podRecord) ring() {
	close(r.changed)
	r.changed = make(chan struct{})
}

// take takes an event of a watch, and looks whether the pod's job has another.
func (r *podRecord) take(ctx context.Context, s *site, e watch.Event) {
	pod, ok := e.Object.(*corev1.Pod)
	if !ok {
		r.note(fmt.Sprintf("cluster %s: %s: %v", s.name, e.Type, e.Object))
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	w := r.pods[pod.UID]
	if w == nil {
		w = &witnessed{site: s, name: pod.Name, job: pod.Labels[jobLabel], uid: pod.UID}
		r.pods[w.uid] = w
		r.order = append(r.order, w)
		for _, other := range r.order {
			if other != w && other.job == w.job && other.live() && (other.site == s || lives(ctx, other)) {
				r.wrong = append(r.wrong, fmt.Sprintf("job %s: pod %s in cluster %s is made while %s in cluster %s lives",
					w.job, w.name, s.name, other.name, other.site.name))
			}
		}
	}
	w.phase, w.gone = pod.Status.Phase, e.Type == watch.Deleted
	r.ring()
}

// lives asks the server of a pod in another cluster: between two watches there is no
// order, so one may tell of a pod's end after the other told of the next one's beginning.
func lives(ctx context.Context, w *witnessed) bool {
	pod, err := w.site.client.CoreV1().Pods(metav1.NamespaceDefault).Get(ctx, w.name, metav1.GetOptions{})
	return err == nil && pod.UID == w.uid && pod.Status.Phase != corev1.PodSucceeded && pod.Status.Phase != corev1.PodFailed
}

// await waits until what the record holds is enough. What it holds against us ends the
// test at once.
func (r *podRecord) await(t *testing.T, what string, enough func(pods []*witnessed) bool) {
	t.Helper()
	late := time.After(kubernetesWithin)
	for {
		r.mu.Lock()
		done, changed, wrong := enough(r.order), r.changed, len(r.wrong) > 0
		r.mu.Unlock()
		switch {
		case wrong:
			t.Fatalf("before this was seen: %s; the record:\n%s", what, r.summary())
		case done:
			return
		}
		select {
		case <-changed:
		case <-late:
			t.Fatalf("not seen within %s: %s; the record:\n%s", kubernetesWithin, what, r.summary())
		}
	}
}

// summary is the record in short: how many pods came how far, each that is not gone, and
// what is held against us.
func (r *podRecord) summary() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	tally, text := map[string]int{}, ""
	for _, w := range r.order {
		tally[fmt.Sprintf("%s %s gone=%t", w.site.name, w.phase, w.gone)]++
		if !w.gone {
			text += fmt.Sprintf("job %s: pod %s in cluster %s is %s\n", w.job, w.name, w.site.name, w.phase)
		}
	}
	return fmt.Sprintf("%v\n%s%v", tally, text, r.wrong)
}

// ofJob are the pods that a job had.
func (r *podRecord) ofJob(id string) (own []witnessed) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, w := range r.order {
		if w.job == id {
			own = append(own, *w)
		}
	}
	return own
}

// violations are what the record holds against us.
func (r *podRecord) violations() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.wrong
}

// count counts the pods that are as wanted.
func count(pods []*witnessed, want func(*witnessed) bool) (n int) {
	for _, w := range pods {
		if want(w) {
			n++
		}
	}
	return n
}
