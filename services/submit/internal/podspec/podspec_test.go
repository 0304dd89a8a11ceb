package podspec_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/submit/internal/admit"
	"github.com/fairlead-batch/fairlead/services/submit/internal/podspec"
)

func list(pairs ...string) corev1.ResourceList {
	out := corev1.ResourceList{}
	for i := 0; i < len(pairs); i += 2 {
		out[corev1.ResourceName(pairs[i])] = resource.MustParse(pairs[i+1])
	}
	return out
}

func container(name string, requests corev1.ResourceList) corev1.Container {
	return corev1.Container{Name: name, Resources: corev1.ResourceRequirements{Requests: requests, Limits: requests.DeepCopy()}}
}

func sidecar(c corev1.Container) corev1.Container {
	c.RestartPolicy = new(corev1.ContainerRestartPolicyAlways)
	return c
}

func decode(t *testing.T, pod corev1.PodSpec) *podspec.Spec {
	t.Helper()
	raw, err := pod.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	s, err := podspec.Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func finish(t *testing.T, pod corev1.PodSpec, d podspec.Defaults) (corev1.PodSpec, *job.Shape) {
	t.Helper()
	spec, shape, err := decode(t, pod).Finish(d, "armada-default")
	if err != nil {
		t.Fatal(err)
	}
	var out corev1.PodSpec
	if err := out.Unmarshal(spec.Bytes); err != nil {
		t.Fatal(err)
	}
	return out, shape
}

func TestViewShowsTheRulesWhatTheyLookAt(t *testing.T) {
	t.Parallel()
	main := container("main", list("cpu", "1500m", "memory", "1Gi"))
	main.Ports = []corev1.ContainerPort{{ContainerPort: 80}}
	pod := corev1.PodSpec{
		PriorityClassName:             "armada-preemptible",
		TerminationGracePeriodSeconds: new(int64(7)),
		InitContainers:                []corev1.Container{container("prepare", list("cpu", "100m"))},
		Containers:                    []corev1.Container{main},
		Tolerations:                   []corev1.Toleration{{Key: "k", Operator: "Exists", Effect: "NoSchedule"}},
		Affinity: &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
			PreferredDuringSchedulingIgnoredDuringExecution: []corev1.PreferredSchedulingTerm{{Weight: 1}},
			RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
				MatchExpressions: []corev1.NodeSelectorRequirement{{Key: "zone", Operator: "In", Values: []string{"a"}}},
				MatchFields:      []corev1.NodeSelectorRequirement{{Key: "metadata.name", Operator: "NotIn", Values: []string{"n"}}},
			}}},
		}},
	}
	raw, _ := pod.Marshal()
	view := decode(t, pod).View()
	// Amounts are compared by their text: a Rat has no exported fields.
	var amounts []string
	for i := range view.Containers {
		c := &view.Containers[i]
		for _, a := range append(c.Requests, c.Limits...) {
			amounts = append(amounts, c.Name+" "+a.Resource+" "+a.Text+" "+a.Value.RatString())
		}
		c.Requests, c.Limits = nil, nil
	}
	wantAmounts := []string{
		"prepare cpu 100m 1/10", "prepare cpu 100m 1/10",
		"main cpu 1500m 3/2", "main memory 1Gi 1073741824", "main cpu 1500m 3/2", "main memory 1Gi 1073741824",
	}
	if diff := cmp.Diff(wantAmounts, amounts); diff != "" {
		t.Errorf("amounts (-want +got):\n%s", diff)
	}
	want := &admit.Pod{
		SizeBytes: len(raw), Class: "armada-preemptible", GraceSeconds: new(int64(7)),
		PreferredNodeAffinity: true, RequiredNodeAffinity: true,
		NodeTerms: []job.NodeTerm{{
			Labels: []job.NodeExpression{{Key: "zone", Operator: "In", Values: []string{"a"}}},
			Fields: []job.NodeExpression{{Key: "metadata.name", Operator: "NotIn", Values: []string{"n"}}},
		}},
		Tolerations: []job.Toleration{{Key: "k", Operator: "Exists", Effect: "NoSchedule"}},
		Containers: []admit.Container{
			{Field: "initContainers[0]", Name: "prepare", Init: true},
			{Field: "containers[0]", Name: "main", Ports: []uint32{80}},
		},
	}
	if diff := cmp.Diff(want, view); diff != "" {
		t.Errorf("view (-want +got):\n%s", diff)
	}
}

func TestAmountsAreExact(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"1": "1", "100m": "1/10", "1n": "1/1000000000", "1Ei": "1152921504606846976", "2.5": "5/2", "-3k": "-3000", "1e3": "1000", "0": "0",
	} {
		got := podspec.Amounts(list("x", text))[0].Value.RatString()
		if got != want {
			t.Errorf("%s = %s, want %s", text, got, want)
		}
	}
}

