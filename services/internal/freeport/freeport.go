// Package freeport finds TCP ports of loopback for servers that must know theirs before
// they start, or keep it from one start to the next. A server that can say where it
// listens asks for port 0 instead.
//
// The ports are below those that systems give to outgoing connections by themselves (from
// 32768 on Linux, 49152 elsewhere). A port that the system chose, as it does for port 0,
// is one of those: between the choice and the server's start, and whenever the server is
// down, any connection of any process may get it, and the server cannot start for as long
// as that lasts. What is left is that two callers choose the same at the same time, one in
// some ten thousand.
package freeport

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// Ports are chosen from least to most. Below are those that services are known by, above
// those that Kubernetes gives to services on nodes.
const (
	least = 15_000
	most  = 29_999
)

// tries is how many ports are asked for before Port gives up.
const tries = 100

// Port is a port of 127.0.0.1 on which nobody listens now. It is not held: somebody may
// take it before the caller does. The error is that of the last try.
func Port(ctx context.Context) (uint16, error) {
	var last error
	for try := 0; try < tries && ctx.Err() == nil; try++ {
		port := least + rand.IntN(most-least+1)
		lis, err := new(net.ListenConfig).Listen(ctx, "tcp", address(port))
		if err == nil {
			err = lis.Close()
		}
		if err == nil {
			return uint16(port), nil
		}
		last = err
	}
	return 0, fmt.Errorf("find a free port from %d to %d: %w", least, most, errors.Join(ctx.Err(), last))
}

// Address is that of [Port], as host and port.
func Address(ctx context.Context) (string, error) {
	port, err := Port(ctx)
	if err != nil {
		return "", err
	}
	return address(int(port)), nil
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
