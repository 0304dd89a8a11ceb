package target_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/fairlead-batch/fairlead/tools/loadgen/internal/target"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// script writes a program that stands for the server, and returns what starts it.
func script(t *testing.T, text string) target.Config {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "server")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o700); err != nil { //nolint:gosec // it is run
		t.Fatal(err)
	}
	return target.Config{Binary: path, DataDir: filepath.Join(dir, "data"), Nodes: 7, Now: time.Now}
}

const serves = `echo "Fairlead is up: gRPC on 127.0.0.1:4711, REST on 127.0.0.1:1, data in x"` + "\n"

// TestStart: the server is told where its data are, how many nodes it has and to sync,
// and its address is taken from what it says.
func TestStart(t *testing.T) {
	t.Parallel()
	cfg := script(t, `echo "$@" > "$(dirname $0)/args"`+"\ntrap 'exit 0' TERM\n"+serves+"while :; do sleep 0.05; done\n")
	server, err := target.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if server.Address != "127.0.0.1:4711" || server.PID == 0 || server.ReadyAfter <= 0 {
		t.Errorf("started %+v", server)
	}
	if err := server.Stop(); err != nil {
		t.Error(err)
	}
	dir := filepath.Dir(cfg.DataDir)
	for file, wants := range map[string][]string{
		"args": {"serve", "--data-dir " + cfg.DataDir}, "config.yaml": {"fsync: true", "count: 7"},
	} {
		text, err := os.ReadFile(filepath.Join(dir, file)) //nolint:gosec // made above
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range wants {
			if !strings.Contains(string(text), want) {
				t.Errorf("%s has no %q: %s", file, want, text)
			}
		}
	}
}

// TestKill: a server that does not listen to signals ends all the same.
func TestKill(t *testing.T) {
	t.Parallel()
	server, err := target.Start(t.Context(), script(t, "trap '' TERM\n"+serves+"exec sleep 60\n"))
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Kill(); err != nil {
		t.Error(err)
	}
}

// TestStartFails: a server that ends, or says something else, is an error that holds
// what it wrote.
func TestStartFails(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"ends": "echo port is taken >&2\nexit 3\n", "says something else": "echo port is taken >&2\necho hello\nexec sleep 60\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := target.Start(t.Context(), script(t, text))
			if err == nil || !strings.Contains(err.Error(), "port is taken") {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

// TestServices: the database says where it is, a service is told that and answers at the
// address that it was given, and one that was killed starts again as it was.
func TestServices(t *testing.T) {
	t.Parallel()
	cfg := script(t, `echo "Fairlead's database is up: postgres://there"`+"\nexec sleep 60\n")
	if err := os.WriteFile(filepath.Join(filepath.Dir(cfg.Binary), "lookout"), []byte("#!/bin/sh\nexec sleep 60\n"), 0o700); err != nil { //nolint:gosec // it is run
		t.Fatal(err)
	}
	database, err := target.StartDatabase(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	lookout, err := database.Start(t.Context(), "lookout", "views", "lookout: {}")
	if err != nil {
		t.Fatal(err)
	}
	if err := lookout.Kill(); err != nil {
		t.Error(err)
	}
	if err := lookout.Again(t.Context()); err != nil {
		t.Error(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := lookout.AwaitReady(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("one that does not answer is ready: %v", err)
	}
	if err := errors.Join(lookout.Kill(), database.Kill()); err != nil {
		t.Error(err)
	}
	text, err := os.ReadFile(filepath.Join(filepath.Dir(cfg.DataDir), "lookout-1.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"postgres://there", `schema: "views"`, lookout.GRPC, "lookout: {}"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("its configuration has no %q: %s", want, text)
		}
	}
}
