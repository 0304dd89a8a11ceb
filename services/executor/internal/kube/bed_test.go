package kube_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/fairlead-batch/fairlead/services/executor/internal/clustertest"
	"github.com/fairlead-batch/fairlead/services/executor/internal/kube"
	"github.com/fairlead-batch/fairlead/services/executor/internal/lease"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/internal/kubetest"
)

// patience is how long a test waits for what the cluster does within a second or two
// on an idle machine.
const patience = 2 * time.Minute

// openKubernetes starts a Kubernetes for the test and its parts, and connects to it.
func openKubernetes(t *testing.T) (client kubernetes.Interface, kubeconfig string) {
	t.Helper()
	kubeconfig = kubetest.Start(t, "--nodes", "0")
	return connect(t, kubeconfig), kubeconfig
}

func connect(t *testing.T, kubeconfig string) kubernetes.Interface {
	t.Helper()
	client, err := kube.Connect(kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// bed is one test's use of the cluster.
type bed struct {
	client kubernetes.Interface
	// kubeconfig is that of the client, and used that of the cluster where it is another.
	kubeconfig string
	used       kubernetes.Interface
	begun      time.Time
	cluster    *kube.Cluster
	// early are facts that came with orders.
	early []lease.Fact
	// stop ends the cluster that List made last.
	stop func()
}

func newBed(client kubernetes.Interface, kubeconfig string) *bed {
	return &bed{client: client, used: client, kubeconfig: kubeconfig, begun: time.Now(), stop: func() {}}
}

func (b *bed) now() time.Duration { return time.Since(b.begun) }

func bedConfig() kube.Config {
	cfg := kube.DefaultConfig()
	cfg.Executor, cfg.ProbeInterval, cfg.ExplainInterval = "bed", 100*time.Millisecond, 100*time.Millisecond
	cfg.PriorityClasses = map[string]string{"fair-urgent": "system-cluster-critical"}
	return cfg
}

// start begins anew, as a process that starts does.
func (b *bed) start(t *testing.T) lease.Listed {
	t.Helper()
	b.stop()
	cluster, err := kube.New(bedConfig(), kube.Deps{Client: b.used, Now: b.now, Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- cluster.Run(ctx) }()
	b.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	select {
	case <-cluster.Ready():
	case err := <-ended:
		t.Fatalf("run: %v", err)
	}
	b.cluster, b.early = cluster, nil
	return cluster.List()
}

// startErr runs a cluster that is to fail, and returns why it did.
func (b *bed) startErr(t *testing.T) error {
	t.Helper()
	cluster, err := kube.New(bedConfig(), kube.Deps{Client: b.used, Now: b.now, Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	return cluster.Run(ctx)
}

// do hands orders over.
func (b *bed) do(orders ...lease.Order) {
	b.early = append(b.early, b.cluster.Step(lease.Time{}, orders...)...)
}

// next waits for facts.
func (b *bed) next(t *testing.T) []lease.Fact {
	t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		b.do()
		if facts := b.early; len(facts) > 0 {
			b.early = nil
			return facts
		}
		select {
		case <-b.cluster.Wake():
		case <-late.C:
			t.Fatalf("no fact within %s", patience)
		}
	}
}

// await takes facts until one is of type F and as wanted.
func await[F lease.Fact](t *testing.T, b *bed, want func(F) bool) F {
	t.Helper()
	for {
		for _, f := range b.next(t) {
			if f, ok := f.(F); ok && want(f) {
				return f
			}
		}
	}
}

func (b *bed) conformance() clustertest.Bed {
	return clustertest.Bed{
		List: b.start,
		Do:   b.do,
		Next: b.next,
		Now:  b.now, Namespace: metav1.NamespaceDefault,
		Remove: func(t *testing.T, pod job.Pod) {
			t.Helper()
			err := b.client.CoreV1().Pods(pod.Namespace).Delete(t.Context(), pod.Name, metav1.DeleteOptions{GracePeriodSeconds: new(int64)})
			if err != nil {
				t.Fatal(err)
			}
		},
		LoseNode: func(t *testing.T, name string) {
			t.Helper()
			if err := b.client.CoreV1().Nodes().Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil {
				t.Fatal(err)
			}
		},
	}
}

// furnish makes what a bed begins with: two nodes, which are ready, and nothing on them.
func furnish(t *testing.T, client kubernetes.Interface) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	nodes, err := client.CoreV1().Nodes().Watch(ctx, metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer nodes.Stop()
	for _, name := range []string{"node-0", "node-1"} {
		amounts := corev1.ResourceList{
			corev1.ResourceCPU: resource.MustParse("8"), corev1.ResourceMemory: resource.MustParse("32Gi"), corev1.ResourcePods: resource.MustParse("110"),
		}
		node := &corev1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelHostname: name}},
			Status:     corev1.NodeStatus{Capacity: amounts, Allocatable: amounts},
		}
		if _, err := client.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	ready := map[string]bool{}
	for e := range nodes.ResultChan() {
		if node, ok := e.Object.(*corev1.Node); ok && slices.ContainsFunc(node.Status.Conditions, isReady) {
			ready[node.Name] = true
		}
		if len(ready) == 2 {
			return
		}
	}
	t.Fatalf("ready within %s: %v; want two nodes", patience, ready)
}

func isReady(c corev1.NodeCondition) bool {
	return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
}

// clearOut removes what a test left.
func clearOut(t *testing.T, client kubernetes.Interface) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
	defer cancel()
	now, all := metav1.DeleteOptions{GracePeriodSeconds: new(int64)}, metav1.ListOptions{}
	if err := client.CoreV1().Pods(metav1.NamespaceDefault).DeleteCollection(ctx, now, all); err != nil {
		t.Error(err)
	}
	if err := client.CoreV1().Nodes().DeleteCollection(ctx, now, all); err != nil {
		t.Error(err)
	}
	cfg := kube.DefaultConfig()
	if err := client.CoordinationV1().Leases(cfg.LeaseNamespace).Delete(ctx, cfg.LeaseName, now); err != nil && !apierrors.IsNotFound(err) {
		t.Error(err)
	}
}
