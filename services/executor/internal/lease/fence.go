package lease

import "time"

// fence keeps orders of leaders apart: the highest epoch is stored in the cluster
// before it is obeyed, and lower ones are refused, by this process and by those
// that come after it.
type fence struct {
	// saved is the epoch that stands in the cluster and is obeyed.
	saved uint64
	// highest is the highest that was heard of.
	highest uint64
	// saving says that the cluster was asked to store highest and has not answered.
	saving bool
	// retryAt is when it is asked again; zero: not.
	retryAt time.Duration
	pause   time.Duration
	// held are messages above saved, in order of arrival.
	held []Down
}

// isOld says whether a message is of a leader that was deposed, or of no leader, given
// its epoch and the highest that was heard of.
func isOld(epoch, highest uint64) bool { return epoch == 0 || epoch < highest }

// hear takes a message of a replica: it is refused, held until its epoch is
// stored, or obeyed.
func (c *Core) hear(in Down) {
	r := &c.replicas[in.Replica]
	if r.state != replicaOpen {
		return // what a stream still had when it was hung up
	}
	if welcome, ok := in.Message.(Welcome); ok && !welcome.Leads {
		c.follows(in.Replica)
		return
	}
	switch {
	case c.isOld(in.Epoch, c.fence.highest):
		c.counts.RefusedEpoch++
	case in.Epoch > c.fence.saved:
		c.hold(in)
	default:
		c.obey(in)
	}
}

// hold keeps a message until its epoch is stored.
func (c *Core) hold(in Down) {
	if len(c.fence.held) >= c.cfg.HeldMax {
		c.hangUp(in.Replica, "too many orders before their epoch could be stored")
		return
	}
	c.fence.held = append(c.fence.held, in)
	if in.Epoch > c.fence.highest {
		c.fence.highest = in.Epoch
	}
	if !c.fence.saving && c.fence.retryAt == 0 {
		c.saveEpoch()
	}
}

func (c *Core) saveEpoch() {
	c.fence.saving, c.fence.retryAt = true, 0
	c.emit(SaveEpoch{Epoch: c.fence.highest})
}

// epochSaved obeys what waited for this epoch.
func (c *Core) epochSaved(in EpochSaved) {
	c.fence.saving = false
	if in.Err != nil {
		c.fence.pause = backoff(c.fence.pause, c.cfg.RetryMin, c.cfg.RetryMax)
		c.fence.retryAt = c.now.Mono + c.fence.pause
		return
	}
	c.fence.pause = 0
	c.fence.highest = max(c.fence.highest, in.Epoch)
	if in.Epoch > c.fence.saved {
		c.fence.saved = in.Epoch
		c.leader, c.hasAnswer = noReplica, false // whoever leads now says so
	}
	held := c.fence.held
	c.fence.held = nil
	for _, d := range held {
		c.hear(d)
	}
	if c.fence.highest > c.fence.saved && !c.fence.saving {
		c.saveEpoch() // a higher one came in while this was stored
	}
}

// obey carries out a message of the current epoch.
func (c *Core) obey(in Down) {
	if _, ok := in.Message.(Welcome); ok {
		c.leads(in.Replica)
		return
	}
	if in.Replica != c.leader {
		c.counts.RefusedReplica++
		return
	}
	switch m := in.Message.(type) {
	case Welcome:
	case Leases:
		for _, l := range m.Leases {
			c.leased(l)
		}
	case Stops:
		for _, s := range m.Stops {
			c.stop(s)
		}
	case Acknowledgements:
		c.acknowledged(m)
	case HeartbeatAnswer:
		c.heartbeatAnswered(in.Replica, m.Number)
	}
}

// leads makes a replica the leader and tells it what no leader has acknowledged.
// Two of one epoch cannot be; the second is not believed.
func (c *Core) leads(r Replica) {
	if c.leader != noReplica && c.leader != r {
		c.counts.RefusedReplica++
		return
	}
	if c.leader == r {
		return
	}
	c.leader = r
	c.counts.Resent += c.outbox.again(c.replicas[r].reports + 1)
	c.beat(r) // its answer opens the window
}

// follows notes that a replica does not lead.
func (c *Core) follows(r Replica) {
	if c.leader == r {
		c.leader = noReplica
	}
}
