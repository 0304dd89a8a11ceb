package podspec

import (
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/submit/internal/admit"
)

// Labels and annotations of a job's objects, which clients and dashboards select by.
const (
	jobLabel         = "armada_job_id"
	queueLabel       = "armada_queue_id"
	podNumberLabel   = "armada_pod_number"
	jobSetAnnotation = "armada_jobset_id"
	ownerAnnotation  = "armada_owner"
)

// Owner is whose objects are made.
type Owner struct {
	Queue, JobSet string
	// User submitted the job.
	User string
}

// Objects are the services and ingresses of a job in Kubernetes' wire form, as its
// item asks for them. A service covers the ports that the pod's containers and
// sidecars expose and the item names; one that would have no port is left out. An
// ingress stands on the first service that covers its ports, else on one made for
// it. The executor adds the cluster's suffix to the hosts.
func (s *Spec) Objects(it *admit.Item, of job.SubmittedEvent, owner Owner) (services, ingresses [][]byte, err error) {
	o := objects{job: of, owner: owner, exposed: exposedPorts(&s.pod)}
	for _, service := range it.Services {
		o.addService(service, corev1.ServiceTypeNodePort)
	}
	for i, ingress := range it.Ingresses {
		o.addIngress(i, ingress)
	}
	for _, service := range o.services {
		raw, err := service.Marshal()
		if err != nil {
			return nil, nil, fmt.Errorf("encode service %s: %w", service.Name, err)
		}
		services = append(services, raw)
	}
	for _, ingress := range o.ingresses {
		raw, err := ingress.Marshal()
		if err != nil {
			return nil, nil, fmt.Errorf("encode ingress %s: %w", ingress.Name, err)
		}
		ingresses = append(ingresses, raw)
	}
	return services, ingresses, nil
}

// exposedPorts are the ports of a pod that a service can lead to. A port on the
// host has an address already.
func exposedPorts(spec *corev1.PodSpec) []corev1.ServicePort {
	var out []corev1.ServicePort
	expose := func(c *corev1.Container) {
		for _, port := range c.Ports {
			if port.HostPort == 0 {
				out = append(out, corev1.ServicePort{
					Name: fmt.Sprintf("%s-%d", c.Name, port.ContainerPort), Port: port.ContainerPort, Protocol: port.Protocol,
				})
			}
		}
	}
	for i := range spec.Containers {
		expose(&spec.Containers[i])
	}
	for i := range spec.InitContainers {
		if isSidecar(&spec.InitContainers[i]) {
			expose(&spec.InitContainers[i])
		}
	}
	return out
}

type objects struct {
	job       job.SubmittedEvent
	owner     Owner
	exposed   []corev1.ServicePort
	services  []*corev1.Service
	ingresses []*networkingv1.Ingress
}

func (o *objects) named(ports []uint32) []corev1.ServicePort {
	var out []corev1.ServicePort
	for _, port := range o.exposed {
		if slices.Contains(ports, uint32(port.Port)) { //nolint:gosec // compared, not opened
			out = append(out, port)
		}
	}
	return out
}

// addService returns the service, or nil when it would have no port.
func (o *objects) addService(service admit.Service, kind corev1.ServiceType) *corev1.Service {
	ports := o.named(service.Ports)
	if len(ports) == 0 {
		return nil
	}
	name := service.Name
	if name == "" {
		name = o.name("service", len(o.services))
	}
	made := &corev1.Service{
		ObjectMeta: o.meta(name, nil),
		Spec: corev1.ServiceSpec{
			Type: kind, Ports: ports,
			Selector: map[string]string{jobLabel: o.job.Job.String(), queueLabel: o.owner.Queue, podNumberLabel: "0"},
		},
	}
	if service.Headless {
		made.Spec.Type, made.Spec.ClusterIP = corev1.ServiceTypeClusterIP, corev1.ClusterIPNone
	}
	o.services = append(o.services, made)
	return made
}

func (o *objects) addIngress(i int, ingress admit.Ingress) {
	ports := o.named(ingress.Ports)
	service := o.covering(ports)
	if service == nil {
		kind := corev1.ServiceTypeNodePort
		if ingress.ClusterIP {
			kind = corev1.ServiceTypeClusterIP
		}
		if service = o.addService(admit.Service{Ports: ingress.Ports}, kind); service == nil {
			return
		}
	}
	made := &networkingv1.Ingress{ObjectMeta: o.meta(o.name("ingress", i), ingress.Annotations)}
	for _, port := range ports {
		made.Spec.Rules = append(made.Spec.Rules, o.rule(service.Name, port))
	}
	if ingress.TLS {
		secret := ingress.CertName
		if secret == "" {
			secret = o.job.Namespace + "-" // the executor adds the cluster's suffix
		}
		tls := networkingv1.IngressTLS{SecretName: secret}
		for _, rule := range made.Spec.Rules {
			tls.Hosts = append(tls.Hosts, rule.Host)
		}
		made.Spec.TLS = []networkingv1.IngressTLS{tls}
	}
	o.ingresses = append(o.ingresses, made)
}

// covering finds a service that has all the ports.
func (o *objects) covering(ports []corev1.ServicePort) *corev1.Service {
	for _, service := range o.services {
		covers := len(ports) > 0
		for _, port := range ports {
			covers = covers && slices.Contains(service.Spec.Ports, port)
		}
		if covers {
			return service
		}
	}
	return nil
}

func (o *objects) rule(service string, port corev1.ServicePort) networkingv1.IngressRule {
	return networkingv1.IngressRule{
		Host: fmt.Sprintf("%s-%s.%s.", port.Name, o.pod(), o.job.Namespace),
		IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{Paths: []networkingv1.HTTPIngressPath{{
			Path: "/", PathType: new(networkingv1.PathTypePrefix),
			Backend: networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{
				Name: service, Port: networkingv1.ServiceBackendPort{Number: port.Port},
			}},
		}}}},
	}
}

// pod is the name of the job's first pod, which clients compute as well.
func (o *objects) pod() string { return "armada-" + o.job.Job.String() + "-0" }

func (o *objects) name(kind string, i int) string { return fmt.Sprintf("%s-%s-%d", o.pod(), kind, i) }

func (o *objects) meta(name string, annotations map[string]string) metav1.ObjectMeta {
	m := metav1.ObjectMeta{Name: name, Namespace: o.job.Namespace, Labels: map[string]string{}, Annotations: map[string]string{}}
	maps.Copy(m.Labels, o.job.Labels)
	maps.Copy(m.Labels, map[string]string{jobLabel: o.job.Job.String(), queueLabel: o.owner.Queue, podNumberLabel: "0"})
	maps.Copy(m.Annotations, o.job.Annotations)
	maps.Copy(m.Annotations, annotations)
	maps.Copy(m.Annotations, map[string]string{jobSetAnnotation: o.owner.JobSet, ownerAnnotation: o.owner.User})
	return m
}
