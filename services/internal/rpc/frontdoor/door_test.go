package frontdoor_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding/gzip"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/fairlead-batch/fairlead/services/internal/config"
	"github.com/fairlead-batch/fairlead/services/internal/fault"
	"github.com/fairlead-batch/fairlead/services/internal/rpc"
	"github.com/fairlead-batch/fairlead/services/internal/rpc/frontdoor"
	"github.com/fairlead-batch/fairlead/services/internal/rpc/rpctest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// service is what stands behind the door: gRPC's own test service.
type service struct {
	testpb.UnimplementedTestServiceServer
	unary  func(context.Context) error // nil: fine
	duplex func(testpb.TestService_FullDuplexCallServer) error
}

func (s *service) register(r grpc.ServiceRegistrar) { testpb.RegisterTestServiceServer(r, s) }

func (s *service) UnaryCall(ctx context.Context, req *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
	if s.unary != nil {
		if err := s.unary(ctx); err != nil {
			return nil, err
		}
	}
	return &testpb.SimpleResponse{Payload: req.GetPayload()}, nil
}

// StreamingOutputCall answers with as many messages as the request has parameters.
func (s *service) StreamingOutputCall(req *testpb.StreamingOutputCallRequest, stream testpb.TestService_StreamingOutputCallServer) error {
	for _, p := range req.GetResponseParameters() {
		body := []byte(strings.Repeat("x", int(p.GetSize())))
		if err := stream.Send(&testpb.StreamingOutputCallResponse{Payload: &testpb.Payload{Body: body}}); err != nil {
			return err
		}
	}
	return nil
}

// StreamingInputCall counts bytes.
func (s *service) StreamingInputCall(stream testpb.TestService_StreamingInputCallServer) error {
	total := 0
	for {
		req, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return stream.SendAndClose(&testpb.StreamingInputCallResponse{AggregatedPayloadSize: int32(total)})
		}
		if err != nil {
			return err
		}
		total += len(req.GetPayload().GetBody())
	}
}

func (s *service) FullDuplexCall(stream testpb.TestService_FullDuplexCallServer) error {
	return s.duplex(stream)
}

// bed is a client, a front door, and a backend behind it, each with real interceptors.
type bed struct {
	client  testpb.TestServiceClient // through the door
	conn    *grpc.ClientConn         // the same
	front   *rpctest.Bed
	backend *rpctest.Bed
}

func setup(t *testing.T, s *service, change func(front, backend *rpctest.Setup)) *bed {
	t.Helper()
	front, backend := rpctest.Default(), rpctest.Default()
	change(&front, &backend)
	b := &bed{}
	b.backend = rpctest.New(t, backend, s.register)
	door := frontdoor.New(frontdoor.Table{"grpc.testing.TestService": b.backend.Conn})
	t.Cleanup(door.Wait)
	front.Deps.Options = door.ServerOptions()
	b.front = rpctest.New(t, front, func(grpc.ServiceRegistrar) {})
	b.conn, b.client = b.front.Conn, testpb.NewTestServiceClient(b.front.Conn)
	return b
}

func asIs(_, _ *rpctest.Setup) {}

func payload(size int) *testpb.Payload {
	return &testpb.Payload{Body: []byte(strings.Repeat("p", size))}
}

func TestUnary(t *testing.T) {
	t.Parallel()
	b := setup(t, &service{}, asIs)
	for name, opts := range map[string][]grpc.CallOption{"plain": nil, "gzip": {grpc.UseCompressor(gzip.Name)}} {
		for _, size := range []int{0, 1, 1 << 10, 10 << 20} {
			req := &testpb.SimpleRequest{Payload: payload(size)}
			resp, err := b.client.UnaryCall(t.Context(), req, opts...)
			if err != nil || !proto.Equal(resp.GetPayload(), req.GetPayload()) {
				t.Errorf("%s, %d bytes: %d bytes back, %v", name, size, len(resp.GetPayload().GetBody()), err)
			}
		}
	}
}

