package app

import (
	"bytes"
	"math"
	"time"

	executorv1 "github.com/fairlead-batch/fairlead/proto/gen/fairlead/executor/v1"
	"github.com/fairlead-batch/fairlead/services/executor/internal/events"
	"github.com/fairlead-batch/fairlead/services/executor/internal/journal"
	"github.com/fairlead-batch/fairlead/services/executor/internal/lease"
)

// Time is a moment by two clocks: one that never goes back, and the wall's.
type Time = lease.Time

// Input is what a Core is told. The set is closed: it is the types of this file that
// implement it.
//
//sumtype:decl
type Input interface{ input() }

// Opened: a stream to a replica is open, for it was dialled.
type Opened struct{ Replica int }

// Closed: the stream to a replica is over, or could not be opened. Nothing of it
// comes after.
type Closed struct{ Replica int }

// Received is a message of a replica. It is the core's from then on.
type Received struct {
	Replica int
	Message *executorv1.Down
}

// Due says that the time of the newest SetTimer has come. One that comes early
// changes nothing, and the timer stands.
type Due struct{}

func (Opened) input()   {}
func (Closed) input()   {}
func (Received) input() {}
func (Due) input()      {}

// Output is what a Core wants done, in order. The set is closed: it is the types of
// this file that implement it.
//
//sumtype:decl
type Output interface{ output() }

// Dial opens a stream to a replica. Opened or Closed answers.
type Dial struct{ Replica int }

// HangUp closes the stream to a replica. Closed answers.
type HangUp struct {
	Replica int
	Why     string
}

// Send sends a message to a replica. It may be lost with its stream.
type Send struct {
	Replica int
	Message *executorv1.Up
}

// SetTimer asks for Due when Time.Mono reaches At; a later SetTimer replaces it.
type SetTimer struct{ At time.Duration }

func (Dial) output()     {}
func (HangUp) output()   {}
func (Send) output()     {}
func (SetTimer) output() {}

// cluster is what an executor runs its pods on: a simulated one, which does all its
// work in Step, or the stepped side of package kube.
type cluster interface {
	// List comes first, once.
	List() lease.Listed
	// Step hands orders over and returns what there is to tell. It does not wait.
	Step(now Time, orders ...lease.Order) []lease.Fact
	// Due is when Step has something to tell though nothing is ordered; false: never by
	// the clock alone.
	Due() (time.Duration, bool)
}

// Core is an executor and its cluster as one stepped value. One goroutine.
type Core struct {
	lease   *lease.Core
	cluster cluster
	// simulated is the cluster where it is a simulated one, else nil.
	simulated *Cluster
	// close gives up what the cluster is kept in; nil: nothing.
	close func() error
	newID func(time.Time) [16]byte
	// session is the newest; they rise whatever the clock does.
	session [16]byte
	// broken are replicas that said what cannot be read: nothing more of their
	// streams counts.
	broken []bool
	// wake is when the lease core wants to be stepped, and timer what was asked for.
	wake, timer time.Duration
	reportsMax  int
	begun       bool

	inputs []lease.Input
	orders []lease.Order
	out    []Output
}

// New makes the core of an executor that starts, over a simulated cluster that is
// there (Deps.Cluster) or one made as configured. The configuration was validated.
func New(cfg Config, deps Deps) (*Core, error) {
	simulated := deps.Cluster
	if simulated == nil {
		var err error
		if simulated, err = NewCluster(cfg.Simulated); err != nil {
			return nil, err
		}
		if cfg.Simulated.Journal != "" {
			return newKept(cfg, deps, simulated)
		}
	}
	core := newCore(cfg, deps, simulated)
	core.simulated = simulated
	return core, nil
}

// newKept makes the core over a simulated cluster that is kept in a file.
func newKept(cfg Config, deps Deps, simulated *Cluster) (*Core, error) {
	kept, err := journal.Open(cfg.Simulated.journal(), simulated, deps.Now())
	if err != nil {
		return nil, err
	}
	core := newCore(cfg, deps, kept)
	core.simulated, core.close = simulated, kept.Close
	return core, nil
}

// Close gives up the file that the cluster is kept in, if it is.
func (c *Core) Close() error {
	if c.close == nil {
		return nil
	}
	return c.close()
}

// newCore makes the core of an executor that starts, over any cluster.
func newCore(cfg Config, deps Deps, on cluster) *Core {
	inner := cfg.lease()
	return &Core{
		lease: lease.New(inner), cluster: on, newID: deps.NewID, broken: make([]bool, inner.Replicas),
		reportsMax: inner.PageReportsMax,
	}
}

