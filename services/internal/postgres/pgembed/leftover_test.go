package pgembed_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/fairlead-batch/fairlead/services/internal/postgres/pgembed"
)

func alive(pid int) bool { return syscall.Kill(pid, 0) != syscall.ESRCH }

func TestTheServerEndsWithItsProcessHoweverThatEnds(t *testing.T) {
	t.Parallel()
	other := startOther(t, config(t).DataDir)
	other.kill(t)
	eventually(t, "the server of a process that was killed ends", func() bool { return !alive(other.serverPid) })
}

func TestAStartRightAfterTheProcessWasKilledKeepsWhatWasCommitted(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	cfg.FsyncOff = false
	for round := range 3 {
		other := startOther(t, cfg.DataDir)
		execute(t, other.url, "CREATE TABLE jobs_"+strconv.Itoa(round)+" AS SELECT 42 AS n", nil)
		other.kill(t)
		if err := other.cmd.Wait(); err == nil {
			t.Fatal("the process ended by itself")
		}
	}
	server := start(t, cfg)
	if got := query[int](t, server.URL(), "SELECT count(*) FROM jobs_0, jobs_1, jobs_2"); got != 1 {
		t.Errorf("%d rows are left, want 1", got)
	}
}

// bare runs a server that nobody looks after, as after the death of a process on
// a system that does not tell its children.
func bare(t *testing.T, cfg pgembed.Config) *exec.Cmd {
	t.Helper()
	cmd, err := pgembed.BareServer(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }) // it is gone in a test that passes
	return cmd
}

func pidFile(cfg pgembed.Config) string { return filepath.Join(cfg.DataDir, "data", "postmaster.pid") }

func isReady(cfg pgembed.Config) func() bool {
	return func() bool {
		content, _ := os.ReadFile(pidFile(cfg))
		return strings.Contains(string(content), "ready")
	}
}

func TestALeftoverServerIsStopped(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	stop(t, start(t, cfg))
	left := bare(t, cfg)
	eventually(t, "the bare server is ready", isReady(cfg))
	server := start(t, cfg)
	if err := left.Wait(); err != nil {
		t.Errorf("the leftover server was not stopped cleanly: %v", err)
	}
	if got := query[int](t, server.URL(), "SELECT 1"); got != 1 {
		t.Errorf("SELECT 1 = %d", got)
	}
}

func TestALeftoverServerThatDoesNotStopIsMadeToQuit(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	stop(t, start(t, cfg))
	left := bare(t, cfg)
	eventually(t, "the bare server is ready", isReady(cfg))
	// A server that is stopped by SIGSTOP cannot react to SIGINT; SIGQUIT it gets with
	// the SIGCONT below, which stands for a server that was stuck for a while.
	if err := left.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	cfg.StopTimeout = 50 * time.Millisecond
	done := make(chan error, 1)
	go func() { done <- pgembed.StopLeftover(t.Context(), cfg.DataDir, cfg.StopTimeout, zap.NewNop()) }()
	timer := time.NewTimer(300 * time.Millisecond)
	defer timer.Stop()
	select {
	case err := <-done:
		t.Fatalf("StopLeftover() = %v while the server is there", err)
	case <-timer.C:
	}
	if err := left.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Errorf("StopLeftover() = %v", err)
	}
	start(t, cfg)
}

// The machine went down, and after its start another process has the pid that the
// file names. Postgres alone refuses to start then; the other process must live.
func TestAPidThatIsAnothersByNowIsNotTakenForTheServer(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	server := start(t, cfg)
	content, err := os.ReadFile(pidFile(cfg))
	if err != nil {
		t.Fatal(err)
	}
	stop(t, server)
	stranger, err := pgembed.Stranger(t.Context(), cfg, "sleep 600")
	if err != nil {
		t.Fatal(err)
	}
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stranger.Process.Kill(); _ = stranger.Wait() })
	_, rest, _ := strings.Cut(string(content), "\n")
	plant := func() { write(t, pidFile(cfg), strconv.Itoa(stranger.Process.Pid)+"\n"+rest) }

	plant()
	if err := os.Chmod(pidFile(cfg), 0o644); err != nil { // as root we wrote it; the server must read it
		t.Fatal(err)
	}
	if err := bare(t, cfg).Wait(); err == nil {
		t.Fatal("Postgres alone starts: this test proves nothing any more")
	}
	plant()
	start(t, cfg)
	if !alive(stranger.Process.Pid) {
		t.Error("the other process was ended")
	}
}

func TestTheServerOfACopiedFolderIsLeftAlone(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	server := start(t, cfg)
	copied := cfg
	copied.DataDir = filepath.Join(enterableDir(t), "copy")
	if err := os.MkdirAll(filepath.Join(copied.DataDir, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(pidFile(cfg))
	if err != nil {
		t.Fatal(err)
	}
	write(t, pidFile(copied), string(content))
	if err := pgembed.StopLeftover(t.Context(), copied.DataDir, time.Second, zap.NewNop()); err != nil {
		t.Fatal(err)
	}
	if got := query[int](t, server.URL(), "SELECT 1"); got != 1 {
		t.Errorf("the original's server says %d", got)
	}
}
