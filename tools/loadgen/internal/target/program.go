package target

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// stopWithin is how long a process may take to stop before it is killed.
const stopWithin = time.Minute

// Program is a process that was started, and ends with the context of its start, or by
// Stop or Kill, of which one is called once. It is for one goroutine.
type Program struct {
	// PID is its process.
	PID int

	cmd  *exec.Cmd
	ends chan error
	// log is the file that has what it writes to standard error.
	log string
}

// launch starts a program. said is its standard output, of which the caller reads what
// it is interested in, and then calls followed.
func launch(ctx context.Context, log, binary string, args ...string) (p *Program, said *bufio.Reader, err error) {
	cmd := exec.CommandContext(ctx, binary, args...) //nolint:gosec // the caller names what is measured
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopWithin
	stderr, err := os.Create(log) //nolint:gosec // a file of our own folder
	if err != nil {
		return nil, nil, fmt.Errorf("make a file for its log: %w", err)
	}
	defer func() { _ = stderr.Close() }() // the process has its own
	cmd.Stderr = stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, fmt.Errorf("connect to its output: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, nil, fmt.Errorf("start %s: %w", binary, err)
	}
	return &Program{PID: cmd.Process.Pid, cmd: cmd, ends: make(chan error, 1), log: log}, bufio.NewReader(out), nil
}

// followed waits for the end of the process beside the caller.
func (p *Program) followed(said *bufio.Reader) {
	go func() { // ends with the process
		_, _ = io.Copy(io.Discard, said)
		p.ends <- p.cmd.Wait()
	}()
}

// says waits for a line that begins so, and gives the rest of it. A process that says
// anything else is killed.
func (p *Program) says(said *bufio.Reader, begins string) (string, error) {
	line, err := said.ReadString('\n')
	rest, ok := strings.CutPrefix(strings.TrimSpace(line), begins)
	if err != nil || !ok {
		_ = p.cmd.Process.Kill()
		return "", fmt.Errorf("%s did not serve (%w): %s", p.cmd.Path, p.cmd.Wait(), tail(p.log))
	}
	p.followed(said)
	return rest, nil
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

// Stop asks the process to stop and waits until it has.
func (p *Program) Stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop %s: %w", p.cmd.Path, err)
	}
	timer := time.AfterFunc(stopWithin, func() { _ = p.cmd.Process.Kill() })
	defer timer.Stop()
	if err := <-p.ends; err != nil {
		return fmt.Errorf("stop %s: %w", p.cmd.Path, err)
	}
	return nil
}

// Kill ends the process with SIGKILL and waits until it has ended. A database that it
// started ends by itself, some time later.
func (p *Program) Kill() error {
	if err := p.cmd.Process.Kill(); err != nil {
		return fmt.Errorf("kill %s: %w", p.cmd.Path, err)
	}
	if err := <-p.ends; err != nil && !killed(err) {
		return fmt.Errorf("wait for %s, which was killed: %w", p.cmd.Path, err)
	}
	return nil
}

// killed says that a process ended as one that was told to does.
func killed(err error) bool {
	_, ok := errors.AsType[*exec.ExitError](err)
	return ok
}
