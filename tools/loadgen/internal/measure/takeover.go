package measure

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/fairlead-batch/fairlead/client"
	"github.com/fairlead-batch/fairlead/proto/gen/api"
	"github.com/fairlead-batch/fairlead/tools/loadgen/internal/figure"
	"github.com/fairlead-batch/fairlead/tools/loadgen/internal/target"
	"github.com/fairlead-batch/fairlead/tools/loadgen/internal/workload"
)

// takeover measures how long the death of the leading scheduler (SIGKILL) holds jobs
// up: from the kill until a job that is submitted right after it is seen leased, and
// running, with each service as a process of its own and two schedulers. It begins anew
// with each death, when the one that died follows again.
func (b *bench) takeover(ctx context.Context) (err error) {
	in, err := b.install(ctx)
	defer func() { err = errors.Join(err, in.stop()) }()
	if err != nil {
		return err
	}
	u, err := newUser(ctx, in.submit.GRPC, "takeover")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, u.client.Close()) }()
	if _, err := b.once(ctx, u, "before"); err != nil { // so that connections are made and caches warm
		return err
	}
	if err := pause(ctx, redialled); err != nil {
		return err
	}
	var leased, running figure.Durations
	for i := range b.cfg.Takeovers {
		leader := in.leader(ctx)
		if leader < 0 {
			return errors.New("not one of two schedulers leads")
		}
		killed := b.cfg.Now()
		if err := in.schedulers[leader].Kill(); err != nil {
			return err
		}
		seen, err := b.once(ctx, u, fmt.Sprintf("death-%d", i))
		if err != nil {
			return err
		}
		leased, running = append(leased, seen.leased.Sub(killed)), append(running, seen.running.Sub(killed))
		if err := in.restart(ctx, leader); err != nil {
			return err
		}
	}
	b.durations("leader killed to a job leased", leased)
	b.durations("leader killed to a job running", running)
	return nil
}

// seenAt is when a watcher saw the events of a job.
type seenAt struct {
	leased, running time.Time
}

// once submits one job to a job set of its own and watches it until it runs.
func (b *bench) once(ctx context.Context, u *user, jobSet string) (seen seenAt, err error) {
	if _, err := u.submit(ctx, jobSet, workload.Jobs(workload.Kind{MilliCPU: 1000, Runs: time.Millisecond}, 1)); err != nil {
		return seenAt{}, err
	}
	err = u.client.Watch(ctx, client.WatchRequest{Queue: u.queue, JobSet: jobSet}, func(m *api.EventStreamMessage) bool {
		e, _ := workload.Read(m)
		switch e.Kind {
		case "leased":
			seen.leased = b.cfg.Now()
		case "running":
			seen.running = b.cfg.Now()
		}
		return seen.running.IsZero()
	})
	return seen, err
}

// installation is the services as processes of their own, as far as they are up.
type installation struct {
	database   *target.Database
	schedulers [2]*target.Service
	submit     *target.Service
	// all are those that are up, in the order of their start.
	all []*target.Service
}

// install starts them on an empty data folder. What is up is returned with an error.
func (b *bench) install(ctx context.Context) (*installation, error) {
	in := &installation{}
	var err error
	if in.database, err = target.StartDatabase(ctx, b.target()); err != nil {
		return in, err
	}
	up := func(s *target.Service, err error) (*target.Service, error) {
		if err == nil {
			in.all = append(in.all, s)
		}
		return s, err
	}
	eventapi, err := up(in.database.Start(ctx, "eventapi", "eventapi", ""))
	if err != nil {
		return in, err
	}
	for i := range in.schedulers {
		if in.schedulers[i], err = up(in.database.Start(ctx, "scheduler", "scheduler", "")); err != nil {
			return in, err
		}
	}
	if _, err := up(in.database.StartExecutor(ctx, in.schedulers[:]...)); err != nil {
		return in, err
	}
	in.submit, err = up(in.database.Start(ctx, target.Submit, "submit",
		fmt.Sprintf("backends: {eventapi: {target: %q}}\nroutes: {api.Event: eventapi}\n", eventapi.GRPC)))
	if err != nil {
		return in, err
	}
	for _, s := range in.all {
		if err := s.AwaitReady(ctx); err != nil {
			return in, err
		}
	}
	return in, nil
}

// redialled is after how long an executor has surely found a scheduler that came (back)
// up: the longest pause of the connection and that of the stream, two seconds each and
// a little at random.
const redialled = 6 * time.Second

// restart starts a scheduler that was killed, and waits until it follows and the
// executor has found it.
func (in *installation) restart(ctx context.Context, i int) error {
	if err := in.schedulers[i].Again(ctx); err != nil {
		return err
	}
	return errors.Join(in.schedulers[i].AwaitReady(ctx), pause(ctx, redialled))
}

// stop stops what is up, the last first.
func (in *installation) stop() error {
	var failed error
	for _, s := range slices.Backward(in.all) {
		failed = errors.Join(failed, s.Stop())
	}
	if in.database == nil {
		return failed
	}
	return errors.Join(failed, in.database.Stop())
}

// leader is the index of the scheduler that leads; below zero: not one of the two does.
func (in *installation) leader(ctx context.Context) int {
	const leads = "fairlead_scheduler_leading 1"
	switch one, other := in.schedulers[0].Shows(ctx, leads), in.schedulers[1].Shows(ctx, leads); {
	case one && !other:
		return 0
	case other && !one:
		return 1
	}
	return -1
}
