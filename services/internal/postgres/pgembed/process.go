package pgembed

import (
	"fmt"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// outputGrace is how long after a process' end its output is still read: a
// grandchild may hold the pipe open.
const outputGrace = 2 * time.Second

// process is a running child, reaped in the background.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when the child is reaped
	err  error         // valid once done is closed
}

// startProcess starts cmd and reaps it when it ends.
func startProcess(cmd *exec.Cmd) (*process, error) {
	cmd.WaitDelay = outputGrace
	p := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		// The death signal belongs to the thread that forked, not to the process:
		// were that thread to end, the server would be stopped for no reason. So one
		// thread is kept for it as long as the child lives.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := cmd.Start(); err != nil {
			started <- fmt.Errorf("start %s: %w", cmd.Path, err)
			return
		}
		started <- nil
		p.err = cmd.Wait()
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// signal sends sig. A child that has ended is no error.
func (p *process) signal(sig syscall.Signal) {
	_ = p.cmd.Process.Signal(sig) // the only failure is "process already finished"
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// how says how the child ended, in the system's words. Valid once done is closed.
func (p *process) how() string { return p.cmd.ProcessState.String() }
