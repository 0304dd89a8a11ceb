package archcheck_test

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fairlead-batch/fairlead/tools/archcheck"
)

var update = flag.Bool("update", false, "write what is found into testdata")

// TestPlanted checks a small tree for each rule, with faults planted beside what
// looks alike and is fine. A file of testdata holds a story, the findings that
// are wanted, one on a line that begins with "want: ", and the files of the tree.
// All of the project's rules run on each, so what is found must be exactly that.
func TestPlanted(t *testing.T) {
	t.Parallel()
	scripts, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(scripts) == 0 {
		t.Fatal("no planted fault was found", err)
	}
	for _, script := range scripts {
		t.Run(strings.TrimSuffix(filepath.Base(script), ".txt"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(script)
			if err != nil {
				t.Fatal(err)
			}
			head, files := split(string(text))
			story, want := wants(head)
			root := t.TempDir()
			plant(t, root, base)
			plant(t, root, files)

			got := check(t, root)
			if *update {
				write(t, script, story, got, files)
				return
			}
			if !slices.Equal(got, want) {
				t.Errorf("found:\n  %s\nwant:\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
			}
		})
	}
}

// TestEveryReachIsPlanted: a line of the table that no planted fault shows could
// be one that catches nothing.
func TestEveryReachIsPlanted(t *testing.T) {
	t.Parallel()
	scripts, err := filepath.Glob("testdata/reach_*.txt")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, script := range scripts {
		text, err := os.ReadFile(script)
		if err != nil {
			t.Fatal(err)
		}
		_, want := wants(string(text))
		all = append(all, want...)
	}
	for _, reach := range archcheck.Fairlead().Reach {
		if !slices.ContainsFunc(all, func(finding string) bool { return strings.Contains(finding, ": reach: "+reach.Name+": ") }) {
			t.Errorf("%s: nothing in testdata shows that it catches a fault", reach.Name)
		}
	}
}

// check runs the project's rules over a planted tree. Of the stepped cores those
// count that the tree has, and those it says it should have.
func check(t *testing.T, root string) []string {
	t.Helper()
	tree, err := archcheck.Load(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	house := archcheck.Fairlead()
	house.Stepped.Cores = planted(tree, house.Stepped.Cores)
	house.Length.Ratchet = map[string]int{}
	if strings.HasSuffix(t.Name(), "/length") {
		house.Length.Ratchet = map[string]int{"services/long/grown.go": 805, "services/long/kept.go": 805, "services/long/gone.go": 805, "services/long/short.go": 900}
	}
	if strings.HasSuffix(t.Name(), "/stepped_list") {
		house.Stepped.Cores = []archcheck.Core{
			{Path: "services/internal/job", Shell: []string{"gone.go"}},
			{Path: "services/internal/eventlog/gate.go", Planned: true},
			{Path: "services/internal/eventlog/position.go"},
			{Path: "services/eventapi/internal/stream", Planned: true},
		}
	}
	found, err := archcheck.Check(t.Context(), tree, house)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, finding := range found {
		if finding.Instead == "" {
			t.Errorf("%s: no way out is named", finding)
		}
		line, _, _ := strings.Cut(finding.String(), "\n")
		lines = append(lines, line)
	}
	return lines
}

// planted are the cores of the list that are in the tree, none of them planned.
func planted(tree *archcheck.Tree, cores []archcheck.Core) []archcheck.Core {
	var there []archcheck.Core
	for _, core := range cores {
		for _, p := range tree.Packages {
			dir, file := filepath.Split(string(core.Path))
			if string(core.Path) == p.Path || (strings.TrimSuffix(dir, "/") == p.Path && slices.Contains(p.Files, file)) {
				core.Planned = false
				there = append(there, core)
			}
		}
	}
	return there
}

// base is the workspace that every planted tree begins with: the project's
// modules, and a stand-in for each foreign one that a rule names.
const base = `
-- go.work --
go 1.26.0

use (
	./client
	./proto
	./services
	./tools
	./foreign/grpc
	./foreign/k8s
	./foreign/pgx
)
-- client/go.mod --
module github.com/fairlead-batch/fairlead/client

go 1.26.0
-- proto/go.mod --
module github.com/fairlead-batch/fairlead/proto

go 1.26.0
-- services/go.mod --
module github.com/fairlead-batch/fairlead/services

go 1.26.0
-- tools/go.mod --
module github.com/fairlead-batch/fairlead/tools

go 1.26.0
-- foreign/grpc/go.mod --
module google.golang.org/grpc

go 1.26.0
-- foreign/grpc/grpc.go --
package grpc

func Dial() {}
-- foreign/k8s/go.mod --
module k8s.io/api

go 1.26.0
-- foreign/k8s/core/v1/core.go --
package v1

type Pod struct{}
-- foreign/pgx/go.mod --
module github.com/jackc/pgx/v5

go 1.26.0
-- foreign/pgx/pgx.go --
package pgx

func Connect() {}
`

// plant writes files, each led by a line "-- path --", below root.
func plant(t *testing.T, root, files string) {
	t.Helper()
	for part := range strings.SplitSeq("\n"+strings.TrimPrefix(files, "\n"), "\n-- ") {
		name, text, ok := strings.Cut(part, " --\n")
		if !ok {
			continue
		}
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(lengthen(text)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// lengthen puts 800 lines where a text says "// 800 lines".
func lengthen(text string) string {
	return strings.ReplaceAll(text+"\n", "// 800 lines\n", strings.Repeat("// one\n", 800))
}

// split parts a script into its head and its files.
func split(script string) (head, files string) {
	at := strings.Index(script, "\n-- ")
	if at < 0 {
		return script, ""
	}
	return script[:at], script[at:]
}

// wants parts the head of a script into its story and the findings it wants.
func wants(head string) (story string, want []string) {
	var lines []string
	for line := range strings.SplitSeq(head, "\n") {
		if finding, ok := strings.CutPrefix(line, "want: "); ok {
			want = append(want, finding)
		} else {
			lines = append(lines, line)
		}
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n"), want
}

func write(t *testing.T, script, story string, got []string, files string) {
	t.Helper()
	text := story + "\n"
	for _, finding := range got {
		text += "want: " + finding + "\n"
	}
	if err := os.WriteFile(script, []byte(text+strings.TrimPrefix(files, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
}
