// Package target is the system that is measured: a fairlead-standalone process of the
// benchmark's own, with a data folder of its own.
//
// # Guarantees
//
// [Start] returns when the process says that it serves. Fsync is on, the ports are
// free ones on loopback. [Server.Stop], [Server.Kill] or the end of Start's context
// end the process; the data folder belongs to the caller, who may start it again.
//
// # When it fails
//
// A process that ends before it serves makes Start fail, with the end of what it
// wrote to standard error. One that ends later shows as failed calls.
package target

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Config says what to start.
type Config struct {
	// Binary is fairlead-standalone.
	Binary string
	// DataDir is the folder of its data, which the database's user can enter.
	DataDir string
	// Nodes is how many simulated nodes of 32 cores it has.
	Nodes int
	// CPUProfile is a file to write a CPU profile to when it stops; empty: none.
	CPUProfile string
	// Now is the clock.
	Now func() time.Time
}

// stopWithin is how long a process may take to stop before it is killed.
const stopWithin = time.Minute

// Server is a process that serves.
type Server struct {
	// Address is where it answers gRPC.
	Address string
	// PID is its process.
	PID int
	// Began is when it was started, ReadyAfter how much later it said that it serves.
	Began      time.Time
	ReadyAfter time.Duration

	cmd  *exec.Cmd
	ends chan error
}

// Start starts a process and waits until it serves, or ctx is done.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	config := filepath.Join(filepath.Dir(cfg.DataDir), "config.yaml")
	if err := os.WriteFile(config, []byte(configuration(cfg.Nodes)), 0o600); err != nil {
		return nil, fmt.Errorf("write configuration: %w", err)
	}
	args := []string{"serve", "--config", config, "--data-dir", cfg.DataDir}
	if cfg.CPUProfile != "" {
		args = append(args, "--cpuprofile", cfg.CPUProfile)
	}
	cmd := exec.CommandContext(ctx, cfg.Binary, args...) //nolint:gosec // the caller names what is measured
	cmd.Env = append(os.Environ(), "FAIRLEAD__GRPC__ADDRESS=127.0.0.1:0", "FAIRLEAD__HTTP__ADDRESS=127.0.0.1:0")
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopWithin
	stderr, err := os.Create(filepath.Join(filepath.Dir(cfg.DataDir), "stderr.log"))
	if err != nil {
		return nil, fmt.Errorf("make a file for its log: %w", err)
	}
	defer func() { _ = stderr.Close() }() // the process has its own
	cmd.Stderr = stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("connect to its output: %w", err)
	}
	s := &Server{Began: cfg.Now(), cmd: cmd, ends: make(chan error, 1)}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", cfg.Binary, err)
	}
	reader := bufio.NewReader(out)
	line, err := reader.ReadString('\n')
	s.ReadyAfter = cfg.Now().Sub(s.Began)
	address, ok := address(line)
	if err != nil || !ok {
		_ = cmd.Process.Kill()
		return nil, fmt.Errorf("%s did not serve (%w): %s", cfg.Binary, cmd.Wait(), tail(stderr.Name()))
	}
	s.Address, s.PID = address, cmd.Process.Pid
	go func() { // ends with the process
		_, _ = io.Copy(io.Discard, reader)
		s.ends <- cmd.Wait()
	}()
	return s, nil
}

// configuration is what is measured: the defaults, on so many nodes.
func configuration(nodes int) string {
	return fmt.Sprintf(`fsync: true
clusters:
  - name: bench
    nodes:
      - {name: node, count: %d, resources: {cpu: "32", memory: 256Gi, ephemeral-storage: 1Ti}}
`, nodes)
}

// address takes the gRPC address out of what a server says when it serves.
func address(line string) (string, bool) {
	rest, ok := strings.CutPrefix(line, "Fairlead is up: gRPC on ")
	if !ok {
		return "", false
	}
	at, _, ok := strings.Cut(rest, ",")
	return at, ok
}

// tailMax is how much of a log is told.
const tailMax = 2000

func tail(path string) string {
	text, err := os.ReadFile(path) //nolint:gosec // written by our own process
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-tailMax):])
}

// Stop asks the process to stop and waits until it has. After it, as after Kill,
// the server is not to be used.
func (s *Server) Stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop the server: %w", err)
	}
	timer := time.AfterFunc(stopWithin, func() { _ = s.cmd.Process.Kill() })
	defer timer.Stop()
	if err := <-s.ends; err != nil {
		return fmt.Errorf("stop the server: %w", err)
	}
	return nil
}

// Kill ends the process with SIGKILL and waits until it has ended. Its database ends
// by itself, some time later.
func (s *Server) Kill() error {
	if err := s.cmd.Process.Kill(); err != nil {
		return fmt.Errorf("kill the server: %w", err)
	}
	if err := <-s.ends; err != nil && !killed(err) {
		return fmt.Errorf("wait for the killed server: %w", err)
	}
	return nil
}

// killed says that a process ended as one that was told to does.
func killed(err error) bool {
	_, ok := errors.AsType[*exec.ExitError](err)
	return ok
}
