package rpc_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding/gzip"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/fairlead-batch/fairlead/services/internal/auth"
	"github.com/fairlead-batch/fairlead/services/internal/config"
	"github.com/fairlead-batch/fairlead/services/internal/rpc"
	"github.com/fairlead-batch/fairlead/services/internal/rpc/rpctest"
)

// At a stop a watch ends at once, with a code that clients repeat on, and a unary call
// may end.
func TestStop(t *testing.T) {
	t.Parallel()
	setup := rpctest.Default()
	setup.Server.StopWithin = time.Minute // so that nothing here ends by its end
	watching, working, finish := make(chan struct{}), make(chan struct{}), make(chan struct{})
	bed := rpctest.New(t, setup, (&service{
		unary: func(ctx context.Context) error {
			close(working)
			<-finish
			return ctx.Err()
		},
		stream: func(s testpb.TestService_StreamingOutputCallServer) error {
			close(watching)
			<-s.Context().Done()
			return context.Cause(s.Context())
		},
	}).register)
	watch, work, stopped := make(chan error, 1), make(chan error, 1), make(chan error, 1)
	go func() { watch <- callStream(t.Context(), bed) }()
	go func() { work <- callUnary(t.Context(), bed) }()
	<-watching
	<-working
	go func() { stopped <- bed.Stop() }()

	if st := status.Convert(<-watch); st.Code() != codes.Unavailable || !strings.Contains(st.Message(), "the server is stopping; call again") {
		t.Errorf("the watch ended with %v", st)
	}
	close(finish)
	if err := <-work; err != nil {
		t.Errorf("the unary call ended with %v", err)
	}
	if err := <-stopped; err != nil {
		t.Errorf("the server ended with %v", err)
	}
	if err := callUnary(t.Context(), bed); status.Code(err) != codes.Unavailable {
		t.Errorf("a call after the stop: %v", err)
	}
}

// A call that outlasts the grace is cut, and the server says so.
func TestStopCutsWhatOutlastsTheGrace(t *testing.T) {
	t.Parallel()
	setup := rpctest.Default()
	setup.Server.StopWithin = 50 * time.Millisecond
	working := make(chan struct{})
	bed := rpctest.New(t, setup, (&service{unary: func(ctx context.Context) error {
		close(working)
		<-ctx.Done()
		return ctx.Err()
	}}).register)
	work := make(chan error, 1)
	go func() { work <- callUnary(t.Context(), bed) }()
	<-working
	if err := bed.Stop(); err != nil {
		t.Error(err)
	}
	if code := status.Code(<-work); code != codes.Unavailable {
		t.Errorf("the call ended with %s, want Unavailable", code)
	}
	if bed.Logs.FilterMessage("calls cut at stop").Len() != 1 {
		t.Error("nothing was logged")
	}
}

// A stream that is not served here may be a forwarded unary call: it goes on for half
// of the grace.
func TestStopLeavesTimeToForwardedCalls(t *testing.T) {
	t.Parallel()
	setup := rpctest.Default()
	setup.Server.StopWithin = time.Second
	entered := make(chan struct{})
	var took atomic.Int64
	setup.Deps.Options = []grpc.ServerOption{grpc.UnknownServiceHandler(func(_ any, s grpc.ServerStream) error {
		close(entered)
		<-s.Context().Done()
		took.Store(time.Now().UnixNano())
		return context.Cause(s.Context())
	})}
	bed := rpctest.New(t, setup, failing(nil).register)
	call := make(chan error, 1)
	go func() { call <- bed.Conn.Invoke(t.Context(), "/other.Service/Call", &testpb.Empty{}, &testpb.Empty{}) }()
	<-entered
	begun := time.Now().UnixNano()
	if err := bed.Stop(); err != nil {
		t.Error(err)
	}
	if st := status.Convert(<-call); st.Code() != codes.Unavailable || !strings.Contains(st.Message(), "stopping") {
		t.Errorf("ended with %v", st)
	}
	if waited := time.Duration(took.Load() - begun); waited < 450*time.Millisecond {
		t.Errorf("cut after %s, want half of the grace", waited)
	}
	if bed.Logs.FilterMessage("calls cut at stop").Len() != 0 {
		t.Error("it took the whole grace")
	}
}

func TestMessages(t *testing.T) {
	t.Parallel()
	setup := rpctest.Default()
	setup.Server.MaxMessage = 100 * config.KiB
	bed := rpctest.New(t, setup, failing(nil).register)
	client := testpb.NewTestServiceClient(bed.Conn)
	send := func(size int, opts ...grpc.CallOption) error {
		_, err := client.UnaryCall(t.Context(), &testpb.SimpleRequest{Payload: &testpb.Payload{Body: make([]byte, size)}}, opts...)
		return err
	}
	if err := send(90 << 10); err != nil {
		t.Errorf("below the limit: %v", err)
	}
	if err := send(90<<10, grpc.UseCompressor(gzip.Name)); err != nil {
		t.Errorf("gzip: %v", err)
	}
	if err := send(110 << 10); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("above the limit: %v", err)
	}
	if err := send(110<<10, grpc.UseCompressor(gzip.Name)); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("above the limit when unpacked: %v", err)
	}
}

