package schedule_test

import (
	"bytes"
	"cmp"
	"maps"
	"math"
	"slices"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// refHold is a reservation that the round keeps.
type refHold struct {
	schedule.Reservation
	queue schedule.QueueID
	jobs  []schedule.Job
	class int32
	over  bool
}

// hold finds the reservations that can be held; the others are dropped.
func (r *ref) hold() {
	rows := slices.SortedFunc(slices.Values(r.rows.Reservations), func(a, b schedule.Reservation) int { return bytes.Compare(a.Job[:], b.Job[:]) })
	for _, row := range rows {
		h := &refHold{Reservation: row, class: math.MinInt32}
		for _, m := range row.Members {
			j := r.rows.Jobs[slices.IndexFunc(r.rows.Jobs, func(j schedule.Job) bool { return j.ID == m.Job })]
			h.jobs, h.queue, h.class = append(h.jobs, j), j.Queue, max(h.class, r.class(j.Shape).Priority)
		}
		r.pool, r.site = row.Pool, row.Pool
		if r.cfg.ReserveAfter > 0 && r.mayKeep(h) {
			r.reserved = append(r.reserved, h)
		} else {
			r.plan.Unreserves = append(r.plan.Unreserves, row.Job)
		}
	}
}

// mayKeep says whether a reservation can be held: its jobs are one, or who starts next
// of a gang, and may run on their nodes, which could hold them if nothing ran there
// but what is reserved before it.
func (r *ref) mayKeep(h *refHold) bool {
	i := slices.IndexFunc(r.rows.Queues, func(q schedule.Queue) bool { return q.ID == h.queue })
	if i < 0 || r.rows.Queues[i].Cordoned || !slices.Contains(r.cfg.Pools, h.Pool) {
		return false
	}
	q, gang := &refQueue{Queue: r.rows.Queues[i]}, h.jobs[0].Gang
	if gang == "" && len(h.jobs) > 1 {
		return false
	}
	if gang != "" && !r.isNext(q, gang, h.jobs) {
		return false
	}
	in, is := r.keptIn(q, h)
	if !is {
		return false
	}
	for i, j := range h.jobs {
		n := r.node(h.Members[i].Node)
		if n == nil && !r.round.MayReject && j.Queue == h.queue && j.Gang == gang {
			continue // it may be told of yet
		}
		if j.Queue != h.queue || j.Gang != gang || n == nil || !r.mayUse(j.Shape) || !r.mayTry(j, n, in, r.atHome(j)) {
			return false
		}
		need, pods := r.needs(h, n.ID)
		room := slices.Clone(n.Total)
		subFrom(room, n.Other)
		if !holds(room, addedTo(need, r.reservedOn(n.ID, nil), need)) || r.tooMany(n, pods+r.podsOn(n.ID, nil)) {
			return false
		}
	}
	return true
}

// addedTo is a and b, but nothing of what is not asked for.
func addedTo(a, b, asked schedule.Vec) schedule.Vec {
	sum := make(schedule.Vec, len(a))
	for i := range sum {
		if asked[i] > 0 {
			sum[i] = a[i] + b[i]
		}
	}
	return sum
}

// keptIn is the domain that the nodes of a reservation must be in; false: it is none that
// it may have.
func (r *ref) keptIn(q *refQueue, h *refHold) ([]refDomain, bool) {
	var n *schedule.Node
	for _, m := range h.Members {
		if n == nil {
			n = r.node(m.Node)
		}
	}
	if h.jobs[0].Gang == "" || n == nil {
		return nil, n != nil || !r.round.MayReject
	}
	q.next = h.jobs
	g := r.nextGang(q)
	labels := r.boundBy(schedule.Group{Tier: g.Tier, Label: g.Label})
	if !r.groupsKept(q, g, h) {
		return nil, false
	}
	if labels == nil {
		return nil, true
	}
	name, is := domainName(n, labels)
	if mates, run := r.domainOfMates(q, g, &refGroup{}, labels); run {
		is = is && name == mates
	}
	return []refDomain{{labels, name}}, is
}

// groupsKept says whether the nodes of each bound group are in one domain, that of its mates.
func (r *ref) groupsKept(q *refQueue, gang schedule.Gang, h *refHold) bool {
	for _, group := range gang.Groups {
		labels := r.boundBy(group)
		if labels == nil {
			continue
		}
		name, chosen := r.domainOfMates(q, gang, &refGroup{Group: group}, labels)
		for i, j := range h.jobs {
			n := r.node(h.Members[i].Node)
			if n == nil || !r.within(gang, j.Group, group.ID) {
				continue
			}
			domain, is := domainName(n, labels)
			if !is || chosen && domain != name {
				return false
			}
			name, chosen = domain, true
		}
	}
	return true
}

// bindsGroups says whether a group of a gang is bound.
func (r *ref) bindsGroups(g schedule.Gang) bool {
	return slices.ContainsFunc(g.Groups, func(g schedule.Group) bool { return r.boundBy(g) != nil })
}

// needs is what a reservation needs of a node, and how many pods.
func (r *ref) needs(h *refHold, node schedule.NodeID) (need schedule.Vec, pods int32) {
	need = make(schedule.Vec, len(r.cfg.Resources))
	for i, m := range h.Members {
		if m.Node == node {
			addTo(need, r.onNode(h.jobs[i].Shape))
			pods++
		}
	}
	return need, pods
}

// reservedOn is what is reserved on a node but by one reservation, podsOn how many pods.
func (r *ref) reservedOn(node schedule.NodeID, but *refHold) schedule.Vec {
	sum := make(schedule.Vec, len(r.cfg.Resources))
	for _, h := range r.reserved {
		if need, _ := r.needs(h, node); h != but && !h.over {
			addTo(sum, need)
		}
	}
	return sum
}

func (r *ref) podsOn(node schedule.NodeID, but *refHold) (sum int32) {
	for _, h := range r.reserved {
		if _, pods := r.needs(h, node); h != but && !h.over {
			sum += pods
		}
	}
	return sum
}

func (r *ref) tooMany(n *schedule.Node, pods int32) bool { return n.MaxPods > 0 && pods > n.MaxPods }

// own is the reservation of a job; nil: it has none.
func (r *ref) own(j schedule.Job) *refHold {
	i := slices.IndexFunc(r.reserved, func(h *refHold) bool {
		return !h.over && slices.ContainsFunc(h.Members, func(m schedule.Reserved) bool { return m.Job == j.ID })
	})
	if i < 0 {
		return nil
	}
	return r.reserved[i]
}

// released ends the reservation of what started, and those of its queue that a limit keeps
// from starting now. It says whether there were any.
func (r *ref) released(q *refQueue) (some bool) {
	if h := r.own(q.next[0]); h != nil {
		h.over, some = true, true
		r.back = slices.Index(r.cfg.Pools, h.Pool) < slices.Index(r.cfg.Pools, r.pool) || !r.home()
	}
	return r.dropOverLimit(q.ID) || some
}

// dropOverLimit drops the reservations of a queue, or of all, that a limit keeps from
// starting in the pool.
func (r *ref) dropOverLimit(queue schedule.QueueID) (some bool) {
	for _, h := range r.reserved {
		if !h.over && h.Pool == r.pool && (queue == "" || h.queue == queue) && r.overLimit(r.queueOf(h.queue), h.jobs) {
			h.over, some = true, true
			r.plan.Unreserves = append(r.plan.Unreserves, h.Job)
		}
	}
	return some
}

// binding are the reservations of a node that a job must heed: not its own nor of a lower
// class, nor of a time by which the job has ended.
func (r *ref) binding(j schedule.Job, n *schedule.Node, level int32) (out []*refHold) {
	own, limit := r.own(j), r.shape(j.Shape).Limit
	for _, h := range r.reserved {
		ends := limit > 0 && h.Time > 0 && refAfter(r.round.Now, limit) <= h.Time
		if _, pods := r.needs(h, n.ID); pods > 0 && !h.over && h != own && (level <= h.class || !r.home()) && !ends {
			out = append(out, h)
		}
	}
	return out
}

// allowed says whether a job may have room on a node: at the time of each reservation that
// it must heed it fits beside all that is reserved.
func (r *ref) allowed(j schedule.Job, n *schedule.Node, level int32) bool {
	for _, h := range r.binding(j, n, level) {
		pods := r.podsOn(n.ID, r.own(j)) + 1
		there := func(run *refRun) bool { return refStays(run) && (h.Time == 0 || r.ends(run) > h.Time) }
		for i := range r.runs {
			if r.runs[i].Node == n.ID && there(&r.runs[i]) {
				pods++
			}
		}
		room := r.room(n, there)
		subFrom(room, r.reservedOn(n.ID, r.own(j)))
		if !holds(room, r.onNode(j.Shape)) || r.tooMany(n, pods) {
			return false
		}
	}
	return true
}

// ends is when a run ends: when it is expected to if that is to come, else by its limit.
func (r *ref) ends(run *refRun) schedule.Time {
	sh := r.shape(run.Shape)
	limit := refAfter(run.Since, sh.Limit)
	if expected := min(limit, refAfter(run.Since, sh.Expect)); sh.Expect > 0 && expected > r.round.Now {
		return expected
	}
	return limit
}

// refAfter is so many seconds after a time; zero: never.
func refAfter(at schedule.Time, seconds int32) schedule.Time {
	if seconds == 0 || at > math.MaxInt64-schedule.Time(seconds)*1e9 {
		return math.MaxInt64
	}
	return at + schedule.Time(seconds)*1e9
}

// reserve reserves nodes in each pool for the first in line of the queues.
func (r *ref) reserve() {
	byID := func(a, b schedule.JobID) int { return bytes.Compare(a[:], b[:]) }
	if r.cfg.ReserveAfter > 0 && !r.round.KeepShares && r.plan.Stop != schedule.StopBudget {
		for _, pool := range r.pools() {
			r.enter(pool, pool)
			r.reserveIn()
		}
		// Who waits and no longer ends before a reservation begins may get one.
		for _, h := range r.reserved {
			for _, j := range r.rows.Jobs {
				if limit := r.shape(j.Shape).Limit; !h.over && h.Time > 0 && limit > 0 {
					r.wakeAt(h.Time - schedule.Time(limit)*1e9 + 1)
				}
			}
		}
	}
	slices.SortFunc(r.plan.Unreserves, byID)
	slices.SortFunc(r.plan.Reservations, func(a, b schedule.Reservation) int { return byID(a.Job, b.Job) })
}

func (r *ref) reserveIn() {
	left := r.cfg.ReservationsMax
	for _, h := range r.reserved {
		if !h.over && h.Pool == r.pool {
			left--
		}
	}
	for left > 0 {
		best := r.goesFirst(r.root, r.inLine)
		if best == nil {
			return
		}
		jobs := best.next
		if len(jobs) > schedule.ReservationJobsMax {
			best.done = true
			continue
		}
		if r.own(jobs[0]) == nil && !r.couldHold(best) {
			r.skip(best) // on to the next of the queue
			continue
		}
		best.done = true
		if r.own(jobs[0]) != nil || jobs[0].Gang == "" && !r.isLarge(jobs[0]) || !r.isDue(jobs) {
			continue
		}
		h := r.nodesFor(best)
		if h == nil {
			return
		}
		r.plan.Reservations = append(r.plan.Reservations, h.Reservation)
		r.reserved = append(r.reserved, h)
		left--
	}
}

// inLine finds the first gang of a queue that tokens and limits let start.
func (r *ref) inLine(q *refQueue) bool {
	for !q.done {
		if q.next != nil {
			return true
		}
		if !r.advance(q) {
			q.done = true
			break
		}
		if q.away > 0 || q.alone {
			r.skip(q) // nodes are reserved at home only, and for gangs that are not whole
			continue
		}
		wake, stop := r.plan.Wake, r.plan.Stop
		has := !r.aboveGangMax(q) && (r.aboveAPeriod(q) || r.inPeriod(q)) && r.hasTokens(q, "", r.cfg.Rate) && r.hasTokens(q, q.ID, r.cfg.QueueRate)
		r.plan.Wake, r.plan.Stop = wake, stop
		if !has || r.overLimit(q, q.next) || r.shortOfFloating(q) || r.aboveAPeriod(q) || !r.mayHoldMore(q, r.asks(q), nil) {
			r.skip(q)
		}
	}
	return false
}

// skip passes over the next gang of a queue, and over all single jobs of its shape with it.
func (r *ref) skip(q *refQueue) {
	if q.next[0].Gang == "" && len(q.next[0].Avoid) == 0 && r.own(q.next[0]) == nil {
		q.failed[refShapeAway{q.next[0].Shape, q.away}] = true
	}
	q.next = nil
}

// isDue says whether jobs have waited long enough, and has the round wake when they will.
func (r *ref) isDue(jobs []schedule.Job) bool {
	since := schedule.Time(0)
	for _, j := range jobs {
		since = max(since, j.Submitted, j.NotBefore)
	}
	due := schedule.Time(math.MaxInt64)
	if since <= math.MaxInt64-schedule.Time(r.cfg.ReserveAfter) {
		due = since + schedule.Time(r.cfg.ReserveAfter)
	}
	r.wakeAt(due)
	return due <= r.round.Now
}

// isLarge says whether a job would not fit either if any one run ended.
func (r *ref) isLarge(j schedule.Job) bool {
	for i := range r.runs {
		run := &r.runs[i]
		n := r.node(run.Node)
		if n == nil || !refStays(run) || !r.mayTry(j, n, nil, r.atHome(j)) || len(r.binding(j, n, r.atHome(j).Level)) > 0 {
			continue
		}
		rest := func(other *refRun) bool { return refStays(other) && other != run }
		if r.holds(n, r.room(n, rest), j, rest) {
			return false
		}
	}
	return true
}

// refYard is the nodes as they would be at another time: room, and room at which a node is
// measured where it is to lack least.
type refYard struct {
	room, sooner map[schedule.NodeID]schedule.Vec
	pods         map[schedule.NodeID]int32
}

// yard is the nodes with the runs that are there then, beside what is reserved or not.
func (r *ref) yard(there func(*refRun) bool, reserved bool) refYard { //nolint:revive // with what is reserved or not
	y := refYard{room: map[schedule.NodeID]schedule.Vec{}, pods: map[schedule.NodeID]int32{}}
	for i := range r.nodes {
		n := &r.nodes[i]
		y.room[n.ID] = r.room(n, there)
		for i := range r.runs {
			if r.runs[i].Node == n.ID && there(&r.runs[i]) {
				y.pods[n.ID]++
			}
		}
		if reserved {
			subFrom(y.room[n.ID], r.reservedOn(n.ID, nil))
			y.pods[n.ID] += r.podsOn(n.ID, nil)
		}
	}
	return y
}

// yards are the domains among which the next gang of a queue may choose.
func (r *ref) yards(q *refQueue) (out [][]refDomain) {
	if q.next[0].Gang == "" {
		return [][]refDomain{nil}
	}
	g := r.nextGang(q)
	labels := r.boundBy(schedule.Group{Tier: g.Tier, Label: g.Label})
	if labels == nil {
		return [][]refDomain{nil}
	}
	if mates, run := r.domainOfMates(q, g, &refGroup{}, labels); run {
		return [][]refDomain{{{labels, mates}}}
	}
	for _, name := range r.domains(labels) {
		out = append(out, []refDomain{{labels, name}})
	}
	return out
}

// couldHold says whether the pool could hold the next gang of a queue if nothing ran there.
func (r *ref) couldHold(q *refQueue) bool {
	return slices.ContainsFunc(r.yards(q), func(in []refDomain) bool {
		return r.placeNext(r.yard(func(*refRun) bool { return false }, false), q, in) != nil
	})
}

// nodesFor reserves nodes for the next gang of a queue, in the domain that has
// room first; nil: there are none.
func (r *ref) nodesFor(q *refQueue) (best *refHold) {
	for _, in := range r.yards(q) {
		nodes, at := r.earliest(q, in)
		if nodes == nil || best != nil && (at == 0 || best.Time > 0 && at >= best.Time) {
			continue // an unknown time is later than any
		}
		best = &refHold{Reservation: schedule.Reservation{Pool: r.pool, Time: at}, queue: q.ID, class: r.class(q.next[0].Shape).Priority}
		for i, j := range q.next {
			best.Members = append(best.Members, schedule.Reserved{Job: j.ID, Node: nodes[i]})
		}
		slices.SortFunc(best.Members, func(a, b schedule.Reserved) int { return bytes.Compare(a.Job[:], b.Job[:]) })
		best.Job = best.Members[0].Job
		best.jobs = slices.SortedFunc(slices.Values(q.next), func(a, b schedule.Job) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	}
	return best
}

// earliest finds nodes, and by halving the first end of a run at which they have room; zero:
// runs must end of which no end is known.
func (r *ref) earliest(q *refQueue, in []refDomain) ([]schedule.NodeID, schedule.Time) {
	var times []schedule.Time
	for i := range r.runs {
		if run := &r.runs[i]; refStays(run) && r.node(run.Node) != nil && r.node(run.Node).Pool == r.pool && r.ends(run) != math.MaxInt64 {
			times = append(times, r.ends(run))
		}
	}
	slices.Sort(times)
	times = slices.Compact(times)
	at := func(t schedule.Time) refYard {
		return r.yard(func(run *refRun) bool { return refStays(run) && r.ends(run) > t }, true)
	}
	last := len(times) - 1
	if last < 0 || r.placeNext(at(times[last]), q, in) == nil {
		y := r.yard(func(*refRun) bool { return false }, true)
		y.sooner = r.yard(func(run *refRun) bool { return refStays(run) && r.ends(run) == math.MaxInt64 }, true).room
		return r.placeNext(y, q, in), 0
	}
	for first := 0; first < last; {
		middle := (first + last) / 2
		if r.placeNext(at(times[middle]), q, in) != nil {
			last = middle
		} else {
			first = middle + 1
		}
	}
	return r.placeNext(at(times[last]), q, in), max(times[last], r.round.Now, 1)
}

// placeNext places what goes next of a queue; nil: it does not fit. Where groups of it are bound
// its members come by groups.
func (r *ref) placeNext(y refYard, q *refQueue, in []refDomain) (nodes []schedule.NodeID) {
	if q.next[0].Gang == "" || !r.bindsGroups(r.nextGang(q)) {
		return r.placeAll(y, q.next, in)
	}
	g := r.nextGang(q)
	on := r.placeGroupThen(y, q, r.refTree(q, g, schedule.Group{}), in)
	for _, j := range q.next {
		if n, placed := on[j.ID]; placed {
			nodes = append(nodes, n)
		}
	}
	return nodes
}

// placeGroupThen places the members of a group and then the groups in it; nil: they do not fit, and
// the yard is as it was.
func (r *ref) placeGroupThen(y refYard, q *refQueue, g *refGroup, in []refDomain) map[schedule.JobID]schedule.NodeID {
	before, on := y.clone(), map[schedule.JobID]schedule.NodeID{}
	own := r.placeAll(y, g.members, in)
	for i := range own {
		on[g.members[i].ID] = own[i]
	}
	fits := len(own) == len(g.members)
	for _, child := range g.groups {
		if !fits {
			break
		}
		placed := map[schedule.JobID]schedule.NodeID(nil)
		for _, inner := range r.domainsThen(y, q, child, in) {
			if placed = r.placeGroupThen(y, q, child, inner); placed != nil {
				break
			}
		}
		fits = placed != nil
		maps.Copy(on, placed)
	}
	if !fits {
		y.become(before)
		return nil
	}
	return on
}

// domainsThen are the domains in which a group may be, the best first; that where its mates run.
func (r *ref) domainsThen(y refYard, q *refQueue, g *refGroup, in []refDomain) (out [][]refDomain) {
	labels := r.boundBy(g.Group)
	if labels == nil {
		return [][]refDomain{in}
	}
	within := func(name string) []refDomain { return append(slices.Clip(in), refDomain{labels, name}) }
	if name, is := r.domainOfMates(q, r.nextGang(q), g, labels); is {
		return [][]refDomain{within(name)}
	}
	request, sums := make(schedule.Vec, len(r.cfg.Resources)), map[string]schedule.Vec{}
	for _, j := range g.all() {
		addTo(request, r.onNode(j.Shape))
	}
	names := r.domains(labels)
	for _, name := range names {
		sums[name] = make(schedule.Vec, len(request))
		for i := range r.nodes {
			n := &r.nodes[i]
			if n.Pool != r.pool || !refIn(n, within(name)) {
				continue
			}
			if y.sooner != nil {
				addTo(sums[name], y.sooner[n.ID])
			} else {
				addTo(sums[name], y.room[n.ID])
			}
		}
	}
	slices.SortStableFunc(names, func(a, b string) int {
		for i, amount := range request {
			x, z := sums[a][i], sums[b][i]
			if y.sooner != nil {
				x, z = max(0, amount-x), max(0, amount-z)
			}
			if amount > 0 && x != z {
				return cmp.Compare(x, z)
			}
		}
		return 0
	})
	for _, name := range names {
		out = append(out, within(name))
	}
	return out
}

func (y *refYard) clone() refYard {
	vecs := func(of map[schedule.NodeID]schedule.Vec) map[schedule.NodeID]schedule.Vec {
		out := maps.Clone(of)
		for n := range out {
			out[n] = slices.Clone(out[n])
		}
		return out
	}
	return refYard{room: vecs(y.room), sooner: vecs(y.sooner), pods: maps.Clone(y.pods)}
}

// become has the yard be as another, whose maps are its own then.
func (y *refYard) become(other refYard) {
	maps.Copy(y.room, other.room)
	maps.Copy(y.sooner, other.sooner)
	maps.Copy(y.pods, other.pods)
}

// placeAll gives each job the node on which least is left, or that lacks least; nil: one
// fits on none.
func (r *ref) placeAll(y refYard, jobs []schedule.Job, in []refDomain) (nodes []schedule.NodeID) {
	for _, j := range jobs {
		request := r.onNode(j.Shape)
		var best *schedule.Node
		for i := range r.nodes {
			n := &r.nodes[i]
			if r.mayTry(j, n, in, r.atHome(j)) && holds(y.room[n.ID], request) && !r.tooMany(n, y.pods[n.ID]+1) && (best == nil || y.better(n, best, request)) {
				best = n
			}
		}
		if best == nil {
			return nil
		}
		nodes = append(nodes, best.ID)
		subFrom(y.room[best.ID], request)
		if y.sooner != nil {
			subFrom(y.sooner[best.ID], request)
		}
		y.pods[best.ID]++
	}
	return nodes
}

func (y *refYard) better(a, b *schedule.Node, request schedule.Vec) bool {
	if y.sooner == nil {
		return refTighter(y.room[a.ID], y.room[b.ID], request)
	}
	order := 0
	for i, amount := range request {
		if amount > 0 {
			order = cmp.Or(order, cmp.Compare(max(0, amount-y.sooner[a.ID][i]), max(0, amount-y.sooner[b.ID][i])))
		}
	}
	return order < 0
}
