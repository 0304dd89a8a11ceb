package lease

import "github.com/fairlead-batch/fairlead/services/internal/job"

// outbox keeps reports, in the order in which they were made, until a leader has
// acknowledged them. Within a session they are numbered without a gap.
type outbox struct {
	// list begins with the oldest that is not acknowledged.
	list []kept
	// first is the number of list[0] in the leader's session.
	first uint64
	// sent is how many of list were sent in that session.
	sent int
	// done is how many of list are acknowledged; they wait for an older one.
	done int
}

// kept is a report that is kept.
type kept struct {
	event job.Event
	run   job.RunID
	kind  reportKind
	done  bool
}

// reportKind is what its acknowledgement means here.
type reportKind uint8

const (
	// reportStep: nothing.
	reportStep reportKind = iota
	// reportLease: the pod may be made, or never.
	reportLease
	// reportEnd: nobody needs the run any more.
	reportEnd
)

func (b *outbox) unacknowledged() int { return len(b.list) - b.done }

// inFlight is how many were sent and not acknowledged.
func (b *outbox) inFlight() int { return b.sent - b.done }

// again makes all that is not acknowledged be sent in another session, numbered
// from first. It returns how many were sent before.
func (b *outbox) again(first uint64) (resent uint64) {
	open := make([]kept, 0, len(b.list)-b.done)
	for i, k := range b.list {
		if k.done {
			continue
		}
		if i < b.sent {
			resent++
		}
		open = append(open, k)
	}
	*b = outbox{list: open, first: first}
	return resent
}

// settle takes a report off the list. It says false for a number that was not
// sent, or was settled before.
func (b *outbox) settle(number uint64) (kept, bool) {
	i := number - b.first // below first it is huge
	if number < b.first || i >= uint64(b.sent) || b.list[i].done {
		return kept{}, false
	}
	b.list[i].done = true
	settled := b.list[i]
	b.list[i].event = nil
	b.done++
	free := 0
	for free < len(b.list) && b.list[free].done {
		free++
	}
	b.list = b.list[free:]
	b.first += uint64(free)
	b.sent -= free
	b.done -= free
	return settled, true
}

// report keeps a report for the leader.
func (c *Core) report(r job.RunID, kind reportKind, e job.Event) {
	c.counts.Reported++
	c.outbox.list = append(c.outbox.list, kept{event: e, run: r, kind: kind})
}

// flushReports sends to the leader what it was not sent, within the limit.
func (c *Core) flushReports() {
	if c.leader == noReplica {
		return
	}
	b := &c.outbox
	for b.sent < len(b.list) && b.inFlight() < c.cfg.ReportsInFlightMax {
		n := min(len(b.list)-b.sent, c.cfg.PageReportsMax, c.cfg.ReportsInFlightMax-b.inFlight())
		m := Reports{Reports: make([]Report, n)}
		for i := range m.Reports {
			at := b.sent + i
			m.Reports[i] = Report{Number: b.first + uint64(at), Event: b.list[at].event}
		}
		b.sent += n
		c.replicas[c.leader].reports = m.Reports[n-1].Number
		c.emit(Up{Replica: c.leader, Message: m})
	}
}

// acknowledged takes what the leader read back. The gos come first: a lease that
// is settled without one will never count.
func (c *Core) acknowledged(m Acknowledgements) {
	for _, id := range m.Go {
		c.goAhead(id)
	}
	for _, number := range m.Reports {
		settled, ok := c.outbox.settle(number)
		if !ok {
			c.counts.LateOrders++
			continue
		}
		r := c.runs[settled.run]
		switch {
		case r == nil:
		case settled.kind == reportLease && r.stage == held:
			c.counts.Dropped++
			c.forget(r)
		case settled.kind == reportEnd && r.stage == ended:
			c.tidy(r)
		}
	}
}
