package app_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/fairlead-batch/fairlead/services/internal/postgres/pgtest"
	"github.com/fairlead-batch/fairlead/services/standalone/app"
)

// start runs a standalone Fairlead on a database of the test's own until the test
// ends, and returns where it listens.
func start(t *testing.T) app.Addresses {
	t.Helper()
	cfg := app.DefaultConfig()
	cfg.Postgres = pgtest.URL(t)
	cfg.GRPC.Address, cfg.HTTP.Address = "127.0.0.1:0", "127.0.0.1:0"
	cfg.GRPC.StopWithin, cfg.HTTP.StopWithin = 2*time.Second, 2*time.Second
	started, ended := make(chan app.Addresses, 1), make(chan error, 1)
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	log := zaptest.NewLogger(t, zaptest.Level(zap.WarnLevel))
	go func() {
		ended <- app.Run(ctx, cfg, log, prometheus.NewRegistry(), func(at app.Addresses) { started <- at })
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("it ended with %v", err)
		}
	})
	select {
	case at := <-started:
		return at
	case err := <-ended:
		ended <- nil
		t.Fatalf("it did not start: %v", err)
	}
	panic("unreachable")
}

// TestArmadaClient: the unmodified Python package armada-client creates queues,
// submits, watches, resumes, cancels, reprioritizes, preempts and is refused.
func TestArmadaClient(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("-short: it needs Python and, the first time, its package index")
	}
	python := venv(t)
	at := start(t)
	for _, part := range []string{"life", "failure", "cancel", "reprioritize", "preempt", "query", "queues", "refusals"} {
		t.Run(part, func(t *testing.T) {
			t.Parallel()
			out, err := exec.CommandContext(t.Context(), python, filepath.Join("..", "testdata", "python_user.py"), at.GRPC.String(), part).CombinedOutput()
			if err != nil || !strings.HasSuffix(string(out), "ok "+part+"\n") {
				t.Fatalf("%v\n%s", err, out)
			}
		})
	}
}

// venv is the Python that has armada-client, in the repository's cache.
func venv(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), filepath.Join("..", "..", "..", "tools", "pyclient", "venv.sh")).Output()
	if err != nil {
		stderr := ""
		if exit, ok := err.(*exec.ExitError); ok { //nolint:errorlint // as Output documents
			stderr = string(exit.Stderr)
		}
		t.Fatalf("make the Python environment: %v\n%s", err, stderr)
	}
	python := filepath.Join(strings.TrimSpace(string(out)), "bin", "python")
	if _, err := os.Stat(python); err != nil {
		t.Fatal(err)
	}
	return python
}
