package lease

import (
	"maps"
	"slices"
	"time"
)

// replica is a scheduler replica and the stream to it.
type replica struct {
	state   replicaState
	session [16]byte
	// redialAt is when it is dialled again while it is down, and pause how long it
	// waited for that.
	redialAt, pause time.Duration
	// openedAt is when the session began.
	openedAt time.Duration
	// beats are the heartbeats of the session that may still be answered in time.
	beats []sentBeat
	// beat and reports are the newest numbers of the session.
	beat, reports uint64
}

type replicaState uint8

const (
	// replicaDown waits to be dialled.
	replicaDown replicaState = iota
	replicaDialling
	replicaOpen
	// replicaClosing was hung up; Closed follows.
	replicaClosing
)

// sentBeat is when a heartbeat was sent.
type sentBeat struct {
	number uint64
	at     Time
}

func (c *Core) dial(r Replica) {
	c.replicas[r].state = replicaDialling
	c.emit(Dial{Replica: r})
}

// opened says who we are: every run and every node.
func (c *Core) opened(in Opened) {
	r := &c.replicas[in.Replica]
	*r = replica{state: replicaOpen, session: in.Session, pause: r.pause, openedAt: c.now.Mono}
	for _, page := range c.hello(in.Session) {
		c.emit(Up{Replica: in.Replica, Message: page})
	}
	c.beat(in.Replica)
}

// hello is the pages of a Hello; at least one.
func (c *Core) hello(session [16]byte) []Hello {
	runs := make([]KnownRun, 0, len(c.runs))
	for _, r := range c.runs { //archcheck:sorted below
		runs = append(runs, KnownRun{Run: r.id, Job: r.job, Phase: r.knownPhase()})
	}
	slices.SortFunc(runs, func(a, b KnownRun) int { return compare(a.Run, b.Run) })
	names := slices.Sorted(maps.Keys(c.nodes))
	var pages []Hello
	for {
		page := Hello{
			Installation: c.cfg.Installation, Executor: c.cfg.Executor, Pool: c.cfg.Pool,
			Session: session, Epoch: c.fence.saved,
		}
		n := min(len(runs), c.cfg.PageRunsMax)
		page.Runs, runs = runs[:n:n], runs[n:]
		n = min(len(names), c.cfg.PageNodesMax)
		for _, name := range names[:n] {
			page.Nodes = append(page.Nodes, c.nodes[name])
		}
		names = names[n:]
		page.Last = len(runs) == 0 && len(names) == 0
		pages = append(pages, page)
		if page.Last {
			return pages
		}
	}
}

func (c *Core) hangUp(r Replica, why string) {
	c.lost(r)
	c.replicas[r].state = replicaClosing
	c.emit(HangUp{Replica: r, Why: why})
}

// closed waits a little and dials again. A session must have lasted for the pause
// to begin small: two processes of one executor close each other's at once.
func (c *Core) closed(id Replica) {
	c.lost(id)
	r := &c.replicas[id]
	if r.state != replicaDialling && c.now.Mono-r.openedAt > c.cfg.RedialMax {
		r.pause = 0
	}
	r.state = replicaDown
	r.pause = backoff(r.pause, c.cfg.RedialMin, c.cfg.RedialMax)
	r.redialAt = c.now.Mono + r.pause
}

// lost forgets what a stream had.
func (c *Core) lost(r Replica) {
	if c.leader == r {
		c.leader = noReplica
	}
	c.fence.held = slices.DeleteFunc(c.fence.held, func(d Down) bool { return d.Replica == r })
}

// beat sends a heartbeat and notes when.
func (c *Core) beat(id Replica) {
	r := &c.replicas[id]
	if r.state != replicaOpen {
		return
	}
	r.beat++
	stale := 0
	for stale < len(r.beats) && !r.beats[stale].at.within(c.cfg.StartWindow, c.now) {
		stale++
	}
	r.beats = append(slices.Delete(r.beats, 0, stale), sentBeat{number: r.beat, at: c.now})
	c.emit(Up{Replica: id, Message: Heartbeat{Number: r.beat}})
}

// heartbeatAnswered opens the start window: it counts from when the heartbeat was
// sent, for the leader counts our silence from when it came.
func (c *Core) heartbeatAnswered(id Replica, number uint64) {
	r := &c.replicas[id]
	for i, b := range r.beats {
		if b.number != number {
			continue
		}
		if !c.hasAnswer || b.at.Mono > c.answered.Mono {
			c.answered, c.hasAnswer = b.at, true
		}
		r.beats = slices.Delete(r.beats, 0, i+1)
		return
	}
	c.counts.LateOrders++
}

// windowOpen says whether pods may be made now. While a newer leader's epoch is
// being stored none may: what it says meanwhile, a stop among it, is not obeyed yet.
func (c *Core) windowOpen() bool {
	return c.hasAnswer && c.fence.highest == c.fence.saved && c.answered.within(c.cfg.StartWindow, c.now)
}

// flushNodes tells every replica which nodes changed.
func (c *Core) flushNodes() {
	if len(c.changed) == 0 {
		return
	}
	names := slices.Sorted(maps.Keys(c.changed))
	clear(c.changed)
	for chunk := range slices.Chunk(names, c.cfg.PageNodesMax) {
		var m NodeChanges
		for _, name := range chunk {
			if n, there := c.nodes[name]; there {
				m.Changed = append(m.Changed, n)
			} else {
				m.Gone = append(m.Gone, name)
			}
		}
		for i := range c.replicas {
			if c.replicas[i].state == replicaOpen {
				c.emit(Up{Replica: Replica(i), Message: m})
			}
		}
	}
}
