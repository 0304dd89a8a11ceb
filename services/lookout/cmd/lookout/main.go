// Command lookout serves what people ask about jobs: api.Jobs.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/fairlead-batch/fairlead/services/internal/config"
	"github.com/fairlead-batch/fairlead/services/lookout/app"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := &cobra.Command{Use: "lookout", Short: "Answer questions about jobs", SilenceUsage: true}
	files := root.PersistentFlags().StringArrayP("config", "c", nil, "configuration file (YAML); the last one wins")
	add := func(use, short string, do func(ctx context.Context, cfg app.ProcessConfig, log *zap.Logger) error) {
		root.AddCommand(&cobra.Command{Use: use, Short: short, Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := config.Load(app.DefaultProcessConfig(), *files, os.Environ())
			if err != nil {
				return err
			}
			log, err := zap.NewProduction()
			if err != nil {
				return fmt.Errorf("make logger: %w", err)
			}
			return do(cmd.Context(), cfg, log)
		}})
	}
	add("serve", "Serve until stopped", func(ctx context.Context, cfg app.ProcessConfig, log *zap.Logger) error {
		return app.Run(ctx, cfg, log, prometheus.NewRegistry())
	})
	add("migrate", "Bring the database up to date and end", app.Migrate)
	if root.ExecuteContext(ctx) != nil { // which has printed it
		os.Exit(1)
	}
}
