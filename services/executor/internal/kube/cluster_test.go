package kube_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fairlead-batch/fairlead/services/executor/internal/clustertest"
	"github.com/fairlead-batch/fairlead/services/executor/internal/lease"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// TestKubernetes runs against a real API server, where kwok plays the kubelet. One
// cluster serves all parts, one after the other: three processes for each would cost
// more than the tests.
func TestKubernetes(t *testing.T) {
	t.Parallel()
	client := openKubernetes(t)
	turn := make(chan struct{}, 1)
	open := func(t *testing.T) *bed {
		t.Helper()
		turn <- struct{}{}
		t.Cleanup(func() { <-turn })
		b := newBed(client)
		t.Cleanup(func() { b.stop(); clearOut(t, client) })
		furnish(t, client)
		return b
	}
	t.Run("conformance", func(t *testing.T) {
		t.Parallel()
		clustertest.Run(t, func(t *testing.T) clustertest.Bed { t.Helper(); return open(t).conformance() })
	})
	t.Run("others' use of a node", func(t *testing.T) { t.Parallel(); othersUse(t, open(t)) })
	t.Run("a node changes", func(t *testing.T) { t.Parallel(); nodeChanges(t, open(t)) })
	t.Run("a pod as it is made", func(t *testing.T) { t.Parallel(); podMade(t, open(t)) })
}

// othersUse follows a pod that is not ours from its coming to its going.
func othersUse(t *testing.T, b *bed) {
	t.Helper()
	b.start(t)
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "other", Namespace: metav1.NamespaceDefault},
		Spec: corev1.PodSpec{NodeName: "node-1", Containers: []corev1.Container{{
			Name: "main", Image: "alpine",
			Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1500m")}},
		}}},
	}
	if _, err := b.client.CoreV1().Pods(pod.Namespace).Create(t.Context(), pod, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	await(t, b, func(f lease.NodeSeen) bool {
		n := f.Node
		return n.Name == "node-1" && n.PodsOfOthers == 1 && len(n.UsedByOthers) == 1 && n.UsedByOthers[0] == job.Amount{Resource: "cpu", Value: 1500}
	})
	if err := b.client.CoreV1().Pods(pod.Namespace).Delete(t.Context(), pod.Name, metav1.DeleteOptions{GracePeriodSeconds: new(int64)}); err != nil {
		t.Fatal(err)
	}
	await(t, b, func(f lease.NodeSeen) bool {
		return f.Node.Name == "node-1" && f.Node.PodsOfOthers == 0 && len(f.Node.UsedByOthers) == 0
	})
}

// nodeChanges cordons a node, taints it and puts it into a pool.
func nodeChanges(t *testing.T, b *bed) {
	t.Helper()
	b.start(t)
	patch := `{"metadata":{"labels":{"armadaproject.io/pool":"gpu"}},"spec":{"unschedulable":true,"taints":[{"key":"only","value":"gpu","effect":"NoSchedule"}]}}`
	if _, err := b.client.CoreV1().Nodes().Patch(t.Context(), "node-0", "application/merge-patch+json", []byte(patch), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	f := await(t, b, func(f lease.NodeSeen) bool { return f.Node.Name == "node-0" && f.Node.Unschedulable })
	if n := f.Node; n.Pool != "gpu" || len(n.Taints) != 1 || n.Taints[0] != (lease.Taint{Key: "only", Value: "gpu", Effect: "NoSchedule"}) || n.MaxPods != 110 {
		t.Errorf("node %+v, want pool gpu, the taint, and 110 pods", n)
	}
}

// podMade looks at a pod as the API server has it, defaults and admission included.
func podMade(t *testing.T, b *bed) {
	t.Helper()
	b.start(t)
	spec := corev1.PodSpec{
		PriorityClassName: "fair-urgent", RestartPolicy: corev1.RestartPolicyAlways,
		Containers: []corev1.Container{{Name: "main", Image: "alpine", Env: []corev1.EnvVar{{Name: "ARMADA_QUEUE", Value: "mine"}, {Name: "A", Value: "b"}}}},
	}
	wire, err := spec.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	l := &lease.Lease{
		Run: job.RunID{1}, Job: job.ID{2}, Queue: "q", JobSet: "set", User: "anna", Namespace: metav1.NamespaceDefault,
		Labels: map[string]string{"app": "x", "armada_job_id": "forged"}, Spec: wire, Node: "node-1", Pool: "gpu", PodName: "armada-x-0",
		Tolerations: []job.Toleration{{Key: "only", Operator: "Exists"}}, Gang: job.Gang{ID: "g", Cardinality: 2},
	}
	b.do(lease.CreatePod{Lease: l, Before: b.now() + patience})
	if f := await(t, b, func(f lease.Created) bool { return f.Run == l.Run }); f.Outcome != lease.CreateMade || f.Grace.Seconds() != 30 {
		t.Fatalf("created %+v, want it made, with Kubernetes' own grace", f)
	}
	pod, err := b.client.CoreV1().Pods(l.Namespace).Get(t.Context(), l.PodName, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if pod.Labels["armada_job_id"] != l.Job.String() || pod.Labels["app"] != "x" || pod.Annotations["armada_jobset_id"] != "set" {
		t.Errorf("labels %v, annotations %v", pod.Labels, pod.Annotations)
	}
	if pod.Spec.NodeName != "node-1" || pod.Spec.RestartPolicy != corev1.RestartPolicyNever || pod.Spec.PriorityClassName != "system-cluster-critical" {
		t.Errorf("node %s, restart policy %s, class %s", pod.Spec.NodeName, pod.Spec.RestartPolicy, pod.Spec.PriorityClassName)
	}
	env := map[string]string{}
	for _, v := range pod.Spec.Containers[0].Env {
		env[v.Name] = v.Value
	}
	if env["ARMADA_QUEUE"] != "q" || env["ARMADA_GANG_CARDINALITY"] != "2" || env["A"] != "b" || len(env) != 8 {
		t.Errorf("environment %v", env)
	}
}
