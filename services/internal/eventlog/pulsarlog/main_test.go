package pulsarlog_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// requireEnv turns the skip on a machine without Java or Maven into a failure.
const requireEnv = "FAIRLEAD_REQUIRE_PULSAR"

// exitMissing is what tools/pulsar ends with when the machine lacks what it needs.
const exitMissing = 3

// server is the one Pulsar of this test binary. The test that kills it runs when no
// other does.
var server *broker // nil: there is none

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
	program := filepath.Join(dir, "pulsar")
	build := exec.CommandContext(context.Background(), "go", "build", "-o", program, "./pulsar")
	build.Dir = filepath.Join("..", "..", "..", "..", "tools")
	if said, err := build.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("build tools/pulsar: %w: %s", err, said)
	}
	started, err := startBroker(program, filepath.Join(dir, "data"))
	var ended *exec.ExitError
	switch {
	case err == nil:
		server = started
		defer func() { server.stop() }() // the one that runs by then; again is harmless
	case errors.As(err, &ended) && ended.ExitCode() == exitMissing && os.Getenv(requireEnv) == "":
		missing = err
	default:
		return 0, err
	}
	code = m.Run()
	if server != nil {
		server.stop() // it has goroutines of ours
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
		t.Skipf("there is no Pulsar here (%s=1 makes this a failure): %v", requireEnv, missing)
	}
}

// broker is a Pulsar under tools/pulsar.
type broker struct {
	ServiceURL string `json:"serviceUrl"`
	AdminURL   string `json:"adminUrl"`
	PID        int    `json:"pid"`

	program, data string
	command       *exec.Cmd
	stdin         io.Closer
}

// startWithin bounds a start, with fetching on a machine that has nothing yet.
const startWithin = 10 * time.Minute

// startBroker starts Pulsar on a data folder and waits until it is healthy. The error
// of a program that gave up is its exit, with what it said.
func startBroker(program, data string) (*broker, error) {
	ctx, cancel := context.WithTimeout(context.Background(), startWithin)
	defer cancel()
	b := &broker{program: program, data: data, command: exec.CommandContext(context.Background(), program, "--data", data)}
	var said tail
	b.command.Stderr = &said
	stdin, err := b.command.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := b.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if runtime.GOOS == "linux" { // so that a test binary that is killed leaves nothing
		b.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	}
	b.stdin = stdin
	if err := b.command.Start(); err != nil {
		return nil, err
	}
	defer context.AfterFunc(ctx, func() { _ = b.command.Process.Kill() })()
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err != nil {
		return nil, fmt.Errorf("start Pulsar: %w: %s", b.command.Wait(), said.text)
	}
	return b, json.Unmarshal(line, b)
}

// stop ends it cleanly.
func (b *broker) stop() {
	_ = b.stdin.Close()
	_ = b.command.Wait()
}

// kill ends Pulsar with SIGKILL, and waits for the program that ran it.
func (b *broker) kill() error {
	if err := syscall.Kill(b.PID, syscall.SIGKILL); err != nil {
		return err
	}
	_ = b.command.Wait() // it says that Pulsar ended by itself
	return nil
}

// tail keeps the first of what a program says.
type tail struct{ text []byte }

func (t *tail) Write(p []byte) (int, error) {
	if len(t.text) < 4000 {
		t.text = append(t.text, p...)
	}
	return len(p), nil
}
