package schedule

import (
	"fmt"
	"slices"
)

// holds are the reservations that a round keeps. Only few nodes are reserved: what is asked
// of the others is a bit.
type holds struct {
	list []hold
	// of is the hold that a job is in.
	of map[int32]int32
	// nodes are the reserved ones, isHeld the same a bit each.
	nodes  map[int32]*heldNode
	isHeld bitset
}

// hold is a reservation in a round.
type hold struct {
	Reservation
	queue, pool int32
	// jobs are the handles of its members, in their order.
	jobs []int32
	// class is the priority of the class that it goes by, the highest of its members.
	class int32
	// over: it was dropped in this round, or its jobs start.
	over bool
}

// heldNode is a node in the reservations that name it.
type heldNode struct {
	slots []slot
	// laid are the kinds of the jobs that start there in this round, in their order.
	laid []int32
}

// slot is a node in one reservation.
type slot struct {
	hold int32
	// need is what the members there ask for, pods how many they are.
	need Vec
	pods int32
	// then is what the node has at the reservation's time but for reservations, and podsThen
	// how many pods it holds, where known.
	then     Vec
	podsThen int32
	known    bool
}

// hold finds the reservations that can be held, and drops the others.
func (p *planner) hold() {
	p.reserved.list, p.reserved.of, p.reserved.nodes = p.reserved.list[:0], nil, nil
	for _, r := range p.reservations.now() {
		if h, waits := p.holdOf(r); waits {
			if p.cfg.ReserveAfter > 0 && p.mayKeep(&h) {
				p.addHold(h)
			} else {
				p.plan.Unreserves = append(p.plan.Unreserves, r.Job)
			}
		}
	}
}

// holdOf is a reservation as a hold; false: one of its members does not wait now.
func (p *planner) holdOf(r Reservation) (h hold, waits bool) {
	h = hold{Reservation: r, queue: none, pool: none}
	for _, m := range r.Members {
		j := p.jobIDs.find((*[16]byte)(&m.Job))
		if j == none || !p.jobs[j].waits {
			return hold{}, false
		}
		h.jobs = append(h.jobs, j)
		if class := p.classPriority(j); h.queue == none || class > h.class {
			h.class = class
		}
		h.queue = p.kinds[p.jobs[j].kind].queue
	}
	if pool, is := p.poolOf[r.Pool]; is && p.planned(pool) {
		h.pool = pool
	}
	return h, true
}

// mayKeep says whether a reservation can be held beside those before it: its members are
// who starts next of a gang, or one job, and its nodes could hold them if
// nothing ran there. While not all nodes are known, as after a start of the scheduler, one
// that is not is taken to come. Limits are asked in the pool.
func (p *planner) mayKeep(h *hold) bool {
	q := &p.State.queues[h.queue]
	gang := p.jobs[h.jobs[0]].gang
	switch {
	case h.pool == none || !q.known || q.Cordoned:
		return false
	case gang == none && len(h.jobs) != 1:
		return false
	case gang != none && !p.isNext(gang, h.jobs):
		return false
	}
	p.pool, p.site = h.pool, h.pool
	for i, j := range h.jobs {
		n, known := p.knownNode(h.Members[i].Node)
		if !known && !p.round.MayReject && p.jobs[j].gang == gang {
			continue // it may be told of yet: nothing starts there before
		}
		if p.jobs[j].gang != gang || !known || p.State.nodes[n].pool != h.pool || !p.index.takes[n] {
			return false
		}
		k := p.seekFor(j, 0, nil)
		if !p.shapes[p.kinds[p.jobs[j].kind].shape].mayUse(h.pool) || !p.mayTry(&k, n) {
			return false
		}
	}
	if gang != none && !p.inDomainsOf(h, gang) {
		return false
	}
	for n, s := range p.slotsOf(h) { //archcheck:unordered all must hold
		room, pods := p.emptied(n)
		if !room.holds(s.need) || p.tooMany(n, pods+s.pods) {
			return false
		}
	}
	return true
}

