package pgembed

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"go.uber.org/zap"

	"github.com/fairlead-batch/fairlead/services/internal/freeport"
)

const (
	// startAttemptsMax bounds how often one Start starts the server: another
	// process may take the free port that we found, and workers of a server that
	// was killed may need a moment to notice.
	startAttemptsMax = 5

	startRetryWait    = 200 * time.Millisecond
	readyPollInterval = 10 * time.Millisecond
)

// Server is a running Postgres server that belongs to this process. Its methods
// are safe for concurrent use.
type Server struct {
	cfg      Config
	folder   folder
	log      *zap.Logger
	output   *logFile
	process  *process
	port     uint16
	password string
	major    int

	stopOnce sync.Once
	stopping chan struct{} // closed by the first Stop
	done     chan struct{} // closed when the server is gone and the folder is free
	err      error         // valid once done is closed
}

// Start runs a server in cfg.DataDir and returns once it accepts connections.
// The caller stops it. ctx bounds the start alone. Errors: what Config.Validate
// gives, ErrInUse, ErrNoBinaries, *VersionError, and what the system or Postgres
// says, with the end of the server's log.
func Start(ctx context.Context, cfg Config, log *zap.Logger) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("check the configuration of the embedded postgres: %w", err)
	}
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	folder, err := lockFolder(cfg.DataDir)
	if err != nil {
		return nil, err
	}
	server, err := start(ctx, cfg, folder, log)
	if err != nil {
		folder.lock.unlock()
		return nil, fmt.Errorf("start postgres in %s: %w", cfg.DataDir, err)
	}
	return server, nil
}

func start(ctx context.Context, cfg Config, f folder, log *zap.Logger) (*Server, error) {
	major, err := f.major()
	if err != nil {
		return nil, err
	}
	found, err := locate(ctx, cfg, major, log)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, cfg.StartTimeout,
		fmt.Errorf("not done within startTimeout, %s", cfg.StartTimeout))
	defer cancel()
	as, err := serverAccount(f.pgData, cfg.RunAs)
	if err != nil {
		return nil, err
	}
	pidTaken, err := stopLeftover(ctx, f.pgData, cfg.StopTimeout, log)
	if err != nil {
		return nil, err
	}
	if pidTaken {
		if err := disownPidFile(f.pgData, as); err != nil {
			return nil, err
		}
	}
	password, err := f.prepare(ctx, found, as, cfg, log)
	if err != nil {
		return nil, err
	}
	output, err := openLog(filepath.Join(f.dir, "postgres.log"), LogBytesMax)
	if err != nil {
		return nil, err
	}
	s := &Server{
		cfg: cfg, folder: f, log: log, output: output, password: password, major: found.major,
		stopping: make(chan struct{}), done: make(chan struct{}),
	}
	if err := s.launch(ctx, found, as); err != nil {
		output.close()
		return nil, err
	}
	go s.supervise()
	log.Info("postgres accepts connections", zap.Uint16("port", s.port), zap.Int("pid", s.process.pid()),
		zap.Int("postgres_major", s.major), zap.String("data_dir", cfg.DataDir))
	return s, nil
}

// launch starts the server until it is ready, again where a moment's bad luck
// kept it from starting.
func (s *Server) launch(ctx context.Context, b binaries, as account) error {
	for attempt := 1; ; attempt++ {
		err := s.launchOnce(ctx, b, as)
		if err == nil || attempt == startAttemptsMax || ctx.Err() != nil || !s.mayPass() {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(startRetryWait):
		}
	}
}

// mayPass reports whether the server failed for a reason that another attempt
// may not meet. Its exit code is the same for all, and we run it with LC_ALL=C.
func (s *Server) mayPass() bool {
	said := s.output.lastLines()
	portTaken := s.cfg.Port == 0 && strings.Contains(said, "Address already in use")
	return portTaken || strings.Contains(said, "pre-existing shared memory block")
}

func (s *Server) launchOnce(ctx context.Context, b binaries, as account) error {
	s.port = s.cfg.Port
	if s.port == 0 {
		port, err := freeport.Port(ctx)
		if err != nil {
			return err
		}
		s.port = port
	}
	cmd := exec.Command(b.path("postgres"), s.args()...) //nolint:noctx // it outlives the context of the start
	cmd.Dir, cmd.Env = s.folder.pgData, serverEnv(s.folder.pgData)
	cmd.Stdout, cmd.Stderr = s.output, s.output
	// With fsync on the death signal asks for a fast, clean shutdown, so that the
	// next start has nothing to recover. Without there is nothing worth the time.
	cmd.SysProcAttr = as.attributes(syscall.SIGINT)
	if s.cfg.FsyncOff {
		cmd.SysProcAttr = as.attributes(syscall.SIGQUIT)
	}
	p, err := startProcess(cmd)
	if err != nil {
		return err
	}
	s.process = p
	if err := s.awaitReady(ctx); err != nil {
		p.signal(syscall.SIGQUIT)
		s.awaitDeath(quitTimeout)
		return err
	}
	return nil
}

