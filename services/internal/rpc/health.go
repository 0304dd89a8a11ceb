package rpc

import (
	"context"
	"net/http"
	"time"

	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

// healthPrefix begins the methods of the grpc health service.
const healthPrefix = "/grpc.health.v1.Health/"

// healthPoll is how often a watcher of the grpc health service looks.
const healthPoll = time.Second

// healthService answers for the whole process, whatever service is asked for: there is
// one readiness.
type healthService struct {
	healthpb.UnimplementedHealthServer
	ready func() error
}

func (h *healthService) now() healthpb.HealthCheckResponse_ServingStatus {
	if h.ready() != nil {
		return healthpb.HealthCheckResponse_NOT_SERVING
	}
	return healthpb.HealthCheckResponse_SERVING
}

func (h *healthService) Check(context.Context, *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
	return &healthpb.HealthCheckResponse{Status: h.now()}, nil
}

func (h *healthService) Watch(_ *healthpb.HealthCheckRequest, stream healthpb.Health_WatchServer) error {
	ticks := time.NewTicker(healthPoll)
	defer ticks.Stop()
	sent := healthpb.HealthCheckResponse_UNKNOWN
	for {
		if now := h.now(); now != sent {
			if err := stream.Send(&healthpb.HealthCheckResponse{Status: now}); err != nil {
				return err
			}
			sent = now
		}
		select {
		case <-ticks.C:
		case <-stream.Context().Done():
			return status.FromContextError(stream.Context().Err()).Err()
		}
	}
}

// Health says how a process is. Both funcs are needed, safe for concurrent use, and do
// not block.
type Health struct {
	// Ready returns why work should not be sent here now; nil when it may.
	Ready func() error
	// Alive returns why the process should be restarted; nil when it should not. It says
	// nothing of neighbours: a restart does not bring back a database.
	Alive func() error
}

// handler serves /livez from Alive, /readyz and Armada's /health from Ready: 204, or
// 503 with the reasons, one a line.
func (h Health) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", answer(h.Alive))
	mux.HandleFunc("GET /readyz", answer(h.Ready))
	mux.HandleFunc("GET /health", answer(h.Ready))
	return mux
}

func answer(check func() error) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if err := check(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}
