package api

import (
	"context"
	"fmt"
	"strings"

	"github.com/fairlead-batch/fairlead/proto/gen/api"
	submitv1 "github.com/fairlead-batch/fairlead/proto/gen/fairlead/submit/v1"
	"github.com/fairlead-batch/fairlead/services/internal/auth"
	"github.com/fairlead-batch/fairlead/services/internal/fault"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/submit/internal/admit"
	"github.com/fairlead-batch/fairlead/services/submit/internal/claim"
	"github.com/fairlead-batch/fairlead/services/submit/internal/podspec"
)

// Submit accepts all jobs of a request or none.
func (s *Server) Submit(ctx context.Context, req *submitv1.JobSubmitRequest) (*api.JobSubmitResponse, error) {
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
	// varied are the same with what annotations say.
	varied map[variation]*job.Shape
}

// variation is what annotations of a job say that the round needs.
type variation struct {
	band   string
	expect int32
}

// shapeFor is the shape of an item of the spec. Items that are alike share it.
func (s *spec) shapeFor(it *admit.Item) *job.Shape {
	expect, _ := admit.ExpectedSeconds(it.Annotations[admit.ExpectedRuntimeAnnotation]) // the rules passed it
	as := variation{band: strings.ToUpper(it.Annotations[admit.PriceBandAnnotation]), expect: expect}
	if as == (variation{}) {
		return s.shape
	}
	if s.varied[as] == nil {
		if s.varied == nil {
			s.varied = map[variation]*job.Shape{}
		}
		shape := *s.shape
		shape.PriceBand, shape.ExpectSeconds = as.band, as.expect
		s.varied[as] = &shape
	}
	return s.varied[as]
}

// decodeSubmission reads a request. The specs are those of the items, nil where
// there is not exactly one; equal specs are one.
func decodeSubmission(req *submitv1.JobSubmitRequest) (admit.Submission, []*spec, error) {
	items := req.GetJobRequestItems()
	sub := admit.Submission{Queue: req.GetQueue(), JobSet: req.GetJobSetId(), Items: make([]admit.Item, len(items))}
	specs := make([]*spec, len(items))
	known := map[string]*spec{}
	for i, item := range items {
		it := decodeItem(item)
		if raw, only := onlyPod(item); only {
			one, err := distinct(known, raw)
			if err != nil {
				return admit.Submission{}, nil, fmt.Errorf("decode job %d: %w", i, err)
			}
			specs[i], it.Pod, it.Unreadable = one, one.view, one.why
		}
		sub.Items[i] = it
	}
	return sub, specs, nil
}

func decodeItem(item *submitv1.JobSubmitRequestItem) admit.Item {
	it := admit.Item{
		Priority: item.GetPriority(), Namespace: item.GetNamespace(), Labels: entries(item.GetLabels()), Annotations: entries(item.GetAnnotations()),
		ClientID: item.GetClientId(), ExternalJobURI: item.GetExternalJobUri(),
		PodField: "pod_spec", Single: item.PodSpec != nil, Listed: len(item.GetPodSpecs()),
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

// entries is the map of entries; of equal keys the last one counts, as in a map.
func entries(list []*submitv1.Entry) map[string]string {
	if len(list) == 0 {
		return nil
	}
	out := make(map[string]string, len(list))
	for _, e := range list {
		out[e.GetKey()] = e.GetValue()
	}
	return out
}

// onlyPod is the pod spec of an item that has exactly one.
func onlyPod(item *submitv1.JobSubmitRequestItem) (raw []byte, one bool) {
	single, listed := item.PodSpec != nil, item.GetPodSpecs()
	switch {
	case single && len(listed) == 0:
		return item.GetPodSpec(), true
	case !single && len(listed) == 1:
		return listed[0], true
	}
	return nil, false
}

// distinct finds a pod spec among those known, or decodes it. Known are bytes as they
// were sent and as we write them: clients write the maps of a spec in any order, so
// one spec comes in several forms.
func distinct(known map[string]*spec, raw []byte) (*spec, error) {
	if one, ok := known[string(raw)]; ok {
		return one, nil
	}
	one := &spec{}
	decoded, refused := podspec.Decode(raw)
	if refused != nil {
		one.why = refused.Error() // the caller's fault, and for the rules to report with all others
	} else {
		written, err := decoded.Bytes()
		if err != nil {
			return nil, err
		}
		if same, ok := known[string(written)]; ok {
			one = same
		} else {
			one.decoded, one.view = decoded, decoded.View()
			known[string(written)] = one
		}
	}
	known[string(raw)] = one
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
		out[i] = made{Accepted: admit.Accepted{Item: &sub.Items[i], Spec: one.bytes, Shape: one.shapeFor(&sub.Items[i])}, spec: one.decoded}
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
