package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// stopPatience is how long a child may take to end before it is killed. An apiserver
// with open watches takes 5 to 10 seconds; nothing here is worth waiting for.
const stopPatience = 5 * time.Second

// process is a child.
type process struct {
	name, log string
	cmd       *exec.Cmd
	// done is closed when it has ended.
	done chan struct{}
	err  error
}

// spawn starts a child whose output goes to a file in the folder. It is told of on
// ended when it ends.
func spawn(folder, name string, command []string, ended chan<- *process) (*process, error) {
	path := filepath.Join(folder, name+".log")
	log, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("make log of %s: %w", name, err)
	}
	defer log.Close() //nolint:errcheck // the child has its own
	p := &process{name: name, log: path, cmd: exec.Command(command[0], command[1:]...), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.Dir = log, log, folder
	p.cmd.SysProcAttr = dieWithParent()
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
		ended <- p
	}()
	return p, nil
}

// failure says that it ended by itself, with its last words.
func (p *process) failure() error {
	const lines, most = 20, 16 << 10
	log, _ := os.ReadFile(p.log)
	log = log[max(0, len(log)-most):]
	tail := bytes.Split(bytes.TrimSpace(log), []byte("\n"))
	tail = tail[max(0, len(tail)-lines):]
	return fmt.Errorf("%s ended by itself: %v; its log ends:\n%s", p.name, p.err, bytes.Join(tail, []byte("\n")))
}

// stop ends it and waits.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-p.done:
		return
	case <-time.After(stopPatience):
	}
	_ = p.cmd.Process.Kill()
	<-p.done
}
