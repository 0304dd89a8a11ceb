package rpc

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"

	"github.com/fairlead-batch/fairlead/services/internal/config"
	"github.com/fairlead-batch/fairlead/services/internal/fault"
)

// ClientConfig is what an operator may set on a connection to another service.
type ClientConfig struct {
	// Target is a gRPC target: host:port, or dns:///host:port to spread calls over all
	// addresses of the name.
	Target string
	// MaxMessage is the largest message received. Default 64MiB.
	MaxMessage config.Size
	// Ping is the quiet time after which the client pings, also without calls; the
	// servers' minPing must be below. Default 30s.
	Ping time.Duration
	// PingTimeout is how long it waits for the answer before it connects anew. Default 20s.
	PingTimeout time.Duration
	// BackoffMax is the longest pause between attempts to connect. Default 5s.
	BackoffMax time.Duration
	// WaitForReady lets calls wait, within their deadline, for a server that is not
	// there; else they fail at once with Unavailable. Default false.
	WaitForReady bool
	// Attempts is how often a call that fails with Unavailable is made in all, 1 to 5.
	// Default 1: an answer of Unavailable may come after the work was done, so only
	// callers whose calls are all harmless to repeat may raise it. (Calls that never left
	// this process are repeated in any case.)
	Attempts int
	// TLS is off by default.
	TLS ClientTLS
}

// ClientTLS is a client's side of TLS.
type ClientTLS struct {
	// Enabled turns TLS on.
	Enabled bool
	// CAFile holds the authorities to trust, as PEM. Empty: the system's.
	CAFile string
	// CertFile and KeyFile are this client's certificate, where servers ask for one.
	// They are read again when they change.
	CertFile, KeyFile string
}

// DefaultClientConfig returns what is used where the operator says nothing, for target.
func DefaultClientConfig(target string) ClientConfig {
	return ClientConfig{
		Target: target, MaxMessage: 64 * config.MiB, Ping: 30 * time.Second, PingTimeout: 20 * time.Second,
		BackoffMax: 5 * time.Second, Attempts: 1,
	}
}

// attemptsMax is gRPC's own limit.
const attemptsMax = 5

// Validate implements [config.Validator].
func (c ClientConfig) Validate() error {
	var check fault.Check
	if c.Target == "" {
		check.Violate("target", nil, "must be a gRPC target, such as dns:///lookout:50051")
	}
	if c.MaxMessage < config.KiB || c.MaxMessage > config.GiB {
		check.Violate("maxMessage", c.MaxMessage, "must be from 1KiB to 1GiB")
	}
	atLeast(&check, "ping", c.Ping, 10*time.Second)
	atLeast(&check, "pingTimeout", c.PingTimeout, time.Second)
	atLeast(&check, "backoffMax", c.BackoffMax, 100*time.Millisecond)
	if c.Attempts < 1 || c.Attempts > attemptsMax {
		check.Violate("attempts", c.Attempts, "must be from 1 to 5")
	}
	return check.Err()
}

// Validate implements [config.Validator].
func (t ClientTLS) Validate() error {
	var check fault.Check
	if (t.CertFile == "") != (t.KeyFile == "") {
		check.Violate("certFile", t.CertFile, "must be set together with keyFile")
	}
	return check.Err()
}

// Dial returns a connection that the caller closes. It does not connect yet: that
// happens with the first call, and again whenever the connection is lost. It fails when
// the target is malformed or the TLS files cannot be read. options come last.
func Dial(cfg ClientConfig, options ...grpc.DialOption) (*grpc.ClientConn, error) {
	creds, err := cfg.TLS.client()
	if err != nil {
		return nil, err
	}
	connect := backoff.DefaultConfig
	connect.MaxDelay = cfg.BackoffMax
	all := append([]grpc.DialOption{
		grpc.WithTransportCredentials(creds),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: cfg.Ping, Timeout: cfg.PingTimeout, PermitWithoutStream: true}),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: connect, MinConnectTimeout: cfg.PingTimeout}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(int(cfg.MaxMessage)), grpc.WaitForReady(cfg.WaitForReady)),
		grpc.WithDefaultServiceConfig(serviceConfig(cfg)),
		grpc.WithDisableServiceConfig(), // DNS does not set our policy
	}, options...)
	conn, err := grpc.NewClient(cfg.Target, all...)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", cfg.Target, err)
	}
	return conn, nil
}

// serviceConfig is gRPC's JSON for: spread over all addresses, and the retry policy.
func serviceConfig(cfg ClientConfig) string {
	method := map[string]any{"name": []any{map[string]any{}}}
	if cfg.Attempts > 1 {
		method["retryPolicy"] = map[string]any{
			"maxAttempts": cfg.Attempts, "initialBackoff": "0.1s", "maxBackoff": seconds(cfg.BackoffMax),
			"backoffMultiplier": 2, "retryableStatusCodes": []string{"UNAVAILABLE"},
		}
	}
	raw, err := json.Marshal(map[string]any{
		"loadBalancingConfig": []any{map[string]any{"round_robin": map[string]any{}}},
		"methodConfig":        []any{method},
	})
	if err != nil {
		panic(fmt.Sprintf("rpc: encode service config: %v", err)) // unreachable: plain values
	}
	return string(raw)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3fs", d.Seconds()) }

func (t ClientTLS) client() (credentials.TransportCredentials, error) {
	if !t.Enabled {
		return insecure.NewCredentials(), nil
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if t.CAFile != "" {
		pool, err := readPool(t.CAFile)
		if err != nil {
			return nil, err
		}
		cfg.RootCAs = pool
	}
	if t.CertFile != "" {
		pair := &keyPair{certFile: t.CertFile, keyFile: t.KeyFile}
		if _, err := pair.current(); err != nil {
			return nil, err
		}
		cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return pair.current() }
	}
	return credentials.NewTLS(cfg), nil
}