// args are the server's: our settings, under those of the user.
func (s *Server) args() []string {
	settings := map[string]string{
		"listen_addresses":        "127.0.0.1",
		"unix_socket_directories": "", // its path may be longer than a socket's may be
		"jit":                     "off",
		"log_timezone":            "UTC",
		"timezone":                "UTC",
		"max_connections":         "200", // five services with their pools, and their watchers
	}
	if s.cfg.FsyncOff {
		// synchronous_commit stays on: it costs little without fsync, and what was
		// committed survives the death of the server, which tests of faults need.
		maps.Copy(settings, map[string]string{"fsync": "off", "full_page_writes": "off"})
	}
	maps.Copy(settings, s.cfg.Settings)
	args := []string{"-D", s.folder.pgData, "-p", strconv.Itoa(int(s.port))}
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		args = append(args, "-c", name+"="+settings[name])
	}
	return args
}

// awaitReady returns when the server writes into its pid file that it is ready,
// as pg_ctl does: it needs no connection and no password.
func (s *Server) awaitReady(ctx context.Context) error {
	ticker := time.NewTicker(readyPollInterval)
	defer ticker.Stop()
	for {
		file, found, err := readPidFile(s.folder.pgData)
		if err == nil && found && file.ready && file.pid == s.process.pid() {
			return nil
		}
		select {
		case <-s.process.done:
			return fmt.Errorf("postgres ended at its start: %s: %s", s.process.how(), s.output.lastLines())
		case <-ctx.Done():
			return fmt.Errorf("wait for postgres to accept connections: %w: %s", context.Cause(ctx), s.output.lastLines())
		case <-ticker.C:
		}
	}
}

// supervise waits for the server's end and lets go of what it held.
func (s *Server) supervise() {
	<-s.process.done
	select {
	case <-s.stopping:
		s.err = ErrStopped
	default:
		s.err = fmt.Errorf("postgres ended by itself: %s: %s", s.process.how(), s.output.lastLines())
		s.log.Error("postgres ended by itself", zap.String("how", s.process.how()), zap.String("data_dir", s.cfg.DataDir))
	}
	s.output.close()
	s.folder.lock.unlock()
	close(s.done)
}

// Stop ends the server cleanly: open transactions are rolled back, everything is
// written, the folder is free when it returns. When ctx or StopTimeout ends before,
// the server is made to quit at once, which loses no data. It may be called
// again and from several goroutines; all wait for the end. The error says that
// the clean stop failed or that the server had ended by itself before.
func (s *Server) Stop(ctx context.Context) error {
	s.stopOnce.Do(func() {
		close(s.stopping)
		s.process.signal(syscall.SIGINT)
	})
	ctx, cancel := context.WithTimeoutCause(ctx, s.cfg.StopTimeout,
		fmt.Errorf("not done within stopTimeout, %s", s.cfg.StopTimeout))
	defer cancel()
	select {
	case <-s.done:
	case <-ctx.Done():
		s.process.signal(syscall.SIGQUIT)
		s.awaitDeath(quitTimeout)
		<-s.done
		return fmt.Errorf("stop postgres: %w; it was made to quit", context.Cause(ctx))
	}
	if !errors.Is(s.err, ErrStopped) {
		return s.err
	}
	return nil
}

// awaitDeath waits for the process after SIGQUIT and kills it where that is not
// enough. Its workers notice by themselves.
func (s *Server) awaitDeath(within time.Duration) {
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-s.process.done:
	case <-timer.C:
		s.process.signal(syscall.SIGKILL)
		<-s.process.done
	}
}

// Run makes the server a part of a program: it returns nil after ctx is done and
// the server was stopped cleanly, and an error when the server ended by itself.
func (s *Server) Run(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return s.Stop(context.WithoutCancel(ctx))
	case <-s.done:
		return s.Err()
	}
}

// Done is closed when the server is gone, for whatever reason.
func (s *Server) Done() <-chan struct{} { return s.done }

// Err is nil while the server runs, ErrStopped after a stop that was asked for,
// and else says why the server ended.
func (s *Server) Err() error {
	select {
	case <-s.done:
		return s.err
	default:
		return nil
	}
}

// URL is where the server's superuser connects to, password included: keep it
// out of logs.
func (s *Server) URL() string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(superuser, s.password),
		Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(int(s.port))), Path: "/postgres", RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Port is the TCP port on 127.0.0.1 that the server listens on.
func (s *Server) Port() uint16 { return s.port }

// Pid is the process id of the server.
func (s *Server) Pid() int { return s.process.pid() }

// Major is the server's major version, such as 18.
func (s *Server) Major() int { return s.major }
