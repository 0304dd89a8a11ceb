package pgembed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"go.uber.org/zap"
)

const (
	leftoverPollInterval = 20 * time.Millisecond

	// quitTimeout is how long a server may take to die after SIGQUIT. Postgres
	// kills its own workers after five seconds.
	quitTimeout = 15 * time.Second
)

// StopLeftover stops the server that a process which is gone left running in the
// data folder, if there is one, and returns when it is gone. [Start] does this by
// itself; it is for those who are about to delete a data folder. It gives
// ErrInUse where the process that runs the server is alive. stopWithin bounds the
// clean stop, as Config.StopTimeout does.
func StopLeftover(ctx context.Context, dataDir string, stopWithin time.Duration, log *zap.Logger) error {
	folder, err := lockFolder(dataDir)
	if err != nil {
		return err
	}
	defer folder.lock.unlock()
	_, err = stopLeftover(ctx, folder.pgData, stopWithin, log)
	return err
}

// stopLeftover also reports whether there is the pid file of a dead server whose
// pid is another process' by now. The caller holds the folder's lock, so whoever
// started the server is gone.
func stopLeftover(ctx context.Context, pgData string, stopWithin time.Duration, log *zap.Logger) (pidTaken bool, err error) {
	file, found, err := readPidFile(pgData)
	if err != nil || !found || !exists(file.pid) {
		return false, err
	}
	if !runs(ctx, file, pgData) {
		return true, nil
	}
	log.Info("stopping a postgres that an earlier process left behind", zap.Int("pid", file.pid), zap.String("data_dir", pgData))
	for _, step := range []struct {
		signal syscall.Signal
		within time.Duration
	}{{syscall.SIGINT, stopWithin}, {syscall.SIGQUIT, quitTimeout}} {
		if err := syscall.Kill(file.pid, step.signal); errors.Is(err, syscall.ESRCH) {
			return false, nil
		} else if err != nil {
			return false, fmt.Errorf("stop the postgres left behind, pid %d: %w", file.pid, err)
		}
		gone, err := waitGone(ctx, file, pgData, step.within)
		if err != nil {
			return false, fmt.Errorf("wait for the postgres left behind, pid %d: %w", file.pid, err)
		}
		if gone {
			return false, nil
		}
	}
	return false, fmt.Errorf("stop the postgres left behind in %s: pid %d goes on after SIGINT and SIGQUIT: end it by hand", pgData, file.pid)
}

func waitGone(ctx context.Context, file pidFile, pgData string, within time.Duration) (bool, error) {
	ticker := time.NewTicker(leftoverPollInterval)
	defer ticker.Stop()
	timeout := time.NewTimer(within)
	defer timeout.Stop()
	for {
		if !exists(file.pid) || !runs(ctx, file, pgData) {
			return true, nil
		}
		select {
		case <-ctx.Done():
			return false, context.Cause(ctx)
		case <-timeout.C:
			return false, nil
		case <-ticker.C:
		}
	}
}

// exists reports whether some process has the pid, be it a zombie.
func exists(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}

// runs reports whether the process that file names is a server of pgData. A pid
// alone says little: it may have been given to somebody else since, and the
// folder may be a copy of one whose server is alive and none of our business.
func runs(ctx context.Context, file pidFile, pgData string) bool {
	named, err := os.Stat(file.dataDir)
	if err != nil {
		return false
	}
	ours, err := os.Stat(pgData)
	if err != nil || !os.SameFile(named, ours) {
		return false
	}
	command := commandLine(ctx, file.pid)
	return strings.Contains(command, "postgres") && strings.Contains(command, file.dataDir)
}

// commandLine is empty for a process that is gone or a zombie.
func commandLine(ctx context.Context, pid int) string {
	if isDir("/proc/self") {
		line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)) // fails if it is gone
		return string(line)
	}
	line, _ := exec.CommandContext(ctx, "ps", "-o", "command=", "-p", strconv.Itoa(pid)).Output() // the same
	return string(line)
}
