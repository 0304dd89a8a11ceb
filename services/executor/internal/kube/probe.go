package kube

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"
)

// probe asks the API server from time to time whether it does what we need of it, until
// ctx is done. While it does not, every node is told as unschedulable: a lease that came
// all the same would be tried in vain and given back, and after some of that its job
// fails, for an outage that it has nothing to do with.
func (c *Cluster) probe(ctx context.Context) {
	tick := time.NewTicker(c.cfg.ProbeInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		// The Lease is small, and this is the read that an order of a new leader begins
		// with. That it is another executor's by now is a reason to take no leases, too.
		_, _, err := c.readEpoch(ctx)
		if ctx.Err() != nil {
			return
		}
		switch changed := c.state.awayIs(err); {
		case !changed:
		case err != nil:
			c.deps.Logger.Warn("API server is away: no new leases", zap.Error(err))
		default:
			c.deps.Logger.Info("API server is back")
		}
	}
}

// Serves says why the API server does not do what we need of it, nil where it does as
// far as is known. Safe for concurrent use.
func (c *Cluster) Serves() error {
	if err := c.state.away(); err != nil {
		return fmt.Errorf("the API server is away: %w", err)
	}
	return nil
}

// awayIs takes whether the API server is away (why), and says whether that is new.
func (s *state) awayIs(why error) (changed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	changed = (s.awayFor == nil) != (why == nil)
	s.awayFor = why
	if changed {
		for name := range s.nodes {
			s.markDirty(name)
		}
	}
	return changed
}

// away is why the API server is away; nil: it is not.
func (s *state) away() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.awayFor
}
