package freeport_test

import (
	"context"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/fairlead-batch/fairlead/services/internal/freeport"
)

// The port is free, and none that the system gives to a connection.
func TestAddress(t *testing.T) {
	t.Parallel()
	address, err := freeport.Address(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	lis, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer lis.Close()
	given, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		t.Skip("no Linux: which ports are given to connections is not known")
	}
	first, err := strconv.Atoi(strings.Fields(string(given))[0])
	if err != nil {
		t.Fatal(err)
	}
	if first < 30_000 {
		t.Skipf("this system gives ports from %d on", first)
	}
	if port := lis.Addr().(*net.TCPAddr).Port; port >= first {
		t.Errorf("port %d is among those of outgoing connections, from %d on", port, first)
	}
}

// A context that is over ends the search.
func TestPortEnds(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if port, err := freeport.Port(ctx); err == nil {
		t.Errorf("found %d", port)
	}
}
