package cli_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

const simExamples = "../../../../examples/simulate/"

// simulated is a call of simulate on the examples, with more flags, into a folder.
func simulated(t *testing.T, s *shell, out string, more ...string) {
	t.Helper()
	s.run(t.Context(), append([]string{
		"simulate", "--clusters", simExamples + "cluster.yaml", "--workloads", simExamples + "workload.yaml", "--output", out,
	}, more...)...)
}

func TestSimulate(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "out")
	s := &shell{}
	simulated(t, s, out, "--config", simExamples+"config.yaml")
	if s.code != 0 || !strings.Contains(s.out.String(), "cluster_workload  1109  1109") || !strings.Contains(s.err.String(), "Written to "+out) {
		t.Fatalf("code %d\n%s%s", s.code, s.out.String(), s.err.String())
	}
	for _, name := range []string{"runs.parquet", "shares.parquet", "summary.json", "report.html"} {
		if info, err := os.Stat(filepath.Join(out, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	s = &shell{}
	simulated(t, s, out)
	if s.code != 2 || !strings.Contains(s.err.String(), "holds files already") || !strings.Contains(s.err.String(), "--overwrite") {
		t.Errorf("again: code %d, %s", s.code, s.err.String())
	}
	s = &shell{columns: 40, errTerminal: true}
	simulated(t, s, out, "--overwrite", "--format", "csv", "--until", "10m", "--seed", "3", "--cycle", "10s")
	if s.code != 0 || !strings.Contains(s.err.String(), "jobs did not succeed") {
		t.Errorf("cut off: code %d, %s", s.code, s.err.String())
	}
	for line := range strings.Lines(s.out.String()) {
		if utf8.RuneCountInString(line) > 80 { // a table of nine columns cannot be narrower
			t.Errorf("wide: %q", line)
		}
	}
	if _, err := os.Stat(filepath.Join(out, "runs.parquet")); err == nil {
		t.Error("the old table is left")
	}
}

// Several files are simulated in each combination, with a folder for each.
func TestSimulateCombinations(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	s := &shell{}
	simulated(t, s, out, "--config", simExamples+"config.yaml", "--config", simExamples+"benchmarks/config-*.yaml")
	if s.code != 0 {
		t.Fatal(s.err.String())
	}
	for _, name := range []string{"cluster_workload_config", "cluster_workload_config-prodlike"} {
		if _, err := os.Stat(filepath.Join(out, name, "summary.json")); err != nil || !strings.Contains(s.out.String(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What is wrong is told before anything is written.
func TestSimulateRefusals(t *testing.T) {
	t.Parallel()
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(bad, []byte("clusters:\n- nam: x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, call := range map[string]struct {
		args []string
		want string
	}{
		"no flags":         {[]string{"simulate"}, `required flag(s) "clusters", "workloads", "output" not set`},
		"wrong flag":       {[]string{"simulate", "--cluster", "x"}, "unknown flag: --cluster"},
		"no such file":     {[]string{"simulate", "--clusters", "nowhere.yaml", "--workloads", "x", "--output", "x"}, "--clusters nowhere.yaml: no such file"},
		"expanded pattern": {[]string{"simulate", "--clusters", "a.yaml", "b.yaml", "--workloads", "x", "--output", "x"}, "put a pattern in quotes"},
		"unknown key":      {[]string{"simulate", "--clusters", bad, "--workloads", "x", "--output", "x"}, "bad.yaml:2: clusters[0].nam: unknown key; did you mean name?"},
		"format":           {[]string{"simulate", "--clusters", bad, "--workloads", "x", "--output", "x", "--format", "xls"}, `--format is "xls"; it is parquet or csv`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &shell{}
			s.run(t.Context(), call.args...)
			if s.code != 2 || !strings.Contains(s.err.String(), call.want) {
				t.Errorf("code %d: %s", s.code, s.err.String())
			}
		})
	}
}

// Who breaks it off finds no half results.
func TestSimulateInterrupted(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	stop()
	out := filepath.Join(t.TempDir(), "out")
	s := &shell{}
	s.run(ctx, "simulate", "--clusters", simExamples+"cluster.yaml", "--workloads", simExamples+"workload.yaml", "--output", out)
	if _, err := os.Stat(out); s.code != 130 || err == nil {
		t.Errorf("code %d, folder: %v; %s", s.code, err, s.err.String())
	}
}
