package pulsartest

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
)

// requireEnv turns the skip on a machine without Java or Maven into a failure.
const requireEnv = "FAIRLEAD_REQUIRE_PULSAR"

// exitMissing is what tools/pulsar ends with when the machine lacks what it needs.
const exitMissing = 3

// startWithin bounds a start, with fetching on a machine that has nothing yet.
const startWithin = 10 * time.Minute

// ErrMissing: the machine lacks what Pulsar needs, and may do so.
var ErrMissing = fmt.Errorf("there is no Pulsar here (%s=1 makes this a failure)", requireEnv)

// Broker is a Pulsar under tools/pulsar: broker, bookie and ZooKeeper in one process.
// One goroutine.
type Broker struct {
	ServiceURL string `json:"serviceUrl"`
	AdminURL   string `json:"adminUrl"`
	PID        int    `json:"pid"`

	program, data string
	command       *exec.Cmd
	stdin         io.Closer
}

// Start builds tools/pulsar, starts it with data of the test's own, and ends it with
// the test. It skips the test where the machine cannot run Pulsar.
func Start(t testing.TB) *Broker {
	t.Helper()
	broker, err := Open(t.Context(), t.TempDir())
	if errors.Is(err, ErrMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Stop)
	return broker
}

// Open builds tools/pulsar into a folder and starts it with its data there. The
// caller stops it. Errors: ErrMissing.
func Open(ctx context.Context, dir string) (*Broker, error) {
	tools, err := findTools()
	if err != nil {
		return nil, err
	}
	b := &Broker{program: filepath.Join(dir, "pulsar"), data: filepath.Join(dir, "data")}
	build := exec.CommandContext(ctx, "go", "build", "-o", b.program, "./pulsar")
	build.Dir = tools
	if said, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build tools/pulsar: %w: %s", err, said)
	}
	err = b.Restart(ctx)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == exitMissing && os.Getenv(requireEnv) == "" {
		return nil, fmt.Errorf("%w: %w", ErrMissing, err)
	}
	if err != nil {
		return nil, err
	}
	return b, nil
}

// findTools finds the module above the folder of the test.
func findTools() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find tools: %w", err)
	}
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "go.work")); err == nil {
			return filepath.Join(at, "tools"), nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("find tools: there is no go.work above %s", dir)
		}
	}
}

// Restart starts a broker that ended on its data, at the same addresses, and waits
// until it is healthy, as long as ctx allows, which does not bound its life. The error
// of a program that gave up is its exit, with what it said.
func (b *Broker) Restart(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	b.command = exec.CommandContext(context.WithoutCancel(ctx), b.program, "--data", b.data)
	var said tail
	b.command.Stderr = &said
	stdin, err := b.command.StdinPipe()
	if err != nil {
		return err
	}
	stdout, err := b.command.StdoutPipe()
	if err != nil {
		return err
	}
	if runtime.GOOS == "linux" { // so that a test binary that is killed leaves nothing
		b.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	}
	b.stdin = stdin
	if err := b.command.Start(); err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = b.command.Process.Kill() })()
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("start Pulsar: %w: %s", b.command.Wait(), said.text)
	}
	return json.Unmarshal(line, b)
}

// Stop ends it cleanly. Once more is harmless.
func (b *Broker) Stop() {
	_ = b.stdin.Close()
	_ = b.command.Wait()
}

// Kill ends Pulsar with SIGKILL, and waits for the program that ran it.
func (b *Broker) Kill() error {
	if err := syscall.Kill(b.PID, syscall.SIGKILL); err != nil {
		return fmt.Errorf("kill Pulsar: %w", err)
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
