package client_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/fairlead-batch/fairlead/client"
	"github.com/fairlead-batch/fairlead/proto/gen/api"
)

// peer is the other side of the wire, scripted: each call is answered by the func of
// its name, if there is one.
type peer struct {
	submit func(*api.JobSubmitRequest) (*api.JobSubmitResponse, error)
	queues func(grpc.ServerStreamingServer[api.StreamingQueueMessage]) error
	events func(*api.JobSetRequest, grpc.ServerStreamingServer[api.EventStreamMessage]) error
}

// The services of a peer, which share names of methods.
type (
	submitPeer struct {
		api.UnimplementedSubmitServer
		*peer
	}
	queuePeer struct {
		api.UnimplementedQueueServiceServer
		*peer
	}
	eventPeer struct {
		api.UnimplementedEventServer
		*peer
	}
)

func (p submitPeer) SubmitJobs(_ context.Context, req *api.JobSubmitRequest) (*api.JobSubmitResponse, error) {
	return p.submit(req)
}

func (p queuePeer) GetQueues(_ *api.StreamingQueueGetRequest, out grpc.ServerStreamingServer[api.StreamingQueueMessage]) error {
	return p.queues(out)
}

func (p eventPeer) GetJobSetEvents(req *api.JobSetRequest, out grpc.ServerStreamingServer[api.EventStreamMessage]) error {
	return p.events(req, out)
}

// host is where servers come and go behind one address.
type host struct {
	mu       sync.Mutex
	listener *bufconn.Listener
	server   *grpc.Server
}

// start runs a server of p in place of the one before.
func (h *host) start(t *testing.T, p *peer) {
	t.Helper()
	h.stop()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.listener, h.server = bufconn.Listen(1<<20), grpc.NewServer(grpc.MaxRecvMsgSize(64<<20))
	api.RegisterSubmitServer(h.server, submitPeer{peer: p})
	api.RegisterQueueServiceServer(h.server, queuePeer{peer: p})
	api.RegisterEventServer(h.server, eventPeer{peer: p})
	listener, server := h.listener, h.server
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(listener); err != nil {
			t.Errorf("serve: %v", err)
		}
	}()
	t.Cleanup(func() {
		server.Stop()
		<-done
	})
}

// stop cuts every connection; nobody answers until the next start.
func (h *host) stop() {
	h.mu.Lock()
	server := h.server
	h.server, h.listener = nil, nil
	h.mu.Unlock()
	if server != nil {
		server.Stop()
	}
}

func (h *host) dial(ctx context.Context, _ string) (net.Conn, error) {
	h.mu.Lock()
	listener := h.listener
	h.mu.Unlock()
	if listener == nil {
		return nil, errors.New("connection refused")
	}
	return listener.DialContext(ctx)
}

// connect returns a client of h, closed by the test's cleanup.
func connect(t *testing.T, h *host) *client.Client {
	t.Helper()
	c, err := client.New("passthrough:///test", grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithContextDialer(h.dial))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// against returns a client of one server of p.
func against(t *testing.T, p *peer) *client.Client {
	t.Helper()
	h := &host{}
	h.start(t, p)
	return connect(t, h)
}
