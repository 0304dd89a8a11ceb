package memlog

import (
	"context"
	"fmt"
	"sync"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
)

// reader reads one partition.
type reader struct {
	broker    *Broker
	partition eventlog.Partition
	after     eventlog.Position
	once      sync.Once
	closed    chan struct{}
	// log is closed when the log is.
	log <-chan struct{}
}

func (r *reader) Next(ctx context.Context) (eventlog.Run, error) {
	for {
		if isDone(r.closed) || isDone(r.log) {
			return eventlog.Run{}, fmt.Errorf("read %s: %w", r.partition, eventlog.ErrClosed)
		}
		run, changed, err := r.poll()
		if err != nil {
			return eventlog.Run{}, err
		}
		if len(run.Entries) > 0 {
			r.after = run.To
			return run, nil
		}
		select {
		case <-changed:
		case <-r.closed:
		case <-r.log:
		case <-ctx.Done():
			return eventlog.Run{}, fmt.Errorf("read %s: %w", r.partition, context.Cause(ctx))
		}
	}
}

// poll reads what is there, and gives what will be closed when there is more.
func (r *reader) poll() (eventlog.Run, <-chan struct{}, error) {
	r.broker.mu.Lock()
	defer r.broker.mu.Unlock()
	run, err := r.broker.core.Read(r.partition, r.after, eventlog.RunEntriesMax)
	return run, r.broker.changed, err
}

func (r *reader) Close() { r.once.Do(func() { close(r.closed) }) }

func isDone(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}
