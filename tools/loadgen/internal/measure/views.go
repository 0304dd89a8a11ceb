package measure

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/fairlead-batch/fairlead/client"
	"github.com/fairlead-batch/fairlead/tools/loadgen/internal/figure"
	"github.com/fairlead-batch/fairlead/tools/loadgen/internal/meter"
	"github.com/fairlead-batch/fairlead/tools/loadgen/internal/target"
)

// views measures how fast eventapi and lookout take lives in, one after the other and
// each alone on the machine: on a log that holds so many, into a schema that is empty,
// from the start of the process until it answers with the last end of every user.
func (b *bench) views(ctx context.Context) error {
	b.report.Note("views: filling the log with %d lives", b.cfg.Lives)
	l, err := b.livesInLog(ctx)
	if err != nil {
		return err
	}
	if err := b.end(); err != nil {
		return err
	}
	database, err := target.StartDatabase(ctx, b.target())
	if err != nil {
		return err
	}
	all := time.Duration(0)
	for _, v := range []struct {
		name  string
		holds func(context.Context, *client.Client, lastLife) error
	}{
		{"eventapi", func(ctx context.Context, c *client.Client, end lastLife) error {
			return untilTold(ctx, c, end.queue, end.event)
		}},
		{"lookout", func(ctx context.Context, c *client.Client, end lastLife) error { return untilKnown(ctx, c, end.job) }},
	} {
		cpu, err := b.view(ctx, database, v.name, int(l.done.Load()), func(ctx context.Context, c *client.Client) error {
			for _, end := range l.last {
				if err := v.holds(ctx, c, end); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return errors.Join(err, database.Stop())
		}
		all += cpu
	}
	b.add("both, CPU, Postgres included", each(all, int(l.done.Load())), "us/life")
	return database.Stop()
}

// livesInLog loads the server until so many jobs have lived, and all views hold them.
func (b *bench) livesInLog(ctx context.Context) (*lives, error) {
	load, stop := context.WithCancel(ctx)
	defer stop()
	l := &lives{bench: b, over: make(chan struct{})}
	ended := make(chan error, 1)
	go func() { ended <- together(load, b.clients, l.keepBusy) }()
	for int(l.done.Load()) < b.cfg.Lives-QueuedMax { // those under way are still to come
		if err := firstOf(pause(load, askEvery), ended); err != nil {
			return nil, err
		}
	}
	close(l.over)
	return l, <-ended
}

// view has one view read the log, and returns the CPU that it took.
func (b *bench) view(ctx context.Context, database *target.Database, name string, n int, holds func(context.Context, *client.Client) error) (time.Duration, error) {
	before, err := meter.Read(database.PID, "database")
	if err != nil {
		return 0, err
	}
	service, err := database.Start(ctx, name, "bench_"+name, "")
	if err != nil {
		return 0, err
	}
	err = b.taken(ctx, service, holds)
	took := b.cfg.Now().Sub(service.Began)
	if err != nil {
		return 0, errors.Join(err, service.Stop())
	}
	own, err := meter.Read(service.PID, name)
	if err != nil {
		return 0, errors.Join(err, service.Stop())
	}
	if err := service.Stop(); err != nil { // its backends end, and are counted then
		return 0, err
	}
	after, err := meter.Read(database.PID, "database")
	if err != nil {
		return 0, err
	}
	stored := time.Duration(0)
	for _, cpu := range after.Since(before) {
		stored += cpu
	}
	sum := own[name].CPU + stored
	b.add(name+" alone, from an empty schema", float64(n)/took.Seconds(), "lives/s")
	b.add(name+" alone, CPU, "+name, each(own[name].CPU, n), "us/life")
	b.add(name+" alone, CPU, Postgres", each(stored, n), "us/life")
	b.add(name+" alone, cores used", share(sum, took), "cores")
	b.add(name+" alone, memory, peak", figure.MiB(own[name].PeakBytes), "MiB")
	return sum, nil
}

// taken waits until a view holds everything.
func (b *bench) taken(ctx context.Context, service *target.Service, holds func(context.Context, *client.Client) error) (err error) {
	if err := service.AwaitReady(ctx); err != nil {
		return err
	}
	c, err := client.New(service.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return fmt.Errorf("connect to %s: %w", service.Name, err)
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	return holds(ctx, c)
}
