package process

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/fairlead-batch/fairlead/services/internal/config"
)

// Command is a service's program. C is its configuration, a struct that package
// config can load.
type Command[C any] struct {
	// Name is what it is called by, and Short what it does, in one line.
	Name, Short string
	// Defaults are what is used where the operator says nothing.
	Defaults C
	// Serve serves until ctx is done, and returns why a part failed.
	Serve func(ctx context.Context, cfg C, logger *zap.Logger, metrics Registry) error
	// Migrate brings the database up to date. Nil: there is none.
	Migrate func(ctx context.Context, cfg C, logger *zap.Logger) error
}

// Main runs the program as this process was called, until it is over or the process
// is told to end (SIGINT, SIGTERM), and returns the exit code: 0, or 1 when it
// failed, which it has printed.
func Main[C any](command Command[C]) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := command.Execute(ctx, Invocation{Args: os.Args[1:], Environ: os.Environ(), Out: os.Stdout, Err: os.Stderr})
	if err != nil {
		return 1
	}
	return 0
}

// Invocation is how a program was called.
type Invocation struct {
	// Args are the arguments, without the program's name.
	Args []string
	// Environ are variables, in the form of os.Environ.
	Environ []string
	Out     io.Writer
	Err     io.Writer
}

// Execute runs the program until it is over or ctx is done. It prints the error that
// it returns.
func (c Command[C]) Execute(ctx context.Context, call Invocation) error {
	root := &cobra.Command{Use: c.Name, Short: c.Short, SilenceUsage: true, Version: version()}
	root.SetArgs(call.Args)
	root.SetOut(call.Out)
	root.SetErr(call.Err)
	files := root.PersistentFlags().StringArrayP("config", "c", nil, "configuration file (YAML); may be given several times, the last one wins")
	add := func(use, short string, do func(ctx context.Context, cfg C) error) {
		root.AddCommand(&cobra.Command{Use: use, Short: short, Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error {
			cfg, err := config.Load(c.Defaults, *files, call.Environ)
			if err != nil {
				return fmt.Errorf("load configuration: %w", err)
			}
			return do(ctx, cfg)
		}})
	}
	add("serve", "Serve until stopped", logged(func(ctx context.Context, cfg C, logger *zap.Logger) error {
		return c.Serve(ctx, cfg, logger, prometheus.NewRegistry())
	}))
	if c.Migrate != nil {
		add("migrate", "Bring the database up to date and end", logged(c.Migrate))
	}
	add("config", "Print the configuration that is in force", func(_ context.Context, cfg C) error {
		return config.Print(call.Out, cfg)
	})
	root.AddCommand(&cobra.Command{Use: "version", Short: "Print the version", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error {
		_, err := fmt.Fprintln(call.Out, c.Name, version())
		return err
	}})
	return root.ExecuteContext(ctx)
}

// logged gives a logger to what needs one.
func logged[C any](do func(context.Context, C, *zap.Logger) error) func(context.Context, C) error {
	return func(ctx context.Context, cfg C) error {
		logger, err := zap.NewProduction()
		if err != nil {
			return fmt.Errorf("make logger: %w", err)
		}
		defer func() { _ = logger.Sync() }() // standard error cannot always be synced
		return do(ctx, cfg, logger)
	}
}

// version is what the Go toolchain wrote into the program.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return info.Main.Version
}
