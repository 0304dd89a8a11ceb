package schedule

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// taintsMax is how many taints are looked at that keep a job off nodes.
const taintsMax = 3

// changes finds the single changes that would let a job start: each is tried with the rules
// of the round before it is told.
type changes struct {
	*planner
	asked *asked
	// blocks are what stops the job in every pool.
	blocks []Block
	// list has at most one change of a kind: the least.
	list []Change
	// cuts is how much of what is asked for AskLess takes.
	cuts uint64
}

// inPool finds changes in the pool that was entered, where the job cannot start.
func (c *changes) inPool(w *PoolWhy) {
	if len(c.blocks) > 0 {
		c.unblock()
		return
	}
	if at := c.plan.Wake; at > c.round.Now && c.supposing(c.asked, suppose{at: at}) {
		c.keep(Change{Kind: WaitUntil, At: at})
	}
	roams := c.roams(c.asked.last, c.asked.members)
	if !roams { // what is the least away from home is not looked for
		c.askLess(w)
		c.askFewer(w)
	}
	if slices.ContainsFunc(c.asked.all(), c.avoids) && c.supposing(c.asked, suppose{anywhere: true}) {
		c.keep(Change{Kind: TryAgain})
	}
	c.match(w)
	c.class()
	c.raise(w)
	if !roams && !c.off.Home && c.mayBeGuests(c.asked.last, c.asked.members) && !slices.ContainsFunc(w.Blocks, func(b Block) bool { return b.Rule == AboveQuota }) {
		c.nodes(w)
	}
}

// keep keeps a change if it is the least of its kind so far.
func (c *changes) keep(n Change) {
	if n.At == 0 {
		n.At = c.round.Now
	}
	at := slices.IndexFunc(c.list, func(o Change) bool { return o.Kind == n.Kind })
	if at < 0 {
		c.list = append(c.list, n)
		return
	}
	switch old := &c.list[at]; n.Kind {
	case WaitUntil:
		if n.At < old.At {
			*old = n
		}
	case AskFewer:
		if n.Count > old.Count {
			*old = n
		}
	case AddNodes:
		if n.Count < old.Count {
			*old = n
		}
	default: // that of the first pool
	}
}

// unblock finds what undoes the only rule that stops a job in every pool.
func (c *changes) unblock() {
	until := Time(0)
	for _, b := range c.blocks {
		if b.Until == 0 {
			until = 0
			break
		}
		until = max(until, b.Until)
	}
	if until > 0 {
		if c.supposing(c.asked, suppose{at: until}) {
			c.keep(Change{Kind: WaitUntil, At: until})
		}
		return
	}
	if len(c.blocks) > 1 {
		return
	}
	b, queue := c.blocks[0], c.State.queues[c.asked.queue].ID
	switch b.Rule {
	case QueueUndefined:
		c.simply(Change{Kind: DefineQueue, Queue: queue}, suppose{})
	case QueueCordoned:
		c.simply(Change{Kind: Uncordon, Queue: b.Queue}, suppose{})
	case BeyondLookback:
		c.simply(Change{Kind: LookFurther, Count: c.asked.position}, suppose{})
	case GangIncomplete:
		if g := &c.gangs[c.asked.gang]; g.isElastic() {
			if len(g.groups) == 0 { // else it matters who comes
				c.simply(Change{Kind: AddMembers, Count: int(b.Need - b.Have)}, suppose{more: int(b.Need - b.Have)})
			}
			return
		}
		if !c.bindsGroups(c.asked.gang) {
			c.simply(Change{Kind: AskFewer, Count: int(b.Have)}, suppose{})
		}
		c.simply(Change{Kind: AddMembers, Count: int(b.Need - b.Have)}, suppose{more: int(b.Need - b.Have)})
	case GangAboveBurst:
		if g := &c.gangs[c.asked.gang]; !g.isElastic() && c.alike() != nil && g.members() == len(g.queued) && int(b.Have) < len(g.queued) && !c.bindsGroups(c.asked.gang) {
			c.simply(Change{Kind: AskFewer, Count: int(b.Have)}, suppose{fewer: int(b.Have)})
		}
	default:
	}
}

// simply keeps a change if it does.
func (c *changes) simply(change Change, as suppose) {
	if c.supposing(c.asked, as) {
		c.keep(change)
	}
}

// alike is the shape of the members of a gang, or the job's; nil: they are several.
func (c *changes) alike() *shape {
	all := c.asked.all()
	first := c.kinds[c.jobs[all[0]].kind].shape
	for _, j := range all {
		if c.kinds[c.jobs[j].kind].shape != first {
			return nil
		}
	}
	return &c.shapes[first]
}

