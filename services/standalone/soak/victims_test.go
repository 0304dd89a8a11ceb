package soak_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"time"

	"github.com/fairlead-batch/fairlead/services/standalone/processtest"
)

// victim is a process that is killed and started again.
type victim struct {
	name    string
	kill    func() error
	restart func(ctx context.Context) error
	// pause and resume are nil where it cannot be stopped as a whole.
	pause, resume func() error
	// service is nil for broker and database.
	service *processtest.Service
	// killed and paused count; ended counts ends that nobody ordered.
	killed, paused, ended int
}

// victims are the services and what keeps the log.
func (b *bed) victims() []*victim {
	var all []*victim
	for _, s := range b.services() {
		all = append(all, &victim{name: s.Name, kill: s.Kill, pause: s.Pause, resume: s.Resume, service: s, restart: func(ctx context.Context) error {
			if err := s.Restart(ctx); err != nil {
				return err
			}
			ctx, cancel := context.WithTimeoutCause(ctx, upWithin, fmt.Errorf("not within %s", upWithin))
			defer cancel()
			return s.AwaitReady(ctx)
		}})
	}
	if b.broker != nil {
		return append(all, &victim{
			name: "pulsar", kill: b.broker.Kill, restart: b.broker.Restart,
			pause:  func() error { return syscall.Kill(b.broker.PID, syscall.SIGSTOP) },
			resume: func() error { return syscall.Kill(b.broker.PID, syscall.SIGCONT) },
		})
	}
	return append(all, b.databaseVictim())
}

func (b *bed) databaseVictim() *victim {
	return &victim{name: "postgres", kill: b.db.kill, restart: b.db.restart}
}

// die kills a victim, leaves it dead for a while, and starts it again.
func (v *victim) die(ctx context.Context, dead time.Duration) error {
	if err := v.kill(); err != nil {
		return err
	}
	v.killed++
	if err := wait(ctx, dead); err != nil {
		return err
	}
	return v.restart(ctx)
}

// sleep stops a process where it is for a while.
func (v *victim) sleep(ctx context.Context, d time.Duration) error {
	if err := v.pause(); err != nil {
		return err
	}
	v.paused++
	err := wait(ctx, d)
	if resumed := v.resume(); err == nil {
		err = resumed
	}
	return err
}

// mend starts a service again that ended by itself, as whoever runs it would.
func (v *victim) mend(ctx context.Context, log func(format string, args ...any)) error {
	if v.service == nil {
		return nil
	}
	select {
	case <-v.service.Ended():
		v.ended++
		if said := v.service.Said(); strings.Contains(said, "\npanic: ") || strings.Contains(said, "\nfatal error: ") {
			return fmt.Errorf("%s panicked:\n%s", v.name, said)
		}
		log("%s ended by itself, and is started again; it said:\n%s", v.name, v.service.Said())
		return v.restart(ctx)
	default:
		return nil
	}
}

// wait lets so much time pass: it is what a seed chose, not a hope.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// upTo is a random duration below a limit, more often short than long.
func upTo(random *rand.Rand, limit time.Duration) time.Duration {
	f := random.Float64()
	return time.Duration(f * f * float64(limit))
}
