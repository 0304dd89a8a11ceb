package rpc_test

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/fairlead-batch/fairlead/services/internal/fault"
	"github.com/fairlead-batch/fairlead/services/internal/rpc"
	"github.com/fairlead-batch/fairlead/services/internal/rpc/rpctest"
)

// A call that may have had an effect is made once, unless the caller's configuration
// says that its calls are harmless to repeat.
func TestAttempts(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		attempts int
		err      error
		want     int64
	}{
		"default":           {1, fault.NewUnavailable("no"), 1},
		"three":             {3, fault.NewUnavailable("no"), 3},
		"another code":      {3, fault.NewConflict("no"), 1},
		"bug of the server": {3, errors.New("oh"), 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var made atomic.Int64
			setup := rpctest.Default()
			setup.Client.Attempts = tc.attempts
			bed := rpctest.New(t, setup, (&service{unary: func(context.Context) error {
				made.Add(1)
				return tc.err
			}}).register)
			if err := callUnary(t.Context(), bed); err == nil {
				t.Error("no error")
			}
			if made.Load() != tc.want {
				t.Errorf("%d attempts, want %d", made.Load(), tc.want)
			}
		})
	}
}

// unreachable dials a server that is not there.
func unreachable(t *testing.T, change func(*rpc.ClientConfig)) *rpctest.Bed {
	t.Helper()
	cfg := rpc.DefaultClientConfig("passthrough:///gone")
	change(&cfg)
	conn, err := rpc.Dial(cfg, grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) {
		return nil, errors.New("refused")
	}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &rpctest.Bed{Conn: conn}
}

func TestServerThatIsNotThere(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if code := status.Code(callUnary(ctx, unreachable(t, func(*rpc.ClientConfig) {}))); code != codes.Unavailable {
		t.Errorf("default: %s, want Unavailable at once", code)
	}
	patient := unreachable(t, func(cfg *rpc.ClientConfig) { cfg.WaitForReady = true })
	if code := status.Code(callUnary(ctx, patient)); code != codes.DeadlineExceeded {
		t.Errorf("waiting: %s, want DeadlineExceeded", code)
	}
}

func TestDialRefusals(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*rpc.ClientConfig){
		"a target of no form":     func(c *rpc.ClientConfig) { c.Target = "dns://%zz/x" },
		"no file of authorities":  func(c *rpc.ClientConfig) { c.TLS = rpc.ClientTLS{Enabled: true, CAFile: "/none"} },
		"no client's certificate": func(c *rpc.ClientConfig) { c.TLS = rpc.ClientTLS{Enabled: true, CertFile: "/none", KeyFile: "/none"} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := rpc.DefaultClientConfig("x:1")
			change(&cfg)
			if conn, err := rpc.Dial(cfg); err == nil {
				_ = conn.Close()
				t.Error("Dial took it")
			}
		})
	}
}
