// Command fairlead-standalone is the whole of Fairlead in one process, with
// simulated clusters and a database of its own: nothing to install.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/pprof"
	"syscall"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/fairlead-batch/fairlead/services/internal/config"
	"github.com/fairlead-batch/fairlead/services/standalone/app"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := command().ExecuteContext(ctx); err != nil {
		os.Exit(1) // cobra has printed it
	}
}

func command() *cobra.Command {
	root := &cobra.Command{
		Use: "fairlead-standalone", Short: "All of Fairlead in one process, with simulated clusters", SilenceUsage: true,
	}
	files := root.PersistentFlags().StringArrayP("config", "c", nil, "configuration file (YAML); may be given several times, the last one wins")
	dataDir := root.PersistentFlags().String("data-dir", "", "folder that holds everything (default: see the README)")
	load := func() (app.Config, error) {
		cfg, err := config.Load(app.DefaultConfig(), *files, os.Environ())
		if *dataDir != "" {
			cfg.DataDir = *dataDir
		}
		return cfg, err
	}
	root.AddCommand(
		serve(load),
		database(load),
		&cobra.Command{Use: "config", Short: "Print the configuration that is in force", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := load()
			if err != nil {
				return err
			}
			return config.Print(cmd.OutOrStdout(), cfg)
		}})
	return root
}

func serve(load func() (app.Config, error)) *cobra.Command {
	cmd := &cobra.Command{Use: "serve", Short: "Serve until stopped", Args: cobra.NoArgs}
	profile := cmd.Flags().String("cpuprofile", "", "file to write a CPU profile to (go tool pprof), complete when the process stops")
	allocated := cmd.Flags().String("allocprofile", "", "file to write a profile of all that was allocated to when the process stops")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := load()
		if err != nil {
			return err
		}
		logger, err := zap.NewProduction()
		if err != nil {
			return fmt.Errorf("make logger: %w", err)
		}
		return profiled(*profile, *allocated, func() error {
			return app.Run(cmd.Context(), cfg, logger, prometheus.NewRegistry(), func(at app.Addresses) {
				_, _ = fmt.Fprintf(cmd.OutOrStdout(), "Fairlead is up: gRPC on %s, REST on %s, data in %s\n", at.GRPC, at.HTTP, cfg.DataDir)
			})
		})
	}
	return cmd
}

func database(load func() (app.Config, error)) *cobra.Command {
	return &cobra.Command{
		Use: "database", Short: "Run the database alone until stopped, for the services as processes of their own or to look into it", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := load()
			if err != nil {
				return err
			}
			logger, err := zap.NewProduction()
			if err != nil {
				return fmt.Errorf("make logger: %w", err)
			}
			return app.RunDatabase(cmd.Context(), cfg, logger, func(url string) {
				_, _ = fmt.Fprintf(cmd.OutOrStdout(), "Fairlead's database is up: %s\n", url)
			})
		},
	}
}

// profiled runs f with its CPU profiled into one file and what it allocates into
// another; without a path, just f.
func profiled(cpu, allocated string, f func() error) (err error) {
	if allocated != "" {
		defer func() { err = errors.Join(err, profileTo(allocated, pprof.Lookup("allocs").WriteTo)) }()
	}
	if cpu == "" {
		return f()
	}
	return profileTo(cpu, func(file io.Writer, _ int) error {
		if err := pprof.StartCPUProfile(file); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
		return f()
	})
}

// profileTo makes a file that has a profile written to it.
func profileTo(path string, write func(file io.Writer, debug int) error) (err error) {
	file, err := os.Create(path) //nolint:gosec // the user names it
	if err != nil {
		return fmt.Errorf("make profile: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return write(file, 0)
}
