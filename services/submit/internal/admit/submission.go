package admit

import (
	"math/big"

	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// Submission is a request for jobs of one job set.
type Submission struct {
	Queue, JobSet string
	Items         []Item
}

// Item is one job as it was asked for.
type Item struct {
	Priority       float64
	Namespace      string
	Labels         map[string]string
	Annotations    map[string]string
	ClientID       string
	ExternalJobURI string
	// PodField is where the spec stands in the item: "pod_spec" or "pod_specs[0]".
	PodField string
	// Single says that pod_spec is set, Listed how many specs pod_specs has.
	Single bool
	Listed int
	// Pod is nil unless exactly one spec was given, that could be read. Items with
	// equal specs share it.
	Pod *Pod
	// Unreadable says why the one spec that was given is none; empty: it is.
	Unreadable string
	Ingresses  []Ingress
	Services   []Service
}

// Ingress asks for an ingress to ports of the pod.
type Ingress struct {
	Ports       []uint32
	Annotations map[string]string
	TLS         bool
	// CertName is the secret with the certificate; empty: one named by the namespace.
	CertName string
	// ClusterIP asks for a service with an address of its own behind the ingress.
	ClusterIP bool
}

// Service asks for a service to ports of the pod.
type Service struct {
	Ports []uint32
	// Headless: each pod is found by name, without an address of the service's own.
	Headless bool
	// Name is the service's name; empty: one is made from the job's id.
	Name string
}

// Pod is what the rules see of a pod spec.
type Pod struct {
	// SizeBytes is the size of the spec as it was sent.
	SizeBytes int
	// Class is the priority class as named; empty: the default.
	Class string
	// GraceSeconds is the termination grace period; nil: the default.
	GraceSeconds *int64
	// PreferredNodeAffinity says that the spec has preferences among nodes.
	PreferredNodeAffinity bool
	// RequiredNodeAffinity says that the spec has a required node affinity, and
	// NodeTerms are its terms.
	RequiredNodeAffinity bool
	NodeTerms            []job.NodeTerm
	Tolerations          []job.Toleration
	// Containers are the init containers and the containers, in the spec's order.
	Containers []Container
}

// Container is what the rules see of a container.
type Container struct {
	// Field is where it stands in the spec: "containers[0]" or "initContainers[0]".
	Field string
	Name  string
	Init  bool
	// Requests and Limits are sorted by resource.
	Requests, Limits []Amount
	Ports            []uint32
}

// Amount is a quantity of a resource, exact.
type Amount struct {
	Resource string
	Value    *big.Rat
	// Text is the quantity as Kubernetes writes it.
	Text string
}

// amountOf finds a resource in a sorted list.
func amountOf(list []Amount, resource string) (Amount, bool) {
	for _, a := range list {
		if a.Resource == resource {
			return a, true
		}
	}
	return Amount{}, false
}

// ClassOf is the priority class of a pod once defaults are applied.
func (r Rules) ClassOf(p *Pod) string {
	if p.Class == "" {
		return r.DefaultClass
	}
	return p.Class
}
