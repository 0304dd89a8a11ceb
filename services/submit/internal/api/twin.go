package api

import (
	"context"
	"fmt"
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/fairlead-batch/fairlead/proto/gen/api"
	submitv1 "github.com/fairlead-batch/fairlead/proto/gen/fairlead/submit/v1"
)

// Submitter answers api.Submit, with submissions read as their twin: a [Server], or
// what embeds one.
type Submitter interface {
	api.SubmitServer
	// Submit is SubmitJobs of the same bytes.
	Submit(ctx context.Context, req *submitv1.JobSubmitRequest) (*api.JobSubmitResponse, error)
}

// SubmitDesc describes api.Submit to a server, for a [Submitter]. The bytes of a
// SubmitJobs are read as fairlead.submit.v1.JobSubmitRequest, which is the same message
// on the wire: pod specs are decoded once, by package podspec.
func SubmitDesc() *grpc.ServiceDesc {
	desc := api.Submit_ServiceDesc
	desc.HandlerType = (*Submitter)(nil)
	desc.Methods = slices.Clone(desc.Methods)
	for i := range desc.Methods {
		if desc.Methods[i].MethodName == "SubmitJobs" {
			desc.Methods[i].Handler = submitTwin
		}
	}
	return &desc
}

// submitTwin is the generated handler of SubmitJobs, of the twin.
func submitTwin(to any, ctx context.Context, decode func(any) error, around grpc.UnaryServerInterceptor) (any, error) { //nolint:revive // grpc's order
	submitter, ok := to.(Submitter)
	if !ok {
		panic(fmt.Sprintf("api: %T is registered", to)) // unreachable: the server has checked the handler's type
	}
	req := new(submitv1.JobSubmitRequest)
	if err := decode(req); err != nil {
		return nil, err
	}
	if around == nil {
		return submitter.Submit(ctx, req)
	}
	info := &grpc.UnaryServerInfo{Server: to, FullMethod: api.Submit_SubmitJobs_FullMethodName}
	return around(ctx, req, info, func(ctx context.Context, _ any) (any, error) { return submitter.Submit(ctx, req) })
}

// SubmitJobs is for callers in the process: a server reads the twin itself.
func (s *Server) SubmitJobs(ctx context.Context, req *api.JobSubmitRequest) (*api.JobSubmitResponse, error) {
	twin := new(submitv1.JobSubmitRequest)
	raw, err := proto.Marshal(req)
	if err == nil {
		err = proto.Unmarshal(raw, twin)
	}
	if err != nil {
		return nil, fmt.Errorf("read request: %w", err)
	}
	return s.Submit(ctx, twin)
}
