package rpc

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	_ "google.golang.org/grpc/encoding/gzip" // clients compress requests; answers follow suit
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"

	"github.com/fairlead-batch/fairlead/services/internal/auth"
)

// headerBytesMax is the most a caller's headers may take: room for a Kerberos ticket
// and a token with many groups.
const headerBytesMax = 256 << 10

// Deps are what a server stands on. All but Options are needed.
type Deps struct {
	// Auth finds out who is calling.
	Auth auth.Authenticator
	// Log gets one line for each call; see the package doc for its level.
	Log *zap.Logger
	// Metrics is where the fairlead_rpc_ metrics are registered; one server a registry.
	Metrics prometheus.Registerer
	// Now tells the time, for durations.
	Now func() time.Time
	// NewID makes ids for calls that came without; unique, at most 64 printable
	// characters, safe for concurrent use.
	NewID func() string
	// Ready says why this process cannot work now, nil when it can: the grpc health
	// service's answer. Usually the Ready of a run.Group.
	Ready func() error
	// Options are further options, such as a front door's.
	Options []grpc.ServerOption
}

// Server is a gRPC server with the boundary of the package doc around every handler.
// Make it with [NewServer]; register services, then Run or Serve it, once.
type Server struct {
	cfg     Config
	log     *zap.Logger
	grpc    *grpc.Server
	methods *methods
	stop    *stopSignals
	lis     net.Listener
	local   loopback
}

// NewServer returns a server that does not listen yet, with the grpc health service
// registered. It fails when the TLS files cannot be read.
func NewServer(cfg Config, deps Deps) (*Server, error) {
	tlsConfig, err := cfg.TLS.server()
	if err != nil {
		return nil, err
	}
	known := &methods{names: make(map[string]bool)}
	stop := newStopSignals()
	b := newBoundary(deps, newMetrics(deps.Metrics), known, stop)
	s := &Server{cfg: cfg, log: deps.Log, methods: known, stop: stop, local: newLoopback()}
	s.grpc = grpc.NewServer(append(serverOptions(cfg, b, tlsConfig), deps.Options...)...)
	healthpb.RegisterHealthServer(s, &healthService{ready: deps.Ready})
	return s, nil
}

func serverOptions(cfg Config, b *boundary, tlsConfig *tls.Config) []grpc.ServerOption {
	k := cfg.Keepalive
	options := []grpc.ServerOption{
		grpc.ChainUnaryInterceptor(b.unary),
		grpc.ChainStreamInterceptor(b.stream),
		grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionIdle: k.MaxIdle, Time: k.Ping, Timeout: k.PingTimeout}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: k.MinPing, PermitWithoutStream: true}),
		grpc.MaxRecvMsgSize(int(cfg.MaxMessage)),
		grpc.MaxConcurrentStreams(cfg.MaxStreams),
		grpc.MaxHeaderListSize(headerBytesMax),
		grpc.WaitForHandlers(true), // what handlers stand on is closed after the server
	}
	if tlsConfig != nil {
		options = append(options, grpc.Creds(loopbackCredentials{credentials.NewTLS(tlsConfig)}))
	}
	return options
}

// RegisterService implements grpc.ServiceRegistrar. It is for one goroutine and before
// Serve.
func (s *Server) RegisterService(desc *grpc.ServiceDesc, impl any) {
	s.grpc.RegisterService(desc, impl)
	s.methods.add(desc)
}

// Listen opens the configured address, so that a port in use is an error at start and
// not later, and returns it with the real port. Run does it where nobody has.
func (s *Server) Listen(ctx context.Context) (net.Addr, error) {
	if s.lis != nil {
		return s.lis.Addr(), nil
	}
	lis, err := new(net.ListenConfig).Listen(ctx, "tcp", s.cfg.Address)
	if err != nil {
		return nil, fmt.Errorf("listen for grpc: %w", err)
	}
	s.lis = lis
	return lis.Addr(), nil
}

// Run listens and serves until ctx is done: it is a part's Run.
func (s *Server) Run(ctx context.Context) error {
	if _, err := s.Listen(ctx); err != nil {
		return err
	}
	return s.Serve(ctx, s.lis)
}

// Serve serves on lis, which it closes, until ctx is done; then it stops as the package
// doc says and returns nil.
func (s *Server) Serve(ctx context.Context, lis net.Listener) error {
	var group sync.WaitGroup
	defer group.Wait()
	ended := make(chan error, 2)
	group.Go(func() { ended <- s.grpc.Serve(lis) })
	group.Go(func() { ended <- s.grpc.Serve(s.local) })
	select {
	case err := <-ended:
		s.shutdown()
		return fmt.Errorf("serve grpc on %s: %w", lis.Addr(), err)
	case <-ctx.Done():
		s.shutdown()
		return nil
	}
}

// shutdown ends the calls: streams of ours at once, forwarded ones after half of the
// grace, all others when it is over.
func (s *Server) shutdown() {
	var group sync.WaitGroup
	defer group.Wait()
	drained := make(chan struct{})
	group.Go(func() {
		s.grpc.GracefulStop()
		close(drained)
	})
	s.stop.served.give(ErrStopping)
	half := time.NewTimer(s.cfg.StopWithin / 2)
	defer half.Stop()
	whole := time.NewTimer(s.cfg.StopWithin)
	defer whole.Stop()
	for {
		select {
		case <-drained:
			s.stop.forwarded.give(ErrStopping)
			return
		case <-half.C:
			s.stop.forwarded.give(ErrStopping)
		case <-whole.C:
			s.log.Warn("calls cut at stop", zap.Duration("after", s.cfg.StopWithin))
			s.grpc.Stop()
			return
		}
	}
}

// methods are those registered on a server. Written before it serves, read after.
type methods struct{ names map[string]bool }

func (m *methods) add(desc *grpc.ServiceDesc) {
	for _, method := range desc.Methods {
		m.names["/"+desc.ServiceName+"/"+method.MethodName] = true
	}
	for _, stream := range desc.Streams {
		m.names["/"+desc.ServiceName+"/"+stream.StreamName] = true
	}
}

// served reports whether method is registered; all others are forwarded or refused.
func (m *methods) served(method string) bool { return m.names[method] }

// label returns method, or one name for all that are not registered.
func (m *methods) label(method string) string {
	if m.served(method) {
		return method
	}
	return "other"
}

// stopSignals tell open streams that the server stops: those served here at once, for
// a watch would never end by itself and its client goes on elsewhere; forwarded ones
// later, for they may be unary calls.
type stopSignals struct{ served, forwarded *stopSignal }

func newStopSignals() *stopSignals {
	return &stopSignals{served: newStopSignal(), forwarded: newStopSignal()}
}

func (s *stopSignals) of(known *methods, method string) *stopSignal {
	if known.served(method) {
		return s.served
	}
	return s.forwarded
}

// stopSignal is given once, to all streams that are open then or later.
type stopSignal struct {
	given context.Context //nolint:containedctx // a signal with a cause, derived from nothing
	give  context.CancelCauseFunc
}

func newStopSignal() *stopSignal {
	s := &stopSignal{}
	s.given, s.give = context.WithCancelCause(context.Background())
	return s
}

// during returns ctx that also ends at the signal, with the signal's cause. release
// must be called when the stream has ended.
func (s *stopSignal) during(ctx context.Context) (_ context.Context, release func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	unhook := context.AfterFunc(s.given, func() { cancel(context.Cause(s.given)) })
	return ctx, func() {
		unhook()
		cancel(nil)
	}
}