func TestWhatIsNoPodSpecIsRefused(t *testing.T) {
	t.Parallel()
	if _, err := podspec.Decode([]byte{0xff, 0xff}); err == nil {
		t.Error("bytes that are no message were taken")
	}
	// A container whose cpu request is "much": containers(2){resources(8){requests(2){key, value{string}}}}.
	quantity := append([]byte{10, 4}, "much"...)
	entry := append(append([]byte{10, 3}, "cpu"...), append([]byte{18, byte(len(quantity))}, quantity...)...)
	resources := append([]byte{18, byte(len(entry))}, entry...)
	c := append([]byte{66, byte(len(resources))}, resources...)
	if _, err := podspec.Decode(append([]byte{18, byte(len(c))}, c...)); err == nil {
		t.Error("a quantity that cannot be read was taken")
	}
}

func defaults() podspec.Defaults {
	return podspec.Defaults{
		Limits:               list("cpu", "1", "memory", "1Gi", "ephemeral-storage", "8Gi"),
		Tolerations:          []corev1.Toleration{{Key: "all"}},
		TolerationsByClass:   map[string][]corev1.Toleration{"armada-default": {{Key: "class"}}, "armada-preemptible": {{Key: "other"}}},
		TolerationsByRequest: map[string][]corev1.Toleration{"nvidia.com/gpu": {{Key: "gpu"}}},
		ActiveDeadline:       72 * time.Hour,
		ActiveDeadlineByRequest: map[string]time.Duration{
			"nvidia.com/gpu": 336 * time.Hour, "ephemeral-storage": time.Hour, "other": 1000 * time.Hour,
		},
		GraceSeconds: 1,
	}
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	keys := func(list []corev1.Toleration) (out []string) {
		for _, t := range list {
			out = append(out, t.Key)
		}
		return out
	}
	t.Run("where nothing is said", func(t *testing.T) {
		t.Parallel()
		in := corev1.PodSpec{
			Containers:  []corev1.Container{container("a", list("cpu", "2")), container("b", nil)},
			Tolerations: []corev1.Toleration{{Key: "own"}},
		}
		d := defaults()
		delete(d.ActiveDeadlineByRequest, "ephemeral-storage")
		got, _ := finish(t, in, d)
		if diff := cmp.Diff([]string{"own", "all", "class"}, keys(got.Tolerations)); diff != "" {
			t.Errorf("tolerations (-want +got):\n%s", diff)
		}
		want := []corev1.ResourceList{
			list("cpu", "2", "memory", "1Gi", "ephemeral-storage", "8Gi"), list("cpu", "1", "memory", "1Gi", "ephemeral-storage", "8Gi"),
		}
		for i, c := range got.Containers {
			if diff := cmp.Diff(want[i], c.Resources.Requests); diff != "" {
				t.Errorf("requests of %s (-want +got):\n%s", c.Name, diff)
			}
			if diff := cmp.Diff(want[i], c.Resources.Limits); diff != "" {
				t.Errorf("limits of %s (-want +got):\n%s", c.Name, diff)
			}
		}
		if got.PriorityClassName != "armada-default" || *got.TerminationGracePeriodSeconds != 1 || *got.ActiveDeadlineSeconds != 72*3600 {
			t.Errorf("class %s, grace %d, deadline %d", got.PriorityClassName, *got.TerminationGracePeriodSeconds, *got.ActiveDeadlineSeconds)
		}
	})
	t.Run("by request", func(t *testing.T) {
		t.Parallel()
		in := corev1.PodSpec{Containers: []corev1.Container{container("a", list("nvidia.com/gpu", "1")), container("b", list("other", "0"))}}
		got, _ := finish(t, in, defaults())
		if diff := cmp.Diff([]string{"all", "class", "gpu"}, keys(got.Tolerations)); diff != "" {
			t.Errorf("tolerations (-want +got):\n%s", diff)
		}
		if *got.ActiveDeadlineSeconds != 336*3600 {
			t.Errorf("deadline %d s, want the longest of those that match", *got.ActiveDeadlineSeconds)
		}
	})
	t.Run("what is said stays", func(t *testing.T) {
		t.Parallel()
		own := list("cpu", "2", "memory", "2Gi", "ephemeral-storage", "1Gi")
		in := corev1.PodSpec{
			Containers: []corev1.Container{container("a", own)}, TerminationGracePeriodSeconds: new(int64(9)), ActiveDeadlineSeconds: new(int64(60)),
		}
		got, _ := finish(t, in, defaults())
		if diff := cmp.Diff(own, got.Containers[0].Resources.Limits); diff != "" {
			t.Errorf("limits (-want +got):\n%s", diff)
		}
		if *got.TerminationGracePeriodSeconds != 9 || *got.ActiveDeadlineSeconds != 60 {
			t.Errorf("grace %d, deadline %d", *got.TerminationGracePeriodSeconds, *got.ActiveDeadlineSeconds)
		}
	})
	t.Run("no deadline by default", func(t *testing.T) {
		t.Parallel()
		got, _ := finish(t, corev1.PodSpec{}, podspec.Defaults{})
		if got.ActiveDeadlineSeconds != nil {
			t.Errorf("deadline %d", *got.ActiveDeadlineSeconds)
		}
	})
}

