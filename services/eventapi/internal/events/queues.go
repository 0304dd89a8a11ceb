package events

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/fairlead-batch/fairlead/services/internal/auth"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/eventwire"
	"github.com/fairlead-batch/fairlead/services/internal/fault"
	"github.com/fairlead-batch/fairlead/services/internal/project"
	"github.com/fairlead-batch/fairlead/services/internal/run"
)

// Queues knows which queues there are and who may watch them. Make it with
// [NewQueues], run its part. It is safe for concurrent use.
type Queues struct {
	source  eventlog.Log
	within  time.Duration
	log     *zap.Logger
	catchup *project.Catchup

	mu     sync.Mutex
	at     eventlog.Position
	queues map[string]queue
	// down says why the stream is not followed any more; nil: it is.
	down error
}

// queue is the newest setting of one, deleted or not.
type queue struct {
	generation uint64
	exists     bool
	grants     []auth.Grant
}

// NewQueues makes a view of the control stream that knows no queue yet. within is
// the longest that a question waits for what was acknowledged before it.
func NewQueues(source eventlog.Log, within time.Duration, log *zap.Logger) *Queues {
	q := &Queues{source: source, within: within, log: log, queues: map[string]queue{}}
	q.catchup = project.NewCatchup(source, q.places, []eventlog.Partition{eventlog.ControlPartition})
	return q
}

// Part is the view as a part of a process.
func (q *Queues) Part() run.Part { return run.Part{Name: "queues", Run: q.Run, Ready: q.Ready} }

// Ready is nil while the control stream is followed.
func (q *Queues) Ready() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.down
}

// Run follows the control stream until ctx is done.
func (q *Queues) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return q.catchup.Run(ctx) })
	group.Go(func() error {
		err := project.Follow(ctx, q.source, project.Place{Partition: eventlog.ControlPartition}, q.log, q.take)
		if ctx.Err() == nil {
			q.log.Error("control stream stopped", zap.Error(err))
			q.stop(fmt.Errorf("control stream stopped: %w", err))
			<-ctx.Done()
		}
		return context.Cause(ctx)
	})
	return group.Wait()
}

func (q *Queues) stop(why error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.down = why
}

func (q *Queues) take(j project.Judged) error {
	q.mu.Lock()
	for _, e := range j.Entries {
		for _, s := range e.Body.Settings {
			q.set(s)
		}
	}
	q.at = j.To
	q.mu.Unlock()
	q.catchup.Moved()
	return nil
}

// set applies a setting. It needs the lock.
func (q *Queues) set(s eventwire.Setting) {
	name, next := s.QueueDeleted, queue{generation: s.Generation}
	if s.QueueSet != nil {
		name, next.exists, next.grants = s.QueueSet.Name, true, grants(s.QueueSet.Permissions)
	}
	if name == "" || q.queues[name].generation > s.Generation {
		return
	}
	q.queues[name] = next
}

func grants(permissions []eventwire.Permission) (out []auth.Grant) {
	for _, p := range permissions {
		var g auth.Grant
		for _, s := range p.Subjects {
			g.Subjects = append(g.Subjects, auth.Subject{Kind: auth.SubjectKind(s.Kind), Name: s.Name})
		}
		for _, verb := range p.Verbs {
			g.Verbs = append(g.Verbs, auth.Verb(verb))
		}
		out = append(out, g)
	}
	return out
}

func (q *Queues) places(context.Context) ([]project.Place, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return []project.Place{{Partition: eventlog.ControlPartition, At: q.at}}, nil
}

// Grants says who may do what on a queue, and whether it exists. It is true of all
// that was acknowledged before the call, else Unavailable.
func (q *Queues) Grants(ctx context.Context, name string) ([]auth.Grant, bool, error) {
	if found, exists := q.lookup(name); exists {
		return found, true, nil
	}
	if err := q.catchUp(ctx); err != nil {
		return nil, false, err
	}
	found, exists := q.lookup(name)
	return found, exists, nil
}

func (q *Queues) lookup(name string) ([]auth.Grant, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	found := q.queues[name]
	return found.grants, found.exists
}

// errPatience ends a wait for what was acknowledged before a call.
var errPatience = errors.New("the settings are behind the log")

// catchUp waits until all is known that the log holds now.
func (q *Queues) catchUp(ctx context.Context) error {
	bounded, cancel := context.WithTimeoutCause(ctx, q.within, errPatience)
	defer cancel()
	newest, err := q.catchup.Newest(bounded, eventlog.ControlPartition)
	if err == nil {
		err = q.catchup.Reached(bounded, eventlog.ControlPartition, newest)
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return fault.NewUnavailable("whether the queue exists is not known now, try again").Because(err)
}
