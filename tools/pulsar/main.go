// Pulsar runs a real Apache Pulsar on this machine for tests and development: it
// fetches the official distribution, starts it on free ports of the loopback, and
// stops it whole.
//
// # Model
//
//	pulsar [--data DIR] [--within 3m]
//
// When the broker is healthy one line of JSON is printed: {"serviceUrl":
// "pulsar://127.0.0.1:…", "adminUrl": "http://127.0.0.1:…", "pid": …}; pid is the
// process of Pulsar itself, which a test may kill. Then the program waits until its
// standard input closes or it gets SIGTERM or SIGINT, and stops Pulsar. So whoever
// starts it holds a pipe to it, and needs to do nothing more.
//
// The distribution comes from Maven and is unpacked once into FAIRLEAD_CACHE, by
// default the user's cache folder with fairlead in it. Bookie and broker sync what
// they acknowledge to disk, so a kill -9 loses nothing acknowledged.
//
// # Data
//
// Data, ports and Pulsar's output are in the folder --data; a later start there
// finds the same data at the same ports. Without --data a temporary folder is made
// and removed.
//
// PULSAR_MEM and PULSAR_GC of the environment are passed on. What stands for them
// is made for quick starts.
//
// # When something fails
//
// Without a Java of 17 or newer, or where Maven is missing and the distribution is
// not in the cache, it ends with exit code 3, so that a test can tell that from a
// fault: 1. A Pulsar that ends by itself ends the program with 1. A program that is
// killed takes Pulsar with it on Linux. Two programs cannot use one data folder.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

const (
	exitFault   = 1
	exitMissing = 3
)

// errMissing: the machine lacks what Pulsar needs.
var errMissing = errors.New("missing")

func main() {
	data := flag.String("data", "", "folder for data, kept; empty: a temporary one")
	within := flag.Duration("within", 3*time.Minute, "how long a start may take, without the fetching")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	ctx, cancel := context.WithCancel(ctx)
	go func() { // ends with the program: a read of standard input cannot be interrupted
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	if err := run(ctx, *data, *within); err != nil {
		fmt.Fprintln(os.Stderr, "pulsar:", err)
		if errors.Is(err, errMissing) {
			os.Exit(exitMissing) //nolint:forbidigo // main is where a program ends
		}
		os.Exit(exitFault) //nolint:forbidigo // as above
	}
}

// run fetches, starts, waits and stops.
func run(ctx context.Context, data string, within time.Duration) error {
	java, err := findJava(ctx)
	if err != nil {
		return err
	}
	home, err := distribution(ctx)
	if err != nil {
		return err
	}
	if data == "" {
		temporary, err := os.MkdirTemp("", "fairlead-pulsar-")
		if err != nil {
			return fmt.Errorf("make data folder: %w", err)
		}
		defer func() { _ = os.RemoveAll(temporary) }() // what stays is in the temporary folder
		data = temporary
	}
	layout, err := prepare(home, data) //nolint:contextcheck // it listens for a moment, which nothing can delay
	if err != nil {
		return err
	}
	defer layout.unlock()
	return serve(ctx, layout, java, within)
}
