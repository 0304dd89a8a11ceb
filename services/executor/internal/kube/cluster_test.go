package kube_test

import (
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/fairlead-batch/fairlead/services/executor/internal/clustertest"
	"github.com/fairlead-batch/fairlead/services/executor/internal/kube"
	"github.com/fairlead-batch/fairlead/services/executor/internal/lease"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// TestKubernetes runs against a real API server, where kwok plays the kubelet. One
// cluster serves all parts, one after the other: three processes for each would cost
// more than the tests.
func TestKubernetes(t *testing.T) {
	t.Parallel()
	client, kubeconfig := openKubernetes(t)
	turn := make(chan struct{}, 1)
	open := func(t *testing.T) *bed {
		t.Helper()
		turn <- struct{}{}
		t.Cleanup(func() { <-turn })
		b := newBed(client, kubeconfig)
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
	t.Run("a node is not ready", func(t *testing.T) { t.Parallel(); nodeNotReady(t, open(t)) })
	t.Run("a pod as it is made", func(t *testing.T) { t.Parallel(); podMade(t, open(t)) })
	t.Run("a pod is evicted", func(t *testing.T) { t.Parallel(); podEvicted(t, open(t)) })
	t.Run("a pod's events say why it does not start", func(t *testing.T) { t.Parallel(); podExplained(t, open(t)) })
	t.Run("the server is away", func(t *testing.T) { t.Parallel(); serverAway(t, open(t)) })
	t.Run("rights are missing", func(t *testing.T) { t.Parallel(); rightsMissing(t, open(t)) })
	t.Run("the lease is another executor's", func(t *testing.T) { t.Parallel(); leaseHeld(t, open(t)) })
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

// nodeNotReady lets a node's kubelet fall silent, as the node controller writes it down.
func nodeNotReady(t *testing.T, b *bed) {
	t.Helper()
	b.start(t)
	patch := `{"status":{"conditions":[{"type":"Ready","status":"Unknown","reason":"NodeStatusUnknown"}]}}`
	if _, err := b.client.CoreV1().Nodes().Patch(t.Context(), "node-0", "application/strategic-merge-patch+json", []byte(patch), metav1.PatchOptions{}, "status"); err != nil {
		t.Fatal(err)
	}
	await(t, b, func(f lease.NodeSeen) bool { return f.Node.Name == "node-0" && f.Node.Unschedulable })
	// kwok plays a kubelet that comes back.
	await(t, b, func(f lease.NodeSeen) bool { return f.Node.Name == "node-0" && !f.Node.Unschedulable })
}

// podEvicted evicts a pod as kubectl drain does.
func podEvicted(t *testing.T, b *bed) {
	t.Helper()
	b.start(t)
	l := aLease(t, 1)
	b.do(lease.CreatePod{Lease: l, Before: b.now() + patience})
	await(t, b, func(f lease.PodSeen) bool { return f.Pod.Phase == lease.PodRunning })
	eviction := &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Name: l.PodName, Namespace: l.Namespace}}
	if err := b.client.CoreV1().Pods(l.Namespace).EvictV1(t.Context(), eviction); err != nil {
		t.Fatal(err)
	}
	await(t, b, func(f lease.PodSeen) bool { return strings.Contains(f.Pod.Disruption, "Eviction") })
}

// podExplained has a pod whose status says nothing, and events as a kubelet writes them.
func podExplained(t *testing.T, b *bed) {
	t.Helper()
	b.start(t)
	l := aLease(t, 1)
	l.Annotations = map[string]string{"sim/stuck-pending": "true"}
	b.do(lease.CreatePod{Lease: l, Before: b.now() + patience})
	made := await(t, b, func(f lease.Created) bool { return f.Run == l.Run })
	warn := func(name, kind, reason, message string, at time.Time) {
		event := &corev1.Event{
			ObjectMeta:     metav1.ObjectMeta{Name: name, Namespace: l.Namespace},
			InvolvedObject: corev1.ObjectReference{Kind: "Pod", Namespace: l.Namespace, Name: l.PodName, UID: types.UID(made.Pod.UID)},
			Type:           kind, Reason: reason, Message: message, LastTimestamp: metav1.NewTime(at),
		}
		if _, err := b.client.CoreV1().Events(l.Namespace).Create(t.Context(), event, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	now := time.Now()
	warn("old", corev1.EventTypeWarning, "FailedScheduling", "it was", now.Add(-time.Minute))
	warn("normal", corev1.EventTypeNormal, "Pulling", "it goes on", now)
	warn("mount", corev1.EventTypeWarning, "FailedMount", `configmap "x" not found`, now.Add(-time.Second))
	await(t, b, func(f lease.PodSeen) bool {
		return f.Pod.Run == l.Run && f.Pod.Waiting == "FailedMount" && f.Pod.WaitingMessage == `configmap "x" not found`
	})
	// Something newer takes its place, and a change of the pod does not take it away.
	warn("newer", corev1.EventTypeWarning, "FailedMount", `configmap "y" not found`, now)
	await(t, b, func(f lease.PodSeen) bool { return f.Pod.WaitingMessage == `configmap "y" not found` })
	if err := b.client.CoreV1().Pods(l.Namespace).Delete(t.Context(), l.PodName, metav1.DeleteOptions{GracePeriodSeconds: new(int64(1))}); err != nil {
		t.Fatal(err)
	}
	if f := await(t, b, func(f lease.PodSeen) bool { return f.Pod.Deleting }); f.Pod.WaitingMessage != `configmap "y" not found` {
		t.Errorf("going, it says %q", f.Pod.WaitingMessage)
	}
}

// serverAway cuts the line to the API server. Orders fail, no node takes anything new,
// and what happens meanwhile is told when it is back.
func serverAway(t *testing.T, b *bed) {
	t.Helper()
	line := newLine(t, b.kubeconfig)
	b.used = connect(t, line.kubeconfig)
	b.start(t)
	stays, goes := aLease(t, 1), aLease(t, 2)
	b.do(lease.CreatePod{Lease: stays, Before: b.now() + patience}, lease.CreatePod{Lease: goes, Before: b.now() + patience})
	seen := map[job.RunID]bool{}
	await(t, b, func(f lease.PodSeen) bool {
		seen[f.Pod.Run] = seen[f.Pod.Run] || f.Pod.Phase == lease.PodRunning
		return seen[stays.Run] && seen[goes.Run]
	})

	line.cut()
	late := aLease(t, 3)
	b.do(lease.CreatePod{Lease: late, Before: b.now() + patience}, lease.DeletePod{Run: stays.Run, Pod: podOf(stays), How: lease.Forced}, lease.SaveEpoch{Epoch: 5})
	closed := map[string]bool{} // nodes that take nothing new
	for answers := 0; answers < 3 || !closed["node-0"] || !closed["node-1"]; {
		for _, f := range b.next(t) {
			//nolint:gochecksumtype // the others say nothing here
			switch f := f.(type) {
			case lease.Created:
				if answers++; f.Run != late.Run || f.Outcome != lease.CreateFailed || f.Err == nil {
					t.Errorf("created %+v, want it failed for now", f)
				}
			case lease.Deleted:
				if answers++; f.Run != stays.Run || f.Outcome != lease.DeleteFailed || f.Err == nil {
					t.Errorf("deleted %+v, want it failed for now", f)
				}
			case lease.EpochSaved:
				if answers++; f.Err == nil {
					t.Errorf("epoch saved: %+v, want an error", f)
				}
			case lease.PodGone:
				t.Errorf("told that a pod is gone, of which nothing can be known")
			case lease.NodeSeen:
				closed[f.Node.Name] = f.Node.Unschedulable
			}
		}
	}
	if b.cluster.Serves() == nil {
		t.Error("it says that the API server is there")
	}
	if err := b.client.CoreV1().Pods(goes.Namespace).Delete(t.Context(), goes.PodName, metav1.DeleteOptions{GracePeriodSeconds: new(int64)}); err != nil {
		t.Fatal(err)
	}
	patch := `{"metadata":{"labels":{"armadaproject.io/pool":"gpu"}}}`
	if _, err := b.client.CoreV1().Nodes().Patch(t.Context(), "node-1", "application/merge-patch+json", []byte(patch), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}

	line.mend()
	gone, pool := false, ""
	for !gone || pool != "gpu" || closed["node-0"] || closed["node-1"] {
		for _, f := range b.next(t) {
			//nolint:gochecksumtype // the others say nothing here
			switch f := f.(type) {
			case lease.PodGone:
				if f.Run != goes.Run {
					t.Fatalf("told that the pod of run %s is gone, which it is not", f.Run)
				}
				gone = true
			case lease.NodeSeen:
				closed[f.Node.Name] = f.Node.Unschedulable
				if f.Node.Name == "node-1" {
					pool = f.Node.Pool
				}
			}
		}
	}
	if err := b.cluster.Serves(); err != nil {
		t.Error(err)
	}
	b.do(lease.SaveEpoch{Epoch: 5})
	if f := await(t, b, func(lease.EpochSaved) bool { return true }); f.Err != nil || f.Epoch != 5 {
		t.Errorf("epoch saved: %+v, want 5", f)
	}
}

// rightsMissing starts as a service account that may do nothing, and expects to read what
// it lacks.
func rightsMissing(t *testing.T, b *bed) {
	t.Helper()
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{GenerateName: "nobody-", Namespace: metav1.NamespaceDefault}}
	account, err := b.client.CoreV1().ServiceAccounts(account.Namespace).Create(t.Context(), account, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	token, err := b.client.CoreV1().ServiceAccounts(account.Namespace).CreateToken(t.Context(), account.Name, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for what, tc := range map[string]struct {
		token string
		want  []string
	}{
		"no rights":  {token.Status.Token, []string{"list pods in all namespaces", "watch nodes in all namespaces", "update leases in namespace default"}},
		"no account": {"not a token", []string{"it does not know who we are"}},
	} {
		b.used = connect(t, rewritten(t, b.kubeconfig, func(_ *clientcmdapi.Cluster, user *clientcmdapi.AuthInfo) { user.Token = tc.token }))
		err := b.startErr(t)
		for _, text := range tc.want {
			if err == nil || !strings.Contains(err.Error(), text) {
				t.Errorf("%s: %v, want %q in it", what, err, text)
			}
		}
	}
}

// leaseHeld starts two executors of different names in one cluster.
func leaseHeld(t *testing.T, b *bed) {
	t.Helper()
	b.start(t)
	b.do(lease.SaveEpoch{Epoch: 3})
	await(t, b, func(f lease.EpochSaved) bool { return f.Err == nil })
	other := bedConfig()
	other.Executor = "other"
	cluster, err := kube.New(other, kube.Deps{Client: b.client, Now: b.now, Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	if err := cluster.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "holderIdentity is bed, this is other") {
		t.Errorf("the other executor: %v, want it refused", err)
	}
	if listed := b.start(t); listed.Epoch != 3 {
		t.Errorf("the first executor starts again with epoch %d, want 3", listed.Epoch)
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
