package lead

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// executor is what is known of an executor, connected or not.
type executor struct {
	name string
	pool string
	// session is the stream it is heard on; zero: none.
	session Session
	began   [16]byte
	// heard is when it was last heard from, or when our leadership began.
	heard job.Time
	// nodes are the names of its nodes.
	nodes map[string]bool
	// runs are those that hold one of its nodes, by the log.
	runs map[job.RunID]*record
	// beat is the newest heartbeat that waits for an answer, and checked the one
	// that the lock check under way will answer; zero: none.
	beat, checked uint64
	// expiring are the jobs whose runs own entries give up, until these are read back.
	expiring []*record
	mail     mail
}

// mail is what a step has for a session.
type mail struct {
	leases []Lease
	stops  []Stop
	acks   []uint64
	gos    []job.RunID
	// beat is the heartbeat that is answered; zero: none.
	beat uint64
}

// executor finds an executor by name, or notes that there is one: a run in the
// log is enough to know of it.
func (c *Core) executor(name string) *executor {
	e := c.executors[name]
	if e == nil {
		e = &executor{name: name, nodes: map[string]bool{}, runs: map[job.RunID]*record{}, heard: c.now}
		c.executors[name] = e
	}
	return e
}

// byName is all executors in the order of their names.
func (c *Core) byName() []*executor {
	out := make([]*executor, 0, len(c.executors))
	for _, name := range slices.Sorted(maps.Keys(c.executors)) {
		out = append(out, c.executors[name])
	}
	return out
}

// connected takes a new session. The newer of two of an executor counts.
func (c *Core) connected(in Connected) {
	e := c.executor(in.Executor)
	if e.session != 0 {
		if bytes.Compare(in.Began[:], e.began[:]) < 0 {
			c.emit(Refuse{Session: in.Session, Why: "a newer session of this executor is open"})
			return
		}
		c.refuse(e, "a newer session of this executor took over")
	}
	e.session, e.began, e.pool, e.heard = in.Session, in.Began, in.Pool, c.now
	e.beat, e.checked, e.mail = 0, 0, mail{}
	c.sessions[in.Session] = e
	c.replaceNodes(e, in.Nodes)
	c.board.online(e.name)
	c.lead.stale = true
	c.emit(Greet{Session: in.Session, Epoch: c.Epoch()})
	switch {
	case c.phase != leading:
	case in.Epoch > c.epoch:
		// What it holds comes of orders that are not in the log as far as it was read
		// here, and ours it refuses.
		c.refuse(e, fmt.Sprintf("it obeys epoch %d, and this replica leads in epoch %d: a newer leader orders", in.Epoch, c.epoch))
	default:
		c.reconcile(e, in)
	}
}

// replaceNodes makes the nodes of an executor exactly these.
func (c *Core) replaceNodes(e *executor, nodes []Node) {
	gone := maps.Clone(e.nodes)
	for _, n := range nodes {
		delete(gone, n.Name)
		e.nodes[n.Name] = true
		c.board.nodeSet(e, n)
	}
	for _, name := range slices.Sorted(maps.Keys(gone)) {
		delete(e.nodes, name)
		c.board.nodeGone(e.name, name)
	}
}

func (c *Core) nodesChanged(in NodesChanged) {
	e := c.sessions[in.Session]
	if e == nil {
		return
	}
	for _, n := range in.Changed {
		e.nodes[n.Name] = true
		c.board.nodeSet(e, n)
	}
	for _, name := range in.Gone {
		if e.nodes[name] {
			delete(e.nodes, name)
			c.board.nodeGone(e.name, name)
		}
	}
	c.lead.stale = true
}

func (c *Core) disconnected(in Disconnected) {
	if e := c.sessions[in.Session]; e != nil {
		c.drop(e)
	}
}

// drop ends the session of an executor on our side.
func (c *Core) drop(e *executor) {
	delete(c.sessions, e.session)
	e.session, e.beat, e.checked, e.mail = 0, 0, 0, mail{}
	c.board.offline(e.name)
	c.lead.stale = true
}

func (c *Core) refuse(e *executor, why string) {
	c.emit(Refuse{Session: e.session, Why: why})
	c.drop(e)
}

