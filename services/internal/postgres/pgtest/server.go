package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/fairlead-batch/fairlead/services/internal/postgres/pgembed"
)

const (
	// URLEnv names the environment variable with the URL of a server to use.
	URLEnv = "FAIRLEAD_TEST_POSTGRES_URL"

	// startTimeout bounds the start of the server, with the fetch of its binaries
	// and the wait for another process that is fetching them.
	startTimeout = 5 * time.Minute

	stopTimeout = 20 * time.Second
)

// shared is the server of this process.
//
//nolint:gochecknoglobals // one server a test process is the point
var shared struct {
	start  sync.Once
	url    string
	err    error
	server *pgembed.Server // nil: not started, or not ours
	dir    string          // the server's data folder
}

// serverURL starts the process' server if it is not there.
func serverURL() (string, error) {
	shared.start.Do(func() {
		if shared.url = os.Getenv(URLEnv); shared.url != "" {
			return
		}
		shared.err = startShared()
	})
	return shared.url, shared.err
}

func startShared() error {
	// Not a test's context: the server outlives the test that was the first.
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	cache, err := pgembed.DefaultCacheDir()
	if err != nil {
		return err
	}
	root := filepath.Join(cache, "pgtest")
	if err := os.MkdirAll(root, 0o755); err != nil {
		return fmt.Errorf("make a folder for test servers: %w", err)
	}
	// Shared while we make our folder and lock it, so that nobody takes it for a
	// dead process' in between.
	guard, err := guardFolders(ctx, root)
	if err != nil {
		return err
	}
	defer func() { _ = guard.Close() }() // lets go of the lock
	dir, err := os.MkdirTemp(root, "server-")
	if err != nil {
		return fmt.Errorf("make a folder for a test server: %w", err)
	}
	if err := os.Chmod(dir, 0o711); err != nil { // as root, the server's user passes through
		return fmt.Errorf("open the test server's folder: %w", err)
	}
	server, err := pgembed.Start(ctx, pgembed.Config{
		DataDir: dir, CacheDir: cache, FsyncOff: true,
		Settings: map[string]string{
			"max_connections": "400", // a pool for each parallel test
			"shared_buffers":  "32MB",
			"max_wal_size":    "256MB",
		},
	}, zap.NewNop())
	if err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}
	shared.server, shared.dir, shared.url = server, dir, server.URL()
	return nil
}

// guardFolders removes the folders of processes that are gone, if nobody is
// just making one, and returns the lock that keeps others from doing so.
func guardFolders(ctx context.Context, root string) (*os.File, error) {
	guard, err := os.OpenFile(filepath.Join(root, "lock"), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the lock of test servers: %w", err)
	}
	if syscall.Flock(int(guard.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
		sweep(ctx, root)
	}
	if err := syscall.Flock(int(guard.Fd()), syscall.LOCK_SH); err != nil { // short: a sweep
		_ = guard.Close()
		return nil, fmt.Errorf("lock test servers: %w", err)
	}
	return guard, nil
}

// sweep leaves alone what it cannot remove: the next process tries again.
func sweep(ctx context.Context, root string) {
	dirs, _ := filepath.Glob(filepath.Join(root, "server-*")) // fails on a bad pattern alone
	for _, dir := range dirs {
		if pgembed.StopLeftover(ctx, dir, time.Second, zap.NewNop()) == nil {
			_ = os.RemoveAll(dir)
		}
	}
}

// Main wraps m such that the process' server is stopped and its data removed
// after the last test. Pass it to goleak.VerifyTestMain, or call its Run.
func Main(m *testing.M) interface{ Run() int } { return main{m} }

type main struct{ m *testing.M }

// Run runs the tests and returns their exit code.
func (w main) Run() int {
	code := w.m.Run()
	if err := stopShared(); err != nil {
		fmt.Fprintln(os.Stderr, "pgtest:", err)
		return max(code, 1)
	}
	return code
}

func stopShared() error {
	if shared.server == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	if err := shared.server.Stop(ctx); err != nil {
		return fmt.Errorf("stop the test server: %w", err)
	}
	if err := os.RemoveAll(shared.dir); err != nil {
		return fmt.Errorf("remove the test server's data: %w", err)
	}
	return nil
}
