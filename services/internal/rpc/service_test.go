package rpc_test

import (
	"context"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	testpb "google.golang.org/grpc/interop/grpc_testing"

	"github.com/fairlead-batch/fairlead/services/internal/rpc/rpctest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	unaryMethod  = "/grpc.testing.TestService/UnaryCall"
	streamMethod = "/grpc.testing.TestService/StreamingOutputCall"
)

// service is gRPC's own test service with the handlers that a test gives.
type service struct {
	testpb.UnimplementedTestServiceServer
	unary  func(context.Context) error
	stream func(testpb.TestService_StreamingOutputCallServer) error
}

func (s *service) UnaryCall(ctx context.Context, req *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
	if err := s.unary(ctx); err != nil {
		return nil, err
	}
	return &testpb.SimpleResponse{Payload: req.GetPayload()}, nil
}

func (s *service) StreamingOutputCall(_ *testpb.StreamingOutputCallRequest, stream testpb.TestService_StreamingOutputCallServer) error {
	return s.stream(stream)
}

func (s *service) register(r grpc.ServiceRegistrar) { testpb.RegisterTestServiceServer(r, s) }

// failing returns a service whose every handler returns err.
func failing(err error) *service {
	return &service{
		unary:  func(context.Context) error { return err },
		stream: func(testpb.TestService_StreamingOutputCallServer) error { return err },
	}
}

// callUnary and callStream make one call and return its error.
func callUnary(ctx context.Context, bed *rpctest.Bed, opts ...grpc.CallOption) error {
	_, err := testpb.NewTestServiceClient(bed.Conn).UnaryCall(ctx, &testpb.SimpleRequest{}, opts...)
	return err
}

func callStream(ctx context.Context, bed *rpctest.Bed, opts ...grpc.CallOption) error {
	stream, err := testpb.NewTestServiceClient(bed.Conn).StreamingOutputCall(ctx, &testpb.StreamingOutputCallRequest{}, opts...)
	if err != nil {
		return err
	}
	for {
		if _, err := stream.Recv(); err != nil {
			return err
		}
	}
}

// calls are both ways to call: whatever holds for one holds for the other.
func calls() map[string]func(context.Context, *rpctest.Bed, ...grpc.CallOption) error {
	return map[string]func(context.Context, *rpctest.Bed, ...grpc.CallOption) error{"unary": callUnary, "stream": callStream}
}
