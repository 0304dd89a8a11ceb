package rpc

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"

	"github.com/fairlead-batch/fairlead/services/internal/config"
	"github.com/fairlead-batch/fairlead/services/internal/fault"
)

const (
	httpHeaderWait = 10 * time.Second // how long a client may take to send its headers
	httpIdleMax    = 5 * time.Minute  // how long a connection without requests stays open
)

// HTTPConfig is what an operator may set on an HTTP server.
type HTTPConfig struct {
	// Address is where it listens, host:port; port 0 is a free one.
	Address string
	// StopWithin is how long requests may go on after the server was told to stop.
	// Default 10s; see [Config].
	StopWithin time.Duration
	// MaxBody is the largest request body. Default 64MiB.
	MaxBody config.Size
	// CORSOrigins are the origins whose pages may call, exactly as browsers send them
	// ("https://lookout.example.com"), or "*" for all. Default none.
	CORSOrigins []string
	// TLS is off unless its certFile is set.
	TLS TLS
}

// DefaultHTTPConfig returns what is used where the operator says nothing, at address.
func DefaultHTTPConfig(address string) HTTPConfig {
	return HTTPConfig{Address: address, StopWithin: 10 * time.Second, MaxBody: 64 * config.MiB}
}

// Validate implements [config.Validator].
func (c HTTPConfig) Validate() error {
	var check fault.Check
	if c.Address == "" {
		check.Violate("address", nil, "must be host:port, such as :8080")
	}
	atLeast(&check, "stopWithin", c.StopWithin, 0)
	if c.MaxBody < config.KiB {
		check.Violate("maxBody", c.MaxBody, "must be at least 1KiB")
	}
	return check.Err()
}

// Public returns what stands on the REST port: health, and rest for everything else.
func Public(health Health, rest http.Handler) http.Handler {
	mux := healthMux(health)
	mux.Handle("/", rest)
	return mux
}

// Ops returns what stands on the port for operators: /metrics, and health.
func Ops(health Health, metrics prometheus.Gatherer) http.Handler {
	mux := healthMux(health)
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	return mux
}

func healthMux(health Health) *http.ServeMux {
	mux := http.NewServeMux()
	h := health.handler()
	for _, path := range []string{"/livez", "/readyz", "/health"} {
		mux.Handle(path, h)
	}
	return mux
}

// NewGateway returns the REST gateway's multiplexer, for generated Register…Handler
// functions with a client connection to the gRPC server: REST comes in through the
// same boundary. marshaler is the JSON of all bodies. The caller's Authorization and
// X-Request-Id are passed on.
func NewGateway(marshaler runtime.Marshaler) *runtime.ServeMux {
	return runtime.NewServeMux(
		runtime.WithMarshalerOption(runtime.MIMEWildcard, marshaler),
		runtime.WithIncomingHeaderMatcher(func(header string) (string, bool) {
			if http.CanonicalHeaderKey(header) == http.CanonicalHeaderKey(requestIDKey) {
				return requestIDKey, true
			}
			return runtime.DefaultHeaderMatcher(header)
		}))
}

// HTTPServer serves one handler on one port. Make it with [NewHTTP]; Run it once.
type HTTPServer struct {
	cfg    HTTPConfig
	log    *zap.Logger
	server *http.Server
	tls    *tls.Config
	lis    net.Listener
}

// NewHTTP returns a server that does not listen yet. It fails when the TLS files cannot
// be read.
func NewHTTP(cfg HTTPConfig, handler http.Handler, log *zap.Logger) (*HTTPServer, error) {
	tlsConfig, err := cfg.TLS.server()
	if err != nil {
		return nil, err
	}
	server := &http.Server{
		Handler:           withCORS(cfg.CORSOrigins, http.MaxBytesHandler(handler, int64(cfg.MaxBody))),
		ReadHeaderTimeout: httpHeaderWait,
		IdleTimeout:       httpIdleMax,
		MaxHeaderBytes:    headerBytesMax,
		ErrorLog:          zap.NewStdLog(log),
	}
	return &HTTPServer{cfg: cfg, log: log, server: server, tls: tlsConfig}, nil
}

// Listen opens the configured address and returns it with the real port. Run does it
// where nobody has.
func (s *HTTPServer) Listen(ctx context.Context) (net.Addr, error) {
	if s.lis != nil {
		return s.lis.Addr(), nil
	}
	lis, err := new(net.ListenConfig).Listen(ctx, "tcp", s.cfg.Address)
	if err != nil {
		return nil, fmt.Errorf("listen for http: %w", err)
	}
	s.lis = lis
	if s.tls != nil {
		s.lis = tls.NewListener(lis, s.tls)
	}
	return lis.Addr(), nil
}

// Run listens and serves until ctx is done, then lets requests end within the grace and
// cuts the rest: it is a part's Run.
func (s *HTTPServer) Run(ctx context.Context) error {
	if _, err := s.Listen(ctx); err != nil {
		return err
	}
	var group sync.WaitGroup
	defer group.Wait()
	ended := make(chan error, 1)
	group.Go(func() { ended <- s.server.Serve(s.lis) })
	select {
	case err := <-ended:
		return fmt.Errorf("serve http on %s: %w", s.lis.Addr(), err)
	case <-ctx.Done():
	}
	stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.StopWithin)
	defer cancel()
	err := s.server.Shutdown(stopCtx)
	if errors.Is(err, context.DeadlineExceeded) {
		s.log.Warn("requests cut at stop", zap.Duration("after", s.cfg.StopWithin))
		err = s.server.Close()
	}
	if err != nil {
		return fmt.Errorf("stop http on %s: %w", s.lis.Addr(), err)
	}
	return nil
}

// withCORS answers browsers that ask whether a page of another origin may call.
func withCORS(origins []string, next http.Handler) http.Handler {
	if len(origins) == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		origin := r.Header.Get("Origin")
		w.Header().Add("Vary", "Origin") // or a cache would answer one origin with another's
		if origin == "" || !slices.Contains(origins, origin) && !slices.Contains(origins, "*") {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Access-Control-Allow-Origin", origin)
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			w.Header().Set("Access-Control-Allow-Methods", "GET, POST, PUT, DELETE")
			w.Header().Set("Access-Control-Allow-Headers", "Content-Type, Accept, Authorization")
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	})
}
