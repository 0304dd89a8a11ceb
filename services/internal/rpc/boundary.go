package rpc

import (
	"context"
	"crypto/x509"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"

	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"github.com/fairlead-batch/fairlead/services/internal/auth"
)

// requestIDKey is the metadata key and HTTP header of the request id.
const requestIDKey = "x-request-id"

// requestIDBytesMax is the longest id taken from a caller.
const requestIDBytesMax = 64

// call is what the steps of one call tell each other. One goroutine at a time.
type call struct {
	id        string
	method    string // as asked for
	label     string // of the metrics: bounded
	principal auth.Principal
	cause     error // what the handler returned, before translation
	is        row
}

// step does its part around the rest of the call.
type step func(ctx context.Context, c *call, next func(context.Context) error) error

// boundary is the way into every handler and out again, the same for unary calls and
// streams.
type boundary struct {
	deps    Deps
	metrics *metrics
	methods *methods
	steps   []step
	stop    *stopSignals
}

// newBoundary puts the steps in their order. Authentication stands inside translation
// and recovery, other than in Armada, whose order lets a panic in it end the process
// and leaves refused callers out of metrics and log.
func newBoundary(deps Deps, m *metrics, known *methods, stop *stopSignals) *boundary {
	b := &boundary{deps: deps, metrics: m, methods: known, stop: stop}
	b.steps = []step{b.identify, b.measure, b.report, b.translate, b.rescue, b.authenticate}
	return b
}

func (b *boundary) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	var resp any
	err := b.around(ctx, info.FullMethod, func(ctx context.Context) (err error) {
		resp, err = handler(ctx, req)
		return err
	})
	if err != nil {
		return nil, err
	}
	return resp, nil
}

func (b *boundary) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	ctx, release := b.stop.of(b.methods, info.FullMethod).during(ss.Context())
	defer release()
	return b.around(ctx, info.FullMethod, func(ctx context.Context) error {
		return handler(srv, &serverStream{ServerStream: ss, ctx: ctx})
	})
}

// serverStream is a stream whose context went through the steps.
type serverStream struct {
	grpc.ServerStream
	ctx context.Context //nolint:containedctx // gRPC's interface asks for it
}

func (s *serverStream) Context() context.Context { return s.ctx }

func (b *boundary) around(ctx context.Context, method string, handle func(context.Context) error) error {
	c := &call{method: method, label: b.methods.label(method)}
	next := handle
	for _, step := range slices.Backward(b.steps) {
		rest := next
		next = func(ctx context.Context) error { return step(ctx, c, rest) }
	}
	return next(ctx)
}

type callKey struct{}

// RequestID returns the id of the call that ctx belongs to: the caller's x-request-id,
// or one made for it. Empty outside of calls.
func RequestID(ctx context.Context) string {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		return c.id
	}
	return ""
}

// identify gives the call its id and puts it into the incoming metadata too, so that a
// call that is forwarded keeps it.
func (b *boundary) identify(ctx context.Context, c *call, next func(context.Context) error) error {
	md, _ := metadata.FromIncomingContext(ctx)
	if ids := md.Get(requestIDKey); len(ids) == 1 && isRequestID(ids[0]) {
		c.id = ids[0]
	} else {
		c.id = b.deps.NewID()
		md = md.Copy()
		md.Set(requestIDKey, c.id)
		ctx = metadata.NewIncomingContext(ctx, md)
	}
	return next(context.WithValue(ctx, callKey{}, c))
}

// isRequestID reports whether s may go into logs and error texts as it is.
func isRequestID(s string) bool {
	if s == "" || len(s) > requestIDBytesMax {
		return false
	}
	for _, r := range s {
		if r <= ' ' || r > '~' || r == '"' || r == '\\' {
			return false
		}
	}
	return true
}

func (b *boundary) measure(ctx context.Context, c *call, next func(context.Context) error) error {
	begun := b.deps.Now()
	open := b.metrics.open.WithLabelValues(c.label)
	open.Inc()
	err := next(ctx)
	open.Dec()
	b.metrics.calls.WithLabelValues(c.label, c.is.label).Inc()
	b.metrics.seconds.WithLabelValues(c.label).Observe(b.deps.Now().Sub(begun).Seconds())
	return err
}

// report writes one line for each call, with the whole error: the caller got the
// translated one.
func (b *boundary) report(ctx context.Context, c *call, next func(context.Context) error) error {
	begun := b.deps.Now()
	err := next(ctx)
	entry := b.deps.Log.Check(c.is.level, "call ended")
	if entry == nil {
		return err
	}
	fields := []zap.Field{
		zap.String("request_id", c.id), zap.String("method", c.method), zap.String("principal", c.principal.Name),
		zap.Stringer("code", c.is.code), zap.String("kind", c.is.label), zap.Duration("duration", b.deps.Now().Sub(begun)),
	}
	if c.cause != nil {
		fields = append(fields, zap.Error(c.cause))
	}
	entry.Write(fields...)
	return err
}

func (b *boundary) translate(ctx context.Context, c *call, next func(context.Context) error) error {
	c.cause = next(ctx)
	var err error
	c.is, err = translate(ctx, c.id, c.cause)
	return err
}

// panicError is a panic of a handler, caught at the boundary: a bug of ours.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v\n%s", e.value, e.stack) }

func (b *boundary) rescue(ctx context.Context, c *call, next func(context.Context) error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			b.metrics.panics.WithLabelValues(c.label).Inc()
			err = &panicError{value: v, stack: debug.Stack()}
		}
	}()
	return next(ctx)
}

func (b *boundary) authenticate(ctx context.Context, c *call, next func(context.Context) error) error {
	if strings.HasPrefix(c.method, healthPrefix) { // probes have no credentials
		return next(ctx)
	}
	p, err := b.deps.Auth.Authenticate(ctx, credentialsOf(ctx))
	if err != nil {
		return fmt.Errorf("authenticate: %w", err)
	}
	c.principal = p
	return next(auth.With(ctx, p))
}

func credentialsOf(ctx context.Context) auth.Credentials {
	md, _ := metadata.FromIncomingContext(ctx)
	return auth.Credentials{Authorization: md.Get("authorization"), Certificates: clientCertificates(ctx)}
}

func clientCertificates(ctx context.Context) []*x509.Certificate {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return nil
	}
	info, ok := p.AuthInfo.(credentials.TLSInfo)
	if !ok || len(info.State.VerifiedChains) == 0 {
		return nil
	}
	return info.State.VerifiedChains[0]
}