// limitOf is what the job's queue may hold of the pool by a class.
func (c *changes) limitOf(class int32) Vec {
	return c.room(c.limits, c.at[c.asked.queue]*int32(len(c.cfg.Classes))+class) //nolint:gosec // few
}

// slack is how much of each resource each of the jobs may ask for under the limit of their
// class.
func (c *changes) slack(sh *shape, w *PoolWhy) Vec {
	q, n := &c.queues[c.at[c.asked.queue]], int64(len(c.asked.all()))
	held := c.room(c.byClass, c.classAt(q.queue, c.pool, sh.class))
	limit := c.limitOf(sh.class)
	out := make(Vec, len(held))
	for i := range out {
		out[i] = max(0, min(limit[i]-held[i], c.floatingRoom(i), c.periodLeft(i))) / n
	}
	for _, b := range w.Blocks { // whatever the rule, so much of what they ask for is over it
		if i, is := c.resources[b.Resource]; is && b.Need > b.Have {
			out[i] = max(0, min(out[i], (sh.Request[i]*n-(b.Need-b.Have))/n))
		}
	}
	return out
}

// floats says that a resource stands on no node.
func (c *changes) floats(r int) bool { return c.isFloating != nil && c.isFloating[r] }

// floatingRoom is what is left of a resource in the pool, where it is a floating one.
func (c *changes) floatingRoom(r int) int64 {
	if !c.floats(r) {
		return math.MaxInt64
	}
	return c.floatingLeft(c.floatingNow, c.pool, r)
}

// askLess finds the least cut of the request: for a job on one of the nodes, for a gang of
// equal members of one resource.
func (c *changes) askLess(w *PoolWhy) {
	sh := c.alike()
	if sh == nil {
		return
	}
	slack := c.slack(sh, w)
	var to Vec
	if c.asked.gang == none {
		to = c.cutForNode(sh, slack)
	} else {
		to = c.cutForGang(sh, slack)
	}
	if to == nil {
		return
	}
	change, cuts := Change{Kind: AskLess}, c.cut(sh, to)
	for i, amount := range to {
		if amount < sh.Request[i] {
			change.Amounts = append(change.Amounts, Amounts{c.cfg.Resources[i], amount})
		}
	}
	if len(change.Amounts) == 0 || c.cuts > 0 && cuts >= c.cuts {
		return
	}
	if c.supposing(c.asked, suppose{shape: func(s *Shape) { copy(s.Request, to) }}) {
		c.list = slices.DeleteFunc(c.list, func(o Change) bool { return o.Kind == AskLess })
		c.cuts = cuts
		c.keep(change)
	}
}

// cut is how much of a request a smaller one leaves out: so many resources, then the
// largest part of one.
func (c *changes) cut(sh *shape, to Vec) (cut uint64) {
	for i, amount := range sh.Request {
		if to[i] < amount {
			cut = max(cut&(1<<40-1), ratio(amount-to[i], amount)) | (cut>>40+1)<<40
		}
	}
	return cut
}

// cutForNode is the largest request that fits on some node; nil: none.
func (c *changes) cutForNode(sh *shape, slack Vec) (best Vec) {
	k := c.seekFor(c.asked.job, 0, nil)
	k.later = true
	least := uint64(0)
	to := make(Vec, len(slack))
	for _, n := range c.planner.nodes {
		if !c.index.takes[n] || !c.mayTry(&k, n) {
			continue
		}
		if most := c.State.nodes[n].MaxPods; most > 0 && c.pods[n]-c.releasing[n] >= most {
			continue
		}
		later, fits := c.room(c.later, n), true
		for i, amount := range sh.Request {
			to[i] = min(amount, slack[i])
			if !c.floats(i) {
				to[i] = min(to[i], later[i])
			}
			fits = fits && (amount == 0 || to[i] > 0)
			if amount == 0 {
				to[i] = 0
			}
		}
		fits = c.fewestBeside(&k, n, 1, func(room Vec) int {
			for i, amount := range sh.Request {
				if amount > 0 && !c.floats(i) {
					to[i] = min(to[i], room[i])
					fits = fits && to[i] > 0
				}
			}
			return 1
		}) > 0 && fits
		if cut := c.cut(sh, to); fits && (best == nil || cut < least) {
			best, least = append(best[:0], to...), cut
		}
	}
	return best
}

