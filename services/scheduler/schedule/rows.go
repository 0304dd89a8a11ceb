package schedule

import (
	"slices"
)

// undefined is the settings of a queue that nobody has defined.
func undefined(id QueueID) Queue { return Queue{ID: id, Weight: Million} }

// queue finds a queue, or makes one that is not known yet.
func (s *State) queue(id QueueID) int32 {
	q, is := s.queueOf[id]
	if !is {
		q = int32(len(s.queues)) //nolint:gosec // queues are few
		s.queueOf[id] = q
		s.queues = append(s.queues, queue{Queue: undefined(id), parent: none, bound: none})
		pools, classes := len(s.cfg.Pools), len(s.cfg.Classes)
		s.held = append(s.held, make([]int64, pools*len(s.cfg.Resources))...)
		s.byClass = append(s.byClass, make([]int64, pools*classes*len(s.cfg.Resources))...)
	}
	return q
}

// pool finds the handle of a pool, or makes one.
func (s *State) pool(id PoolID) int32 {
	p, is := s.poolOf[id]
	if !is {
		p = int32(len(s.poolName)) //nolint:gosec // pools are few
		s.poolOf[id] = p
		s.poolName = append(s.poolName, id)
	}
	return p
}

// planned says whether a pool is one of the configuration.
func (s *State) planned(pool int32) bool { return int(pool) < len(s.cfg.Pools) }

// node finds the handle of a node, or makes one for its name.
func (s *State) node(id NodeID) int32 {
	n, is := s.nodeOf[id]
	if is {
		return n
	}
	row := node{Node: Node{ID: id}, pool: none, first: none}
	if last := len(s.freeNodes) - 1; last >= 0 {
		n, s.freeNodes = s.freeNodes[last], s.freeNodes[:last]
		s.nodes[n] = row
		clear(s.room(s.free, n))
		clear(s.room(s.later, n))
	} else {
		n = int32(len(s.nodes)) //nolint:gosec // nodes are below 2^31
		s.nodes = append(s.nodes, row)
		s.free = append(s.free, make([]int64, len(s.cfg.Resources))...)
		s.later = append(s.later, make([]int64, len(s.cfg.Resources))...)
	}
	s.nodeOf[id] = n
	return n
}

// dropNode forgets a node that is not known and that no run names.
func (s *State) dropNode(n int32) {
	if row := &s.nodes[n]; !row.known && row.first == none {
		delete(s.nodeOf, row.ID)
		*row = node{pool: none, first: none}
		s.freeNodes = append(s.freeNodes, n)
	}
}

// refKind finds the kind of a queue and a shape, or makes one, and counts a row of it.
func (s *State) refKind(queue, shape int32) int32 {
	key := uint64(queue)<<32 | uint64(shape) //nolint:gosec // handles are not negative
	k, is := s.kindOf[key]
	if !is {
		row := kind{queue: queue, shape: shape, place: int32(len(s.queues[queue].kinds))} //nolint:gosec // below 2^31
		if last := len(s.freeKinds) - 1; last >= 0 {
			k, s.freeKinds = s.freeKinds[last], s.freeKinds[:last]
			s.kinds[k] = row
		} else {
			k = int32(len(s.kinds)) //nolint:gosec // below 2^31
			s.kinds = append(s.kinds, row)
		}
		s.kindOf[key] = k
		s.shapes[shape].kinds++
		s.queues[queue].kinds = append(s.queues[queue].kinds, k)
		s.queues[queue].asks = append(s.queues[queue].asks, s.askOf(&s.shapes[shape]))
	}
	s.kinds[k].refs++
	return k
}

// unrefKind counts a row less.
func (s *State) unrefKind(k int32) {
	row := &s.kinds[k]
	if row.refs--; row.refs > 0 {
		return
	}
	q := &s.queues[row.queue]
	last := q.kinds[len(q.kinds)-1]
	q.kinds[row.place], q.asks[row.place] = last, q.asks[len(q.kinds)-1]
	s.kinds[last].place = row.place
	q.kinds, q.asks = q.kinds[:len(q.kinds)-1], q.asks[:len(q.kinds)-1]
	delete(s.kindOf, uint64(row.queue)<<32|uint64(row.shape)) //nolint:gosec // handles are not negative
	s.shapes[row.shape].kinds--
	*row = kind{}
	s.freeKinds = append(s.freeKinds, k)
}

