package lease

import (
	"container/heap"
	"math"
	"time"

	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// Core is one executor as a stepped value. One goroutine.
type Core struct {
	cfg    Config
	now    Time
	listed bool

	fence fence
	// isOld is the rule of the fence; a test switches it off to show what it is for.
	isOld    func(epoch, highest uint64) bool
	replicas []replica
	// leader is the replica that orders, or noReplica.
	leader Replica
	// answered is when the newest heartbeat was sent that a leader of the current
	// epoch answered; hasAnswer says that there was one.
	answered  Time
	hasAnswer bool

	runs map[job.RunID]*run
	over over
	// startable are runs in stage ready that wait for the window or a free place
	// alone, in order of arrival. It may hold runs that went on without it.
	startable []*run
	creates   int

	nodes   map[string]Node
	changed map[string]bool

	outbox    outbox
	deadlines deadlines
	beatAt    time.Duration
	// timer is the time of the newest SetTimer; zero: none is set.
	timer time.Duration

	out    []Output
	counts Counts
}

// noReplica is the leader while there is none.
const noReplica Replica = -1

// never is a deadline that does not come.
const never = time.Duration(math.MaxInt64)

// Counts are the core's counters since its start, and gauges as they are now.
type Counts struct {
	// RefusedEpoch counts orders of an epoch below the highest; RefusedReplica those of
	// a replica that does not lead.
	RefusedEpoch, RefusedReplica uint64
	// LateOrders counts leases, stops, acknowledgements and gos that change nothing.
	LateOrders uint64
	// Dropped counts leases whose acknowledgement never counted.
	Dropped uint64
	// Adopted counts pods found without a lease, as after a restart.
	Adopted uint64
	// Created counts pods made by this process, CreateLate attempts that came after the
	// window, CreateFailed those to be repeated, and Forced removals that were forced.
	Created, CreateLate, CreateFailed, Forced uint64
	// Reported counts reports made, Resent those sent again in a new session.
	Reported, Resent uint64

	// Epoch is the highest obeyed.
	Epoch uint64
	// Leader is the replica that orders, or -1.
	Leader Replica
	// WindowOpen says that pods may be made now.
	WindowOpen bool
	// Leased, Pending, Running, Ended and Releasing are runs by phase.
	Leased, Pending, Running, Ended, Releasing int
	// Unacknowledged is how many reports are kept.
	Unacknowledged int
	Nodes          int
}

// New makes a core that knows nothing. The first input that counts is Listed.
func New(cfg Config) *Core {
	return &Core{
		cfg: cfg, isOld: isOld, leader: noReplica, replicas: make([]replica, cfg.Replicas),
		runs: map[job.RunID]*run{}, over: newOver(cfg.OverMax),
		nodes: map[string]Node{}, changed: map[string]bool{},
		outbox: outbox{first: 1},
	}
}

// Leader is the replica that orders, or -1, and the highest epoch that is obeyed.
func (c *Core) Leader() (r Replica, epoch uint64) { return c.leader, c.fence.saved }

// Counts are the counters and gauges. It looks at every run.
func (c *Core) Counts() Counts {
	n := c.counts
	n.Epoch, n.Leader, n.WindowOpen = c.fence.saved, c.leader, c.windowOpen()
	n.Nodes, n.Unacknowledged = len(c.nodes), c.outbox.unacknowledged()
	for _, r := range c.runs { //archcheck:unordered sums
		switch r.knownPhase() {
		case PhaseLeased:
			n.Leased++
		case PhasePending:
			n.Pending++
		case PhaseRunning:
			n.Running++
		case PhaseEnded:
			n.Ended++
		case PhaseReleasing:
			n.Releasing++
		}
	}
	return n
}

// Step takes what happened up to now and returns what is to be done, in order.
// Several inputs may be taken in one step, which is cheaper: their reports share
// messages. now.Mono never goes back. The outputs are the caller's until the next
// Step.
func (c *Core) Step(now Time, inputs ...Input) []Output {
	now.Mono = max(now.Mono, c.now.Mono)
	c.now = now
	c.out = c.out[:0]
	for _, in := range inputs {
		c.take(in)
	}
	if c.listed {
		c.passTime()
		c.startPods()
		c.flush()
		c.setTimer()
	}
	return c.out
}

func (c *Core) take(in Input) {
	if first, ok := in.(Listed); ok {
		c.list(first)
		return
	}
	if !c.listed {
		return // nobody was dialled, and the cluster lists before it tells
	}
	switch in := in.(type) {
	case Opened:
		c.opened(in)
	case Closed:
		c.closed(in.Replica)
	case Down:
		c.hear(in)
	case Due:
	case Listed:
	case EpochSaved:
		c.epochSaved(in)
	case Created:
		c.created(in)
	case Deleted:
		c.deleted(in)
	case PodSeen:
		c.podSeen(in.Pod)
	case PodGone:
		c.podGone(in)
	case NodeSeen:
		c.nodes[in.Node.Name] = in.Node
		c.changed[in.Node.Name] = true
	case NodeGone:
		c.nodeGone(in.Name)
	}
}

// list takes what the cluster holds as what this executor is, and begins to speak
// to the schedulers.
func (c *Core) list(in Listed) {
	if c.listed {
		return
	}
	c.listed = true
	c.fence = fence{saved: in.Epoch, highest: in.Epoch}
	for _, n := range in.Nodes {
		c.nodes[n.Name] = n
	}
	for _, p := range in.Pods {
		c.podSeen(p)
	}
	for _, name := range c.missingNodes() {
		c.lostNode(name) // it went while nobody was here to be told
	}
	for i := range c.replicas {
		c.dial(Replica(i))
	}
	c.beatAt = c.now.Mono + c.cfg.HeartbeatInterval
}

func (c *Core) emit(o Output) { c.out = append(c.out, o) }

// passTime does what is due.
func (c *Core) passTime() {
	now := c.now.Mono
	for len(c.deadlines) > 0 && c.deadlines[0].due <= now {
		r := heap.Pop(&c.deadlines).(*run)
		c.dueRun(r)
	}
	if c.fence.retryAt != 0 && c.fence.retryAt <= now {
		c.saveEpoch()
	}
	for i := range c.replicas {
		if r := &c.replicas[i]; r.state == replicaDown && r.redialAt <= now {
			c.dial(Replica(i))
		}
	}
	if c.beatAt <= now {
		c.beatAt = now + c.cfg.HeartbeatInterval
		for i := range c.replicas {
			c.beat(Replica(i))
		}
	}
}

// flush sends what this step has to say.
func (c *Core) flush() {
	c.flushNodes()
	c.flushReports()
}

// setTimer asks to be called when something is due next, if that changed.
func (c *Core) setTimer() {
	at := c.beatAt
	if len(c.deadlines) > 0 {
		at = min(at, c.deadlines[0].due)
	}
	if c.fence.retryAt != 0 {
		at = min(at, c.fence.retryAt)
	}
	for i := range c.replicas {
		if c.replicas[i].state == replicaDown {
			at = min(at, c.replicas[i].redialAt)
		}
	}
	if at != c.timer {
		c.timer = at
		c.emit(SetTimer{At: c.now.Add(at - c.now.Mono)})
	}
}

// backoff doubles a pause within its limits.
func backoff(last, least, most time.Duration) time.Duration {
	return min(max(2*last, least), most)
}
