package measure

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fairlead-batch/fairlead/client"
	"github.com/fairlead-batch/fairlead/proto/gen/api"
	"github.com/fairlead-batch/fairlead/tools/loadgen/internal/figure"
	"github.com/fairlead-batch/fairlead/tools/loadgen/internal/workload"
)

const (
	// waitingSet is the job set whose jobs wait while the server is started again.
	waitingSet = "waiting"
	// fillCall is how many jobs a call of the filling submits.
	fillCall = 1000
	// settle is how long the server is left alone before it is ended.
	settle = 3 * time.Second
)

// start measures how long a start takes when many jobs wait: after a clean stop, and
// after a kill -9. Ready is when the server says that it serves; leased is when a
// watcher sees the first job placed by the new process.
func (b *bench) start(ctx context.Context) error {
	b.report.Note("start: filling the queues with %d jobs", b.cfg.Queued)
	if err := b.fill(ctx); err != nil {
		return err
	}
	if err := b.memory(fmt.Sprintf("with %d queued", b.cfg.Queued)); err != nil {
		return err
	}
	for _, sort := range []struct {
		name string
		end  func() error
	}{
		{"cold start after a stop", func() error { return b.server.Stop() }},
		{"restart after kill -9", func() error { return b.server.Kill() }},
	} {
		if err := b.starts(ctx, sort.name, sort.end); err != nil {
			return err
		}
	}
	return b.memory("after the last start")
}

// fill submits the jobs, and waits until the views hold them all.
func (b *bench) fill(ctx context.Context) error {
	before, err := b.look()
	if err != nil {
		return err
	}
	jobs, calls := workload.Jobs(whole(), fillCall), max(1, b.cfg.Queued/Clients/fillCall)
	err = together(ctx, b.clients, func(ctx context.Context, u *user) error {
		for range calls {
			if _, err := u.submit(ctx, waitingSet, jobs); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	after, err := b.look()
	if err != nil {
		return err
	}
	used, n := after.since(before), calls*fillCall*Clients
	b.add("filling, acknowledged, calls of 1000", float64(n)/used.wall.Seconds(), "jobs/s")
	b.cost("filling, ", used, n)
	return nil
}

// starts ends the server and starts it again, some times over.
func (b *bench) starts(ctx context.Context, name string, end func() error) error {
	var stopped, ready, leased figure.Durations
	for range b.cfg.Starts {
		last, err := b.last(ctx)
		if err != nil {
			return err
		}
		if err := errors.Join(pause(ctx, settle), b.disconnect()); err != nil {
			return err
		}
		began := b.cfg.Now()
		if err := end(); err != nil {
			return err
		}
		stopped = append(stopped, b.cfg.Now().Sub(began))
		b.server = nil
		if err := b.serve(ctx); err != nil {
			return err
		}
		ready = append(ready, b.server.ReadyAfter)
		first, err := b.firstLease(ctx, last)
		if err != nil {
			return err
		}
		leased = append(leased, first.Sub(b.server.Began))
	}
	say := func(what string, d figure.Durations) {
		b.add(fmt.Sprintf("%s, %s, median of %d", name, what, len(d)), d.Quantile(0.5).Seconds(), "s")
		b.add(name+", "+what+", longest", d.Quantile(1).Seconds(), "s")
	}
	say("process gone", stopped)
	say("until ready", ready)
	say("until a job is leased", leased)
	return nil
}

// last is the id of the newest event of the first user's job set.
func (b *bench) last(ctx context.Context) (string, error) {
	id, u := "", b.clients[0]
	err := u.client.Watch(ctx, client.WatchRequest{Queue: u.queue, JobSet: waitingSet, Once: true}, func(m *api.EventStreamMessage) bool {
		id = m.GetId()
		return true
	})
	return id, err
}

// firstLease waits for the first job that this process leased, and returns when that
// was seen.
func (b *bench) firstLease(ctx context.Context, last string) (time.Time, error) {
	var seen time.Time
	u := b.clients[0]
	err := u.client.Watch(ctx, client.WatchRequest{Queue: u.queue, JobSet: waitingSet, From: last}, func(m *api.EventStreamMessage) bool {
		e, ok := workload.Read(m)
		if ok && e.Kind == "leased" && e.Created.After(b.server.Began) {
			seen = b.cfg.Now()
		}
		return seen.IsZero()
	})
	return seen, err
}