// addJobRow makes a row of a job that is in no queue yet.
func (s *State) addJobRow(j *Job, kind, gang int32) int32 {
	h := s.jobIDs.add(j.ID)
	row := jobRow{submitted: j.Submitted, priority: j.Priority, kind: kind, gang: gang, group: s.groupOf(gang, j.Group)}
	if j.NotBefore != 0 || len(j.Avoid) > 0 {
		row.extra = true
		s.extras[h] = jobExtra{j.NotBefore, j.Avoid}
	}
	if int(h) == len(s.jobs) {
		s.jobs = append(s.jobs, row)
	} else {
		s.jobs[h] = row
	}
	return h
}

// dropJobRow forgets a job that is in no queue any more. Its kind keeps its count of rows
// where a run takes the row's place.
func (s *State) dropJobRow(h int32) {
	s.endReservation(s.jobIDs.ids[h])
	if s.jobs[h].extra {
		delete(s.extras, h)
	}
	s.jobIDs.remove(h)
}

// jobOf is a row as a job.
func (s *State) jobOf(h int32) Job {
	row := &s.jobs[h]
	k := &s.kinds[row.kind]
	j := Job{ID: s.jobIDs.ids[h], Queue: s.queues[k.queue].ID, Shape: s.shapes[k.shape].id, Priority: row.priority, Submitted: row.submitted}
	if row.gang != none {
		j.Gang, j.Group = s.gangs[row.gang].ID, s.gangs[row.gang].groupID(row.group)
	}
	if row.extra {
		j.NotBefore, j.Avoid = s.extras[h].notBefore, s.extras[h].avoid
	}
	return j
}

// enqueue puts a job into its queue.
func (s *State) enqueue(h int32) {
	row := &s.jobs[h]
	row.waits = true
	s.kinds[row.kind].waiting.insert(s, h)
	s.countQueued(h)
	if row.gang != none {
		g := &s.gangs[row.gang]
		g.queued = insert(g.queued, h, s.compareQueued)
	}
	if len(s.away) > 0 {
		if g := s.comeBack(s.jobIDs.ids[h]); g != none {
			s.dropGang(g) // it may wait for another gang than it ran for
		}
	}
}

// countQueued counts a job that waits.
func (s *State) countQueued(h int32) {
	row := &s.jobs[h]
	k := &s.kinds[row.kind]
	k.n++
	if row.gang != none {
		k.gangs++
	}
	s.countOdd(row, 1)
	s.queues[k.queue].n++
	s.queues[k.queue].boundKnown = false
}

// dequeue takes a job out of its queue.
func (s *State) dequeue(h int32) {
	row := &s.jobs[h]
	row.waits = false
	k := &s.kinds[row.kind]
	k.waiting.remove(s, h)
	k.n--
	s.countOdd(row, -1)
	s.queues[k.queue].n--
	s.queues[k.queue].boundKnown = false
	if row.gang != none {
		k.gangs--
		g := &s.gangs[row.gang]
		g.queued = remove(g.queued, h, s.compareQueued)
	}
}

// withhold keeps a job that is in no queue from one.
func (s *State) withhold(h int32) {
	s.jobs[h].held = true
	if g := s.jobs[h].gang; g != none {
		s.gangs[g].held++
	}
}

// release takes a job from those that are withheld. It stays marked as one, for its lease
// may be assumed.
func (s *State) release(h int32) {
	if g := s.jobs[h].gang; g != none {
		s.gangs[g].held--
	}
}

// goAway notes that a member of a gang has a run.
func (s *State) goAway(row int32, run RunID) {
	if gang := s.jobs[row].gang; gang != none {
		s.away[s.jobIDs.ids[row]] = awayMember{gang: gang, group: s.jobs[row].group, run: run}
		s.gangs[gang].placed++
	}
}

// lose notes that a run is gone, if it was of a member of a gang, and whether it ended of
// itself.
func (s *State) lose(run int32, ended bool) {
	job := s.runs[run].job
	if m, is := s.away[job]; is && m.run == s.runIDs.ids[run] {
		s.away[job] = awayMember{gang: m.gang, group: m.group, ended: ended && s.gangs[m.gang].Min > 0}
		s.gangs[m.gang].placed--
		s.gangs[m.gang].between++
	}
}

// comeBack notes that a member waits or has ended. It returns its gang; none where it
// was not away.
func (s *State) comeBack(job JobID) int32 {
	m, is := s.away[job]
	if !is {
		return none
	}
	delete(s.away, job)
	if m.run != (RunID{}) {
		s.gangs[m.gang].placed--
	} else {
		s.gangs[m.gang].between--
	}
	return m.gang
}

