package kube

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/validate/content"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fairlead-batch/fairlead/services/executor/internal/lease"
)

// Labels and annotations of our pods. Clients, dashboards and services select by
// them; jobLabel and runLabel are also how an executor that starts knows its pods.
const (
	jobLabel         = "armada_job_id"
	runLabel         = "armada_job_run_id"
	queueLabel       = "armada_queue_id"
	podNumberLabel   = "armada_pod_number"
	podCountLabel    = "armada_pod_count"
	jobSetAnnotation = "armada_jobset_id"
	ownerAnnotation  = "armada_owner"
	poolAnnotation   = "armadaproject.io/pool"
)

// manifest is the pod of a lease. It fails for a spec that cannot be read.
func manifest(l *lease.Lease, classes map[string]string) (*corev1.Pod, error) {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: l.PodName, Namespace: l.Namespace}}
	if err := pod.Spec.Unmarshal(l.Spec); err != nil {
		return nil, fmt.Errorf("decode pod spec: %w", err)
	}
	pod.Labels = overlaid(l.Labels, map[string]string{
		jobLabel: l.Job.String(), runLabel: l.Run.String(), podNumberLabel: "0", podCountLabel: "1",
	})
	pod.Annotations = overlaid(l.Annotations, map[string]string{
		jobSetAnnotation: l.JobSet, ownerAnnotation: l.User, poolAnnotation: l.Pool,
	})
	// Queues have names that no label can have. Such a pod is not to be refused for it.
	delete(pod.Labels, queueLabel)
	if len(content.IsLabelValue(l.Queue)) == 0 {
		pod.Labels[queueLabel] = l.Queue
	} else {
		pod.Annotations[queueLabel] = l.Queue
	}
	// A pod that its kubelet started again by itself would run its job twice.
	pod.Spec.RestartPolicy = corev1.RestartPolicyNever
	// Classes are names of Fairlead's; Kubernetes fills the number in by its own.
	pod.Spec.PriorityClassName = classes[pod.Spec.PriorityClassName]
	pod.Spec.Priority, pod.Spec.PreemptionPolicy = nil, nil
	for _, t := range l.Tolerations {
		pod.Spec.Tolerations = append(pod.Spec.Tolerations, corev1.Toleration{
			Key: t.Key, Operator: corev1.TolerationOperator(t.Operator), Value: t.Value, Effect: corev1.TaintEffect(t.Effect),
		})
	}
	env := environment(l)
	for _, list := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			addEnvironment(&list[i], env)
			dropResources(&list[i].Resources, l.Floating)
		}
	}
	dropResources(pod.Spec.Resources, l.Floating)
	place(&pod.Spec, l.Node)
	return pod, nil
}

// overlaid is the first with the second over it.
func overlaid(below, above map[string]string) map[string]string {
	out := make(map[string]string, len(below)+len(above))
	maps.Copy(out, below)
	maps.Copy(out, above)
	return out
}

// environment tells a container what it runs for.
func environment(l *lease.Lease) []corev1.EnvVar {
	out := []corev1.EnvVar{
		{Name: "ARMADA_JOB_ID", Value: l.Job.String()},
		{Name: "ARMADA_QUEUE", Value: l.Queue},
		{Name: "ARMADA_JOB_SET_ID", Value: l.JobSet},
	}
	if l.Gang.ID == "" {
		return out
	}
	return append(out,
		corev1.EnvVar{Name: "ARMADA_GANG_ID", Value: l.Gang.ID},
		corev1.EnvVar{Name: "ARMADA_GANG_CARDINALITY", Value: strconv.FormatUint(uint64(l.Gang.Cardinality), 10)},
		corev1.EnvVar{Name: "ARMADA_GANG_NODE_UNIFORMITY_LABEL_NAME", Value: l.Gang.UniformityLabel},
		corev1.EnvVar{Name: "ARMADA_GANG_NODE_UNIFORMITY_LABEL_VALUE", Value: l.GangLabelValue},
	)
}

// addEnvironment puts ours first, for a variable may refer to earlier ones only, and
// drops what has the same name: it would win over ours.
func addEnvironment(c *corev1.Container, env []corev1.EnvVar) {
	theirs := slices.DeleteFunc(c.Env, func(v corev1.EnvVar) bool {
		return slices.ContainsFunc(env, func(ours corev1.EnvVar) bool { return ours.Name == v.Name })
	})
	c.Env = slices.Concat(env, theirs)
}

// dropResources has nothing asked for resources that no node has: an API server may refuse
// their names, and a kubelet the pod.
func dropResources(r *corev1.ResourceRequirements, names []string) {
	if r == nil {
		return
	}
	for _, name := range names {
		delete(r.Requests, corev1.ResourceName(name))
		delete(r.Limits, corev1.ResourceName(name))
	}
}

// place puts the pod on its node; see the package's documentation.
func place(spec *corev1.PodSpec, node string) {
	if !needsScheduler(spec) {
		spec.NodeName = node
		return
	}
	spec.NodeName = ""
	here := corev1.NodeSelectorRequirement{Key: metav1.ObjectNameField, Operator: corev1.NodeSelectorOpIn, Values: []string{node}}
	if spec.Affinity == nil {
		spec.Affinity = &corev1.Affinity{}
	}
	if spec.Affinity.NodeAffinity == nil {
		spec.Affinity.NodeAffinity = &corev1.NodeAffinity{}
	}
	// The job's own terms were met when the node was chosen, and terms are alternatives:
	// a term of theirs left beside ours would allow other nodes.
	spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution = &corev1.NodeSelector{
		NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchFields: []corev1.NodeSelectorRequirement{here}}},
	}
}

// needsScheduler says whether the pod asks for what only kube-scheduler binds: a
// volume that waits for its first consumer, or a device that is claimed.
func needsScheduler(spec *corev1.PodSpec) bool {
	return len(spec.ResourceClaims) > 0 || slices.ContainsFunc(spec.Volumes, func(v corev1.Volume) bool {
		return v.PersistentVolumeClaim != nil || v.Ephemeral != nil
	})
}
