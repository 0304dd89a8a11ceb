package kube_test

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/fairlead-batch/fairlead/services/executor/internal/kube"
	"github.com/fairlead-batch/fairlead/services/executor/internal/lease"
)

func wired(t *testing.T, spec corev1.PodSpec) []byte {
	t.Helper()
	wire, err := spec.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return wire
}

// TestPlacement: what kube-scheduler alone can bind gets an affinity to its node, all
// else the node itself.
func TestPlacement(t *testing.T) {
	t.Parallel()
	claim := corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data"}}
	theirs := &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
		RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
			MatchExpressions: []corev1.NodeSelectorRequirement{{Key: "zone", Operator: corev1.NodeSelectorOpIn, Values: []string{"a"}}},
		}}},
	}}
	for name, tc := range map[string]struct {
		spec  corev1.PodSpec
		bound bool
	}{
		"plain":            {corev1.PodSpec{}, true},
		"a secret":         {corev1.PodSpec{Volumes: []corev1.Volume{{VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{}}}}}, true},
		"a volume claim":   {corev1.PodSpec{NodeName: "forged", Volumes: []corev1.Volume{{VolumeSource: claim}}, Affinity: theirs}, false},
		"a resource claim": {corev1.PodSpec{ResourceClaims: []corev1.PodResourceClaim{{Name: "gpu"}}}, false},
	} {
		l := aLease(t, 1)
		l.Spec = wired(t, tc.spec)
		pod, err := kube.Manifest(l, nil)
		if err != nil {
			t.Fatal(err)
		}
		if tc.bound {
			if pod.Spec.NodeName != l.Node {
				t.Errorf("%s: node %q, want %q", name, pod.Spec.NodeName, l.Node)
			}
			continue
		}
		terms := pod.Spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms
		if pod.Spec.NodeName != "" || len(terms) != 1 || len(terms[0].MatchExpressions) != 0 || terms[0].MatchFields[0].Values[0] != l.Node {
			t.Errorf("%s: node %q, terms %+v; want none but that it is node %s", name, pod.Spec.NodeName, terms, l.Node)
		}
	}
}

// TestFloatingResources: a pod does not ask for what no node has.
func TestFloatingResources(t *testing.T) {
	t.Parallel()
	ask := func() corev1.ResourceRequirements {
		list := corev1.ResourceList{"license": resource.MustParse("1"), "cpu": resource.MustParse("1")}
		return corev1.ResourceRequirements{Requests: list.DeepCopy(), Limits: list.DeepCopy()}
	}
	whole := ask()
	l := aLease(t, 1)
	l.Floating = []string{"license"}
	l.Spec = wired(t, corev1.PodSpec{
		InitContainers: []corev1.Container{{Name: "i", Resources: ask()}}, Containers: []corev1.Container{{Name: "c", Resources: ask()}}, Resources: &whole,
	})
	pod, err := kube.Manifest(l, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []corev1.ResourceRequirements{pod.Spec.InitContainers[0].Resources, pod.Spec.Containers[0].Resources, *pod.Spec.Resources} {
		for _, list := range []corev1.ResourceList{r.Requests, r.Limits} {
			if _, asks := list["license"]; asks || len(list) != 1 {
				t.Errorf("it asks for %v, want cpu alone", list)
			}
		}
	}
}

// TestQueueLabel: a queue may have a name that no label can have.
func TestQueueLabel(t *testing.T) {
	t.Parallel()
	for queue, label := range map[string]bool{"research": true, "a/b": false, "über": false, strings.Repeat("q", 64): false, "": true} {
		l := aLease(t, 1)
		l.Queue, l.Labels = queue, map[string]string{"armada_queue_id": "forged"}
		pod, err := kube.Manifest(l, nil)
		if err != nil {
			t.Fatal(err)
		}
		labelled, is := pod.Labels["armada_queue_id"]
		annotated := pod.Annotations["armada_queue_id"]
		if is != label || label && labelled != queue || !label && annotated != queue {
			t.Errorf("queue %q: label %q (%t), annotation %q", queue, labelled, is, annotated)
		}
	}
}

// TestManifestUnreadable: bytes that are no pod spec are refused, not sent.
func TestManifestUnreadable(t *testing.T) {
	t.Parallel()
	l := &lease.Lease{Spec: []byte{0xff}}
	if pod, err := kube.Manifest(l, nil); err == nil || !strings.Contains(err.Error(), "decode pod spec") {
		t.Errorf("%+v, error %v", pod, err)
	}
}
