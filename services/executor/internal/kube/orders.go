package kube

import (
	"sync"

	"github.com/fairlead-batch/fairlead/services/executor/internal/lease"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// orders are what waits to be carried out: those of one run one after the other,
// those of different runs side by side, epochs before all. The lease core bounds how
// many there are. Safe for concurrent use.
type orders struct {
	mu sync.Mutex
	// some wakes a worker.
	some *sync.Cond
	// ready are the runs whose first order nobody carries out. The zero run is the epoch's.
	ready   []job.RunID
	waiting map[job.RunID][]lease.Order
	closed  bool
}

func newOrders() *orders {
	o := &orders{waiting: map[job.RunID][]lease.Order{}}
	o.some = sync.NewCond(&o.mu)
	return o
}

// runOf is whose turn an order takes.
func runOf(order lease.Order) job.RunID {
	switch order := order.(type) {
	case lease.CreatePod:
		return order.Lease.Run
	case lease.DeletePod:
		return order.Run
	case lease.SaveEpoch:
	}
	return job.RunID{}
}

// put adds orders. It never waits.
func (o *orders) put(list []lease.Order) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, order := range list {
		run := runOf(order)
		o.waiting[run] = append(o.waiting[run], order)
		if len(o.waiting[run]) == 1 {
			o.makeReady(run)
		}
	}
}

// makeReady lets a worker take the run's first order.
func (o *orders) makeReady(run job.RunID) {
	o.ready = append(o.ready, run)
	if last := len(o.ready) - 1; run.IsZero() && last > 0 {
		copy(o.ready[1:], o.ready[:last]) // nothing that an epoch orders may start before it is kept
		o.ready[0] = run
	}
	o.some.Signal()
}

// take waits for an order. It says false when there are to be no more.
func (o *orders) take() (lease.Order, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.ready) == 0 && !o.closed {
		o.some.Wait()
	}
	if o.closed {
		return nil, false
	}
	run := o.ready[0]
	o.ready = o.ready[1:]
	return o.waiting[run][0], true
}

// finish says that a taken order is carried out; the run's next may be.
func (o *orders) finish(order lease.Order) {
	o.mu.Lock()
	defer o.mu.Unlock()
	run := runOf(order)
	rest := o.waiting[run][1:]
	if len(rest) == 0 {
		delete(o.waiting, run)
		return
	}
	o.waiting[run] = rest
	o.makeReady(run)
}

// count is how many orders wait or are carried out.
func (o *orders) count() (n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, list := range o.waiting {
		n += len(list)
	}
	return n
}

// close lets every take return. What waits is forgotten.
func (o *orders) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	o.some.Broadcast()
}
