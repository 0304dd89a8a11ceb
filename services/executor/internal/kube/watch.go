package kube

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/go-logr/logr"
	"go.uber.org/zap"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
)

// What is watched. Others' pods that have ended hold nothing and are not listed.
const (
	oursSelector   = runLabel
	othersSelector = "!" + runLabel
	othersFields   = "status.phase!=Succeeded,status.phase!=Failed"
)

// watches are the informers that run.
type watches struct {
	// synced say that what was there at the start has been handed over.
	synced []cache.InformerSynced
	mu     sync.Mutex
	// errs are the newest failures, by what is watched.
	errs map[string]error
}

func (w *watches) failed(what string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.errs[what] = err
}

// failure is why lists or watches did not work the last time they failed; nil: none has.
func (w *watches) failure() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []error
	for _, what := range slices.Sorted(maps.Keys(w.errs)) {
		all = append(all, fmt.Errorf("%s: %w", what, w.errs[what]))
	}
	return errors.Join(all...)
}

// watch starts the informers, which end with ctx.
func (c *Cluster) watch(ctx context.Context, running *sync.WaitGroup) (*watches, error) {
	selecting := func(labels, fields string) informers.SharedInformerFactory {
		return informers.NewSharedInformerFactoryWithOptions(c.deps.Client, 0, informers.WithTweakListOptions(func(o *metav1.ListOptions) {
			o.LabelSelector, o.FieldSelector = labels, fields
		}))
	}
	sources := []struct {
		what     string
		informer cache.SharedIndexInformer
		handler  cache.ResourceEventHandler
	}{
		{"pods of this executor", selecting(oursSelector, "").Core().V1().Pods().Informer(), handler(c.state.podIs, c.state.podGone)},
		{"pods of others", selecting(othersSelector, othersFields).Core().V1().Pods().Informer(), handler(c.state.otherIs, c.state.otherGone)},
		{"nodes", selecting("", "").Core().V1().Nodes().Informer(), handler(c.state.nodeIs, c.state.nodeGone)},
	}
	out := &watches{errs: map[string]error{}}
	ctx = logr.NewContext(ctx, logr.Discard()) // the handler below logs what they would, in our form
	for _, s := range sources {
		if err := s.informer.SetTransform(slim); err != nil {
			return nil, fmt.Errorf("watch %s: %w", s.what, err)
		}
		if err := s.informer.SetWatchErrorHandlerWithContext(func(_ context.Context, _ *cache.Reflector, err error) {
			out.failed(s.what, err)
			c.metrics.watchFailures.WithLabelValues(s.what).Inc()
			c.deps.Logger.Warn("watch broke off", zap.String("of", s.what), zap.Error(err))
		}); err != nil {
			return nil, fmt.Errorf("watch %s: %w", s.what, err)
		}
		registered, err := s.informer.AddEventHandler(s.handler)
		if err != nil {
			return nil, fmt.Errorf("watch %s: %w", s.what, err)
		}
		out.synced = append(out.synced, registered.HasSynced)
		running.Go(func() { s.informer.RunWithContext(ctx) })
	}
	return out, nil
}

// handler hands objects of one type to whoever keeps them.
func handler[T any](is, gone func(*T)) cache.ResourceEventHandler {
	take := func(object any) {
		if o, ok := object.(*T); ok {
			is(o)
		}
	}
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    take,
		UpdateFunc: func(_, object any) { take(object) },
		DeleteFunc: func(object any) {
			if last, unseen := object.(cache.DeletedFinalStateUnknown); unseen {
				object = last.Obj // it went while the watch was broken
			}
			if o, ok := object.(*T); ok {
				gone(o)
			}
		},
	}
}

// slim drops what is large and not looked at: informers keep what it returns.
func slim(object any) (any, error) {
	switch o := object.(type) {
	case *corev1.Pod:
		o.ManagedFields, o.Annotations = nil, nil
		o.Spec.Volumes = nil
		for i := range o.Spec.Containers {
			c := &o.Spec.Containers[i]
			c.Env, c.Command, c.Args, c.VolumeMounts = nil, nil, nil, nil
		}
	case *corev1.Node:
		o.ManagedFields, o.Annotations = nil, nil
		o.Status.Images = nil
	}
	return object, nil
}