// Step takes what happened up to now and returns what is to be done. Several inputs
// may be taken in one step, which is cheaper. now.Mono never goes back. The outputs
// are the caller's until the next Step; messages in them stay as they are.
func (c *Core) Step(now Time, inputs ...Input) []Output {
	c.out = c.out[:0]
	c.inputs = c.inputs[:0]
	if !c.begun {
		c.begun = true
		c.inputs = append(c.inputs, c.cluster.List())
	}
	for _, in := range inputs {
		c.take(now, in)
	}
	for {
		c.orders = c.orders[:0]
		for _, o := range c.lease.Step(now, c.inputs...) {
			c.put(o)
		}
		facts := c.cluster.Step(now, c.orders...)
		if len(facts) == 0 {
			break
		}
		c.inputs = c.inputs[:0]
		for _, f := range facts {
			c.inputs = append(c.inputs, f)
		}
	}
	c.setTimer(now)
	return c.out
}

// take turns an input into the lease core's.
func (c *Core) take(now Time, in Input) {
	switch in := in.(type) {
	case Opened:
		c.broken[in.Replica] = false
		c.inputs = append(c.inputs, lease.Opened{Replica: lease.Replica(in.Replica), Session: c.newSession(now)})
	case Closed:
		c.inputs = append(c.inputs, lease.Closed{Replica: lease.Replica(in.Replica)})
	case Received:
		if c.broken[in.Replica] {
			return
		}
		down, err := events.Down(lease.Replica(in.Replica), in.Message)
		if err != nil {
			c.broken[in.Replica] = true
			c.out = append(c.out, HangUp{Replica: in.Replica, Why: err.Error()})
			return
		}
		c.inputs = append(c.inputs, down)
	case Due:
	}
}

// newSession names a session, newer than the one before.
func (c *Core) newSession(now Time) [16]byte {
	id := c.newID(time.Unix(0, int64(now.Wall)))
	if bytes.Compare(id[:], c.session[:]) <= 0 {
		id = c.session
		for i := len(id) - 1; i >= 0; i-- {
			if id[i]++; id[i] != 0 {
				break
			}
		}
	}
	c.session = id
	return id
}

// put turns an output of the lease core into ours, or an order to the cluster.
func (c *Core) put(o lease.Output) {
	switch o := o.(type) {
	case lease.Dial:
		c.out = append(c.out, Dial{Replica: int(o.Replica)})
	case lease.HangUp:
		c.out = append(c.out, HangUp{Replica: int(o.Replica), Why: o.Why})
	case lease.Up:
		c.send(int(o.Replica), events.Up(o.Message))
	case lease.SetTimer:
		c.wake = o.At.Mono
	case lease.SaveEpoch:
		c.orders = append(c.orders, o)
	case lease.CreatePod:
		c.orders = append(c.orders, o)
	case lease.DeletePod:
		c.orders = append(c.orders, o)
	}
}

// send puts a message out. Reports that follow reports of the same step share a
// message: the lease core is stepped several times in ours.
func (c *Core) send(replica int, m *executorv1.Up) {
	if more := m.GetReports(); more != nil && len(c.out) > 0 {
		last, ok := c.out[len(c.out)-1].(Send)
		if ok && last.Replica == replica {
			if r := last.Message.GetReports(); r != nil && len(r.GetReports())+len(more.GetReports()) <= c.reportsMax {
				r.Reports = append(r.Reports, more.GetReports()...)
				return
			}
		}
	}
	c.out = append(c.out, Send{Replica: replica, Message: m})
}

func (c *Core) setTimer(now Time) {
	at := time.Duration(math.MaxInt64)
	if c.wake > 0 {
		at = c.wake
	}
	if due, more := c.cluster.Due(); more {
		at = min(at, due)
	}
	if at != c.timer && at != math.MaxInt64 {
		c.timer = at
		c.out = append(c.out, SetTimer{At: max(at, now.Mono)})
	}
}

// Leader is the replica that orders, or -1, and the highest epoch that is obeyed.
func (c *Core) Leader() (replica int, epoch uint64) {
	r, epoch := c.lease.Leader()
	return int(r), epoch
}

// Counts are the executor's counters and gauges. It looks at every run.
func (c *Core) Counts() Counts { return c.lease.Counts() }

// Counts are the counters and gauges of an executor.
type Counts = lease.Counts

// Cluster is the simulated cluster that the executor runs on; nil when it runs on
// Kubernetes.
func (c *Core) Cluster() *Cluster { return c.simulated }
