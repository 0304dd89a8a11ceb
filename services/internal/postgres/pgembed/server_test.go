package pgembed_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"go.uber.org/zap"

	"github.com/fairlead-batch/fairlead/services/internal/postgres/pgembed"
)

func TestStartStopStartKeepsTheData(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	cfg.FsyncOff = false // as a user has it
	server := start(t, cfg)
	execute(t, server.URL(), "CREATE TABLE jobs AS SELECT 42 AS n", nil)
	for setting, want := range map[string]string{"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "data_checksums": "on"} {
		if got := query[string](t, server.URL(), "SHOW "+setting); got != want {
			t.Errorf("%s = %s, want %s", setting, got, want)
		}
	}
	stop(t, server)
	again := start(t, cfg)
	if got := query[int](t, again.URL(), "SELECT n FROM jobs"); got != 42 {
		t.Errorf("after a restart n = %d, want 42", got)
	}
	log, err := os.ReadFile(filepath.Join(cfg.DataDir, "postgres.log"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(log), "not properly shut down") {
		t.Errorf("the stop was not a clean one:\n%s", log)
	}
}

func TestServerIsForThoseWithThePasswordOnThisMachine(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	server := start(t, cfg)
	wrong, err := pgx.ParseConfig(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	wrong.Password = "guess"
	_, err = pgx.ConnectConfig(t.Context(), wrong)
	var said *pgconn.PgError
	if !errors.As(err, &said) || said.Code != "28P01" {
		t.Errorf("connect with a wrong password: %v, want invalid_password", err)
	}
	if got := query[string](t, server.URL(), "SHOW listen_addresses"); got != "127.0.0.1" {
		t.Errorf("it listens on %s", got)
	}
	info, err := os.Stat(filepath.Join(cfg.DataDir, "password"))
	if err != nil {
		t.Fatal(err)
	}
	if mode := info.Mode().Perm(); mode != 0o600 {
		t.Errorf("the password's file has mode %04o, want 0600", mode)
	}
}

func TestOneProcessAtATimeRunsAFolder(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	other := startOther(t, cfg.DataDir)
	if _, err := pgembed.Start(t.Context(), cfg, zap.NewNop()); !errors.Is(err, pgembed.ErrInUse) || !strings.Contains(err.Error(), cfg.DataDir) {
		t.Errorf("Start() = %v, want ErrInUse with the folder's name", err)
	}
	if err := pgembed.StopLeftover(t.Context(), cfg.DataDir, time.Second, zap.NewNop()); !errors.Is(err, pgembed.ErrInUse) {
		t.Errorf("StopLeftover() = %v, want ErrInUse", err)
	}
	if got := query[int](t, other.url, "SELECT 1"); got != 1 {
		t.Errorf("the other process' server says %d", got)
	}
	other.kill(t)
}

// The server's process group is not ours, else a Ctrl-C at a terminal would stop
// it before those who use it.
func TestCtrlCDoesNotReachTheServer(t *testing.T) {
	t.Parallel()
	server := start(t, config(t))
	theirs, err := syscall.Getpgid(server.Pid())
	if err != nil {
		t.Fatal(err)
	}
	if theirs == syscall.Getpgrp() {
		t.Error("the server is in our process group")
	}
}

func TestStopFromManyGoroutinesEndsAnOpenTransaction(t *testing.T) {
	t.Parallel()
	server := start(t, config(t))
	conn, err := pgx.Connect(t.Context(), server.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.WithoutCancel(t.Context())) })
	if _, err := conn.Begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := server.Err(); err != nil {
		t.Errorf("Err() of a running server = %v, want nil", err)
	}
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			if err := server.Stop(t.Context()); err != nil {
				t.Errorf("Stop() = %v", err)
			}
		})
	}
	all.Wait()
	if err := server.Err(); !errors.Is(err, pgembed.ErrStopped) {
		t.Errorf("Err() = %v, want ErrStopped", err)
	}
}