func TestServerStream(t *testing.T) {
	t.Parallel()
	b := setup(t, &service{}, asIs)
	req := &testpb.StreamingOutputCallRequest{}
	for i := range int32(500) {
		req.ResponseParameters = append(req.ResponseParameters, &testpb.ResponseParameters{Size: i * 100})
	}
	stream, err := b.client.StreamingOutputCall(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 500 {
		resp, err := stream.Recv()
		if err != nil || len(resp.GetPayload().GetBody()) != i*100 {
			t.Fatalf("message %d has %d bytes, %v", i, len(resp.GetPayload().GetBody()), err)
		}
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("the end: %v", err)
	}
}

func TestClientStream(t *testing.T) {
	t.Parallel()
	b := setup(t, &service{}, asIs)
	stream, err := b.client.StreamingInputCall(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 500 {
		if err := stream.Send(&testpb.StreamingInputCallRequest{Payload: payload(1000)}); err != nil {
			t.Fatal(err)
		}
	}
	if resp, err := stream.CloseAndRecv(); err != nil || resp.GetAggregatedPayloadSize() != 500_000 {
		t.Errorf("%v, %v", resp, err)
	}
}

// echo answers each message with the same, until the caller has no more.
func echo(stream testpb.TestService_FullDuplexCallServer) error {
	for {
		req, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := stream.Send(&testpb.StreamingOutputCallResponse{Payload: req.GetPayload()}); err != nil {
			return err
		}
	}
}

// Each message must get through before the next is sent: nothing is held back.
func TestBothWays(t *testing.T) {
	t.Parallel()
	b := setup(t, &service{duplex: echo}, asIs)
	stream, err := b.client.FullDuplexCall(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		if err := stream.Send(&testpb.StreamingOutputCallRequest{Payload: payload(i)}); err != nil {
			t.Fatal(err)
		}
		resp, err := stream.Recv()
		if err != nil || len(resp.GetPayload().GetBody()) != i {
			t.Fatalf("answer %d: %d bytes, %v", i, len(resp.GetPayload().GetBody()), err)
		}
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("the end: %v", err)
	}
}

// A backend may end a call while the caller is still sending.
func TestBackendEndsFirst(t *testing.T) {
	t.Parallel()
	b := setup(t, &service{duplex: func(stream testpb.TestService_FullDuplexCallServer) error {
		if _, err := stream.Recv(); err != nil {
			return err
		}
		return fault.NewOutOfRange("enough")
	}}, asIs)
	stream, err := b.client.FullDuplexCall(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&testpb.StreamingOutputCallRequest{}); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); status.Code(err) != codes.OutOfRange {
		t.Errorf("got %v", err)
	}
}

func TestMetadata(t *testing.T) {
	t.Parallel()
	var seen metadata.MD
	b := setup(t, &service{unary: func(ctx context.Context) error {
		seen, _ = metadata.FromIncomingContext(ctx)
		return errors.Join(
			grpc.SetHeader(ctx, metadata.Pairs("a-header", "h1", "a-header", "h2")),
			grpc.SetTrailer(ctx, metadata.Pairs("a-trailer-bin", "\x00\xff")))
	}}, asIs)
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer ann", "tenant", "t1", "tenant", "t2", "blob-bin", "\x01\x02")
	var header, trailer metadata.MD
	if _, err := b.client.UnaryCall(ctx, &testpb.SimpleRequest{}, grpc.Header(&header), grpc.Trailer(&trailer)); err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	for _, key := range []string{"authorization", "tenant", "blob-bin", "x-request-id"} {
		got[key] = seen.Get(key)
	}
	want := map[string][]string{
		"authorization": {"Bearer ann"}, "tenant": {"t1", "t2"}, "blob-bin": {"\x01\x02"},
		"x-request-id": {"id-1"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("at the backend (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"h1", "h2"}, header.Get("a-header")); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"\x00\xff"}, trailer.Get("a-trailer-bin")); diff != "" {
		t.Errorf("trailer (-want +got):\n%s", diff)
	}
}

// The caller's address is noted once, behind those that the call came through, and a
// hop inside the process has none.
func TestForwardedFor(t *testing.T) {
	t.Parallel()
	seen := make(chan []string, 1)
	backend := rpctest.New(t, rpctest.Default(), (&service{unary: func(ctx context.Context) error {
		md, _ := metadata.FromIncomingContext(ctx)
		seen <- md.Get("x-forwarded-for")
		return nil
	}}).register)
	door := frontdoor.New(frontdoor.Table{"grpc.testing.TestService": backend.Conn})
	deps := rpctest.Default().Deps
	deps.Log, deps.Metrics, deps.Options = zap.NewNop(), prometheus.NewRegistry(), door.ServerOptions()
	cfg := rpc.DefaultConfig()
	cfg.Address = "127.0.0.1:0"
	front, err := rpc.NewServer(cfg, deps)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	addr, err := front.Listen(ctx)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- front.Run(ctx) }()
	outside, err := rpc.Dial(rpc.DefaultClientConfig(addr.String()))
	if err != nil {
		t.Fatal(err)
	}
	inside, err := front.Loopback(rpc.DefaultClientConfig(""))
	if err != nil {
		t.Fatal(err)
	}
	for conn, want := range map[*grpc.ClientConn][]string{outside: {"10.1.2.3", "127.0.0.1"}, inside: {"10.1.2.3"}} {
		ctx := metadata.AppendToOutgoingContext(t.Context(), "x-forwarded-for", "10.1.2.3")
		if _, err := testpb.NewTestServiceClient(conn).UnaryCall(ctx, &testpb.SimpleRequest{}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, <-seen); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		_ = conn.Close()
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	door.Wait()
}

// A header is there before the first message: clients wait for it.
func TestHeaderComesAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t, &service{duplex: func(stream testpb.TestService_FullDuplexCallServer) error {
		if err := stream.SendHeader(metadata.Pairs("early", "yes")); err != nil {
			return err
		}
		_, err := stream.Recv() // only comes once the caller has the header
		return err
	}}, asIs)
	stream, err := b.client.FullDuplexCall(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if header, err := stream.Header(); err != nil || header.Get("early") == nil {
		t.Errorf("header %v, %v", header, err)
	}
	if err := stream.Send(&testpb.StreamingOutputCallRequest{}); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("the end: %v", err)
	}
}

// The caller gets the very status that it would get without the door, one request id
// and all details included.
func TestErrorsComeThroughWhole(t *testing.T) {
	t.Parallel()
	var check fault.Check
	check.Violate("items[0].priority", -1, "at least 0")
	check.Violate("queue", "q", "must be ünicode")
	for name, given := range map[string]error{
		"a fault":     check.Err(),
		"unavailable": fault.NewUnavailable("the log is behind"),
		"a bug":       errors.New("secret"),
		"a status":    status.Error(codes.Aborted, "again"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, &service{unary: func(context.Context) error { return given }}, asIs)
			ctx := metadata.AppendToOutgoingContext(t.Context(), "x-request-id", "abc")
			_, direct := testpb.NewTestServiceClient(b.backend.Conn).UnaryCall(ctx, &testpb.SimpleRequest{})
			_, through := b.client.UnaryCall(ctx, &testpb.SimpleRequest{})
			want, got := status.Convert(direct).Proto(), status.Convert(through).Proto()
			if !proto.Equal(want, got) || !strings.HasPrefix(got.GetMessage(), `[x-request-id: "abc"] `) {
				t.Errorf("\n got %v\nwant %v", got, want)
			}
		})
	}
}

