package pgtest_test

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fairlead-batch/fairlead/services/internal/postgres/pgtest"
)

// helperEnv makes TestHelper do what other tests want of another test process.
const helperEnv = "FAIRLEAD_TEST_PGTEST_HELPER"

// TestHelper is no test of its own: it prints where its server's data is, and its
// schema's database, and waits for the end of its standard input.
func TestHelper(t *testing.T) { //nolint:paralleltest // alone in its process
	if os.Getenv(helperEnv) == "" {
		t.SkipNow() // in this process it is nobody's helper
	}
	pool := pgtest.Schema(t, queues())
	var dir, database string
	if err := pool.QueryRow(t.Context(), "SELECT current_setting('data_directory'), current_database()").Scan(&dir, &database); err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(os.Stdout, "helper "+dir+" "+database+"\n")
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// helper is another test process.
type helper struct {
	cmd      *exec.Cmd
	stdin    io.Closer
	dir      string // PGDATA of its server
	database string
}

func startHelper(t *testing.T, env ...string) *helper {
	t.Helper()
	h := &helper{cmd: exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestHelper$")}
	h.cmd.Env = append(append(os.Environ(), helperEnv+"=1"), env...)
	h.cmd.Stderr = os.Stderr
	var err error
	if h.stdin, err = h.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := h.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := h.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.cmd.Wait() }) // a second time where the test has waited
	line, err := bufio.NewReader(out).ReadString('\n')
	fields := strings.Fields(line)
	if err != nil || len(fields) != 3 || fields[0] != "helper" {
		t.Fatalf("helper says %q: %v", line, err)
	}
	h.dir, h.database = fields[1], fields[2]
	go func() { _, _ = io.Copy(io.Discard, out) }() // its verdict
	return h
}

// Ends by itself, with Main: nothing is left.
func TestAProcessThatEndsRemovesItsServer(t *testing.T) {
	t.Parallel()
	h := startHelper(t)
	folder := filepath.Dir(h.dir)
	h.stdin.Close()
	if err := h.cmd.Wait(); err != nil {
		t.Fatalf("the helper failed: %v", err)
	}
	if _, err := os.Stat(folder); !os.IsNotExist(err) {
		t.Errorf("its data folder %s is still there: %v", folder, err)
	}
}

// Killed: the server ends by itself, and the next process removes the data.
func TestAProcessThatIsKilledLeavesNothingForLong(t *testing.T) {
	t.Parallel()
	killed := startHelper(t)
	folder := filepath.Dir(killed.dir)
	if err := killed.cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := killed.cmd.Wait(); err == nil {
		t.Fatal("the helper ended by itself")
	}
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	for { // another process may be making its folder, and then nobody sweeps
		next := startHelper(t)
		next.stdin.Close()
		if err := next.cmd.Wait(); err != nil {
			t.Fatalf("the next helper failed: %v", err)
		}
		if _, err := os.Stat(folder); os.IsNotExist(err) {
			return
		}
		select {
		case <-deadline.C:
			t.Fatalf("data folder %s is still there", folder)
		default:
		}
	}
}

func TestAServerThatIsGivenIsUsed(t *testing.T) {
	t.Parallel()
	given := pgtest.URL(t)
	h := startHelper(t, pgtest.URLEnv+"="+given)
	defer h.stdin.Close()
	if !strings.Contains(given, "/"+h.database+"?") {
		t.Errorf("the helper uses database %s, want that of %s", h.database, pgtest.URLEnv)
	}
}
