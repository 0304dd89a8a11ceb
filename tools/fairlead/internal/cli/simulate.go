package cli

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"github.com/fairlead-batch/fairlead/services/scheduler/simulate"
	"github.com/fairlead-batch/fairlead/services/scheduler/simulate/results"
	"github.com/fairlead-batch/fairlead/tools/fairlead/internal/render"
)

func (a *app) simulate() *cobra.Command {
	o := &simulation{}
	c := &cobra.Command{
		Use:   "simulate --clusters FILES --workloads FILES --output DIR [flags]",
		Short: "Simulate what would run where, and when, under which rules",
		Long: `Run the scheduler on virtual time: which job starts where and when, who is
preempted, how long jobs wait. Nothing is submitted and no server is asked.

Clusters, workloads and configuration are files in the form of Armada's simulator;
the configuration may also be a Fairlead scheduler's. Several of each, by a pattern
in quotes or by repeating the flag, are simulated in each combination, every one into
a folder of its own. docs/simulate.md has the keys, and what is written.

A folder holds runs.parquet (a row a run), shares.parquet (a row a queue and round),
summary.json (the figures) and report.html (plots). Equal files and an equal seed
give equal results.`,
		Example: `  fairlead simulate --clusters examples/simulate/cluster.yaml \
    --workloads examples/simulate/workload.yaml --output /tmp/simulated
  fairlead simulate --clusters 'clusters/*.yaml' --workloads busy.yaml \
    --config today.yaml --config proposed.yaml --output /tmp/compared`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("%q belongs to no flag; put a pattern in quotes ('*.yaml'), or repeat the flag", args[0])
			}
			return nil
		},
	}
	flags := c.Flags()
	flags.StringSliceVar(&o.clusters, "clusters", nil, "files of clusters")
	flags.StringSliceVar(&o.workloads, "workloads", nil, "files of queues and jobs")
	flags.StringSliceVar(&o.configs, "config", nil, "scheduling configurations (default: the scheduler's rules, no limit on starts a second)")
	flags.StringVar(&o.output, "output", "", "folder to write to")
	flags.StringVar(&o.format, "format", "parquet", "how to write tables: parquet or csv")
	flags.BoolVar(&o.overwrite, "overwrite", false, "replace the results in the folder")
	flags.Uint64Var(&o.seed, "seed", 0, "chooses all random times (default: the workload's randomSeed)")
	flags.DurationVar(&o.cycle, "cycle", 0, "least time between two rounds (default: the configuration's, which is 100ms, or 10s for one of Armada's)")
	flags.DurationVar(&o.until, "until", 0, "end after so much simulated time (default: when all is done)")
	for _, name := range []string{"clusters", "workloads", "output"} {
		must(c.MarkFlagRequired(name))
	}
	must(c.RegisterFlagCompletionFunc("format", cobra.FixedCompletions([]string{"parquet", "csv"}, cobra.ShellCompDirectiveNoFileComp)))
	return a.run(c, o, func([]string) {
		o.seeded, o.cycled = flags.Changed("seed"), flags.Changed("cycle")
	})
}

// simulation is what is simulated, and where it is written.
type simulation struct {
	clusters, workloads, configs []string
	output, format               string
	overwrite                    bool
	seed                         uint64
	cycle, until                 time.Duration
	seeded, cycled               bool // the flags were given
}

// Run reads everything, then simulates one after the other.
func (o *simulation) Run(ctx context.Context, out *output) error {
	switch format := results.Format(o.format); {
	case format != results.Parquet && format != results.CSV:
		return usage("--format is %q; it is parquet or csv", o.format)
	case o.output == "":
		return usage("--output is empty")
	case o.cycle < 0 || o.until < 0:
		return usage("--cycle and --until must not be negative")
	}
	runs, err := o.read(out)
	if err != nil {
		return err
	}
	defer debug.SetGCPercent(debug.SetGCPercent(garbage))
	done := make([]*results.Summary, 0, len(runs))
	for i := range runs {
		progress := &simProgress{out: out, run: &runs[i], at: i + 1, of: len(runs)}
		summary, err := o.one(ctx, &runs[i], progress)
		progress.clear()
		if err != nil {
			return err
		}
		done = append(done, summary)
	}
	return o.tell(out, runs, done)
}

// garbage is how much of the memory in use may be garbage before it is collected, in
// percent: a simulation has little that moves, so that a third less memory costs next to
// nothing.
const garbage = 50

// stepsBetween is how many steps are made between two looks at the clock.
const stepsBetween = 16

// one simulates one combination into its folder.
func (o *simulation) one(ctx context.Context, r *simRun, progress *simProgress) (*results.Summary, error) {
	before := usedCPU()
	folder, err := results.Create(r.folder, &r.world, results.Options{Format: results.Format(o.format), Overwrite: o.overwrite})
	if errors.Is(err, results.ErrOccupied) {
		return nil, usage("%s\nName another folder, or --overwrite what an earlier simulation left there.", err)
	}
	if err != nil {
		return nil, err
	}
	summary, err := o.step(ctx, r, folder, progress)
	if err == nil {
		s := results.Summarize(summary, &r.world)
		s.Cluster, s.Workload, s.Config = r.cluster, r.workload, r.config
		s.CPU, s.PeakRSS = (usedCPU() - before).Seconds(), peakMemory()
		if err = folder.Finish(s, summary); err == nil {
			return s, nil
		}
	}
	folder.Abort()
	return nil, fmt.Errorf("simulate %s: %w", r.name, err)
}

// step makes all steps of a simulation.
func (o *simulation) step(ctx context.Context, r *simRun, folder *results.Folder, progress *simProgress) (*simulate.Summary, error) {
	s, err := simulate.New(r.world)
	if err != nil {
		return nil, err
	}
	for more := true; more; {
		for i := 0; more && i < stepsBetween; i++ {
			if more, err = s.Step(folder); err != nil {
				return nil, err
			}
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		progress.show(s)
	}
	summary := s.Summary()
	return &summary, nil
}

// tell writes a row for each combination.
func (o *simulation) tell(out *output, runs []simRun, done []*results.Summary) error {
	t := render.Table{Header: []string{"run", "jobs", "succeeded", "makespan", "wait p50", "wait p99", "preempted", "share error", "cpu"}}
	for i, s := range done {
		t.Rows = append(t.Rows, []string{
			runs[i].name, fmt.Sprint(s.Jobs.Total), fmt.Sprint(s.Jobs.Succeeded),
			simTime(s.Makespan), simTime(s.Wait.P50), simTime(s.Wait.P99), fmt.Sprint(s.Preemptions),
			fmt.Sprintf("%.2f %%", 100*s.ShareError), fmt.Sprintf("%.2fs", s.CPU),
		})
		if left := s.Jobs.Total - s.Jobs.Succeeded; left > 0 {
			out.note("%s: %d jobs did not succeed: %d rejected, %d unfinished, %d queued, %d never submitted; see summary.json",
				runs[i].name, left, s.Jobs.Rejected, s.Jobs.Unfinished, s.Jobs.Queued, s.Jobs.Unsubmitted)
		}
	}
	if err := out.table(t, "nothing was simulated"); err != nil {
		return err
	}
	if len(runs) == 1 {
		out.note("Written to %s; look at %s/report.html.", runs[0].folder, runs[0].folder)
		return nil
	}
	out.note("Written to a folder a run in %s, each with a report.html.", o.output)
	return nil
}

// simTime is simulated seconds as people say them.
func simTime(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	if d >= time.Minute {
		return d.Round(time.Second).String()
	}
	return d.Round(100 * time.Millisecond).String()
}