// inDomainsOf says whether the nodes of a gang's reservation are in one domain, that of its members
// that run, if it is bound to one, and so those of each group.
func (p *planner) inDomainsOf(h *hold, gang int32) bool {
	g := &p.gangs[gang]
	t := p.groupsOf(gang)
	for at := range int32(len(t.groups)) { //nolint:gosec // below 2^31
		bound := g.bound
		if at != t.root() {
			bound = g.groups[at].bound
		}
		if bound != none && !p.inOneDomain(h, t, at, p.binding(bound)) {
			return false
		}
	}
	return true
}

// inOneDomain says so of a group, or of the gang itself.
func (p *planner) inOneDomain(h *hold, t *gangTree, at int32, b *binding) bool {
	domain := p.domainOfMates(t, at, b)
	for i, m := range h.Members {
		n, known := p.knownNode(m.Node)
		if !known || !t.within(p.jobs[h.jobs[i]].group, at) {
			continue
		}
		if domain == none {
			domain = b.of[n]
		}
		if b.of[n] == none || b.of[n] != domain {
			return false
		}
	}
	return true
}

// knownNode is a node that was told of.
func (p *planner) knownNode(id NodeID) (int32, bool) {
	n, is := p.nodeOf[id]
	return n, is && p.State.nodes[n].known
}

// groupsOf is a gang's groups, without members.
func (s *State) groupsOf(gang int32) *gangTree {
	g := &s.gangs[gang]
	return &gangTree{gang: g, at: gang, groups: make([]treeGroup, len(g.groups)+1)}
}

// chosenDomain is the domain of a gang in which members of it run; none: nobody does.
func (p *planner) chosenDomain(gang int32) int32 {
	g := &p.gangs[gang]
	t := p.groupsOf(gang)
	return p.domainOfMates(t, t.root(), p.binding(g.bound))
}

// slotsOf is what a reservation needs of each of its nodes that are known.
func (p *planner) slotsOf(h *hold) map[int32]slot {
	slots := map[int32]slot{}
	for i, j := range h.jobs {
		n, known := p.knownNode(h.Members[i].Node)
		if !known {
			continue
		}
		s := slots[n]
		if s.need == nil {
			s.need = make(Vec, len(p.cfg.Resources))
		}
		s.need.add(p.shapes[p.kinds[p.jobs[j].kind].shape].onNode)
		s.pods++
		slots[n] = s
	}
	return slots
}

// emptied is what a node has that nothing runs on but what is reserved, and how many pods
// that is.
func (p *planner) emptied(n int32) (room Vec, pods int32) {
	row := &p.State.nodes[n]
	room = slices.Clone(row.Total)
	room.sub(row.Other)
	pods = p.lessHeld(n, none, room)
	return room, pods
}

// lessHeld takes from the room of a node what is reserved there but for one hold, and says
// how many pods that is.
func (p *planner) lessHeld(n, but int32, room Vec) (pods int32) {
	held := p.reserved.nodes[n]
	if held == nil {
		return 0
	}
	for i := range held.slots {
		if s := &held.slots[i]; s.hold != but && !p.reserved.list[s.hold].over {
			room.sub(s.need)
			pods += s.pods
		}
	}
	return pods
}

// tooMany says whether so many pods are more than a node takes.
func (p *planner) tooMany(n, pods int32) bool {
	most := p.State.nodes[n].MaxPods
	return most > 0 && pods > most
}

