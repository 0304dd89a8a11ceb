package measure

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/fairlead-batch/fairlead/client"
	"github.com/fairlead-batch/fairlead/proto/gen/api"
	"github.com/fairlead-batch/fairlead/tools/loadgen/internal/workload"
)

const (
	// livesCall is how many jobs a call submits.
	livesCall = 100
	// warmUp is how long the load is on before lives are counted.
	warmUp = 5 * time.Second
)

// lives measures whole lives a second: from the submit call to the watcher that sees
// the job succeed. Each client keeps its share of QueuedMax jobs under way, and
// submits as many as ended. The rate is that of the window; the CPU is that of the
// whole load, until every job has ended and the views hold it, so that nothing is put
// off beyond the count.
func (b *bench) lives(ctx context.Context) error {
	load, stop := context.WithCancel(ctx)
	defer stop()
	begin, err := b.look()
	if err != nil {
		return err
	}
	l := &lives{bench: b, over: make(chan struct{})}
	ended := make(chan error, 1)
	go func() { ended <- together(load, b.clients, l.keepBusy) }()
	if err := firstOf(pause(load, warmUp), ended); err != nil {
		return err
	}
	from, atStart := b.cfg.Now(), l.done.Load()
	if err := firstOf(pause(load, b.cfg.Window), ended); err != nil {
		return err
	}
	window, n := b.cfg.Now().Sub(from), l.done.Load()-atStart
	if err := b.memory("under load"); err != nil {
		return err
	}
	close(l.over)
	over := b.cfg.Now()
	if err := <-ended; err != nil {
		return err
	}
	end, err := b.look()
	if err != nil {
		return err
	}
	b.add("whole lives", float64(n)/window.Seconds(), "jobs/s")
	b.add("whole lives, window", window.Seconds(), "s")
	b.add("whole lives, jobs under way", QueuedMax, "jobs")
	b.cost("a life, ", end.since(begin), int(l.done.Load()))
	b.add("from the last call until all have ended and all views hold it", end.at.Sub(over).Seconds(), "s")
	return b.peaks()
}

// lives is the load.
type lives struct {
	*bench
	done atomic.Int64  // jobs that succeeded
	over chan struct{} // closed when no more are to be submitted

	mu sync.Mutex
	// last is where each user's lives end.
	last []lastLife
}

// lastLife is the last job of a user, and the id of the newest event of his job set.
type lastLife struct {
	*user
	job, event string
}

// firstOf is why a load has ended already, else the error of a pause.
func firstOf(paused error, ended <-chan error) error {
	select {
	case err := <-ended:
		return fmt.Errorf("the load has ended: %w", err)
	default:
		return paused
	}
}

// livesSet is the job set of all of them, one in each queue.
const livesSet = "lives"

// keepBusy keeps a user's share of jobs under way until the count is over, waits
// until all have ended, and then until both views know of the last.
func (l *lives) keepBusy(ctx context.Context, u *user) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	jobs := workload.Jobs(workload.Kind{MilliCPU: 100, Runs: 100 * time.Millisecond}, livesCall)
	f := &followed{user: u, free: make(chan struct{}, QueuedMax/Clients/livesCall)}
	for range cap(f.free) {
		f.free <- struct{}{}
	}
	watched := make(chan error, 1)
	go func() { // ends with ctx
		err := l.follow(ctx, f)
		cancel(err)
		watched <- err
	}()
	last, err := l.submitAll(ctx, f, jobs)
	if err != nil {
		cancel(err)
		return errors.Join(err, <-watched)
	}
	for range cap(f.free) { // each call's jobs have ended when its token is back
		select {
		case <-ctx.Done():
			return <-watched
		case <-f.free:
		}
	}
	l.mu.Lock()
	l.last = append(l.last, lastLife{user: u, job: last, event: f.newest})
	l.mu.Unlock()
	if err := untilTold(ctx, u.client, u.queue, f.newest); err != nil {
		return err
	}
	return untilKnown(ctx, u.client, last)
}

// followed is a user and his watcher.
type followed struct {
	*user
	free chan struct{} // a token for each call that may be made
	// newest is the id of the newest event when a token was given. The watcher writes
	// it before it gives one, so it may be read when all tokens are back.
	newest string
}

// submitAll submits a call for each token until the count is over. It returns the id
// of the last job.
func (l *lives) submitAll(ctx context.Context, f *followed, jobs []*api.JobSubmitRequestItem) (string, error) {
	last := ""
	for {
		select {
		case <-ctx.Done():
			return "", context.Cause(ctx)
		case <-l.over:
			return last, nil
		case <-f.free:
		}
		ids, err := f.submit(ctx, livesSet, jobs)
		if err != nil {
			return "", err
		}
		last = ids[len(ids)-1]
	}
}

// askEvery is how often lookout is asked whether it has come to the end.
const askEvery = 50 * time.Millisecond

// untilTold waits until the rows of eventapi hold all there is of a job set of lives, of
// which an event is known: a replay ends only when they do.
func untilTold(ctx context.Context, c *client.Client, queue, event string) error {
	request := client.WatchRequest{Queue: queue, JobSet: livesSet, From: event, Once: true}
	return c.Watch(ctx, request, func(*api.EventStreamMessage) bool { return true })
}

// untilKnown waits until lookout knows that a job has succeeded. It answers at once with
// what it has of a job that it knows, and is Unavailable where it is too far behind to
// say that there is none, so it is asked until it has the end.
func untilKnown(ctx context.Context, c *client.Client, job string) error {
	for {
		answer, err := c.Jobs.GetJobStatus(ctx, &api.JobStatusRequest{JobIds: []string{job}})
		if err != nil && status.Code(err) != codes.Unavailable {
			return fmt.Errorf("ask for job %s: %w", job, err)
		}
		if answer.GetJobStates()[job] == api.JobState_SUCCEEDED {
			return nil
		}
		if err := pause(ctx, askEvery); err != nil {
			return err
		}
	}
}

// follow counts the jobs that succeed, and frees a call for each livesCall of them.
func (l *lives) follow(ctx context.Context, f *followed) error {
	ends, other := 0, error(nil)
	err := f.client.Watch(ctx, client.WatchRequest{Queue: f.queue, JobSet: livesSet}, func(m *api.EventStreamMessage) bool {
		ended, succeeded := workload.Ended(m)
		if !ended {
			return true
		}
		if !succeeded {
			other = fmt.Errorf("a job did not succeed: %v", m.GetMessage())
			return false
		}
		l.done.Add(1)
		if ends++; ends%livesCall == 0 {
			f.newest = m.GetId()
			f.free <- struct{}{} // never blocks: as many tokens as calls
		}
		return true
	})
	return errors.Join(err, other)
}
