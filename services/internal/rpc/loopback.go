package rpc

import (
	"context"
	"fmt"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"
)

// loopbackBytes is what a connection inside the process holds before a writer waits.
const loopbackBytes = 1 << 20

// loopback is the listener for connections inside the process.
type loopback struct{ *bufconn.Listener }

func newLoopback() loopback { return loopback{bufconn.Listen(loopbackBytes)} }

// Accept implements net.Listener.
func (l loopback) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return loopbackConn{conn}, nil
}

// loopbackConn marks a connection that never left the process.
type loopbackConn struct{ net.Conn }

// loopbackCredentials let connections inside the process in without TLS: they have no
// wire, and a gateway could not show a client certificate. All others go the usual way.
type loopbackCredentials struct {
	credentials.TransportCredentials
}

// ServerHandshake implements credentials.TransportCredentials.
func (c loopbackCredentials) ServerHandshake(conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	if _, ok := conn.(loopbackConn); ok {
		return insecure.NewCredentials().ServerHandshake(conn)
	}
	return c.TransportCredentials.ServerHandshake(conn)
}

// Clone implements credentials.TransportCredentials.
func (c loopbackCredentials) Clone() credentials.TransportCredentials {
	return loopbackCredentials{c.TransportCredentials.Clone()}
}

// Loopback returns a connection to s inside the process, for the REST gateway, and for a
// front door beside the services in standalone: no port, no TLS, and the same boundary
// as for everyone. It works from when s serves until it stops; the caller closes it.
// cfg's Target and TLS do not matter.
func (s *Server) Loopback(cfg ClientConfig) (*grpc.ClientConn, error) {
	cfg.Target, cfg.TLS = "passthrough:///loopback", ClientTLS{}
	conn, err := Dial(cfg, grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
		return s.local.DialContext(ctx)
	}))
	if err != nil {
		return nil, fmt.Errorf("dial inside the process: %w", err)
	}
	return conn, nil
}