// Requests are summed as Kubernetes does: see its documentation of sidecar containers.
func TestShapeRequests(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		init, main []corev1.Container
		overhead   corev1.ResourceList
		pod        *corev1.ResourceRequirements
		want       []job.Amount
	}{
		"the pod as a whole": {
			main:     []corev1.Container{container("a", list("cpu", "1", "memory", "1Ki")), container("b", list("cpu", "1"))},
			overhead: list("cpu", "250m"),
			pod:      &corev1.ResourceRequirements{Requests: list("cpu", "4"), Limits: list("cpu", "8", "memory", "4Ki", "hugepages-2Mi", "2Mi")},
			want:     []job.Amount{{Resource: "cpu", Value: 4250}, {Resource: "hugepages-2Mi", Value: 2 << 20}, {Resource: "memory", Value: 1024}},
		},
		"sum, rounded up": {
			main: []corev1.Container{container("a", list("cpu", "100m", "memory", "1Mi")), container("b", list("cpu", "1500u", "memory", "1500m"))},
			want: []job.Amount{{Resource: "cpu", Value: 102}, {Resource: "memory", Value: 1<<20 + 2}},
		},
		"a large init container": {
			init: []corev1.Container{container("i", list("cpu", "3"))},
			main: []corev1.Container{container("a", list("cpu", "1", "nvidia.com/gpu", "2"))},
			want: []job.Amount{{Resource: "cpu", Value: 3000}, {Resource: "nvidia.com/gpu", Value: 2}},
		},
		"init container beside an earlier sidecar": {
			init: []corev1.Container{
				container("before", list("cpu", "4")), sidecar(container("s", list("cpu", "2"))), container("i", list("cpu", "3")),
				sidecar(container("later", list("cpu", "1"))),
			},
			main: []corev1.Container{container("a", list("cpu", "1"))},
			want: []job.Amount{{Resource: "cpu", Value: 5000}},
		},
		"sidecars beside the containers": {
			init: []corev1.Container{sidecar(container("s", list("cpu", "2")))},
			main: []corev1.Container{container("a", list("cpu", "1"))},
			want: []job.Amount{{Resource: "cpu", Value: 3000}},
		},
		"overhead": {
			main:     []corev1.Container{container("a", list("cpu", "1"))},
			overhead: list("cpu", "250m", "memory", "1Ki"),
			want:     []job.Amount{{Resource: "cpu", Value: 1250}, {Resource: "memory", Value: 1024}},
		},
		"nothing asked for": {main: []corev1.Container{container("a", list("cpu", "0"))}},
		"more than there is": {
			main: []corev1.Container{container("a", list("memory", "7Ei")), container("b", list("memory", "7Ei"))},
			want: []job.Amount{{Resource: "memory", Value: 1<<63 - 1}},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, shape := finish(t, corev1.PodSpec{InitContainers: tc.init, Containers: tc.main, Overhead: tc.overhead, Resources: tc.pod}, podspec.Defaults{})
			if diff := cmp.Diff(tc.want, shape.Requests); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
		})
	}
}

func TestShapeHasWhatThePlaceDependsOn(t *testing.T) {
	t.Parallel()
	in := corev1.PodSpec{
		NodeSelector: map[string]string{"b": "2", "a": "1"},
		Affinity: &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{
			NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchExpressions: []corev1.NodeSelectorRequirement{{Key: "z", Operator: "Exists"}}}},
		}}},
		Tolerations:           []corev1.Toleration{{Key: "own", Operator: "Equal", Value: "v", Effect: "NoExecute"}},
		ActiveDeadlineSeconds: new(int64(90)),
	}
	_, got := finish(t, in, podspec.Defaults{Tolerations: []corev1.Toleration{{Key: "all"}}})
	want := &job.Shape{
		NodeSelector: []job.Label{{Key: "a", Value: "1"}, {Key: "b", Value: "2"}},
		NodeAffinity: []job.NodeTerm{{Labels: []job.NodeExpression{{Key: "z", Operator: "Exists"}}}},
		Tolerations:  []job.Toleration{{Key: "own", Operator: "Equal", Value: "v", Effect: "NoExecute"}, {Key: "all"}},
		LimitSeconds: 90,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("shape (-want +got):\n%s", diff)
	}
}

