package soak_test

import (
	"context"
	"fmt"
	"sync"

	"github.com/fairlead-batch/fairlead/proto/gen/api"
)

// truth is what users were promised and what they saw. Safe for concurrent use.
type truth struct {
	mu sync.Mutex
	// changed is closed and made anew when something changes that somebody waits for.
	changed chan struct{}
	// jobs are those that were acknowledged, by id.
	jobs map[string]asked
	// ended are those that a watcher saw end.
	ended map[string]bool
	// open are acknowledged and not ended.
	open int
	// failed is the first thing that went wrong for a user.
	failed error
	counts struct{ requests, retries, repeats, cancels, reconnects int }
}

// asked is what was asked for a job.
type asked struct {
	set *jobSet
	// fails says that its command does.
	fails bool
	// cancelled says that a cancel was acknowledged.
	cancelled bool
}

// jobSet is a job set with what a watcher was told of it.
type jobSet struct {
	name string
	// told is the watcher's alone until it has ended.
	told []*api.EventStreamMessage
}

func newTruth() *truth {
	return &truth{changed: make(chan struct{}), jobs: map[string]asked{}, ended: map[string]bool{}}
}

// note changes the truth under its lock, and wakes who waits.
func (u *truth) note(change func()) {
	u.mu.Lock()
	defer u.mu.Unlock()
	change()
	close(u.changed)
	u.changed = make(chan struct{})
}

func (u *truth) acknowledged(id string, a asked) {
	u.note(func() {
		if _, known := u.jobs[id]; known {
			u.fail(fmt.Errorf("job %s was acknowledged for two requests", id))
		}
		u.jobs[id] = a
		if !u.ended[id] {
			u.open++
		}
	})
}

func (u *truth) sawEnd(id string) {
	u.note(func() {
		if u.ended[id] {
			u.fail(fmt.Errorf("job %s ended twice", id))
			return
		}
		u.ended[id] = true
		if _, known := u.jobs[id]; known {
			u.open--
		}
	})
}

// fail notes what went wrong, under the lock.
func (u *truth) fail(err error) {
	if u.failed == nil {
		u.failed = err
	}
}

// count is how many jobs were acknowledged, and how many of them are not over.
func (u *truth) count() (acknowledged, open int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.jobs), u.open
}

func (u *truth) failure() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.failed
}

// await waits until something holds, under the lock, or a user failed.
func (u *truth) await(ctx context.Context, holds func() bool) error {
	for {
		u.mu.Lock()
		done, failed, changed := holds(), u.failed, u.changed
		u.mu.Unlock()
		if failed != nil || done {
			return failed
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
