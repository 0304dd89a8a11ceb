package measure

import (
	"context"
	"fmt"
	"time"

	"github.com/fairlead-batch/fairlead/tools/loadgen/internal/figure"
	"github.com/fairlead-batch/fairlead/tools/loadgen/internal/workload"
)

// whole are jobs that each want a node to themselves and stay: all but a few wait.
func whole() workload.Kind {
	return workload.Kind{MilliCPU: 32_000, Equal: true, Runs: time.Hour}
}

// submit measures jobs acknowledged a second. Each burst fills the queues, is
// cancelled, and the next begins when all its jobs have ended: what is measured is
// how fast the whole takes them in, with every service at work on them, but not what
// becomes of them later.
func (b *bench) submit(ctx context.Context) error {
	if err := b.memory("idle"); err != nil {
		return err
	}
	for _, size := range []int{100, 1000} {
		if err := b.bursts(ctx, size); err != nil {
			return err
		}
	}
	return b.memory("after submit")
}

func (b *bench) bursts(ctx context.Context, size int) error {
	var sum spent
	var took, calls figure.Durations
	for i := range b.cfg.Bursts {
		jobSet := fmt.Sprintf("burst-%d-%d", size, i)
		before, err := b.look()
		if err != nil {
			return err
		}
		waits, err := b.burst(ctx, jobSet, size)
		if err != nil {
			return err
		}
		after, err := b.look()
		if err != nil {
			return err
		}
		used := after.since(before)
		took, calls, sum = append(took, used.wall), append(calls, waits...), sum.plus(used)
		if err := b.clear(ctx, jobSet, QueuedMax/Clients); err != nil {
			return err
		}
	}
	prefix := fmt.Sprintf("calls of %d, ", size)
	rate := func(d time.Duration) float64 { return QueuedMax / d.Seconds() }
	b.add(prefix+"acknowledged, median burst", rate(took.Quantile(0.5)), "jobs/s")
	b.add(prefix+"acknowledged, fastest burst", rate(took.Quantile(0)), "jobs/s")
	b.add(prefix+"acknowledged, slowest burst", rate(took.Quantile(1)), "jobs/s")
	b.durations(prefix+"one call", calls)
	b.cost(prefix, sum, QueuedMax*b.cfg.Bursts)
	return nil
}

// burst submits QueuedMax jobs in calls of size, and returns how long each call took.
func (b *bench) burst(ctx context.Context, jobSet string, size int) (figure.Durations, error) {
	waits := make(chan time.Duration, QueuedMax/size)
	jobs := workload.Jobs(whole(), size)
	err := together(ctx, b.clients, func(ctx context.Context, u *user) error {
		for range QueuedMax / Clients / size {
			began := b.cfg.Now()
			if _, err := u.submit(ctx, jobSet, jobs); err != nil {
				return err
			}
			waits <- b.cfg.Now().Sub(began)
		}
		return nil
	})
	close(waits)
	var all figure.Durations
	for wait := range waits {
		all = append(all, wait)
	}
	return all, err
}

// clear cancels a job set of every queue, and waits until its jobs have ended.
func (b *bench) clear(ctx context.Context, jobSet string, each int) error {
	return together(ctx, b.clients, func(ctx context.Context, u *user) error {
		if err := u.cancel(ctx, jobSet); err != nil {
			return err
		}
		return u.awaitEnds(ctx, jobSet, each)
	})
}
