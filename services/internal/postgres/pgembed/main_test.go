package pgembed_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/fairlead-batch/fairlead/services/internal/postgres/pgembed"
)

// helperEnv holds a data folder: the test binary then is a process that runs a
// server in it until it is killed or its standard input ends.
const helperEnv = "FAIRLEAD_TEST_PGEMBED_HELPER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(helperEnv); dir != "" {
		os.Exit(helper(dir)) //nolint:forbidigo // it is the main of a process of its own
	}
	// Binaries that whoever runs the tests names are for the servers of the tests,
	// not for the tests of how binaries are found.
	namedBinaries = os.Getenv(pgembed.BinariesEnv)
	if err := os.Unsetenv(pgembed.BinariesEnv); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(inOwnTemp{m})
}

var namedBinaries string

// inOwnTemp runs the tests with a folder for temporary files that is removed
// afterwards: the library that fetches leaves one behind with each call.
type inOwnTemp struct{ m *testing.M }

func (w inOwnTemp) Run() int {
	dir, err := os.MkdirTemp("", "pgembed-test-")
	if err != nil {
		panic(err)
	}
	if err := errors.Join(os.Chmod(dir, 0o755), os.Setenv("TMPDIR", dir)); err != nil { // the server's user passes through
		panic(err)
	}
	code := w.m.Run()
	if err := os.RemoveAll(dir); err != nil {
		panic(err)
	}
	return code
}

func helper(dir string) int {
	cache, err := pgembed.DefaultCacheDir()
	if err != nil {
		_, _ = fmt.Fprintln(os.Stdout, "error", err)
		return 1
	}
	server, err := pgembed.Start(context.Background(), pgembed.Config{DataDir: dir, CacheDir: cache}, zap.NewNop())
	if err != nil {
		_, _ = fmt.Fprintln(os.Stdout, "error", err)
		return 1
	}
	_, _ = fmt.Fprintln(os.Stdout, server.Pid(), server.URL())
	_, _ = io.Copy(io.Discard, os.Stdin)
	if err := server.Stop(context.Background()); err != nil {
		return 1
	}
	return 0
}

// otherProcess is a process that runs a server.
type otherProcess struct {
	cmd       *exec.Cmd
	serverPid int
	url       string
}

// startOther runs a helper in dir and returns when its server is ready.
func startOther(t *testing.T, dir string) *otherProcess {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), helperEnv+"="+dir, pgembed.BinariesEnv+"="+namedBinaries)
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Wait() }) // fails where it was killed
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, url, _ := strings.Cut(strings.TrimSpace(line), " ")
	p := &otherProcess{cmd: cmd, url: url}
	if p.serverPid, err = strconv.Atoi(pid); err != nil {
		t.Fatalf("helper says %q", line)
	}
	return p
}

// kill is kill -9 of the process, not of its server.
func (p *otherProcess) kill(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
}

// config is of a server in a new folder, which goes with the test.
func config(t *testing.T) pgembed.Config {
	t.Helper()
	cache, err := pgembed.DefaultCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	return pgembed.Config{DataDir: filepath.Join(enterableDir(t), "data"), CacheDir: cache, BinariesDir: namedBinaries, FsyncOff: true}
}

// enterableDir is a temporary folder that another user can pass through:
// t.TempDir's are below one that only we can.
func enterableDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pgembed-") //nolint:usetesting // see above
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // a server that was killed may still be on its way out, and write
		err := os.RemoveAll(dir)
		for range 100 {
			if err == nil {
				return
			}
			time.Sleep(50 * time.Millisecond) //nolint:forbidigo // nothing tells when its processes are gone
			err = os.RemoveAll(dir)
		}
		t.Error(err)
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// start starts a server that is stopped with the test.
func start(t *testing.T, cfg pgembed.Config) *pgembed.Server {
	t.Helper()
	server, err := pgembed.Start(t.Context(), cfg, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Stop(context.WithoutCancel(t.Context())) }) // the test may have ended it its own way
	return server
}

func stop(t *testing.T, server *pgembed.Server) {
	t.Helper()
	if err := server.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// execute runs sql and scans the one value it gives into value, if it is not nil.
func execute(t *testing.T, url, sql string, value any) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if value == nil {
		_, err = conn.Exec(t.Context(), sql)
	} else {
		err = conn.QueryRow(t.Context(), sql).Scan(value)
	}
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func query[T any](t *testing.T, url, sql string) (value T) {
	t.Helper()
	execute(t, url, sql, &value)
	return value
}

// eventually waits until is is true, for what another process does.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	timeout := time.NewTimer(20 * time.Second)
	defer timeout.Stop()
	for !is() {
		select {
		case <-timeout.C:
			t.Fatalf("not within 20 seconds: %s", what)
		case <-ticker.C:
		}
	}
}
