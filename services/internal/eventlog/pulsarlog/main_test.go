package pulsarlog_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog/pulsarlog/pulsartest"
)

// server is the one Pulsar of this test binary. The test that kills it runs when no
// other does.
var server *pulsartest.Broker // nil: there is none

// missing says what the machine lacks where there is no server.
var missing error

func TestMain(m *testing.M) {
	code, err := runWithServer(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "tests of the log on Pulsar:", err)
		code = 1
	}
	os.Exit(code) //nolint:forbidigo // TestMain is a main
}

// runWithServer runs the tests, with a server where the machine can have one.
func runWithServer(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "pulsarlog-")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	started, err := pulsartest.Open(context.Background(), dir)
	switch {
	case err == nil:
		server = started
		defer server.Stop() // again is harmless
	case errors.Is(err, pulsartest.ErrMissing):
		missing = err
	default:
		return 0, err
	}
	code = m.Run()
	if server != nil {
		server.Stop() // it has goroutines of ours
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			return 0, err
		}
	}
	return code, nil
}

// needServer skips a test where the machine cannot run Pulsar.
func needServer(t testing.TB) {
	t.Helper()
	if missing != nil {
		t.Skip(missing)
	}
}
