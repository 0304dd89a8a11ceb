package target

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Database is the embedded database of a data folder, alone.
type Database struct {
	*Program
	cfg Config
	url string
	// started counts the services, so that each has files of its own.
	started int
}

// StartDatabase starts it and waits until it serves, or ctx is done.
func StartDatabase(ctx context.Context, cfg Config) (*Database, error) {
	config, err := cfg.write()
	if err != nil {
		return nil, err
	}
	p, said, err := launch(ctx, cfg.beside("database.log"), cfg.Binary, "database", "--config", config, "--data-dir", cfg.DataDir)
	if err != nil {
		return nil, err
	}
	url, err := p.says(said, "Fairlead's database is up: ")
	if err != nil {
		return nil, err
	}
	return &Database{Program: p, cfg: cfg, url: url}, nil
}

// Service is a service that is a process of its own.
type Service struct {
	*Program
	// Name is its program, GRPC where it answers calls; an executor answers none.
	Name, GRPC string
	// Began is when it was started.
	Began time.Time

	ops          string
	binary, file string
	now          func() time.Time
}

// Start starts a service on the database. schema is where its tables are, extra the
// configuration that is its alone, in YAML. It is not waited for.
func (d *Database) Start(ctx context.Context, name, schema, extra string) (*Service, error) {
	var addresses [2]string
	for i := range addresses {
		var err error
		if addresses[i], err = free(ctx); err != nil {
			return nil, err
		}
	}
	d.started++
	s := &Service{
		Name: name, GRPC: addresses[0], ops: addresses[1], now: d.cfg.Now,
		binary: filepath.Join(filepath.Dir(d.cfg.Binary), name), file: d.cfg.beside(fmt.Sprintf("%s-%d", name, d.started)),
	}
	text := fmt.Sprintf("log: {postgres: {url: %q}}\npostgres: {url: %q, schema: %q}\ngrpc: {address: %q}\nops: {address: %q}\n%s",
		d.url, d.url, schema, s.GRPC, s.ops, extra)
	if name == Submit { // it serves REST, which nobody asks here
		text += "\nhttp: {address: \"127.0.0.1:0\"}\n"
	}
	if name == Executor { // it stands on no database and is called by nobody
		text = fmt.Sprintf("http: {address: %q}\n%s", s.ops, extra)
	}
	if err := os.WriteFile(s.file+".yaml", []byte(text), 0o600); err != nil {
		return nil, fmt.Errorf("write configuration: %w", err)
	}
	return s, s.Again(ctx)
}

// Again starts a service that was stopped or killed, as it was: at the same addresses.
func (s *Service) Again(ctx context.Context) error {
	s.Began = s.now()
	p, said, err := launch(ctx, s.file+".log", s.binary, "serve", "--config", s.file+".yaml")
	if err != nil {
		return err
	}
	p.followed(said)
	s.Program = p
	return nil
}

// Executor is the name of the service that is started by [Database.StartExecutor].
const Executor = "executor"

// Submit is the service at the public address.
const Submit = "submit"

// StartExecutor starts an executor of the simulated nodes, known to schedulers.
func (d *Database) StartExecutor(ctx context.Context, schedulers ...*Service) (*Service, error) {
	var targets []string
	for _, s := range schedulers {
		targets = append(targets, fmt.Sprintf("%q", s.GRPC))
	}
	return d.Start(ctx, Executor, "", fmt.Sprintf("name: bench\nschedulers: [%s]\nsimulated: {nodes: [%s]}\n",
		strings.Join(targets, ", "), nodes(d.cfg.Nodes)))
}

// free is an address on loopback that nobody has, just now.
func free(ctx context.Context) (string, error) {
	lis, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	defer lis.Close()
	return lis.Addr().String(), nil
}

// askEvery is how often a service is asked how it is.
const askEvery = 5 * time.Millisecond

// AwaitReady waits until the service says that it is ready, or ctx is done.
func (s *Service) AwaitReady(ctx context.Context) error {
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	for {
		code, text := s.get(ctx, "/readyz")
		if code == http.StatusNoContent {
			return nil
		}
		select {
		case err := <-s.ends:
			s.ends <- err // for Stop
			return fmt.Errorf("%s ended (%w): %s", s.Name, errors.Join(err), tail(s.log))
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready (%s): %w", s.Name, text, context.Cause(ctx))
		case <-tick.C:
		}
	}
}

// Shows says whether a line stands in the service's metrics now.
func (s *Service) Shows(ctx context.Context, line string) bool {
	_, text := s.get(ctx, "/metrics")
	return strings.Contains(text, "\n"+line+"\n")
}

// get asks the service's port for operators; code 0: it does not answer.
func (s *Service) get(ctx context.Context, path string) (code int, text string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.ops+path, http.NoBody)
	if err != nil {
		return 0, err.Error()
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 5 * time.Second}
	resp, err := client.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = resp.Body.Close() }() // it was read, or is given up
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(body)
}
