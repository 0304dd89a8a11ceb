// Package rpctest runs a real server of package rpc, boundary and all, over an in-memory
// connection: no ports, and errors come out as a client sees them.
//
// It is for tests only. Everything it starts is stopped by the test's cleanup.
package rpctest

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/test/bufconn"

	"github.com/fairlead-batch/fairlead/services/internal/auth"
	"github.com/fairlead-batch/fairlead/services/internal/rpc"
)

// bufferBytes is what the in-memory connection holds before a writer waits.
const bufferBytes = 1 << 20

// Setup is what a [Bed] is made of. Change what the test is about.
type Setup struct {
	Server rpc.Config
	Deps   rpc.Deps
	Client rpc.ClientConfig
	Dial   []grpc.DialOption
}

// Default returns a setup in which everyone is anonymous, the server is ready, request
// ids are "id-1", "id-2" and so on, and Log and Metrics are filled in by [New].
func Default() Setup {
	var ids atomic.Int64
	cfg := rpc.DefaultConfig()
	cfg.StopWithin = time.Second
	return Setup{
		Server: cfg,
		Deps: rpc.Deps{
			Auth:  auth.Anonymous{},
			Now:   time.Now, //nolint:forbidigo // a test bed is an edge where time enters
			NewID: func() string { return fmt.Sprintf("id-%d", ids.Add(1)) },
			Ready: func() error { return nil },
		},
		Client: rpc.DefaultClientConfig("passthrough:///test"),
	}
}

// Bed is a running server and a connection to it.
type Bed struct {
	// Conn is closed by the cleanup.
	Conn *grpc.ClientConn
	// Logs is what the server logged, from debug on; nil when the setup had a log.
	Logs *observer.ObservedLogs
	// Metrics is the server's registry; nil when the setup had one.
	Metrics *prometheus.Registry

	stop  context.CancelFunc
	ended chan error
}

// Serve starts a server with the default setup and returns a connection to it.
func Serve(t testing.TB, register func(grpc.ServiceRegistrar)) *grpc.ClientConn {
	t.Helper()
	return New(t, Default(), register).Conn
}

// New starts a server on which register puts its services.
func New(t testing.TB, setup Setup, register func(grpc.ServiceRegistrar)) *Bed {
	t.Helper()
	bed := &Bed{ended: make(chan error, 1)}
	if setup.Deps.Log == nil {
		core, logs := observer.New(zap.DebugLevel)
		setup.Deps.Log, bed.Logs = zap.New(core), logs
	}
	if setup.Deps.Metrics == nil {
		bed.Metrics = prometheus.NewRegistry()
		setup.Deps.Metrics = bed.Metrics
	}
	server, err := rpc.NewServer(setup.Server, setup.Deps)
	if err != nil {
		t.Fatalf("make server: %v", err)
	}
	register(server)

	lis := bufconn.Listen(bufferBytes)
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	bed.stop = stop
	go func() { bed.ended <- server.Serve(ctx, lis) }() // waited for in Stop

	dialer := grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return lis.DialContext(ctx) })
	bed.Conn, err = rpc.Dial(setup.Client, append([]grpc.DialOption{dialer}, setup.Dial...)...)
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	t.Cleanup(func() {
		_ = bed.Conn.Close()
		if err := bed.Stop(); err != nil {
			t.Errorf("server ended with: %v", err)
		}
	})
	return bed
}

// Stop tells the server to stop, as a process that ends does, and returns what Serve
// returned. It may be called more than once.
func (b *Bed) Stop() error {
	b.stop()
	err := <-b.ended
	b.ended <- err
	return err
}
