// Package target is what is measured: processes of the benchmark's own, with a data
// folder of its own.
//
// # Model
//
//	Start         fairlead-standalone: everything in one process
//	StartDatabase its database alone, and on it, by Database.Start, each service as a
//	              process of its own
//
// # Guarantees
//
// [Start] returns when the process says that it serves, [Service.AwaitReady] likewise.
// Fsync is on, the ports are free ones on loopback. Stop, Kill or the end of the
// context of its start end a process; the data folder belongs to the caller, who may
// start it again.
//
// # When it fails
//
// A process that ends before it serves makes its start fail, with the end of what it
// wrote to standard error. One that ends later shows as failed calls.
package target

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Config says what to start.
type Config struct {
	// Binary is fairlead-standalone; the services' programs stand beside it.
	Binary string
	// DataDir is the folder of its data, which the database's user can enter.
	DataDir string
	// Nodes is how many simulated nodes of 32 cores it has.
	Nodes int
	// CPUProfile and AllocProfile are files to write profiles to when it stops; empty:
	// none.
	CPUProfile, AllocProfile string
	// Now is the clock.
	Now func() time.Time
}

// Server is a fairlead-standalone that serves.
type Server struct {
	*Program
	// Address is where it answers gRPC.
	Address string
	// Began is when it was started, ReadyAfter how much later it said that it serves.
	Began      time.Time
	ReadyAfter time.Duration
}

// Start starts a process and waits until it serves, or ctx is done.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	config, err := cfg.write()
	if err != nil {
		return nil, err
	}
	args := []string{"serve", "--config", config, "--data-dir", cfg.DataDir}
	if cfg.CPUProfile != "" {
		args = append(args, "--cpuprofile", cfg.CPUProfile)
	}
	if cfg.AllocProfile != "" {
		args = append(args, "--allocprofile", cfg.AllocProfile)
	}
	began := cfg.Now()
	p, said, err := launch(ctx, cfg.beside("stderr.log"), cfg.Binary, args...)
	if err != nil {
		return nil, err
	}
	rest, err := p.says(said, "Fairlead is up: gRPC on ")
	if err != nil {
		return nil, err
	}
	address, _, _ := strings.Cut(rest, ",")
	return &Server{Program: p, Address: address, Began: began, ReadyAfter: cfg.Now().Sub(began)}, nil
}

// beside is a file beside the data folder.
func (c Config) beside(name string) string { return filepath.Join(filepath.Dir(c.DataDir), name) }

// write writes the configuration of what is measured: the defaults, on so many nodes.
func (c Config) write() (path string, err error) {
	path = c.beside("config.yaml")
	const free = "127.0.0.1:0"
	text := fmt.Sprintf("fsync: true\ngrpc: {address: %q}\nhttp: {address: %q}\nclusters:\n  - name: bench\n    nodes:\n      - %s\n", free, free, nodes(c.Nodes))
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return "", fmt.Errorf("write configuration: %w", err)
	}
	return path, nil
}

// nodes are so many of 32 cores, in YAML.
func nodes(n int) string {
	return fmt.Sprintf(`{name: node, count: %d, resources: {cpu: "32", memory: 256Gi, ephemeral-storage: 1Ti}}`, n)
}