// addHold keeps a reservation for the rest of the round.
func (p *planner) addHold(h hold) {
	at := int32(len(p.reserved.list)) //nolint:gosec // few
	p.reserved.list = append(p.reserved.list, h)
	if p.reserved.of == nil {
		p.reserved.of, p.reserved.nodes = map[int32]int32{}, map[int32]*heldNode{}
		p.reserved.isHeld = p.reserved.isHeld.emptied(len(p.State.nodes))
	}
	for _, j := range h.jobs {
		p.reserved.of[j] = at
		p.ofKind(p.jobs[j].kind).owners++
	}
	for n, s := range p.slotsOf(&h) { //archcheck:unordered each is of another node
		held := p.reserved.nodes[n]
		if held == nil {
			held = &heldNode{}
			p.reserved.nodes[n] = held
			p.reserved.isHeld.set(n)
		}
		s.hold = at
		held.slots = append(held.slots, s)
	}
}

// holder is the hold of a job; none: it has none, or that is over.
func (p *planner) holder(job int32) int32 {
	if len(p.reserved.list) == 0 {
		return none
	}
	return p.holderAmong(job)
}

func (p *planner) holderAmong(job int32) int32 {
	if at, is := p.reserved.of[job]; is && !p.reserved.list[at].over {
		return at
	}
	return none
}

// dropOverLimit drops the reservations of a queue in the pool, none: of all, that would
// take it above the limit of a class.
func (p *planner) dropOverLimit(queue int32) (some bool) {
	for i := range p.reserved.list {
		h := &p.reserved.list[i]
		if h.over || h.pool != p.pool || queue != none && h.queue != queue || p.at[h.queue] == none || !p.overAny(&p.queues[p.at[h.queue]], h.jobs) {
			continue
		}
		p.plan.Unreserves = append(p.plan.Unreserves, h.Job)
		h.over, some = true, true
		p.shares++ // what was found out with it holds no more
	}
	return some
}

// released ends the hold of what started, and those that its queue can hold no more. It
// says whether that left room for others: the walk is to end then.
func (p *planner) released(queue, job int32) bool {
	return len(p.reserved.list) > 0 && p.releasedAmong(queue, job)
}

func (p *planner) releasedAmong(queue, job int32) (some bool) {
	if at := p.holder(job); at != none {
		h := &p.reserved.list[at]
		h.over, some = true, true
		p.back = h.pool < p.pool || !p.home()
		p.shares++
	}
	return p.dropOverLimit(queue) || some
}

// allowed says whether a job may have room on a node for all that is reserved there: it is
// gone before it is needed, or fits beside.
func (p *planner) allowed(k *seek, n int32) bool {
	return len(p.reserved.list) == 0 || p.allowedAmong(k, n)
}

func (p *planner) allowedAmong(k *seek, n int32) bool {
	if !p.reserved.isHeld.has(n) {
		return true
	}
	held := p.reserved.nodes[n]
	for i := range held.slots {
		if s := &held.slots[i]; p.binds(k, s.hold) {
			if room, pods := p.beside(k, n, s); !room.holds(k.request) || p.tooMany(n, pods+1) {
				return false
			}
		}
	}
	return true
}

// fewestBeside is how many jobs alike there is room for on a node beside what is reserved
// there; most where they heed nothing of it.
func (p *planner) fewestBeside(k *seek, n int32, most int, count func(Vec) int) int {
	if !p.shut(k, n) {
		return most
	}
	held := p.reserved.nodes[n]
	for i := range held.slots {
		if s := &held.slots[i]; p.binds(k, s.hold) {
			room, pods := p.beside(k, n, s)
			most = min(most, count(room))
			if row := &p.State.nodes[n]; row.MaxPods > 0 {
				most = min(most, int(max(0, row.MaxPods-pods)))
			}
		}
	}
	return most
}

// shut says whether a node is reserved such that a job may preempt nobody there.
func (p *planner) shut(k *seek, n int32) bool {
	return len(p.reserved.list) > 0 && p.shutAmong(k, n)
}

func (p *planner) shutAmong(k *seek, n int32) bool {
	return p.reserved.isHeld.has(n) && slices.ContainsFunc(p.reserved.nodes[n].slots, func(s slot) bool { return p.binds(k, s.hold) })
}