func TestStopThatHasNoTimeMakesTheServerQuit(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	server := start(t, cfg)
	execute(t, server.URL(), "CREATE TABLE jobs AS SELECT 42 AS n", nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := server.Stop(ctx); err == nil || !errors.Is(err, context.Canceled) {
		t.Errorf("Stop() = %v, want an error with the end of its context", err)
	}
	again := start(t, cfg) // the folder is free, and recovered
	if got := query[int](t, again.URL(), "SELECT n FROM jobs"); got != 42 {
		t.Errorf("after the recovery n = %d, want 42", got)
	}
}

func TestAServerThatDiesIsReportedAndRecovers(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	server := start(t, cfg)
	execute(t, server.URL(), "CREATE TABLE jobs AS SELECT 42 AS n", nil)
	if err := syscall.Kill(server.Pid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := server.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "ended by itself: signal: killed") {
		t.Errorf("Run() = %v, want that it was killed", err)
	}
	if err := server.Stop(t.Context()); err == nil || !strings.Contains(err.Error(), "ended by itself") {
		t.Errorf("Stop() = %v, want that it ended by itself", err)
	}
	again := start(t, cfg)
	if got := query[int](t, again.URL(), "SELECT n FROM jobs"); got != 42 {
		t.Errorf("after the recovery n = %d, want 42", got)
	}
}

func TestRunStopsWhenItIsTold(t *testing.T) {
	t.Parallel()
	server := start(t, config(t))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := server.Run(ctx); err != nil {
		t.Errorf("Run() = %v, want nil", err)
	}
	if err := server.Err(); !errors.Is(err, pgembed.ErrStopped) {
		t.Errorf("Err() = %v, want ErrStopped", err)
	}
}

func TestPortIsTheOneAskedFor(t *testing.T) {
	t.Parallel()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	cfg := config(t)
	cfg.Port = uint16(listener.Addr().(*net.TCPAddr).Port)
	if _, err := pgembed.Start(t.Context(), cfg, zap.NewNop()); err == nil || !strings.Contains(err.Error(), "Address already in use") {
		t.Fatalf("Start() on a port that is taken = %v, want what Postgres says of it", err)
	}
	listener.Close()
	server := start(t, cfg) // a failed start leaves the folder free
	if server.Port() != cfg.Port || query[int](t, server.URL(), "SELECT inet_server_port()") != int(cfg.Port) {
		t.Errorf("it listens on %d, want %d", server.Port(), cfg.Port)
	}
}

func TestSettingsWin(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	cfg.Settings = map[string]string{"max_connections": "17", "jit": "on"}
	server := start(t, cfg)
	if got := query[string](t, server.URL(), "SHOW max_connections"); got != "17" {
		t.Errorf("max_connections = %s, want 17", got)
	}
}

func TestAWrongSettingIsToldInPostgresWords(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	cfg.Settings = map[string]string{"max_conections": "17"}
	if _, err := pgembed.Start(t.Context(), cfg, zap.NewNop()); err == nil || !strings.Contains(err.Error(), "max_conections") {
		t.Errorf("Start() = %v, want an error that names the setting", err)
	}
}

func TestConfigValidate(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		cfg  pgembed.Config
		want []string
	}{
		"least":             {cfg: pgembed.Config{DataDir: "d", CacheDir: "c"}},
		"binaries":          {cfg: pgembed.Config{DataDir: "d", BinariesDir: "b", Version: "17.5.0"}},
		"nothing":           {cfg: pgembed.Config{}, want: []string{"dataDir: ", "cacheDir: "}},
		"major alone":       {cfg: pgembed.Config{DataDir: "d", CacheDir: "c", Version: "18"}, want: []string{"version: "}},
		"too old":           {cfg: pgembed.Config{DataDir: "d", CacheDir: "c", Version: "9.6.0"}, want: []string{"version: "}},
		"no setting":        {cfg: pgembed.Config{DataDir: "d", CacheDir: "c", Settings: map[string]string{"a=b": ""}}, want: []string{"settings: "}},
		"negative timeouts": {cfg: pgembed.Config{DataDir: "d", CacheDir: "c", StartTimeout: -1, StopTimeout: -1, FetchTimeout: -1}, want: []string{"startTimeout: ", "stopTimeout: ", "fetchTimeout: "}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := tc.cfg.Validate()
			if (err != nil) != (len(tc.want) > 0) {
				t.Fatalf("Validate() = %v, want %q", err, tc.want)
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("Validate() = %v, want it to say %q", err, want)
				}
			}
		})
	}
}

func TestStartChecksItsConfiguration(t *testing.T) {
	t.Parallel()
	if _, err := pgembed.Start(t.Context(), pgembed.Config{}, zap.NewNop()); err == nil || !strings.Contains(err.Error(), "dataDir: ") {
		t.Errorf("Start() = %v, want what Validate says", err)
	}
}
