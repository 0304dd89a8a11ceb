package results_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/fairlead-batch/fairlead/services/scheduler/simulate"
	"github.com/fairlead-batch/fairlead/services/scheduler/simulate/results"
	"github.com/fairlead-batch/fairlead/services/scheduler/simulate/scenario"
)

var update = flag.Bool("update", false, "write the golden files")

const examples = "../../../../examples/simulate/"

// story is a world of small files.
func story(t *testing.T, cluster, workload string) simulate.World {
	t.Helper()
	c, err := scenario.ReadCluster(cluster)
	if err != nil {
		t.Fatal(err)
	}
	w, err := scenario.ReadWorkload(workload)
	if err != nil {
		t.Fatal(err)
	}
	world, err := scenario.Build(c, w, scenario.DefaultRules())
	if err != nil {
		t.Fatal(err)
	}
	return world
}

// simulated is a folder of a whole simulation.
func simulated(t *testing.T, world simulate.World, format results.Format) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "out")
	folder, err := results.Create(path, &world, results.Options{Format: format})
	if err != nil {
		t.Fatal(err)
	}
	s, err := simulate.New(world)
	if err != nil {
		t.Fatal(err)
	}
	for more := true; more; {
		if more, err = s.Step(folder); err != nil {
			t.Fatal(err)
		}
	}
	of := s.Summary()
	sum := results.Summarize(&of, &world)
	sum.Cluster, sum.Workload, sum.Config = "c", "w", "r"
	sum.CPU, sum.PeakRSS = 1.25, 1<<20
	if err := folder.Finish(sum, &of); err != nil {
		t.Fatal(err)
	}
	return path
}

// files are the names and bytes in a folder.
func files(t *testing.T, path string) map[string][]byte {
	t.Helper()
	entries, err := os.ReadDir(path)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	for _, e := range entries {
		raw, err := os.ReadFile(filepath.Join(path, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		out[e.Name()] = raw
	}
	return out
}

// What is written of a small simulation, to the byte; the numbers are those of the stories
// of package simulate: a preempted job that starts again.
func TestGolden(t *testing.T) {
	t.Parallel()
	for name, raw := range files(t, simulated(t, story(t, "testdata/cluster.yaml", "testdata/workload.yaml"), results.CSV)) {
		golden := filepath.Join("testdata", "golden", name)
		if *update {
			if err := os.WriteFile(golden, raw, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(raw, want) {
			t.Errorf("%s: got\n%s\nwant\n%s", name, raw, want)
		}
	}
}

func TestSameSeedSameFiles(t *testing.T) {
	t.Parallel()
	world := story(t, examples+"cluster.yaml", examples+"workload.yaml")
	first, second := files(t, simulated(t, world, results.Parquet)), files(t, simulated(t, world, results.Parquet))
	world.Seed++
	other := files(t, simulated(t, world, results.Parquet))
	if len(first) != 4 {
		t.Fatalf("%d files", len(first))
	}
	for name := range first {
		if !bytes.Equal(first[name], second[name]) {
			t.Errorf("%s differs", name)
		}
		if bytes.Equal(first[name], other[name]) {
			t.Errorf("%s is the same with another seed", name)
		}
	}
}

// Others read the tables: as many rows as there were runs, with the columns as documented.
func TestParquet(t *testing.T) {
	t.Parallel()
	path := simulated(t, story(t, examples+"cluster.yaml", examples+"workload.yaml"), results.Parquet)
	var sum results.Summary
	if err := json.Unmarshal(files(t, path)["summary.json"], &sum); err != nil {
		t.Fatal(err)
	}
	type row struct {
		Job     string  `parquet:"job"`
		Queue   string  `parquet:"queue"`
		Outcome string  `parquet:"outcome"`
		Started float64 `parquet:"started_seconds"`
		Ended   float64 `parquet:"ended_seconds"`
	}
	rows, err := parquet.ReadFile[row](filepath.Join(path, "runs.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	succeeded := uint64(0)
	for _, r := range rows {
		if r.Outcome == "succeeded" {
			succeeded++
		}
		if r.Job == "" || r.Queue == "" || r.Started > r.Ended {
			t.Fatalf("row %+v", r)
		}
	}
	if uint64(len(rows)) != sum.Starts || succeeded != sum.Jobs.Succeeded || sum.Starts != sum.Jobs.Succeeded+sum.Preemptions {
		t.Errorf("%d rows, %d succeeded; summary %+v", len(rows), succeeded, sum)
	}
}

// The report needs nothing but itself.
func TestReport(t *testing.T) {
	t.Parallel()
	page := string(files(t, simulated(t, story(t, examples+"cluster.yaml", examples+"workload.yaml"), results.CSV))["report.html"])
	if found := regexp.MustCompile(`(?i)https?:|src=|<script|@import|url\(`).FindString(page); found != "" {
		t.Errorf("the page asks for more: %q", found)
	}
	for _, want := range []string{"sweep", "service", "pipeline", "ideal share", "</html>"} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in the page", want)
		}
	}
	if strings.Contains(page, "ZgotmplZ") {
		t.Error("the template refused a value")
	}
}

func TestFolder(t *testing.T) {
	t.Parallel()
	world := story(t, "testdata/cluster.yaml", "testdata/workload.yaml")
	path := simulated(t, world, results.CSV)
	if _, err := results.Create(path, &world, results.Options{Format: results.CSV}); !errors.Is(err, results.ErrOccupied) {
		t.Fatalf("got %v", err)
	}
	mine := filepath.Join(path, "notes.txt")
	if err := os.WriteFile(mine, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := results.Create(path, &world, results.Options{Format: results.Parquet, Overwrite: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(path, "runs.csv")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the old table: %v", err)
	}
	again.Abort()
	if left := files(t, path); len(left) != 1 {
		t.Errorf("left: %d files", len(left))
	}
	fresh := filepath.Join(t.TempDir(), "a", "b")
	made, err := results.Create(fresh, &world, results.Options{Format: results.CSV})
	if err != nil {
		t.Fatal(err)
	}
	made.Abort()
	if _, err := os.Stat(fresh); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder is left: %v", err)
	}
}
