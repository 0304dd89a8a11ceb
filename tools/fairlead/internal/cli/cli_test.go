package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-batch/fairlead/tools/fairlead/internal/cli"
	"github.com/fairlead-batch/fairlead/tools/fairlead/internal/render"
)

var update = flag.Bool("update", false, "write the golden files")

// shell is what a test gives the command line, and what came of it.
type shell struct {
	in          string
	columns     int
	env         map[string]string
	errTerminal bool
	config      string // path of the file of contexts; empty: there is none

	// wrote is called with all of out each time that some was written; nil: not.
	wrote func(out string)

	out, err bytes.Buffer
	code     int
}

// Write writes to out.
func (s *shell) Write(text []byte) (int, error) {
	n, err := s.out.Write(text)
	if s.wrote != nil {
		s.wrote(s.out.String())
	}
	return n, err
}

// run runs one command line.
func (s *shell) run(ctx context.Context, args ...string) {
	config := s.config
	if config == "" {
		config = "/nowhere/config.yaml"
	}
	s.code = cli.Run(ctx, cli.System{
		In: strings.NewReader(s.in), Out: s, Err: &s.err,
		Getenv: func(name string) string { return s.env[name] },
		Config: config, Version: "v0",
		Now:     func() time.Time { return time.Unix(1_800_000_000, 0) },
		Zone:    time.UTC,
		Columns: func() int { return s.columns }, ErrTerminal: s.errTerminal,
	}, args)
}

// golden is all that can be seen of a run, and what the server was sent.
func (s *shell) golden(t *testing.T, p *peer, addr string, args []string) {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "$ fairlead %s\n", strings.Join(args, " "))
	fmt.Fprintf(&b, "-- out\n%s-- err\n%s-- code %d\n", s.out.String(), s.err.String(), s.code)
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.sent {
		plain, err := render.Plain(m)
		if err != nil {
			t.Fatal(err)
		}
		line, err := json.Marshal(plain)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "-- sent %s %s\n", m.ProtoReflect().Descriptor().Name(), line)
	}
	got := strings.ReplaceAll(b.String(), addr, "ADDRESS")
	file := filepath.Join("testdata", strings.ReplaceAll(t.Name(), " ", "_")+".golden")
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("differs from %s (-want +got); -update writes it:\n%s", file, diff)
	}
}

// check is a command line against a scripted server.
type check struct {
	peer    *peer
	args    []string
	in      string
	columns int
}

// golden runs each check and compares it with its file.
func golden(t *testing.T, checks map[string]check) {
	t.Helper()
	for name, tc := range checks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tc.peer == nil {
				tc.peer = &peer{}
			}
			addr := tc.peer.start(t)
			s := &shell{in: tc.in, columns: tc.columns, env: map[string]string{"FAIRLEAD_URL": addr}}
			s.run(t.Context(), tc.args...)
			s.golden(t, tc.peer, addr, tc.args)
		})
	}
}

// words splits a command line at its spaces.
func words(line string) []string { return strings.Fields(line) }
