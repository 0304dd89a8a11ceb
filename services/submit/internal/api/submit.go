package api

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/fairlead-batch/fairlead/proto/gen/api"
	corev1 "github.com/fairlead-batch/fairlead/proto/gen/k8s.io/api/core/v1"
	"github.com/fairlead-batch/fairlead/services/internal/auth"
	"github.com/fairlead-batch/fairlead/services/internal/fault"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/submit/internal/admit"
	"github.com/fairlead-batch/fairlead/services/submit/internal/claim"
	"github.com/fairlead-batch/fairlead/services/submit/internal/podspec"
)

// SubmitJobs accepts all jobs of a request or none.
func (s *Server) SubmitJobs(ctx context.Context, req *api.JobSubmitRequest) (*api.JobSubmitResponse, error) {
	if req.GetQueue() != "" { // without a queue it is the rules' to refuse
		err := s.mayOn(ctx, req.GetQueue(), auth.SubmitAnyJobs, auth.VerbSubmit)
		if missing, ok := fault.As(err); ok && missing.Kind() == fault.NotFound {
			return nil, fault.NewDenied("%s", missing.Text()) // clients look for this code and text, and try again
		}
		if err != nil {
			return nil, err
		}
	}
	if err := s.Rules.CheckCount(len(req.GetJobRequestItems())); err != nil {
		return nil, err
	}
	sub, specs, err := decodeSubmission(req)
	if err != nil {
		return nil, err
	}
	if err := s.Rules.Check(sub); err != nil {
		return nil, err
	}
	accepted, err := s.finish(sub, specs)
	if err != nil {
		return nil, err
	}
	ids, err := s.Publisher.Submit(ctx, s.submission(ctx, sub, accepted))
	if err != nil {
		return nil, fmt.Errorf("publish %d jobs: %w", len(sub.Items), err)
	}
	return encodeSubmitted(ids), nil
}

// spec is a distinct pod spec of a request.
type spec struct {
	view    *admit.Pod
	decoded *podspec.Spec
	// why says that the bytes are no pod spec.
	why string
	// bytes and shape are made once the rules have passed it.
	bytes *job.PodSpec
	shape *job.Shape
}

// decodeSubmission reads a request. The specs are those of the items, nil where
// there is not exactly one; equal specs are one.
func decodeSubmission(req *api.JobSubmitRequest) (admit.Submission, []*spec, error) {
	items := req.GetJobRequestItems()
	sub := admit.Submission{Queue: req.GetQueue(), JobSet: req.GetJobSetId(), Items: make([]admit.Item, len(items))}
	specs := make([]*spec, len(items))
	known := map[string]*spec{}
	for i, item := range items {
		it := decodeItem(item)
		if pod := onlyPod(item); pod != nil {
			one, err := distinct(known, pod)
			if err != nil {
				return admit.Submission{}, nil, fmt.Errorf("decode job %d: %w", i, err)
			}
			specs[i], it.Pod, it.Unreadable = one, one.view, one.why
		}
		sub.Items[i] = it
	}
	return sub, specs, nil
}

func decodeItem(item *api.JobSubmitRequestItem) admit.Item {
	it := admit.Item{
		Priority: item.GetPriority(), Namespace: item.GetNamespace(), Labels: item.GetLabels(), Annotations: item.GetAnnotations(),
		ClientID: item.GetClientId(), ExternalJobURI: item.GetExternalJobUri(),
		PodField: "pod_spec", Single: item.GetPodSpec() != nil, Listed: len(item.GetPodSpecs()), //nolint:staticcheck // the old field, which clients use
	}
	if !it.Single {
		it.PodField = "pod_specs[0]"
	}
	for _, in := range item.GetIngress() {
		it.Ingresses = append(it.Ingresses, admit.Ingress{
			Ports: in.GetPorts(), Annotations: in.GetAnnotations(), TLS: in.GetTlsEnabled(), CertName: in.GetCertName(), ClusterIP: in.GetUseClusterIP(),
		})
	}
	for _, sv := range item.GetServices() {
		it.Services = append(it.Services, admit.Service{Ports: sv.GetPorts(), Headless: sv.GetType() == api.ServiceType_Headless, Name: sv.GetName()})
	}
	return it
}

func onlyPod(item *api.JobSubmitRequestItem) *corev1.PodSpec {
	single, listed := item.GetPodSpec(), item.GetPodSpecs() //nolint:staticcheck // the old field, which clients use
	switch {
	case single != nil && len(listed) == 0:
		return single
	case single == nil && len(listed) == 1:
		return listed[0]
	}
	return nil
}

// distinct finds the spec of a pod among those known, or decodes it.
func distinct(known map[string]*spec, pod *corev1.PodSpec) (*spec, error) {
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(pod) // the same spec is the same bytes
	if err != nil {
		return nil, fmt.Errorf("encode pod spec: %w", err)
	}
	if one, ok := known[string(raw)]; ok {
		return one, nil
	}
	one := &spec{}
	known[string(raw)] = one
	decoded, refused := podspec.Decode(raw)
	if refused != nil {
		one.why = refused.Error() // the caller's fault, and for the rules to report with all others
	} else {
		one.decoded, one.view = decoded, decoded.View()
	}
	return one, nil
}

// finish puts the defaults into each distinct spec, once.
func (s *Server) finish(sub admit.Submission, specs []*spec) ([]made, error) {
	out := make([]made, len(sub.Items))
	for i := range sub.Items {
		one := specs[i]
		if one.bytes == nil {
			var err error
			if one.bytes, one.shape, err = one.decoded.Finish(s.Defaults, s.Rules.ClassOf(one.view)); err != nil {
				return nil, err
			}
		}
		out[i] = made{Accepted: admit.Accepted{Item: &sub.Items[i], Spec: one.bytes, Shape: one.shape}, spec: one.decoded}
	}
	return out, nil
}

// made is an accepted item with all that its job is made of.
type made struct {
	admit.Accepted
	spec *podspec.Spec
}

// submission is what is to be published.
func (s *Server) submission(ctx context.Context, sub admit.Submission, accepted []made) claim.Submission {
	at, cause := s.at(), by(ctx)
	owner := podspec.Owner{Queue: sub.Queue, JobSet: sub.JobSet, User: cause.User}
	out := claim.Submission{Queue: sub.Queue, JobSet: sub.JobSet, Cause: cause, ClientIDs: make([]string, len(sub.Items))}
	for i := range sub.Items {
		out.ClientIDs[i] = sub.Items[i].ClientID
	}
	out.Make = func(i int, id job.ID) (job.Event, error) {
		one := &accepted[i]
		e := s.Rules.Submitted(job.Head{Job: id, Time: at}, one.Accepted)
		if len(one.Services)+len(one.Ingresses) == 0 {
			return e, nil
		}
		var err error
		e.Services, e.Ingresses, err = one.spec.Objects(one.Item, e, owner)
		return e, err
	}
	return out
}

func encodeSubmitted(ids []job.ID) *api.JobSubmitResponse {
	out := &api.JobSubmitResponse{JobResponseItems: make([]*api.JobSubmitResponseItem, len(ids))}
	for i, id := range ids {
		out.JobResponseItems[i] = &api.JobSubmitResponseItem{JobId: id.String()}
	}
	return out
}