func TestObjects(t *testing.T) {
	t.Parallel()
	main := container("main", nil)
	main.Ports = []corev1.ContainerPort{{ContainerPort: 80}, {ContainerPort: 81}, {ContainerPort: 82, HostPort: 82}}
	side := sidecar(container("side", nil))
	side.Ports = []corev1.ContainerPort{{ContainerPort: 90, Protocol: "UDP"}}
	spec := decode(t, corev1.PodSpec{Containers: []corev1.Container{main}, InitContainers: []corev1.Container{side}})
	of := job.SubmittedEvent{
		Head: job.Head{Job: job.ID{15: 1}}, Namespace: "ns", Labels: map[string]string{"l": "1"}, Annotations: map[string]string{"a": "1"},
	}
	it := &admit.Item{
		Services: []admit.Service{{Ports: []uint32{80, 82, 90}}, {Ports: []uint32{7}}, {Ports: []uint32{81}, Headless: true, Name: "mine"}},
		Ingresses: []admit.Ingress{
			{Ports: []uint32{80}, TLS: true, Annotations: map[string]string{"i": "1"}},
			{Ports: []uint32{80, 81}, TLS: true, CertName: "cert", ClusterIP: true},
			{Ports: []uint32{7}},
		},
	}
	rawServices, rawIngresses, err := spec.Objects(it, of, podspec.Owner{Queue: "q", JobSet: "set", User: "ann"})
	if err != nil {
		t.Fatal(err)
	}
	pod := "armada-" + of.Job.String() + "-0"
	var services []string
	for _, raw := range rawServices {
		var s corev1.Service
		if err := s.Unmarshal(raw); err != nil {
			t.Fatal(err)
		}
		line := s.Name + " " + string(s.Spec.Type) + s.Spec.ClusterIP
		for _, p := range s.Spec.Ports {
			line += " " + p.Name + "/" + string(p.Protocol)
		}
		services = append(services, line)
		want := map[string]string{"armada_job_id": of.Job.String(), "armada_queue_id": "q", "armada_pod_number": "0"}
		if diff := cmp.Diff(want, s.Spec.Selector); diff != "" {
			t.Errorf("selector (-want +got):\n%s", diff)
		}
	}
	wantServices := []string{
		pod + "-service-0 NodePort main-80/ side-90/UDP",
		"mine ClusterIPNone main-81/",
		pod + "-service-2 ClusterIP main-80/ main-81/", // for the second ingress: none covers both ports
	}
	if diff := cmp.Diff(wantServices, services); diff != "" {
		t.Errorf("services (-want +got):\n%s", diff)
	}
	var ingresses []string
	for i, raw := range rawIngresses {
		var in networkingv1.Ingress
		if err := in.Unmarshal(raw); err != nil {
			t.Fatal(err)
		}
		line := in.Namespace + "/" + in.Name + " " + in.Spec.TLS[0].SecretName
		for k, rule := range in.Spec.Rules {
			line += " " + rule.Host + "->" + rule.HTTP.Paths[0].Backend.Service.Name
			if in.Spec.TLS[0].Hosts[k] != rule.Host {
				t.Errorf("TLS host %s of rule %s", in.Spec.TLS[0].Hosts[k], rule.Host)
			}
		}
		ingresses = append(ingresses, line)
		if i == 0 {
			labels := map[string]string{"l": "1", "armada_job_id": of.Job.String(), "armada_queue_id": "q", "armada_pod_number": "0"}
			annotations := map[string]string{"a": "1", "i": "1", "armada_jobset_id": "set", "armada_owner": "ann"}
			if diff := cmp.Diff(labels, in.Labels) + cmp.Diff(annotations, in.Annotations); diff != "" {
				t.Errorf("labels and annotations (-want +got):\n%s", diff)
			}
		}
	}
	wantIngresses := []string{
		"ns/" + pod + "-ingress-0 ns- main-80-" + pod + ".ns.->" + pod + "-service-0",
		"ns/" + pod + "-ingress-1 cert main-80-" + pod + ".ns.->" + pod + "-service-2 main-81-" + pod + ".ns.->" + pod + "-service-2",
	}
	if diff := cmp.Diff(wantIngresses, ingresses); diff != "" {
		t.Errorf("ingresses (-want +got):\n%s", diff)
	}
}
