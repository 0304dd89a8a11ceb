// Command executor runs one executor: the hand of Fairlead in one cluster.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/fairlead-batch/fairlead/services/executor/app"
	"github.com/fairlead-batch/fairlead/services/internal/config"
)

func main() {
	var files []string
	flag.Func("config", "a YAML `file`; may be given again, later ones win", func(name string) error {
		files = append(files, name)
		return nil
	})
	flag.Parse()
	if err := serve(files); err != nil {
		fmt.Fprintln(os.Stderr, "executor:", err)
		os.Exit(1)
	}
}

func serve(files []string) error {
	cfg, err := config.Load(app.DefaultConfig(), files, os.Environ())
	if err != nil {
		return fmt.Errorf("load configuration: %w", err)
	}
	log, err := zap.NewProduction()
	if err != nil {
		return fmt.Errorf("make logger: %w", err)
	}
	defer log.Sync() //nolint:errcheck // stderr cannot always be synced
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return app.Run(ctx, cfg, log, prometheus.NewRegistry())
}
