package rpc

import (
	"time"

	"github.com/fairlead-batch/fairlead/services/internal/config"
	"github.com/fairlead-batch/fairlead/services/internal/fault"
)

// Config is what an operator may set on a gRPC server.
type Config struct {
	// Address is where it listens, host:port; an empty host is every address, port 0 a
	// free one. Default :50051.
	Address string
	// StopWithin is how long calls may go on after the server was told to stop; then
	// they are cut. It must fit into half of the process's own grace. Default 10s.
	StopWithin time.Duration
	// MaxMessage is the largest message received, after decompression. A larger one is
	// ResourceExhausted. Default 64MiB, which is what an entry of the log may decode to.
	MaxMessage config.Size
	// MaxStreams is how many calls one connection may have open; more wait in the
	// client. Default 10000: a front door's calls share one connection to each backend.
	MaxStreams uint32
	// Keepalive closes idle and dead connections.
	Keepalive Keepalive
	// TLS is off unless its certFile is set.
	TLS TLS
}

// Keepalive are a server's rules for connections. The defaults are Armada's, which its
// clients are tuned to.
type Keepalive struct {
	// MaxIdle is how long a connection without calls stays open. Default 5m.
	MaxIdle time.Duration
	// Ping is the quiet time after which the server pings. Default 2m.
	Ping time.Duration
	// PingTimeout is how long it waits for the answer before it closes. Default 20s.
	PingTimeout time.Duration
	// MinPing is the shortest interval at which clients may ping, also without calls;
	// those that ping more often are disconnected. Default 10s.
	MinPing time.Duration
}

// DefaultConfig returns what is used where the operator says nothing.
func DefaultConfig() Config {
	return Config{
		Address:    ":50051",
		StopWithin: 10 * time.Second,
		MaxMessage: 64 * config.MiB,
		MaxStreams: 10_000,
		Keepalive: Keepalive{
			MaxIdle: 5 * time.Minute, Ping: 2 * time.Minute, PingTimeout: 20 * time.Second, MinPing: 10 * time.Second,
		},
	}
}

// Validate implements [config.Validator].
func (c Config) Validate() error {
	var check fault.Check
	if c.Address == "" {
		check.Violate("address", nil, "must be host:port, such as :50051")
	}
	atLeast(&check, "stopWithin", c.StopWithin, 0)
	if c.MaxMessage < config.KiB || c.MaxMessage > config.GiB {
		check.Violate("maxMessage", c.MaxMessage, "must be from 1KiB to 1GiB")
	}
	if c.MaxStreams == 0 {
		check.Violate("maxStreams", c.MaxStreams, "must be at least 1")
	}
	return check.Err()
}

// Validate implements [config.Validator].
func (k Keepalive) Validate() error {
	var check fault.Check
	atLeast(&check, "maxIdle", k.MaxIdle, time.Second)
	atLeast(&check, "ping", k.Ping, time.Second)
	atLeast(&check, "pingTimeout", k.PingTimeout, time.Second)
	atLeast(&check, "minPing", k.MinPing, 0)
	return check.Err()
}

func atLeast(check *fault.Check, key string, d, least time.Duration) {
	if d < least {
		check.Violate(key, d, "must be at least "+least.String())
	}
}