func TestDeadlineComesThrough(t *testing.T) {
	t.Parallel()
	seen := make(chan time.Duration, 1)
	b := setup(t, &service{unary: func(ctx context.Context) error {
		at, ok := ctx.Deadline()
		if !ok {
			return fault.NewNotFound("no deadline")
		}
		seen <- time.Until(at)
		return nil
	}}, asIs)
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	if _, err := b.client.UnaryCall(ctx, &testpb.SimpleRequest{}); err != nil {
		t.Fatal(err)
	}
	if left := <-seen; left > time.Hour || left < 59*time.Minute {
		t.Errorf("%s left at the backend, want an hour", left)
	}
}

func TestCancelComesThrough(t *testing.T) {
	t.Parallel()
	entered, left := make(chan struct{}), make(chan error, 1)
	b := setup(t, &service{duplex: func(stream testpb.TestService_FullDuplexCallServer) error {
		close(entered)
		<-stream.Context().Done()
		left <- stream.Context().Err()
		return stream.Context().Err()
	}}, asIs)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stream, err := b.client.FullDuplexCall(ctx)
	if err != nil {
		t.Fatal(err)
	}
	<-entered
	cancel()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("the backend's context: %v", err)
	}
	if _, err := stream.Recv(); status.Code(err) != codes.Canceled {
		t.Errorf("the caller: %v", err)
	}
	if err := b.front.Stop(); err != nil {
		t.Fatal(err)
	}
	if all := b.front.Logs.FilterMessage("call ended").All(); len(all) != 1 || all[0].ContextMap()["kind"] != "canceled" {
		t.Errorf("the door logged %v", all)
	}
}

