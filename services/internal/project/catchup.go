package project

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/run"
)

// CatchupInterval is how often the position rows are read while somebody waits for
// them to move.
const CatchupInterval = 10 * time.Millisecond

// Catchup answers what "read your own writes" asks: what a partition's newest
// position is, and when the rows have reached it. Many who ask at once share a
// look-up. It is safe for concurrent use; its part must run.
//
//	newest := Newest(p)                   begun after the call came in
//	read rows, and their place, in one snapshot
//	place before newest: Reached(p, newest), and read again
type Catchup struct {
	newest map[eventlog.Partition]*shared[eventlog.Bounds]
	rows   *shared[map[eventlog.Partition]eventlog.Position]

	mu sync.Mutex
	// moved is closed and replaced when this process moved. It only wakes: what the
	// rows hold is asked of the database, which may have lost its newest commits.
	moved chan struct{}
}

// NewCatchup makes a catchup of the partitions of a consumer. places says up to
// where it is now: Places of a [Keeper], or a consumer's in memory.
func NewCatchup(source eventlog.Log, places func(ctx context.Context) ([]Place, error), partitions []eventlog.Partition) *Catchup {
	c := &Catchup{
		newest: make(map[eventlog.Partition]*shared[eventlog.Bounds], len(partitions)),
		moved:  make(chan struct{}),
	}
	for _, p := range partitions {
		c.newest[p] = newShared(func(ctx context.Context) (eventlog.Bounds, error) { return source.Bounds(ctx, p) })
	}
	c.rows = newShared(func(ctx context.Context) (map[eventlog.Partition]eventlog.Position, error) {
		all, err := places(ctx)
		if err != nil {
			return nil, err
		}
		at := make(map[eventlog.Partition]eventlog.Position, len(all))
		for _, place := range all {
			at[place.Partition] = place.At
		}
		return at, nil
	})
	return c
}

// Part is the catchup as a part of a process.
func (c *Catchup) Part(name string) run.Part { return run.Part{Name: name, Run: c.Run} }

// Run answers until ctx is done.
func (c *Catchup) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, lookup := range c.newest {
		group.Go(func() error { return lookup.run(ctx) })
	}
	group.Go(func() error { return c.rows.run(ctx) })
	return group.Wait()
}

// Newest is the position of the last entry of a partition, looked up after the
// call: what was acknowledged before it stands at or before that. Errors: the
// log's, and that of ctx.
func (c *Catchup) Newest(ctx context.Context, p eventlog.Partition) (eventlog.Position, error) {
	lookup, known := c.newest[p]
	if !known {
		return eventlog.Position{}, fmt.Errorf("find newest position: %w: %s", eventlog.ErrPartitions, p)
	}
	bounds, err := lookup.get(ctx)
	if err != nil {
		return eventlog.Position{}, fmt.Errorf("find newest position of %s: %w", p, err)
	}
	return bounds.Newest, nil
}

// Reached waits until the rows of a partition have reached a position: what is
// read of them after that holds it. Errors: the cause of ctx.
func (c *Catchup) Reached(ctx context.Context, p eventlog.Partition, at eventlog.Position) error {
	for {
		moved := c.next()
		rows, err := c.rows.get(ctx)
		if err == nil && !rows[p].Before(at) {
			return nil
		}
		timer := time.NewTimer(CatchupInterval)
		select {
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("wait for %s to reach %s: %w", p, at, context.Cause(ctx))
		case <-moved:
		case <-timer.C: // also after an error: the database may be back
		}
		timer.Stop()
	}
}

// Moved tells that this process moved on, so that who waits asks again at once.
func (c *Catchup) Moved() {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.moved)
	c.moved = make(chan struct{})
}

func (c *Catchup) next() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.moved
}