// endAway notes that a member has ended that was away. It returns its gang; none where it
// was not away.
func (s *State) endAway(job JobID) int32 {
	m := s.away[job]
	gang := s.comeBack(job)
	if gang == none {
		return none
	}
	g := &s.gangs[gang]
	g.ended++
	if m.ended {
		*g.doneIn(m.group)++
	}
	return gang
}

// dropGang forgets a gang of which every member has ended.
func (s *State) dropGang(gang int32) {
	if gang == none {
		return
	}
	if g := &s.gangs[gang]; g.over() {
		delete(s.queues[g.queue].gangs, g.ID)
		*g = noGang()
		s.freeGangs = append(s.freeGangs, gang)
	}
}

func noGang() gang { return gang{queue: none, bound: none} }

// occupy makes a run hold its node, and be on the accounts of its queue and its gang.
func (s *State) occupy(run int32) {
	r := &s.runs[run]
	n := &s.nodes[r.node]
	r.prev, r.next = none, n.first
	if n.first != none {
		s.runs[n.first].prev = run
	}
	n.first = run
	s.hold(r)
	s.float(r, Vec.add)
	if r.gang != none {
		g := &s.gangs[r.gang]
		g.runs = insert(g.runs, run, s.compareRuns)
	}
	if r.phase != Releasing {
		s.charge(r)
	}
}

// vacate takes a run off its node and all accounts.
func (s *State) vacate(run int32) {
	r := &s.runs[run]
	n := &s.nodes[r.node]
	s.unhold(r)
	s.float(r, Vec.sub)
	if r.next != none {
		s.runs[r.next].prev = r.prev
	}
	if r.prev != none {
		s.runs[r.prev].next = r.next
	} else {
		n.first = r.next
	}
	if r.gang != none {
		g := &s.gangs[r.gang]
		g.runs = remove(g.runs, run, s.compareRuns)
	}
	if r.phase != Releasing {
		s.discharge(r)
	}
}

// dropRun forgets a run that is off its node.
func (s *State) dropRun(run int32) {
	n := s.runs[run].node
	s.runs[run].kind = none // it is none any more
	s.runIDs.remove(run)
	s.dropNode(n)
}

// hold takes what a run asks for from its node.
func (s *State) hold(r *runRow) {
	n, request := &s.nodes[r.node], s.request(r.kind)
	s.room(s.free, r.node).sub(request)
	n.pods++
	if r.phase == Releasing {
		n.releasing++
	} else {
		s.room(s.later, r.node).sub(request)
	}
	s.index.touch(r.node)
}

// unhold gives it back.
func (s *State) unhold(r *runRow) {
	n, request := &s.nodes[r.node], s.request(r.kind)
	s.room(s.free, r.node).add(request)
	n.pods--
	if r.phase == Releasing {
		n.releasing--
	} else {
		s.room(s.later, r.node).add(request)
	}
	s.index.touch(r.node)
}

func (s *State) charge(r *runRow) {
	s.kinds[r.kind].runs++
	s.countSoft(r.kind, 1)
	if s.planned(r.pool) {
		held, class := s.accounts(r)
		held.add(s.request(r.kind))
		class.add(s.request(r.kind))
	}
}

func (s *State) discharge(r *runRow) {
	s.kinds[r.kind].runs--
	s.countSoft(r.kind, -1)
	if s.planned(r.pool) {
		held, class := s.accounts(r)
		held.sub(s.request(r.kind))
		class.sub(s.request(r.kind))
	}
}

// accounts are those that a run is on.
func (s *State) accounts(r *runRow) (held, class Vec) {
	k := &s.kinds[r.kind]
	return s.room(s.held, s.heldAt(k.queue, r.pool)), s.room(s.byClass, s.classAt(k.queue, r.pool, s.shapes[k.shape].class))
}

// setPhase moves a run. What must go is its queue's no more, and still holds its node.
func (s *State) setPhase(run int32, to Phase) {
	r := &s.runs[run]
	if r.phase != Releasing && to == Releasing {
		s.discharge(r)
	}
	if r.phase == Releasing && to != Releasing {
		s.charge(r)
	}
	s.unhold(r)
	r.phase = to
	s.hold(r)
}

// clone copies rows and what they hold.
func cloneEach[T any](rows []T, each func(*T)) []T {
	rows = slices.Clone(rows)
	for i := range rows {
		each(&rows[i])
	}
	return rows
}
