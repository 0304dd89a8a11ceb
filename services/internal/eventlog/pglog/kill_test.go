package pglog_test

import (
	"io"
	"os"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog/logtest"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog/pglog"
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

// TestReady: that the database went away and came back shows in Ready, and in one
// line of the log each.
func TestReady(t *testing.T) {
	t.Parallel()
	where := serverConfig(t)
	running := server(t, where)
	where.Port = running.Port()
	pool, err := postgres.Open(t.Context(), postgres.Config{URL: running.URL(), Schema: "log"}, postgres.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	lines := make(chan string, 100)
	core := zapcore.NewCore(zapcore.NewJSONEncoder(zapcore.EncoderConfig{}), zapcore.AddSync(io.Discard), zap.InfoLevel)
	logger := zap.New(core, zap.Hooks(func(e zapcore.Entry) error {
		lines <- e.Message
		return nil
	}))
	log, err := pglog.Open(t.Context(), pool, config, pglog.Deps{Log: logger})
	if err != nil {
		t.Fatal(err)
	}
	run(t, log)
	a := openAppender(t, log, eventlog.Author{1})
	write(t, a, fact(events(0), "before"))
	if err := log.Ready(); err != nil {
		t.Errorf("ready: %v", err)
	}
	if err := syscall.Kill(running.Pid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-running.Done()
	if line := <-lines; !strings.Contains(line, "cannot be used") {
		t.Errorf("the log says %q", line)
	}
	if err := log.Ready(); err == nil {
		t.Error("ready without a server")
	}
	server(t, where)
	write(t, a, fact(events(0), "after"))
	if line := <-lines; !strings.Contains(line, "can be used again") {
		t.Errorf("the log says %q", line)
	}
	if err := log.Ready(); err != nil {
		t.Errorf("ready after the server came back: %v", err)
	}
}
