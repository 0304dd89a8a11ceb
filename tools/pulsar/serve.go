package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

const (
	// stopWithin is how long Pulsar may take to stop before it is killed.
	stopWithin = 20 * time.Second
	// askEvery is how often it is asked whether it is healthy.
	askEvery = 200 * time.Millisecond
)

// ready is the line that tells where Pulsar is.
type ready struct {
	ServiceURL string `json:"serviceUrl"`
	AdminURL   string `json:"adminUrl"`
	PID        int    `json:"pid"`
}

// process is a Pulsar that was started.
type process struct {
	command *exec.Cmd
	// ended is closed when it has ended; err says how.
	ended chan struct{}
	err   error
	// output is the file with what it said.
	output string
}

// serve runs Pulsar until ctx is done.
func serve(ctx context.Context, l layout, java string, within time.Duration) error {
	p, err := start(l, java) //nolint:contextcheck // Pulsar is stopped by its own signal, not killed with ctx
	if err != nil {
		return err
	}
	defer p.stop()
	admin := "http://127.0.0.1:" + strconv.Itoa(l.ports.Web)
	if err := p.awaitHealth(ctx, admin, within); err != nil {
		if ctx.Err() != nil {
			return nil // told to stop before it was up
		}
		return err
	}
	line, err := json.Marshal(ready{
		ServiceURL: "pulsar://127.0.0.1:" + strconv.Itoa(l.ports.Broker), AdminURL: admin, PID: p.command.Process.Pid,
	})
	if err != nil {
		return fmt.Errorf("write where Pulsar is: %w", err)
	}
	if _, err := os.Stdout.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("write where Pulsar is: %w", err)
	}
	select {
	case <-ctx.Done():
		return nil
	case <-p.ended:
		return p.fault()
	}
}

// start starts Pulsar in a process group of its own.
func start(l layout, java string) (*process, error) {
	p := &process{ended: make(chan struct{}), output: filepath.Join(l.data, "logs", "output.log")}
	output, err := os.OpenFile(p.output, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open Pulsar's output: %w", err)
	}
	// Metadata in ZooKeeper: with the default, RocksDB, one restart of three after a
	// kill -9 left a bookie that registered itself for ever.
	p.command = exec.CommandContext(context.Background(), filepath.Join(l.home, "bin", "pulsar"), "standalone",
		"--no-functions-worker", "--no-stream-storage",
		"--bookkeeper-dir", filepath.Join(l.data, "bookkeeper"), "--bookkeeper-port", strconv.Itoa(l.ports.Bookie),
		"--zookeeper-dir", filepath.Join(l.data, "zookeeper"), "--zookeeper-port", strconv.Itoa(l.ports.ZooKeeper))
	p.command.Dir, p.command.Stdout, p.command.Stderr = l.data, output, output
	p.command.Env = append(append(quickStart(), os.Environ()...),
		"JAVA_HOME="+javaHome(java),
		"PULSAR_STANDALONE_USE_ZOOKEEPER=1", "PULSAR_STANDALONE_CONF="+l.confPath(),
		"PULSAR_LOG_DIR="+filepath.Join(l.data, "logs"), "PULSAR_LOG_APPENDER=Console", "PULSAR_LOG_LEVEL=warn")
	p.command.SysProcAttr = endsWithUs()
	started := make(chan error)
	go func() {
		// On Linux the child is killed when the thread that started it ends, so the
		// thread stays with it.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.command.Start()
		started <- err
		if err == nil {
			p.err = p.command.Wait()
		}
		_ = output.Close() // the child had its own
		close(p.ended)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start Pulsar: %w", err)
	}
	return p, nil
}

// quickStart is how Java is run where the environment does not say it. With the
// first compiler alone a start takes half the time and CPU, which is most of what a
// test needs; a benchmark sets PULSAR_GC=-XX:+UseG1GC.
func quickStart() []string {
	return []string{
		"PULSAR_MEM=-Xms512m -Xmx1g -XX:MaxDirectMemorySize=1g",
		"PULSAR_GC=-XX:+UseSerialGC -XX:TieredStopAtLevel=1",
	}
}

// javaHome is the folder that Pulsar's script looks for bin/java in.
func javaHome(java string) string {
	if target, err := filepath.EvalSymlinks(java); err == nil {
		java = target
	}
	return filepath.Dir(filepath.Dir(java))
}

// awaitHealth asks the broker until it says that it is well.
func (p *process) awaitHealth(ctx context.Context, admin string, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	ask := time.NewTicker(askEvery)
	defer ask.Stop()
	last := errors.New("it was not asked yet")
	for {
		select {
		case <-p.ended:
			return p.fault()
		case <-ctx.Done():
			return fmt.Errorf("the broker is not healthy within %s: %w; its output is in %s", within, last, p.output)
		case <-ask.C:
		}
		if last = healthy(ctx, admin); last == nil {
			return nil
		}
	}
}

func healthy(ctx context.Context, admin string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, admin+"/admin/v2/brokers/health", nil)
	if err != nil {
		return fmt.Errorf("ask for health: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("ask for health: %w", err)
	}
	defer func() { _ = response.Body.Close() }() // its status is all
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("ask for health: %s", response.Status)
	}
	return nil
}

// errEnded: Pulsar ended and nobody had told it to.
var errEnded = errors.New("the broker ended by itself")

// fault says that Pulsar ended by itself, with the end of what it said.
func (p *process) fault() error {
	if p.err == nil {
		return fmt.Errorf("%w; it said last:\n%s", errEnded, lastOutput(p.output))
	}
	return fmt.Errorf("%w: %w; it said last:\n%s", errEnded, p.err, lastOutput(p.output))
}

// outputShown is how much of Pulsar's output an error shows, in bytes.
const outputShown = 2000

func lastOutput(path string) []byte {
	file, err := os.Open(path)
	if err != nil {
		return []byte(err.Error())
	}
	defer func() { _ = file.Close() }() // it was only read
	if size, err := file.Seek(0, io.SeekEnd); err == nil {
		_, _ = file.Seek(max(0, size-outputShown), io.SeekStart)
	}
	text, err := io.ReadAll(file)
	if err != nil {
		return []byte(err.Error())
	}
	return text
}

// stop ends Pulsar and everything it started. It may have ended before.
func (p *process) stop() {
	group := -p.command.Process.Pid
	_ = syscall.Kill(group, syscall.SIGTERM) // ESRCH: it ended before
	select {
	case <-p.ended:
	case <-time.After(stopWithin):
	}
	_ = syscall.Kill(group, syscall.SIGKILL) // also what outlived its parent
	<-p.ended
}
