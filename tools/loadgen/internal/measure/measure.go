// Package measure is the measurements of the whole system, over gRPC, as a user's
// programs and people see it.
//
// # Model
//
// Each [Measurement] starts a standalone process of its own on an empty data folder,
// or the services as processes of their own, loads it, and says figures. [All] is the
// list, in the order in which they run.
//
//	submit    10 clients submit bursts: jobs acknowledged a second
//	latency   one job at a time on an idle system: from submit to each event
//	lives     as many jobs as it takes: whole lives a second, and what one costs
//	views     eventapi and lookout alone, each on a log full of lives, from its beginning
//	takeover  two schedulers, of which the leader is killed: until a job is leased
//	start     with a long queue: how long a start takes, after a stop and a kill
//
// # What the figures hold
//
// CPU is of every process of the server, Postgres' own among them, and of the
// generator, said apart. What all other programs of the machine used meanwhile is
// said with each, for they share its cores. Memory is the peak of what was resident.
//
// # Guarantees
//
// At most [QueuedMax] jobs wait at a time, but in start. No figure fails a
// measurement; a job that ends otherwise than it should does, and so does a call that
// is refused.
//
// # When the server fails
//
// A server that ends, or a job that never does, ends the measurement with an error
// within its time limit. The process and its data folder are removed in any case.
package measure

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/fairlead-batch/fairlead/tools/loadgen/internal/figure"
	"github.com/fairlead-batch/fairlead/tools/loadgen/internal/meter"
	"github.com/fairlead-batch/fairlead/tools/loadgen/internal/target"
)

const (
	// Clients is how many clients load the server at a time, each with a connection,
	// a queue and a job set of its own.
	Clients = 10
	// QueuedMax is the most jobs that are submitted and not ended, but in start.
	QueuedMax = 10_000
	// limit is how long a measurement may take before it is given up.
	limit = 10 * time.Minute
)

// Config says how to measure. Every field is needed but ProfileDir.
type Config struct {
	// Binary is fairlead-standalone.
	Binary string
	// Dir is where data folders are made, on the disk that is to be measured.
	Dir string
	// Nodes is how many simulated nodes of 32 cores there are.
	Nodes int
	// Bursts is how many bursts of [QueuedMax] jobs each size of call submits.
	Bursts int
	// Samples is how many jobs latency submits one after the other.
	Samples int
	// Window is how long lives are counted.
	Window time.Duration
	// Lives is how many are in the log that views reads.
	Lives int
	// Takeovers is how many leaders are killed.
	Takeovers int
	// Queued is how many jobs wait when start starts.
	Queued int
	// Starts is how many starts of each sort there are.
	Starts int
	// ProfileDir is where profiles of each measurement go, of CPU (.pprof) and of what
	// was allocated (.allocs.pprof); empty: none are made.
	ProfileDir string
	// Now is the clock, that of the server as well.
	Now func() time.Time
}

// Measurement is one of the list.
type Measurement struct {
	Name string
	run  func(*bench, context.Context) error
	// apart: it is not of one standalone process, and starts what it measures itself.
	apart bool
}

// All are the measurements.
func All() []Measurement {
	return []Measurement{
		{Name: "submit", run: (*bench).submit},
		{Name: "latency", run: (*bench).latency},
		{Name: "lives", run: (*bench).lives},
		{Name: "views", run: (*bench).views},
		{Name: "takeover", run: (*bench).takeover, apart: true},
		{Name: "start", run: (*bench).start},
	}
}

