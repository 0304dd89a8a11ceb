package pglog_test

import (
	"os"
	"syscall"
	"testing"

	"go.uber.org/zap"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog/logtest"
	"github.com/fairlead-batch/fairlead/services/internal/postgres"
	"github.com/fairlead-batch/fairlead/services/internal/postgres/pgembed"
)

// server starts a server of the test's own, which may be killed.
func server(t testing.TB, config pgembed.Config) *pgembed.Server {
	t.Helper()
	s, err := pgembed.Start(t.Context(), config, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop(t.Context()) })
	return s
}

// serverConfig is that of a server in a folder that is removed after the test.
func serverConfig(t testing.TB) pgembed.Config {
	t.Helper()
	cache, err := pgembed.DefaultCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "pglog-") //nolint:usetesting // where we are root, the server's user could not enter t.TempDir
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	return pgembed.Config{DataDir: dir, CacheDir: cache}
}

// TestServerKilled: Postgres is killed with SIGKILL while it is appended to and
// read, and started again on its data.
func TestServerKilled(t *testing.T) {
	t.Parallel()
	logtest.RunKill(t, func(t *testing.T) logtest.Fixture {
		t.Helper()
		where := serverConfig(t)
		running := server(t, where)
		where.Port = running.Port()
		pool, err := postgres.Open(t.Context(), postgres.Config{URL: running.URL(), Schema: "log"}, postgres.Deps{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(pool.Close)
		return logtest.Fixture{
			Log: startProcess(t, pool, config), Partitions: partitions,
			Kill: func(t *testing.T) (restart func()) {
				t.Helper()
				if err := syscall.Kill(running.Pid(), syscall.SIGKILL); err != nil {
					t.Fatal(err)
				}
				<-running.Done()
				return func() { running = server(t, where) }
			},
		}
	})
}