// The limits are those of the door's server and of its connection.
func TestMessagesOverTheLimit(t *testing.T) {
	t.Parallel()
	b := setup(t, &service{duplex: echo}, func(front, backend *rpctest.Setup) {
		front.Server.MaxMessage = 100 * config.KiB
		backend.Client.MaxMessage = 200 * config.KiB
	})
	if _, err := b.client.UnaryCall(t.Context(), &testpb.SimpleRequest{Payload: payload(90 << 10)}); err != nil {
		t.Errorf("below both: %v", err)
	}
	if _, err := b.client.UnaryCall(t.Context(), &testpb.SimpleRequest{Payload: payload(110 << 10)}); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("a request above the server's: %v", err)
	}
	req := &testpb.StreamingOutputCallRequest{ResponseParameters: []*testpb.ResponseParameters{{Size: 150 << 10}, {Size: 250 << 10}}}
	stream, err := b.client.StreamingOutputCall(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Errorf("an answer below the connection's: %v", err)
	}
	if _, err := stream.Recv(); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("an answer above it: %v", err)
	}
}

func TestBackendThatIsDown(t *testing.T) {
	t.Parallel()
	conn, err := rpc.Dial(rpc.DefaultClientConfig("127.0.0.1:1"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	door := frontdoor.New(frontdoor.Table{"grpc.testing.TestService": conn})
	t.Cleanup(door.Wait)
	setup := rpctest.Default()
	setup.Deps.Options = door.ServerOptions()
	front := rpctest.New(t, setup, func(grpc.ServiceRegistrar) {})
	_, err = testpb.NewTestServiceClient(front.Conn).UnaryCall(t.Context(), &testpb.SimpleRequest{})
	st := status.Convert(err)
	if want := `[x-request-id: "id-1"] grpc.testing.TestService cannot be reached; try again`; st.Code() != codes.Unavailable || st.Message() != want {
		t.Errorf("got %v, want %q", st, want)
	}
	if err := front.Stop(); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprint(front.Logs.FilterMessage("call ended").All()[0].ContextMap()["error"])
	if !strings.Contains(text, "127.0.0.1:1") {
		t.Errorf("the log does not say which address: %s", text)
	}
}

func TestBackendThatGoesAway(t *testing.T) {
	t.Parallel()
	entered := make(chan struct{})
	b := setup(t, &service{duplex: func(stream testpb.TestService_FullDuplexCallServer) error {
		close(entered)
		<-stream.Context().Done()
		return stream.Context().Err()
	}}, asIs)
	stream, err := b.client.FullDuplexCall(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	<-entered
	if err := b.backend.Stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); status.Code(err) != codes.Unavailable {
		t.Errorf("got %v", err)
	}
}

func TestRouting(t *testing.T) {
	t.Parallel()
	named := func(name string) *rpctest.Bed {
		s := &service{unary: func(context.Context) error { return fault.NewNotFound("%s", name) }, duplex: func(testpb.TestService_FullDuplexCallServer) error {
			return fault.NewNotFound("%s", name)
		}}
		return rpctest.New(t, rpctest.Default(), s.register)
	}
	door := frontdoor.New(frontdoor.Table{
		"/grpc.testing.TestService/UnaryCall": named("by method").Conn,
		"grpc.testing.TestService":            named("by service").Conn,
	})
	t.Cleanup(door.Wait)
	setup := rpctest.Default()
	setup.Deps.Options = door.ServerOptions()
	front := rpctest.New(t, setup, func(r grpc.ServiceRegistrar) {
		// Served here, all but two methods.
		r.RegisterService(frontdoor.Except(&testpb.TestService_ServiceDesc, "UnaryCall", "FullDuplexCall"), &service{})
	})
	client := testpb.NewTestServiceClient(front.Conn)

	_, err := client.UnaryCall(t.Context(), &testpb.SimpleRequest{})
	if got := status.Convert(err).Message(); got != `[x-request-id: "id-1"] by method` {
		t.Errorf("a method with its own entry: %q", got)
	}
	duplex, err := client.FullDuplexCall(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := duplex.Recv(); status.Convert(err).Message() != `[x-request-id: "id-2"] by service` {
		t.Errorf("a method of a service: %v", err)
	}
	stream, err := client.StreamingOutputCall(t.Context(), &testpb.StreamingOutputCallRequest{ResponseParameters: []*testpb.ResponseParameters{{Size: 7}}})
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := stream.Recv(); err != nil || len(resp.GetPayload().GetBody()) != 7 {
		t.Errorf("a method that is served here: %v, %v", resp, err)
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("its end: %v", err)
	}
	err = front.Conn.Invoke(t.Context(), "/api.Nobody/Call", &testpb.Empty{}, &testpb.Empty{})
	if st := status.Convert(err); st.Code() != codes.Unimplemented || !strings.HasSuffix(st.Message(), "] unknown method /api.Nobody/Call") {
		t.Errorf("a method of nobody: %v", st)
	}
}

func TestExceptKnowsItsMethods(t *testing.T) {
	t.Parallel()
	before := len(testpb.TestService_ServiceDesc.Methods)
	frontdoor.Except(&testpb.TestService_ServiceDesc, "UnaryCall")
	if len(testpb.TestService_ServiceDesc.Methods) != before {
		t.Error("Except changed its argument")
	}
	defer func() {
		if recover() == nil {
			t.Error("no panic for a method that is not there")
		}
	}()
	frontdoor.Except(&testpb.TestService_ServiceDesc, "UnaryCal")
}

// What cannot be decoded is not the door's business: bytes that are no protobuf message
// come through too.
func TestMessagesAreNotDecoded(t *testing.T) {
	t.Parallel()
	b := setup(t, &service{}, asIs)
	garbage := []byte{0xff, 0xff, 0xff, 0xff}
	var out []byte
	err := b.conn.Invoke(t.Context(), "/grpc.testing.TestService/UnaryCall", &garbage, &out, grpc.ForceCodec(bytesCodec{}))
	// The backend's protobuf refuses them, under the backend's request id: they got there.
	if st := status.Convert(err); st.Code() != codes.Internal || !strings.Contains(st.Message(), "unmarshal") {
		t.Errorf("got %v", st)
	}
}

// bytesCodec sends bytes as a message.
type bytesCodec struct{}

func (bytesCodec) Name() string { return "proto" }

func (bytesCodec) Marshal(v any) ([]byte, error) { return *v.(*[]byte), nil }

func (bytesCodec) Unmarshal(data []byte, v any) error { *v.(*[]byte) = data; return nil }