// reconcile compares the runs that an executor holds with those that the log says
// it has. What an executor says before it has heard of our epoch it may have said
// before it took a run from the leader before us, or told him that one ended. So it
// proves nothing that a run lacks in it, or that the log knows nothing of one: then it
// has to say everything again.
func (c *Core) reconcile(e *executor, in Connected) {
	phases := make(map[job.RunID]RunPhase, len(in.Runs))
	for _, k := range in.Runs {
		phases[k.Run] = k.Phase
	}
	for _, rec := range byRun(e.runs) {
		if phases[rec.job.Run.ID] == 0 && in.Epoch < c.epoch && isMissed(rec) {
			c.refuse(e, "it does not name all runs and may be older than this leadership: say everything again")
			return
		}
	}
	for _, k := range in.Runs {
		if in.Epoch < c.epoch && c.isOrphan(e, k) {
			c.refuse(e, "it names a run that is not known and may be older than this leadership: say everything again")
			return
		}
	}
	for _, rec := range byRun(e.runs) {
		c.reconcileRun(rec, phases[rec.job.Run.ID])
	}
	c.reconcileOthers(e, in.Runs)
}

// isOrphan says whether a run has a pod that nobody has heard of.
func (c *Core) isOrphan(e *executor, k KnownRun) bool {
	return e.runs[k.Run] == nil && k.Phase != PhaseEnded && !c.mayStop(k)
}

// mayStop says whether a run that the log does not give its executor may be stopped.
func (c *Core) mayStop(k KnownRun) bool {
	return c.rules.mayStop(stray{jobKnown: c.table.jobs[k.Job] != nil, phase: k.Phase})
}

// isMissed says whether a run that its executor does not hold has failed by that: it
// was reported pending or later, and nobody told it to go.
func isMissed(rec *record) bool {
	state := rec.job.Run.State
	return (state == job.RunPending || state == job.RunRunning) && !rec.isUnread()
}

// reconcileOthers looks at the runs that the log does not say the executor has.
func (c *Core) reconcileOthers(e *executor, known []KnownRun) {
	for _, k := range known {
		switch {
		case c.isOrphan(e, k):
			c.counts.Orphans++ // kept and shown
		case e.runs[k.Run] == nil && c.mayStop(k):
			c.stop(e, Stop{Run: k.Run, Job: k.Job, Why: StopOver})
		}
	}
}

// reconcileRun compares one run; phase is zero when the executor does not hold it.
func (c *Core) reconcileRun(rec *record, phase RunPhase) {
	run := rec.job.Run
	switch {
	case run.Releasing:
		c.stop(rec.place.executor, Stop{Run: run.ID, Job: rec.job.ID, Why: StopOver})
	case phase != 0:
	case run.State == job.RunLeased || run.State == job.RunAcknowledged:
		if rec.place.whole && rec.aheadOfLog().Run.State.Live() { // else an own entry has given it up
			c.counts.LeasesResent++
			c.sendLease(rec)
		}
	case isMissed(rec):
		failure := job.Failure{
			Cause: job.CauseError, Message: "Pod is unexpectedly missing in Kubernetes",
			Category: "internal", Subcategory: "pod-missing",
			Pod: job.Pod{Name: podName(rec.job.ID, rec.place.leased.Attempt), Node: rec.place.leased.Node},
		}
		events := []job.Event{job.RunFailedEvent{Head: c.head(rec), Run: run.ID, Failure: failure}}
		ahead, err := job.Apply(rec.job, events[0])
		if err != nil {
			return
		}
		c.author(rec, append(events, follow(ahead, rec.wish, &failure, c.now, c.cfg.AttemptsMax)...))
	}
}

// sendLease puts a lease into the mail of its executor, if that is connected;
// else it is sent when it connects.
func (c *Core) sendLease(rec *record) {
	if e := rec.place.executor; c.phase == leading && e.session != 0 {
		c.counts.LeasesSent++
		e.mail.leases = append(e.mail.leases, rec.lease())
	}
}

// stop tells an executor that a pod must go, if it is connected; else it is told
// when it connects.
func (c *Core) stop(e *executor, s Stop) {
	if c.phase == leading && e.session != 0 {
		e.mail.stops = append(e.mail.stops, s)
	}
}

