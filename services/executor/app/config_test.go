package app_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-batch/fairlead/services/executor/app"
	"github.com/fairlead-batch/fairlead/services/internal/config"
)

func TestConfigFile(t *testing.T) {
	t.Parallel()
	file := write(t, `
name: east
schedulers: [scheduler-0:50051, scheduler-1:50051]
startWindow: 20s
limits:
  runs: 5
cluster: kubernetes
kubernetes:
  leaseNamespace: fairlead
  priorityClasses: {armada-default: batch, Fair.Urgent: system-cluster-critical}
  workers: 16
simulated:
  nodes:
    - name: gpu
      count: 3
      pool: gpu
      resources: {cpu: "64", nvidia.com/gpu: "8"}
      labels: {zone: z1}
      taints: [{key: gpu, value: "true", effect: NoSchedule}]
      maxPods: 110
`)
	got, err := config.Load(app.DefaultConfig(), []string{file}, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := app.DefaultConfig()
	want.Name, want.Schedulers, want.StartWindow, want.Limits.Runs = "east", []string{"scheduler-0:50051", "scheduler-1:50051"}, 20*time.Second, 5
	want.Cluster, want.Kubernetes.LeaseNamespace, want.Kubernetes.Workers = app.ClusterKubernetes, "fairlead", 16
	want.Kubernetes.PriorityClasses = map[string]string{"armada-default": "batch", "Fair.Urgent": "system-cluster-critical"}
	want.Simulated.Nodes = []app.NodeKind{{
		Name: "gpu", Count: 3, Pool: "gpu", Resources: map[string]string{"cpu": "64", "nvidia.com/gpu": "8"}, Labels: map[string]string{"zone": "z1"},
		Taints: []app.Taint{{Key: "gpu", Value: "true", Effect: "NoSchedule"}}, MaxPods: 110,
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := app.NewCluster(got.Simulated); err != nil {
		t.Error(err)
	}
}

// TestConfigRefuses: each mistake is named by its key, all of them at once.
func TestConfigRefuses(t *testing.T) {
	t.Parallel()
	file := write(t, `
startWindow: 1s
heartbeatInterval: 1s
pendingWithin: 0s
forceAfter: -1s
limits: {runs: 0, creates: 0, reports: 0}
cluster: nomad
kubernetes: {leaseNamespace: "", leaseName: "", workers: 0, callTimeout: 0s, syncTimeout: 0s, probeInterval: 0s, explainInterval: 0s}
simulated:
  startDelay: -1s
  stopDelay: -1s
  recordsMax: -1
  nodes:
    - {name: "", count: -1, maxPods: -1, resources: {cpu: lots}, taints: [{key: a, effect: Never}]}
`)
	_, err := config.Load(app.DefaultConfig(), []string{file}, nil)
	if err == nil {
		t.Fatal("no error")
	}
	for _, key := range []string{
		"name", "schedulers", "heartbeatInterval", "pendingWithin", "forceAfter", "limits.runs", "limits.creates", "limits.reports",
		"cluster", "kubernetes.leaseNamespace", "kubernetes.leaseName", "kubernetes.workers", "kubernetes.callTimeout",
		"kubernetes.syncTimeout", "kubernetes.probeInterval", "kubernetes.explainInterval", "simulated.startDelay", "simulated.stopDelay", "simulated.recordsMax", "simulated.nodes[0].name", "simulated.nodes[0].count",
		"simulated.nodes[0].maxPods", "simulated.nodes[0].resources[cpu]", "simulated.nodes[0].taints[0].effect",
	} {
		if !strings.Contains(err.Error(), key) {
			t.Errorf("%s is not named in:\n%v", key, err)
		}
	}
}

// TestClustersThatCannotBe: what only shows when the nodes are made.
func TestClustersThatCannotBe(t *testing.T) {
	t.Parallel()
	for name, nodes := range map[string][]app.NodeKind{
		"two of a name": {{Name: "n", Count: 1}, {Name: "n", Count: 1}},
		"no amount":     {{Name: "n", Count: 1, Resources: map[string]string{"cpu": "lots"}}},
	} {
		if _, err := app.NewCluster(app.Simulated{Nodes: nodes}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func write(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "executor.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
