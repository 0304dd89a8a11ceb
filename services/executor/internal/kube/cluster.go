package kube

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"k8s.io/client-go/tools/cache"

	"github.com/fairlead-batch/fairlead/services/executor/internal/lease"
)

// Cluster is a Kubernetes cluster as the executor's. Run it once; List, Step and Due
// are for the one goroutine that has the core, after Ready.
type Cluster struct {
	cfg     Config
	deps    Deps
	state   *state
	orders  *orders
	metrics metrics
	// epoch is what was stored when it started.
	epoch uint64
	ready chan struct{}
}

// New makes a cluster that Run brings to life. It makes no call.
func New(cfg Config, deps Deps) (*Cluster, error) {
	if cfg.Workers < 1 || min(cfg.CallTimeout, cfg.SyncTimeout, cfg.ProbeInterval, cfg.ExplainInterval) <= 0 {
		return nil, errors.New("make cluster: workers, callTimeout, syncTimeout, probeInterval and explainInterval must be above 0")
	}
	if cfg.LeaseName == "" || cfg.LeaseNamespace == "" || cfg.Executor == "" {
		return nil, errors.New("make cluster: the executor must have a name, its lease a name and a namespace")
	}
	c := &Cluster{cfg: cfg, deps: deps, state: newState(cfg.PoolLabel), orders: newOrders(), ready: make(chan struct{})}
	c.metrics = newMetrics(deps.Registry, c.orders.count, c.Serves)
	return c, nil
}

// Ready is closed when List may be called.
func (c *Cluster) Ready() <-chan struct{} { return c.ready }

// Wake gets a token when Step has something to tell.
func (c *Cluster) Wake() <-chan struct{} { return c.state.wake }

// Run watches the cluster and carries out orders until ctx is done. It fails when the
// executor lacks a right, when the first lists or the epoch cannot be read in time, and
// when the Lease object is another executor's. Orders that wait when it ends are not
// carried out.
func (c *Cluster) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer c.orders.close()
	defer cancel()
	if err := c.begin(ctx, &running); err != nil {
		if ctx.Err() != nil {
			return nil // told to stop before it had begun
		}
		return err
	}
	close(c.ready)
	running.Go(func() { c.probe(ctx) })
	running.Go(func() { c.explain(ctx) })
	for range c.cfg.Workers {
		running.Go(func() { c.work(ctx) })
	}
	<-ctx.Done()
	return nil
}

// begin checks the executor's rights, starts the informers, waits until what is there
// has been seen, and reads the epoch.
func (c *Cluster) begin(ctx context.Context, running *sync.WaitGroup) error {
	within, cancel := context.WithTimeout(ctx, c.cfg.SyncTimeout)
	defer cancel()
	if err := c.checkRights(within); err != nil {
		return err
	}
	watches, err := c.watch(ctx, running)
	if err != nil {
		return err
	}
	if !cache.WaitForCacheSync(within.Done(), watches.synced...) {
		return fmt.Errorf("list pods and nodes: not done within %s: %w", c.cfg.SyncTimeout, errors.Join(within.Err(), watches.failure()))
	}
	c.epoch, _, err = c.readEpoch(within)
	return err
}

// List is what the cluster holds: what an executor that starts is to be told.
func (c *Cluster) List() lease.Listed {
	pods, nodes := c.state.list()
	return lease.Listed{Epoch: c.epoch, Pods: pods, Nodes: nodes}
}

// Step hands orders over and returns what there is to tell. It never waits. The facts
// are the caller's.
func (c *Cluster) Step(_ lease.Time, orders ...lease.Order) []lease.Fact {
	c.orders.put(orders)
	return c.state.take()
}

// Due is never: nothing happens here by the core's clock. Wake says when to step.
func (c *Cluster) Due() (time.Duration, bool) { return math.MaxInt64, false }
