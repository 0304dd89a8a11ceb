// Fairlead is the command line of Fairlead: queues, submission, events, jobs. See
// package cli for what it guarantees and its exit codes.
package main

import (
	"context"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/fairlead-batch/fairlead/tools/fairlead/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	code := cli.Run(ctx, cli.System{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr,
		Getenv: os.Getenv, Config: config(),
		Now: time.Now, Zone: time.Local, //nolint:forbidigo // the edge where time enters
		Columns: columns, ErrTerminal: term.IsTerminal(int(os.Stderr.Fd())),
		Version: version(),
	}, os.Args[1:])
	os.Exit(code) //nolint:forbidigo // main is where a program ends
}

// config is where the file of contexts is, unless the user names another.
func config() string {
	folder := os.Getenv("XDG_CONFIG_HOME")
	if folder == "" {
		folder = filepath.Join(os.Getenv("HOME"), ".config")
	}
	return filepath.Join(folder, "fairlead", "config.yaml")
}

// columns is the width of standard output; zero where it is no terminal.
func columns() int {
	width, _, err := term.GetSize(int(os.Stdout.Fd()))
	if err != nil {
		return 0
	}
	if width == 0 { // a terminal that does not know
		return 80
	}
	return width
}

// version is what the build knows of itself.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return info.Main.Version
}
