// Loadgen measures a Fairlead: it starts a standalone one of its own, loads it over
// gRPC, and prints one line a figure. See package measure for what each figure holds,
// and docs/benchmarks.md for what was measured.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/fairlead-batch/fairlead/tools/loadgen/internal/figure"
	"github.com/fairlead-batch/fairlead/tools/loadgen/internal/measure"
	"github.com/fairlead-batch/fairlead/tools/loadgen/internal/meter"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := command().ExecuteContext(ctx); err != nil {
		os.Exit(1) //nolint:forbidigo,gocritic // main is where a program ends; cobra has printed why
	}
}

func command() *cobra.Command {
	var names []string
	for _, m := range measure.All() {
		names = append(names, m.Name)
	}
	cfg := measure.Config{Now: time.Now} //nolint:forbidigo // the edge where time enters
	cmd := &cobra.Command{
		Use: "loadgen [" + strings.Join(names, "|") + "]...", SilenceUsage: true,
		Short: "Measure a standalone Fairlead; without a name, everything", ValidArgs: names, Args: cobra.OnlyValidArgs,
	}
	flags := cmd.Flags()
	flags.StringVar(&cfg.Binary, "binary", beside("fairlead-standalone"), "the program that is measured")
	flags.StringVar(&cfg.Dir, "dir", os.TempDir(), "folder on the disk that is measured; its files are removed")
	flags.IntVar(&cfg.Nodes, "nodes", 100, "simulated nodes of 32 cores")
	flags.IntVar(&cfg.Bursts, "bursts", 6, "submit: bursts of 10000 jobs for each size of call")
	flags.IntVar(&cfg.Samples, "samples", 200, "latency: jobs that run to their end, one after the other")
	flags.DurationVar(&cfg.Window, "window", 30*time.Second, "lives: how long they are counted")
	flags.IntVar(&cfg.Lives, "lives", 100_000, "views: lives in the log that they read")
	flags.IntVar(&cfg.Takeovers, "takeovers", 5, "takeover: leaders that are killed")
	flags.IntVar(&cfg.Queued, "queued", 100_000, "start: jobs that wait, a multiple of 10000")
	flags.IntVar(&cfg.Starts, "starts", 3, "start: starts of each sort")
	flags.StringVar(&cfg.ProfileDir, "profile", "", "folder for profiles of the server in each measurement, of CPU and of what is allocated")
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return run(cmd.Context(), cmd.OutOrStdout(), cfg, args) }
	return cmd
}

// beside is a program in the folder of this one.
func beside(name string) string {
	self, err := os.Executable()
	if err != nil {
		return name
	}
	return filepath.Join(filepath.Dir(self), name)
}

// run measures what is named, everything when nothing is. A measurement that fails
// does not keep the others from being made.
func run(ctx context.Context, out io.Writer, cfg measure.Config, names []string) error {
	report := figure.NewReport(out)
	if err := facts(report, cfg); err != nil {
		return err
	}
	var failed error
	for _, m := range measure.All() {
		if len(names) > 0 && !slices.Contains(names, m.Name) || ctx.Err() != nil {
			continue
		}
		if err := m.Run(ctx, cfg, report); err != nil {
			failed = errors.Join(failed, err)
			report.Note("%s failed: %v", m.Name, err)
		}
	}
	return errors.Join(failed, report.Err())
}

// facts says what the figures depend on.
func facts(report *figure.Report, cfg measure.Config) error {
	m := meter.ReadMachine()
	report.Note("machine: %d cores, %s, %.0f MiB, Linux %s, %s, load %s", m.Cores, m.Model, figure.MiB(m.MemoryBytes), m.Kernel, m.Go, m.Load)
	onDisk, err := meter.OnDisk(cfg.Dir)
	if err != nil {
		return fmt.Errorf("look for the disk: %w", err)
	}
	if !onDisk {
		report.Note("%s is in memory: fsync costs nothing there, and no figure of what is durable holds", cfg.Dir)
	}
	report.Note("command: %s", strings.Join(os.Args, " "))
	return nil
}