// binds says whether a job has to heed a reservation: it is not its own nor of a lower
// class, nor is the job no more than a guest, and it may run on when its time has come.
func (p *planner) binds(k *seek, at int32) bool {
	h := &p.reserved.list[at]
	return !h.over && at != k.own && (k.level <= h.class || !p.home()) && (h.Time == 0 || k.limit == 0 || after(p.round.Now, k.limit) > h.Time)
}

// beside is what a node has for a job beside what is reserved there and what will run there
// at the time of a reservation, and how many pods that is.
func (p *planner) beside(k *seek, n int32, s *slot) (room Vec, pods int32) {
	if !s.known {
		p.lookAhead(n, s)
	}
	room = append(p.hunt.after[:0], s.then...)
	p.hunt.after = room
	return room, s.podsThen + p.lessHeld(n, k.own, room)
}

// lookAhead finds what a node has at the time of a reservation.
func (p *planner) lookAhead(n int32, s *slot) {
	at := p.reserved.list[s.hold].Time
	s.then = append(s.then[:0], p.room(p.later, n)...)
	s.podsThen, s.known = p.pods[n]-p.releasing[n], true
	if at == 0 {
		return
	}
	ended := func(k int32, since Time) {
		if sh := &p.shapes[p.kinds[k].shape]; sh.ends(since, p.round.Now) <= at {
			s.then.add(sh.Request)
			s.podsThen--
		}
	}
	for r := p.State.nodes[n].first; r != none; r = p.runs[r].next {
		if p.stays(r) {
			ended(p.runs[r].kind, p.runs[r].since)
		}
	}
	for _, k := range p.reserved.nodes[n].laid {
		ended(k, p.round.Now)
	}
}

// heldChanged notes that another job starts on a node in this round, or one less, and that
// what is known of its room holds no more.
func (p *planner) heldChanged(n int32) {
	if len(p.reserved.list) > 0 && p.reserved.isHeld.has(n) {
		p.reserved.nodes[n].forgetAhead()
	}
}

// forgetAhead forgets what the node has at the times of reservations.
func (h *heldNode) forgetAhead() {
	for i := range h.slots {
		h.slots[i].known = false
	}
}

// heldLaid notes a start on a node; heldUnlaid takes back the newest.
func (p *planner) heldLaid(n, kind int32) {
	if len(p.reserved.list) > 0 && p.reserved.isHeld.has(n) {
		p.reserved.nodes[n].lay(kind)
	}
}

func (h *heldNode) lay(kind int32) { h.laid = append(h.laid, kind) }

func (h *heldNode) unlay() { h.laid = h.laid[:len(h.laid)-1] }

func (p *planner) heldUnlaid(n int32) {
	if len(p.reserved.list) > 0 && p.reserved.isHeld.has(n) {
		p.reserved.nodes[n].unlay()
	}
}

// reservedFor says for whom a node is reserved, of those that a job must heed.
func (p *planner) reservedFor(k *seek, n int32) string {
	for i := range p.reserved.nodes[n].slots {
		at := p.reserved.nodes[n].slots[i].hold
		if !p.binds(k, at) {
			continue
		}
		h := &p.reserved.list[at]
		queue := p.State.queues[h.queue].ID
		if gang := p.jobs[h.jobs[0]].gang; gang != none {
			return fmt.Sprintf("gang %q of queue %q", p.gangs[gang].ID, queue)
		}
		return fmt.Sprintf("a job of queue %q", queue)
	}
	return "nobody"
}

// forgetAhead forgets what nodes have at the times of reservations.
func (p *planner) forgetAhead() {
	for _, held := range p.reserved.nodes { //archcheck:unordered each by itself
		held.forgetAhead()
	}
}

// heed has a search heed what is reserved, for a job of a shape; none: for any of its jobs.
func (p *planner) heed(k *seek, sh *shape, job int32) {
	k.own = none
	if len(p.reserved.list) > 0 {
		k.level, k.limit, k.own = p.cfg.Classes[sh.class].Priority, sh.Limit, p.holderAmong(job)
	}
}
