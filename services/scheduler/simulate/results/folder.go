package results

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/fairlead-batch/fairlead/services/scheduler/simulate"
)

// ErrOccupied is wrapped where a folder holds files already.
var ErrOccupied = errors.New("holds files already")

// Folder is where a simulation writes. It is a simulate.Recorder. One goroutine.
type Folder struct {
	path   string
	made   bool // the folder was not there
	world  *simulate.World
	runs   *table[runRow]
	shares *table[shareRow]
	cpu    int // the place of cpu among the resources; -1: none
}

// names are the files that a folder may hold.
func names() []string {
	return []string{"runs.parquet", "runs.csv", "shares.parquet", "shares.csv", "summary.json", "report.html"}
}

// Options are how a folder is written.
type Options struct {
	// Format is that of the tables.
	Format Format
	// Overwrite: the files of an earlier simulation go.
	Overwrite bool
}

// Create makes a folder ready for a simulation of a world. Errors: ErrOccupied.
func Create(path string, world *simulate.World, o Options) (*Folder, error) {
	f := &Folder{path: path, world: world, cpu: slices.Index(world.Rules.Resources, "cpu")}
	if err := f.clear(o); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(path, 0o755); err != nil {
		return nil, fmt.Errorf("create folder: %w", err)
	}
	var err error
	if f.runs, err = newTable[runRow](f.file("runs."+string(o.Format)), o.Format); err != nil {
		f.Abort()
		return nil, err
	}
	if f.shares, err = newTable[shareRow](f.file("shares."+string(o.Format)), o.Format); err != nil {
		f.Abort()
		return nil, err
	}
	return f, nil
}

func (f *Folder) file(name string) string { return filepath.Join(f.path, name) }

// clear removes what an earlier simulation left, or refuses to.
func (f *Folder) clear(o Options) error {
	entries, err := os.ReadDir(f.path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		f.made = true
		return nil
	case err != nil:
		return fmt.Errorf("look into the folder: %w", err)
	case len(entries) > 0 && !o.Overwrite:
		return fmt.Errorf("%s %w", f.path, ErrOccupied)
	}
	for _, name := range names() {
		if err := os.Remove(f.file(name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("clear the folder: %w", err)
		}
	}
	return nil
}

// Run implements simulate.Recorder.
func (f *Folder) Run(r simulate.RunRow) error {
	t := &f.world.Templates[r.Template]
	node := &f.world.Nodes[r.Node]
	out := runRow{
		Job: t.ID + "-" + strconv.FormatUint(uint64(r.Number), 10), Attempt: int32(r.Attempt), //nolint:gosec // small
		Queue: string(t.Queue), JobSet: t.JobSet, Class: string(t.Shape.Class), Pool: string(f.world.Rules.Pools[r.Pool]),
		Node: string(node.ID), Outcome: r.Outcome.String(),
		Submitted: seconds(r.Submitted), Started: seconds(r.Started), Ended: seconds(r.Ended), Wait: seconds(r.Wait()),
	}
	if f.cpu >= 0 {
		out.CPU = float64(t.Shape.Request[f.cpu]) / 1000
	}
	return f.runs.add(out)
}

// Shares implements simulate.Recorder.
func (f *Folder) Shares(rows []simulate.ShareRow) error {
	for i := range rows {
		r := &rows[i]
		err := f.shares.add(shareRow{
			Time: seconds(r.At), Round: int64(r.Round), //nolint:gosec // below 2^63
			Pool: string(f.world.Rules.Pools[r.Pool]), Queue: string(f.world.Queues[r.Queue].ID),
			Actual: part(r.Actual), Ideal: part(r.Ideal), Fair: part(r.Fair),
			Running: int64(r.Running), Started: int64(r.Started), Preempted: int64(r.Preempted),
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Finish writes the figures and the report, and closes the tables.
func (f *Folder) Finish(s *Summary, of *simulate.Summary) error {
	if err := errors.Join(f.runs.close(), f.shares.close()); err != nil {
		return err
	}
	if err := s.write(f.file("summary.json")); err != nil {
		return err
	}
	return writeReport(f.file("report.html"), s, of, f.world)
}

// Abort removes what was written so far: a folder without its end is of no use.
func (f *Folder) Abort() {
	if f.runs != nil {
		_ = f.runs.file.Close()
	}
	if f.shares != nil {
		_ = f.shares.file.Close()
	}
	for _, name := range names() {
		_ = os.Remove(f.file(name))
	}
	if f.made {
		_ = os.Remove(f.path)
	}
}
