package pgembed

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// pidFile is what a server says of itself in postmaster.pid.
type pidFile struct {
	pid     int
	dataDir string // as the server was given it
	ready   bool   // it accepts connections
}

// The lines of postmaster.pid that we read, as Postgres' miscadmin.h has them.
const (
	pidLine     = 0
	dataDirLine = 1
	statusLine  = 7
)

func pidPath(pgData string) string { return filepath.Join(pgData, "postmaster.pid") }

// readPidFile returns false if there is none, or only the beginning of one.
func readPidFile(pgData string) (pidFile, bool, error) {
	content, err := os.ReadFile(pidPath(pgData))
	if os.IsNotExist(err) {
		return pidFile{}, false, nil
	}
	if err != nil {
		return pidFile{}, false, fmt.Errorf("read the server's pid file: %w", err)
	}
	lines := strings.Split(string(content), "\n")
	if len(lines) <= dataDirLine+1 {
		return pidFile{}, false, nil
	}
	pid, err := strconv.Atoi(strings.TrimSpace(lines[pidLine]))
	if err != nil || pid <= 0 {
		return pidFile{}, false, fmt.Errorf("read the server's pid file %s: %q is no pid", pidPath(pgData), lines[pidLine])
	}
	f := pidFile{pid: pid, dataDir: lines[dataDirLine]}
	f.ready = len(lines) > statusLine && strings.TrimSpace(lines[statusLine]) == "ready"
	return f, true, nil
}

// disownPidFile writes our own pid into the pid file of a server that is gone,
// whose pid the system has given to another process by now: Postgres would take
// that one for the server and refuse to start. The pid of its own parent it
// takes for stale. The file is not removed, for its line about shared memory is
// how Postgres notices workers of the dead server that are still writing.
func disownPidFile(pgData string, as account) error {
	content, err := os.ReadFile(pidPath(pgData))
	if err != nil {
		return fmt.Errorf("read a stale pid file: %w", err)
	}
	_, rest, _ := strings.Cut(string(content), "\n")
	path := pidPath(pgData)
	if err := os.WriteFile(path+".new", []byte(strconv.Itoa(os.Getpid())+"\n"+rest), 0o600); err != nil {
		return fmt.Errorf("write over a stale pid file: %w", err)
	}
	if err := as.own(path + ".new"); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("replace a stale pid file: %w", err)
	}
	return nil
}
