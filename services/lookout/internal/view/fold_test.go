package view_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/lookout/internal/view"
	"github.com/fairlead-batch/fairlead/services/lookout/internal/viewtest"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestGolden folds the scripts of testdata as one stretch, and entry by entry.
func TestGolden(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal(err, files)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			script, _, _ := strings.Cut(string(content), "\n----\n")
			got := strings.TrimSpace(script) + "\n----\n" + trace(t, viewtest.Script(script))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(content), got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func trace(t *testing.T, entries []viewtest.Entry) string {
	t.Helper()
	var out strings.Builder
	together, apart := viewtest.NewRows(), viewtest.NewRows()
	fold := func(rows *viewtest.Rows, entries []viewtest.Entry) {
		changes, err := rows.Fold(entries)
		if err != nil {
			t.Fatal(err)
		}
		dump(&out, changes)
	}
	out.WriteString("together\n")
	fold(together, entries)
	for i := range entries {
		fmt.Fprintf(&out, "entry %d\n", i+1)
		fold(apart, entries[i:i+1])
	}
	if diff := cmp.Diff(together, apart); diff != "" {
		t.Errorf("rows depend on the cut (-together +apart):\n%s", diff)
	}
	return out.String()
}

func dump(out *strings.Builder, c view.Changes) {
	for _, list := range []struct {
		verb string
		rows []*view.Job
	}{{"create", c.Created}, {"update", c.Updated}, {"end", c.Ended}} {
		for _, row := range list.rows {
			fmt.Fprintf(out, "  %s %s", list.verb, name(row.State.ID))
			dumpJob(out, row)
		}
	}
	for _, id := range c.Gone {
		fmt.Fprintf(out, "  gone %s\n", name(id))
	}
	for _, run := range c.Runs {
		fmt.Fprintf(out, "  run of %s:", name(run.Job))
		dumpRun(out, run)
		out.WriteString("\n")
	}
	for _, spec := range c.Specs {
		fmt.Fprintf(out, "  spec %s %q %v\n", name(spec.ID), spec.Bytes, spec.Requests)
	}
	if c.Refused > 0 {
		fmt.Fprintf(out, "  %d refused\n", c.Refused)
	}
}

func name(id job.ID) string { return string(id[15:]) }

func dumpJob(out *strings.Builder, row *view.Job) {
	fmt.Fprintf(out, " %s %s/%s of %s, priority %d, submitted %d, since %d, last %d", row.State.State, row.Queue, row.JobSet, row.Owner,
		row.State.Priority, seconds(row.Submitted), seconds(row.Transitioned), seconds(row.State.Last))
	if row.State.Asked != 0 {
		fmt.Fprintf(out, ", asked %d", row.State.Asked)
	}
	if row.Cancel != (view.Cancel{}) {
		fmt.Fprintf(out, ", cancelled %d by %s: %s", seconds(row.Cancel.At), row.Cancel.User, row.Cancel.Reason)
	}
	if row.Error != "" {
		fmt.Fprintf(out, ", error %q", row.Error)
	}
	if row.State.Run.Releasing {
		out.WriteString(", releasing")
	}
	if len(row.Runs) > 0 {
		out.WriteString(", runs")
		for _, run := range row.Runs {
			fmt.Fprintf(out, " %s", run[14:])
		}
	}
	if row.Run != (view.Run{}) {
		out.WriteString(", now")
		dumpRun(out, row.Run)
	}
	out.WriteString("\n")
}

func dumpRun(out *strings.Builder, run view.Run) {
	fmt.Fprintf(out, " %s %s on %s/%s/%s, leased %d, pending %d, started %d, finished %d", run.ID[14:], run.State, run.Pool, run.Executor, run.Node,
		seconds(run.Leased), seconds(run.Pending), seconds(run.Started), seconds(run.Finished))
	if run.ExitCode != nil {
		fmt.Fprintf(out, ", exit %d", *run.ExitCode)
	}
	if run.Error != "" || run.Category != "" {
		fmt.Fprintf(out, ", %q %s/%s", run.Error, run.Category, run.Subcategory)
	}
}

func seconds(t job.Time) int64 { return int64(t / viewtest.Second) }

// TestAnyCut: however a stretch is cut, the same rows come out.
func TestAnyCut(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		entries := viewtest.Stream(t, 0)
		whole, cut := viewtest.NewRows(), viewtest.NewRows()
		if _, err := whole.Fold(entries); err != nil {
			t.Fatal(err)
		}
		for rest := entries; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "cut")
			if _, err := cut.Fold(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if diff := cmp.Diff(whole, cut); diff != "" {
			t.Errorf("-whole +cut:\n%s", diff)
		}
	})
}

// TestStatesAreThoseOfApply: the state in a row is the fold of the job's events, to
// the microsecond.
func TestStatesAreThoseOfApply(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		entries := viewtest.Stream(t, 0)
		rows, want, refused := viewtest.NewRows(), map[job.ID]job.Job{}, 0
		if _, err := rows.Fold(entries); err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			for _, batch := range entry.Batches {
				for _, e := range batch.Events {
					next, err := job.Apply(want[e.Of().Job], e)
					if err != nil {
						refused++
						continue
					}
					want[e.Of().Job] = next
				}
			}
		}
		if rows.Refused != refused {
			t.Errorf("%d refused, want %d", rows.Refused, refused)
		}
		for id, state := range want {
			row := rows.Unsettled[id]
			state.Last -= state.Last % 1000
			if state.Settled() {
				row, state = rows.Settled[id], view.Shown(state)
			}
			if row == nil || row.State != state {
				t.Errorf("row %+v, want %+v", row, state)
			}
		}
	})
}

// TestRowsBeforeAreNotChanged: they may be a cache's, and the write may fail.
func TestRowsBeforeAreNotChanged(t *testing.T) {
	t.Parallel()
	rows := viewtest.NewRows()
	entries := viewtest.Script("submit a\nlease a r1 n\nlost a r1\nrequeue a r1\n\nlease a r2 n\nack a r2")
	if _, err := rows.Fold(entries[:1]); err != nil {
		t.Fatal(err)
	}
	row := rows.Unsettled[viewtest.Job("a")]
	before := *row
	for range 2 { // the second append to Runs would find the first one's room
		fold := view.New(view.Before{Jobs: []*view.Job{row}})
		fold.Add(entries[1].Batches)
		if c := fold.Changes(); len(c.Updated) != 1 || len(c.Updated[0].Runs) != 2 {
			t.Fatalf("changes %+v", c)
		}
	}
	if diff := cmp.Diff(before, *row); diff != "" {
		t.Errorf("the row before was changed:\n%s", diff)
	}
}
