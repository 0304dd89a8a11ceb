package podwire_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/fairlead-batch/fairlead/services/executor/internal/podwire"
	"github.com/fairlead-batch/fairlead/services/executor/internal/simulated"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

func TestRead(t *testing.T) {
	t.Parallel()
	grace, deadline, always := int64(5), int64(60), corev1.ContainerRestartPolicyAlways
	spec := corev1.PodSpec{
		TerminationGracePeriodSeconds: &grace, ActiveDeadlineSeconds: &deadline,
		Overhead: amounts("cpu", "100m"),
		InitContainers: []corev1.Container{
			{Name: "proxy", RestartPolicy: &always, Resources: requests("cpu", "200m")},
			{Name: "fetch", Image: "alpine", Command: []string{"sleep"}, Args: []string{"2"}, Resources: requests("cpu", "1", "memory", "3Gi")},
		},
		Containers: []corev1.Container{
			{Name: "main", Image: "alpine:3.20.0", Command: []string{"sh", "-c"}, Args: []string{"sleep 5"}, Resources: requests("cpu", "1500m", "memory", "1Gi")},
			// What it may use at most stands in for what it asks for.
			{Name: "side", Resources: corev1.ResourceRequirements{Limits: amounts("memory", "1Gi", "nvidia.com/gpu", "1"), Requests: amounts("memory", "1")}},
		},
	}
	wire, err := spec.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	got, err := podwire.Read(wire)
	if err != nil {
		t.Fatal(err)
	}
	want := simulated.Spec{
		Init: []simulated.Container{{Name: "proxy"}, {Name: "fetch", Image: "alpine", Command: []string{"sleep", "2"}}},
		Containers: []simulated.Container{
			{Name: "main", Image: "alpine:3.20.0", Command: []string{"sh", "-c", "sleep 5"}}, {Name: "side"},
		},
		Requests: []job.Amount{
			{Resource: "cpu", Value: 1800},       // main 1500, proxy 200, overhead 100
			{Resource: "memory", Value: 3 << 30}, // fetch alone wants more than the others together
			{Resource: "nvidia.com/gpu", Value: 1},
		},
		Grace: 5 * time.Second, Deadline: time.Minute,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestRequestsWhole: what a pod asks for as a whole stands, whatever its containers ask
// for, and overhead still comes on top; what it does not name is theirs.
func TestRequestsWhole(t *testing.T) {
	t.Parallel()
	whole := requests("cpu", "4")
	got := podwire.Requests(&corev1.PodSpec{
		Resources: &whole, Overhead: amounts("cpu", "100m"),
		Containers: []corev1.Container{{Resources: requests("cpu", "1", "memory", "1Gi")}, {Resources: requests("cpu", "1")}},
	})
	want := []job.Amount{{Resource: "cpu", Value: 4100}, {Resource: "memory", Value: 1 << 30}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestReadDefaults(t *testing.T) {
	t.Parallel()
	spec := corev1.PodSpec{Containers: []corev1.Container{{Name: "main"}}}
	wire, err := spec.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	got, err := podwire.Read(wire)
	if err != nil {
		t.Fatal(err)
	}
	want := simulated.Spec{Containers: []simulated.Container{{Name: "main"}}, Grace: 30 * time.Second}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	for name, wire := range map[string][]byte{"nothing": nil, "damage": {0xff, 0xff}} {
		if _, err := podwire.Read(wire); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func requests(pairs ...string) corev1.ResourceRequirements {
	return corev1.ResourceRequirements{Requests: amounts(pairs...)}
}

func amounts(pairs ...string) corev1.ResourceList {
	out := corev1.ResourceList{}
	for i := 0; i < len(pairs); i += 2 {
		out[corev1.ResourceName(pairs[i])] = resource.MustParse(pairs[i+1])
	}
	return out
}