// cutForGang is the largest request, less in one resource, of which all members find room;
// nil: none.
func (c *changes) cutForGang(sh *shape, slack Vec) (best Vec) {
	members := len(c.asked.members)
	for i, amount := range sh.Request {
		to := slices.Clone(sh.Request)
		low, high := int64(0), min(amount, slack[i])
		for low < high {
			to[i] = low + (high-low+1)/2
			if c.capacity(to) >= members {
				low = to[i]
			} else {
				high = to[i] - 1
			}
		}
		if to[i] = low; low > 0 && low < amount && (best == nil || c.cut(sh, to) < c.cut(sh, best)) {
			best = to
		}
	}
	return best
}

// slotsOn is for how many jobs with a request a node has room and pods, once what is releasing
// is gone.
func (c *changes) slotsOn(n int32, request Vec) int {
	slots := c.slots(request, c.room(c.later, n))
	if pods := c.State.nodes[n].MaxPods; pods > 0 {
		slots = min(slots, int(max(0, pods-c.pods[n]+c.releasing[n])))
	}
	return slots
}

// capacity is for how many jobs with a request there is room, in the domain of the gang
// where most is.
func (c *changes) capacity(request Vec) (most int) {
	k := c.seekFor(c.asked.members[0], 0, nil)
	domainOf, sums := c.domainOf(c.asked.gang), map[int32]int{}
	for _, n := range c.planner.nodes {
		if !c.index.takes[n] || !c.mayTry(&k, n) {
			continue
		}
		free := c.slotsOn(n, request)
		domain, is := domainOf(n)
		if !is {
			continue
		}
		sums[domain] += free
		most = max(most, sums[domain])
	}
	return most
}

// slots is how many jobs with a request an amount is room for, at most as many as wait.
func (c *changes) slots(request, room Vec) int {
	n := int64(len(c.asked.all()))
	for i, amount := range request {
		if amount > 0 && !c.floats(i) {
			n = min(n, max(0, room[i])/amount)
		}
	}
	return int(n)
}

// askFewer finds the largest gang that could start.
func (c *changes) askFewer(*PoolWhy) {
	if c.asked.gang == none {
		return
	}
	g, sh := &c.gangs[c.asked.gang], c.alike()
	if g.isElastic() || sh == nil || g.members() != len(g.queued) || c.bindsGroups(c.asked.gang) {
		return // with groups it matters who stays away
	}
	n := int64(min(c.capacity(sh.Request), len(g.queued)-1))
	q := &c.queues[c.at[c.asked.queue]]
	held := c.room(c.byClass, c.classAt(q.queue, c.pool, sh.class))
	limit := c.limitOf(sh.class)
	for i, amount := range sh.Request {
		if amount > 0 {
			n = min(n, max(0, min(limit[i]-held[i], c.floatingRoom(i), c.periodLeft(i)))/amount)
		}
	}
	if n > 0 {
		c.simply(Change{Kind: AskFewer, Count: int(n)}, suppose{fewer: int(n)})
	}
}

// match finds what of the job's conditions on nodes keeps it from starting.
func (c *changes) match(w *PoolWhy) {
	sh := &c.shapes[c.kinds[c.jobs[c.asked.job].kind].shape]
	seen := 0
	for _, r := range w.Reasons {
		if r.Reason != NodeTaint && r.Reason != NodeUnmatched || seen == taintsMax {
			continue
		}
		taint, is := c.taintOf(sh, r.Detail)
		if !is {
			continue
		}
		seen++
		add := Toleration{Key: taint.Key, Operator: "Equal", Value: taint.Value, Effect: taint.Effect}
		c.simply(Change{Kind: Tolerate, Taint: taint}, suppose{match: true, shape: func(s *Shape) { s.Match.Tolerations = append(s.Match.Tolerations, add) }})
	}
	if len(sh.Match.Selector) > 0 {
		c.simply(Change{Kind: DropSelector}, suppose{match: true, shape: func(s *Shape) { s.Match.Selector = nil }})
	}
	if len(sh.Match.Terms) > 0 {
		c.simply(Change{Kind: DropAffinity}, suppose{match: true, shape: func(s *Shape) { s.Match.Terms = nil }})
	}
}

// taintOf finds the taint that a text is about.
func (c *changes) taintOf(sh *shape, text string) (Taint, bool) {
	if !strings.HasPrefix(text, "taint ") {
		return Taint{}, false
	}
	for _, n := range c.planner.nodes {
		for _, t := range c.State.nodes[n].Taints {
			if !sh.Match.tolerates(&t) && t.refuses() == text {
				return t, true
			}
		}
	}
	return Taint{}, false
}

