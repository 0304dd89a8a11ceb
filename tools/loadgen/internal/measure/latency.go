package measure

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/fairlead-batch/fairlead/client"
	"github.com/fairlead-batch/fairlead/proto/gen/api"
	"github.com/fairlead-batch/fairlead/tools/loadgen/internal/figure"
	"github.com/fairlead-batch/fairlead/tools/loadgen/internal/workload"
)

const (
	// quiet is the least time between two jobs, so that the system is idle when the
	// next comes: more than the scheduler's minInterval. Up to as much again is added
	// at random, or every job would meet the timers at the same place.
	quiet = 150 * time.Millisecond
	// latencySet is the job set of all of them, seen by one watcher.
	latencySet = "latency"
)

// scene is what is done with a job of latency.
type scene struct {
	kind workload.Kind
	// at is the event on which act is called; empty: never.
	at  string
	act func(u *user, ctx context.Context, id string) error
	// end is the event that ends it.
	end string
	// part is how many of Samples are of this sort.
	part func(samples int) int
}

// scenes bring about every kind of event that one user can.
func scenes() []scene {
	short := workload.Kind{MilliCPU: 1000, Runs: 50 * time.Millisecond}
	failing, long := short, short
	failing.ExitCode, long.Runs, long.PriorityClass = 1, time.Hour, "armada-preemptible"
	all := func(samples int) int { return samples }
	quarter := func(samples int) int { return (samples + 3) / 4 }
	return []scene{
		{kind: short, end: "succeeded", part: all},
		{kind: failing, end: "failed", part: quarter},
		{kind: long, at: "running", act: (*user).cancelJob, end: "cancelled", part: quarter},
		{kind: long, at: "running", act: (*user).preemptJob, end: "failed", part: quarter}, // the last of preempted, failed
		{kind: long, at: "running", act: (*user).reprioritizeAndCancel, end: "cancelled", part: quarter},
	}
}

// arrival is an event and when the watcher had it.
type arrival struct {
	workload.Event
	at time.Time
}

// latency measures from the submit call to each event, and from the making of each
// event to its arrival, one job at a time.
func (b *bench) latency(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	u := b.clients[0]
	arrivals := make(chan arrival, 1000)
	go func() { cancel(b.follow(ctx, u, arrivals)) }()
	if err := b.idle(ctx); err != nil {
		return err
	}
	seen := map[string]figure.Durations{}
	var acknowledged, running figure.Durations
	before, err := b.look()
	if err != nil {
		return err
	}
	jobs := 0
	for _, s := range scenes() {
		for range s.part(b.cfg.Samples) {
			one, err := b.play(ctx, u, s, arrivals)
			if err != nil {
				return err
			}
			jobs++
			for kind, delay := range one.delays {
				seen[kind] = append(seen[kind], delay)
			}
			acknowledged, running = append(acknowledged, one.acknowledged), append(running, one.running)
		}
	}
	after, err := b.look()
	if err != nil {
		return err
	}
	used := after.since(before)
	b.durations("submit call, one job", acknowledged)
	b.durations("submit call to running seen", running)
	for _, kind := range slices.Sorted(maps.Keys(seen)) {
		b.durations("event made to seen, "+kind, seen[kind])
	}
	b.cost("", used, jobs)
	return nil
}

// idleFor is how long the server is watched doing nothing.
const idleFor = 5 * time.Second

// idle says what the server uses when nobody wants anything of it.
func (b *bench) idle(ctx context.Context) error {
	if err := pause(ctx, settle); err != nil {
		return err
	}
	before, err := b.look()
	if err != nil {
		return err
	}
	if err := pause(ctx, idleFor); err != nil {
		return err
	}
	after, err := b.look()
	if err != nil {
		return err
	}
	used := after.since(before)
	b.add("idle, cores used by the server", share(used.server, used.wall), "cores")
	return nil
}

// follow hands on every event of the job set until ctx is done.
func (b *bench) follow(ctx context.Context, u *user, arrivals chan<- arrival) error {
	return u.client.Watch(ctx, client.WatchRequest{Queue: u.queue, JobSet: latencySet}, func(m *api.EventStreamMessage) bool {
		at := b.cfg.Now()
		e, ok := workload.Read(m)
		if !ok {
			return true
		}
		select {
		case arrivals <- arrival{Event: e, at: at}:
			return true
		case <-ctx.Done():
			return false
		}
	})
}

// told is what one job gave.
type told struct {
	acknowledged, running time.Duration
	delays                map[string]time.Duration // by kind of event
}

// play submits a job of a scene and sees it to its end.
func (b *bench) play(ctx context.Context, u *user, s scene, arrivals <-chan arrival) (told, error) {
	if err := pause(ctx, quiet+rand.N(quiet)); err != nil {
		return told{}, err
	}
	one := told{delays: map[string]time.Duration{}}
	began := b.cfg.Now()
	ids, err := u.submit(ctx, latencySet, workload.Jobs(s.kind, 1))
	if err != nil {
		return told{}, err
	}
	one.acknowledged = b.cfg.Now().Sub(began)
	for {
		var e arrival
		select {
		case <-ctx.Done():
			return told{}, context.Cause(ctx)
		case e = <-arrivals:
		}
		if e.Job != ids[0] {
			return told{}, fmt.Errorf("event %s of job %s while job %s was awaited", e.Kind, e.Job, ids[0])
		}
		one.delays[e.Kind] = e.at.Sub(e.Created)
		if e.Kind == "running" {
			one.running = e.at.Sub(began)
		}
		if e.Kind == s.at {
			if err := s.act(u, ctx, e.Job); err != nil {
				return told{}, err
			}
		}
		if e.Kind == s.end {
			return one, nil
		}
	}
}

func (u *user) cancelJob(ctx context.Context, id string) error {
	_, err := u.client.Submit.CancelJobs(ctx, &api.JobCancelRequest{Queue: u.queue, JobSetId: latencySet, JobIds: []string{id}})
	if err != nil {
		return fmt.Errorf("cancel job %s: %w", id, err)
	}
	return nil
}

func (u *user) preemptJob(ctx context.Context, id string) error {
	_, err := u.client.Submit.PreemptJobs(ctx, &api.JobPreemptRequest{Queue: u.queue, JobSetId: latencySet, JobIds: []string{id}})
	if err != nil {
		return fmt.Errorf("preempt job %s: %w", id, err)
	}
	return nil
}

func (u *user) reprioritizeAndCancel(ctx context.Context, id string) error {
	_, err := u.client.Submit.ReprioritizeJobs(ctx, &api.JobReprioritizeRequest{
		Queue: u.queue, JobSetId: latencySet, JobIds: []string{id}, NewPriority: 1,
	})
	if err != nil {
		return fmt.Errorf("reprioritize job %s: %w", id, err)
	}
	if err := pause(ctx, quiet); err != nil {
		return err
	}
	return u.cancelJob(ctx, id)
}
