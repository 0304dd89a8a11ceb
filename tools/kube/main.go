package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
)

// options are what the command line says.
type options struct {
	nodes       int
	cpu, memory string
	labels      labels
}

// labels are key=value, as often as the flag is given.
type labels map[string]string

func (l labels) String() string { return fmt.Sprint(map[string]string(l)) }

// Set implements flag.Value.
func (l labels) Set(text string) error {
	key, value, ok := strings.Cut(text, "=")
	if !ok || key == "" {
		return errors.New("must be key=value")
	}
	l[key] = value
	return nil
}

func main() {
	// Children are to die with this process. The kernel ties that to the thread that
	// started them, so it must be one that lives as long: the main thread.
	runtime.LockOSThread()
	opts := options{labels: labels{}}
	flag.IntVar(&opts.nodes, "nodes", 1, "how many `nodes` to create: node-0, node-1 ...")
	flag.StringVar(&opts.cpu, "cpu", "8", "cores of a node, as Kubernetes writes amounts")
	flag.StringVar(&opts.memory, "memory", "32Gi", "memory of a node, as Kubernetes writes amounts")
	flag.Var(opts.labels, "label", "a `key=value` label of every node; may be given again")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, opts); err != nil {
		fmt.Fprintln(os.Stderr, "kube:", err)
		os.Exit(1) //nolint:gocritic // the signals end with the process
	}
}

// run is the cluster's life. It returns nil when it was told to stop.
func run(ctx context.Context, opts options) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // until whoever started us closes it
		cancel()
	}()
	programs, err := build(ctx)
	if err != nil {
		return unlessStopped(ctx, err)
	}
	c, err := newCluster(programs)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	if err := c.start(ctx, opts); err != nil {
		return unlessStopped(ctx, err)
	}
	line, err := json.Marshal(map[string]string{"kubeconfig": c.kubeconfig()})
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	fmt.Println(string(line))
	select {
	case <-ctx.Done():
		return nil
	case p := <-c.ended:
		return p.failure()
	}
}

// unlessStopped is no error where the work was cut short from outside.
func unlessStopped(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// progress tells whoever watches.
func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "kube: "+format+"\n", args...)
}