// class finds a class in which the job could start: the nearest by its priority.
func (c *changes) class() {
	sh := c.alike()
	if sh == nil || c.mayGoInstead() {
		return
	}
	own := c.cfg.Classes[sh.class].Priority
	far := func(k Class) int64 { return max(int64(k.Priority)-int64(own), int64(own)-int64(k.Priority)) }
	classes := slices.SortedFunc(slices.Values(c.cfg.Classes), func(a, b Class) int {
		return cmp.Or(cmp.Compare(far(a), far(b)), cmp.Compare(a.ID, b.ID))
	})
	for _, k := range classes {
		if k.ID != sh.Class && c.supposing(c.asked, suppose{shape: func(s *Shape) { s.Class = k.ID }}) {
			c.keep(Change{Kind: UseClass, Class: k.ID})
			return
		}
	}
}

// raise finds the least limit of the class that holds the job back under which it starts.
func (c *changes) raise(w *PoolWhy) {
	var out Change
	for _, b := range w.Blocks {
		total := c.total[c.resources[b.Resource]]
		if b.Rule != AboveLimit || total <= 0 || out.Class != "" && out.Class != b.Class {
			return
		}
		to := scale(uint64(b.Need), Million, uint64(total))     //nolint:gosec // not negative
		if scale(uint64(total), to, Million) < uint64(b.Need) { //nolint:gosec // not negative
			to++
		}
		if to > AmountMax {
			return
		}
		out.Class = b.Class
		out.Amounts = append(out.Amounts, Amounts{b.Resource, int64(to)}) //nolint:gosec // bounded above
	}
	if len(out.Amounts) == 0 {
		return
	}
	out.Kind, out.Pool, out.Queue = RaiseLimit, w.Pool, c.State.queues[c.asked.queue].ID
	c.simply(out, suppose{unlimited: true})
}

// nodes finds how many nodes more would do, empty and as one of the pool's is, where it is
// a matter of room alone.
func (c *changes) nodes(w *PoolWhy) {
	sh := c.alike()
	if sh == nil || len(w.Blocks) > 0 || slices.ContainsFunc(sh.Match.Terms, func(t Term) bool { return len(t.Name) > 0 }) {
		return
	}
	need, gang := len(c.asked.all()), c.asked.gang
	if gang != none && (c.bindsGroups(gang) || c.hasChosen(gang)) {
		return
	}
	domainOf := c.domainOf(gang)
	k := c.seekFor(c.asked.job, 0, nil)
	k.avoid = nil
	best := Change{Kind: AddNodes, Pool: w.Pool}
	rooms := map[int32]int{}
	for _, n := range c.planner.nodes {
		row := &c.State.nodes[n]
		slots := c.slots(sh.Request, row.Total)
		if row.MaxPods > 0 {
			slots = min(slots, int(row.MaxPods))
		}
		domain, is := domainOf(n)
		if slots == 0 || !is || !c.index.takes[n] || !c.mayTry(&k, n) {
			continue
		}
		free, known := rooms[domain]
		if gang != none && !known {
			free = c.capacityIn(sh.Request, c.scopeOf(gang, domain))
			rooms[domain] = free
		}
		if count := (max(1, need-free) + slots - 1) / slots; best.Count == 0 || count < best.Count {
			best.Node, best.Count = row.ID, count
		}
		if best.Count == 1 {
			break
		}
	}
	if best.Count > 0 {
		c.keep(best)
	}
}

// capacityIn is for how many jobs there is room on nodes in some domains.
func (c *changes) capacityIn(request Vec, in scope) (sum int) {
	k := c.seekFor(c.asked.members[0], 0, in)
	for _, n := range c.planner.nodes {
		if !c.index.takes[n] || !c.mayTry(&k, n) {
			continue
		}
		free := c.slotsOn(n, request)
		sum += c.fewestBeside(&k, n, free, func(room Vec) int { return c.slots(request, room) })
	}
	return sum
}

// otherPools finds a pool that the job may not use and in which it could start.
func (c *changes) otherPools() {
	if len(c.blocks) > 0 {
		return
	}
	for pool := range c.cfg.Pools {
		if c.mayUseAll(c.asked, int32(pool)) { //nolint:gosec // pools are few
			continue
		}
		c.enter(homeOf(pool))
		if c.supposing(c.asked, suppose{shape: func(s *Shape) { s.Pools = []PoolID{c.cfg.Pools[pool]} }}) {
			c.keep(Change{Kind: UsePool, Pool: c.cfg.Pools[pool]})
			return
		}
	}
}