// flushSessions sends the mail of this step.
func (c *Core) flushSessions() {
	for _, session := range slices.Sorted(maps.Keys(c.sessions)) {
		m := &c.sessions[session].mail
		m.leases = slices.DeleteFunc(m.leases, c.isOver)
		if len(m.stops) > 0 {
			c.emit(SendStops{Session: session, Epoch: c.epoch, Stops: m.stops})
		}
		if len(m.acks)+len(m.gos) > 0 {
			c.emit(Acknowledge{Session: session, Epoch: c.epoch, Reports: m.acks, Go: m.gos})
		}
		if len(m.leases) > 0 {
			c.emit(SendLeases{Session: session, Epoch: c.epoch, Leases: m.leases})
		}
		if m.beat != 0 { // behind the stops: it lets pods be made
			c.emit(AnswerHeartbeat{Session: session, Epoch: c.epoch, Number: m.beat})
		}
		*m = mail{}
	}
}

// Owes says whether a lease that was put out for a session is still to be sent there:
// the session is open and the run may become something.
func (c *Core) Owes(session Session, l Lease) bool {
	rec := c.table.runs[l.Run]
	return c.phase == leading && rec != nil && rec.place.executor.session == session && !c.isOver(l) && rec.aheadOfLog().Run.State.Live()
}

// isOver says whether the run of a lease was given up in the step that was to send it.
// Its job may be forgotten by now, and what was submitted with it.
func (c *Core) isOver(l Lease) bool {
	rec := c.table.runs[l.Run]
	return rec == nil || rec.job.Run.ID != l.Run || !rec.job.Run.State.Live()
}

// heartbeat notes that an executor lives. The answer waits until the lock was
// checked: it is what lets the executor make pods for a while.
func (c *Core) heartbeat(in Heartbeat) {
	e := c.sessions[in.Session]
	if e == nil {
		return
	}
	e.heard = c.now
	e.beat = in.Number
	if c.phase == leading && !c.lead.checking {
		c.checkLock()
	}
}

func (c *Core) checkLock() {
	c.lead.checking = true
	for _, e := range c.sessions { //archcheck:sorted each is changed by itself
		if e.beat != 0 {
			e.checked, e.beat = e.beat, 0
		}
	}
	c.emit(CheckLock{})
}

// answerHeartbeats answers those that came before the lock was checked. Not those of
// an executor whose runs are being given up: it has to be told of that first, and its
// next heartbeat will do.
func (c *Core) answerHeartbeats() {
	c.lead.checking = false
	if c.phase != leading {
		return
	}
	waiting := false
	for _, session := range slices.Sorted(maps.Keys(c.sessions)) {
		e := c.sessions[session]
		if e.checked != 0 && !e.isExpiring() {
			e.mail.beat = e.checked
		}
		e.checked = 0
		waiting = waiting || e.beat != 0
	}
	if waiting {
		c.checkLock()
	}
}

// isExpiring says whether own entries that give up its runs are not read back yet. Its
// heartbeats are not answered meanwhile: it could make pods for runs that the log has
// over already.
func (e *executor) isExpiring() bool {
	e.expiring = slices.DeleteFunc(e.expiring, func(rec *record) bool { return !rec.isUnread() })
	return len(e.expiring) > 0
}

// expireSilent gives up the runs of executors that were not heard from for too
// long. Silence counts from our own takeover at the earliest.
func (c *Core) expireSilent() {
	for _, e := range c.byName() {
		silence := c.now - max(e.heard, c.lead.since)
		if len(e.runs) == 0 || silence <= job.Time(c.cfg.ExecutorTimeout) {
			continue
		}
		for _, rec := range byRun(e.runs) {
			run := rec.job.Run
			if rec.isUnread() || !run.State.Live() {
				continue
			}
			gone := job.RunExpiredEvent{Head: c.head(rec), Run: run.ID, Reason: "the executor was not heard from for " + c.cfg.ExecutorTimeout.String()}
			ahead, err := job.Apply(rec.job, gone)
			if err != nil {
				continue
			}
			c.author(rec, append([]job.Event{gone}, follow(ahead, rec.wish, nil, c.now, c.cfg.AttemptsMax)...))
			e.expiring = append(e.expiring, rec)
		}
	}
}
