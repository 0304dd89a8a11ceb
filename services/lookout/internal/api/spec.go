package api

import (
	"context"
	"fmt"
	"strconv"

	"google.golang.org/protobuf/proto"

	apipb "github.com/fairlead-batch/fairlead/proto/gen/api"
	corev1 "github.com/fairlead-batch/fairlead/proto/gen/k8s.io/api/core/v1"
	networkingv1 "github.com/fairlead-batch/fairlead/proto/gen/k8s.io/api/networking/v1"
	"github.com/fairlead-batch/fairlead/proto/gen/k8s.io/apimachinery/pkg/api/resource"
	"github.com/fairlead-batch/fairlead/services/internal/fault"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/lookout/internal/view"
)

// specBytesMax is what the pod specs of one answer sum up to at most, in bytes.
const specBytesMax = 32 << 20

// specs are what jobs of one answer share; nil where none is wanted.
type specs map[job.ID]spec

type spec struct {
	pod      *corev1.PodSpec
	requests *corev1.ResourceRequirements
}

// specsOf are the specs of jobs, each decoded once.
func (s *Server) specsOf(ctx context.Context, rows []*view.Job) (specs, error) {
	users := map[job.ID]int{}
	var ids []job.ID
	for _, row := range rows {
		if users[row.Spec]++; users[row.Spec] == 1 {
			ids = append(ids, row.Spec)
		}
	}
	found, err := s.deps.Jobs.Specs(ctx, ids)
	if err != nil {
		return nil, err
	}
	out, size := make(specs, len(found)), 0
	for _, f := range found {
		if size += len(f.Bytes) * users[f.ID]; size > specBytesMax {
			return nil, fault.NewTooLarge("pod specs of more than %d MiB: ask for fewer jobs at once, or without expand_job_spec", specBytesMax>>20)
		}
		pod := &corev1.PodSpec{}
		if err := proto.Unmarshal(f.Bytes, pod); err != nil {
			return nil, fmt.Errorf("decode pod spec %s: %w", f.ID, err)
		}
		out[f.ID] = spec{pod: pod, requests: requirements(f.Requests)}
	}
	return out, nil
}

// job is what was submitted, with the priority as it is now; nil where specs are not
// wanted. It says what eventapi's submitted event says.
func (s specs) job(row *view.Job) (*apipb.Job, error) {
	if s == nil {
		return nil, nil
	}
	shared := s[row.Spec]
	out := &apipb.Job{
		Id: row.State.ID.String(), JobSetId: row.JobSet, Queue: row.Queue, Priority: float64(row.State.Priority),
		PodSpec: shared.pod, //nolint:staticcheck // clients look for it in the deprecated field
		Created: timestamp(row.Submitted), Namespace: row.Namespace, Owner: row.Owner,
		Labels: row.Labels, Annotations: row.Annotations, ClientId: row.ClientID, QueueOwnershipUserGroups: row.Groups,
		SchedulingResourceRequirements: shared.requests,
	}
	for _, b := range row.Ingresses {
		ingress := &networkingv1.Ingress{}
		if err := proto.Unmarshal(b, ingress); err != nil {
			return nil, fmt.Errorf("decode ingress of job %s: %w", out.Id, err)
		}
		out.K8SIngress = append(out.K8SIngress, ingress)
	}
	for _, b := range row.Services {
		service := &corev1.Service{}
		if err := proto.Unmarshal(b, service); err != nil {
			return nil, fmt.Errorf("decode service of job %s: %w", out.Id, err)
		}
		out.K8SService = append(out.K8SService, service)
	}
	return out, nil
}

// requirements has the requests as limits, too: the scheduler goes by requests, and
// Armada has them equal.
func requirements(amounts []job.Amount) *corev1.ResourceRequirements {
	list := make(map[string]*resource.Quantity, len(amounts))
	for _, a := range amounts {
		text := quantity(a)
		list[a.Resource] = &resource.Quantity{String_: &text}
	}
	return &corev1.ResourceRequirements{Limits: list, Requests: list}
}

// quantity is an amount as Kubernetes writes it.
func quantity(a job.Amount) string {
	switch {
	case a.Resource != "cpu":
		return strconv.FormatInt(a.Value, 10)
	case a.Value%1000 == 0:
		return strconv.FormatInt(a.Value/1000, 10)
	}
	return strconv.FormatInt(a.Value, 10) + "m"
}