// Run measures and says the figures. What it made on disk is removed.
func (m Measurement) Run(ctx context.Context, cfg Config, report *figure.Report) (err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	dir, err := os.MkdirTemp(cfg.Dir, "fairlead-bench-")
	if err != nil {
		return fmt.Errorf("make a data folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // the database's own user enters it
		return fmt.Errorf("open the data folder: %w", err)
	}
	b := &bench{name: m.Name, cfg: cfg, dir: dir, report: report}
	defer func() { err = errors.Join(err, b.end()) }()
	if !m.apart {
		if err := b.serve(ctx); err != nil {
			return err
		}
	}
	report.Note("%s", m.Name)
	if err := m.run(b, ctx); err != nil {
		return fmt.Errorf("measure %s: %w", m.Name, err)
	}
	return report.Err()
}

// bench is a measurement in progress. For one goroutine, but its clients.
type bench struct {
	name    string
	cfg     Config
	dir     string
	report  *figure.Report
	server  *target.Server // nil: none is up
	clients []*user
}

// serve starts a server on the data folder and connects the clients.
func (b *bench) serve(ctx context.Context) error {
	cfg := b.target()
	if b.cfg.ProfileDir != "" {
		cfg.CPUProfile = filepath.Join(b.cfg.ProfileDir, b.name+".pprof")
		cfg.AllocProfile = filepath.Join(b.cfg.ProfileDir, b.name+".allocs.pprof")
	}
	server, err := target.Start(ctx, cfg)
	if err != nil {
		return err
	}
	b.server = server
	for i := range Clients {
		u, err := newUser(ctx, server.Address, fmt.Sprintf("bench-%d", i))
		if err != nil {
			return err
		}
		b.clients = append(b.clients, u)
	}
	return nil
}

// target is what is started on the data folder.
func (b *bench) target() target.Config {
	return target.Config{Binary: b.cfg.Binary, DataDir: filepath.Join(b.dir, "data"), Nodes: b.cfg.Nodes, Now: b.cfg.Now}
}

// end disconnects the clients and stops the server, if one is up.
func (b *bench) end() error {
	err := b.disconnect()
	if b.server != nil {
		err = errors.Join(err, b.server.Stop())
		b.server = nil
	}
	return err
}

func (b *bench) disconnect() error {
	var failed error
	for _, u := range b.clients {
		failed = errors.Join(failed, u.client.Close())
	}
	b.clients = nil
	return failed
}

// add says a figure of this measurement.
func (b *bench) add(name string, number float64, unit string) {
	b.report.Add(b.name+": "+name, number, unit)
}

// durations says the points of a distribution.
func (b *bench) durations(name string, d figure.Durations) {
	b.add(name+", p50", figure.Milliseconds(d.Quantile(0.5)), "ms")
	b.add(name+", p99", figure.Milliseconds(d.Quantile(0.99)), "ms")
	b.add(name+", samples", float64(len(d)), "events")
}

// look is the state of all meters at a time.
type look struct {
	at         time.Time
	server     meter.Sample
	self, busy time.Duration
}

func (b *bench) look() (look, error) {
	server, err := meter.Read(b.server.PID, "fairlead-standalone")
	if err != nil {
		return look{}, err
	}
	self, err := meter.Self()
	if err != nil {
		return look{}, err
	}
	busy, err := meter.Busy()
	if err != nil {
		return look{}, err
	}
	return look{at: b.cfg.Now(), server: server, self: self, busy: busy}, nil
}

// spent is what was used between two looks.
type spent struct {
	wall         time.Duration
	roles        map[string]time.Duration
	server, self time.Duration
	// others is what all other programs of the machine used.
	others time.Duration
}

func (l look) since(earlier look) spent {
	s := spent{wall: l.at.Sub(earlier.at), roles: l.server.Since(earlier.server), self: l.self - earlier.self}
	for _, cpu := range s.roles {
		s.server += cpu
	}
	s.others = max(0, l.busy-earlier.busy-s.server-s.self)
	return s
}

// plus adds two that do not overlap.
func (s spent) plus(o spent) spent {
	sum := spent{
		wall: s.wall + o.wall, server: s.server + o.server, self: s.self + o.self, others: s.others + o.others,
		roles: map[string]time.Duration{},
	}
	for _, roles := range []map[string]time.Duration{s.roles, o.roles} {
		for role, cpu := range roles {
			sum.roles[role] += cpu
		}
	}
	return sum
}