// The client's answer may be as large as the server's limit, which is above gRPC's own.
func TestLargeAnswers(t *testing.T) {
	t.Parallel()
	bed := rpctest.New(t, rpctest.Default(), failing(nil).register)
	body := make([]byte, 10<<20)
	resp, err := testpb.NewTestServiceClient(bed.Conn).UnaryCall(t.Context(), &testpb.SimpleRequest{Payload: &testpb.Payload{Body: body}})
	if err != nil || len(resp.GetPayload().GetBody()) != len(body) {
		t.Errorf("%d bytes, %v", len(resp.GetPayload().GetBody()), err)
	}
}

func TestGRPCHealth(t *testing.T) {
	t.Parallel()
	var ready atomic.Bool
	setup := rpctest.Default()
	setup.Deps.Ready = func() error {
		if ready.Load() {
			return nil
		}
		return errors.New("reader: 12 s behind")
	}
	setup.Deps.Auth = auth.Chain{} // refuses everybody; probes have no credentials
	bed := rpctest.New(t, setup, failing(nil).register)
	client := healthpb.NewHealthClient(bed.Conn)
	check := func(want healthpb.HealthCheckResponse_ServingStatus) {
		t.Helper()
		got, err := client.Check(t.Context(), &healthpb.HealthCheckRequest{Service: "api.Submit"})
		if err != nil || got.GetStatus() != want {
			t.Errorf("Check = %v, %v; want %v", got, err, want)
		}
	}
	watch, err := client.Watch(t.Context(), &healthpb.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	next := func(want healthpb.HealthCheckResponse_ServingStatus) {
		t.Helper()
		got, err := watch.Recv()
		if err != nil || got.GetStatus() != want {
			t.Errorf("Watch = %v, %v; want %v", got, err, want)
		}
	}
	check(healthpb.HealthCheckResponse_NOT_SERVING)
	next(healthpb.HealthCheckResponse_NOT_SERVING)
	ready.Store(true)
	check(healthpb.HealthCheckResponse_SERVING)
	next(healthpb.HealthCheckResponse_SERVING)
	if err := callUnary(t.Context(), bed); status.Code(err) != codes.Unauthenticated {
		t.Errorf("another method: %v", err)
	}
}

// deps are what a server on a real port needs in these tests.
func deps() rpc.Deps {
	d := rpctest.Default().Deps
	d.Log, d.Metrics = zap.NewNop(), prometheus.NewRegistry()
	return d
}

// start runs server on a free port until the test ends, and returns its address.
func start(t *testing.T, server *rpc.Server) string {
	t.Helper()
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	addr, err := server.Listen(ctx)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("server ended with %v", err)
		}
	})
	return addr.String()
}

func TestPortInUse(t *testing.T) {
	t.Parallel()
	cfg := rpc.DefaultConfig()
	cfg.Address = "127.0.0.1:0"
	first, err := rpc.NewServer(cfg, deps())
	if err != nil {
		t.Fatal(err)
	}
	cfg.Address = start(t, first)
	second, err := rpc.NewServer(cfg, deps())
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Run(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "listen for grpc: ") {
		t.Errorf("Run = %v, want a refusal to listen", err)
	}
}

func TestConfigRules(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		check config.Validator
		want  string
	}{
		"defaults":       {rpc.DefaultConfig(), ""},
		"keepalive":      {rpc.DefaultConfig().Keepalive, ""},
		"http":           {rpc.DefaultHTTPConfig(":8080"), ""},
		"client":         {rpc.DefaultClientConfig("x:1"), ""},
		"empty":          {rpc.Config{}, "address maxMessage maxStreams"},
		"no keepalive":   {rpc.Keepalive{}, "maxIdle ping pingTimeout"},
		"no http":        {rpc.HTTPConfig{}, "address maxBody"},
		"no client":      {rpc.ClientConfig{}, "target maxMessage ping pingTimeout backoffMax attempts"},
		"no key":         {rpc.TLS{CertFile: "c"}, "keyFile"},
		"no certificate": {rpc.TLS{ClientCAFile: "c"}, "certFile"},
		"half of a pair": {rpc.ClientTLS{Enabled: true, KeyFile: "k"}, "certFile"},
		"TLS":            {rpc.TLS{CertFile: "c", KeyFile: "k"}, ""},
		"client's own":   {rpc.ClientTLS{CertFile: "c", KeyFile: "k"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := strings.Join(fields(tc.check.Validate()), " "); got != tc.want {
				t.Errorf("violated: %q, want %q", got, tc.want)
			}
		})
	}
}
