package schedule

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// An elastic gang is one that says how many of its members must run at least. So may its
// groups say, and both how many run at most:
//
//   - A member is there if it runs and need not go, or ended of itself. A group is whole if as
//     many of its members, those of the groups in it counted, are there as it has for a least,
//     and a gang is if it is itself and all its groups are.
//   - The core is who must start for the gang to be whole: in each group, and then in the gang,
//     as many as are lacking of those that wait, in the order of the queue, bids left out, and
//     never more than run at most in any group that they are in. The core starts together or
//     not at all, as a gang does that is not elastic, and stands where the last of it does. As
//     long as it is not complete the gang waits.
//   - Once the gang is whole each other member goes by itself, where it stands in the queue, as
//     long as no group that it is in has as many running as run at most: in the domain where
//     its gang and its groups run, and never by preemption. No nodes are reserved for it.
//   - On each node who runs of the gang may be preempted alone, the last in rank first, as long
//     as the gang stays whole. The others there go with the whole gang only, and after those.
//     They stand where the best of the gang on that node does. Nobody goes for another of his
//     gang.
//
// After the start of a core its queue begins anew, for others of the gang may stand before it.

// isElastic says whether a gang is one.
func (g *gang) isElastic() bool { return g.Min > 0 }

// doneIn counts the members of a group that ended of themselves, of those in no group within.
func (g *gang) doneIn(group int32) *int32 {
	if group == noGroup {
		return &g.done
	}
	return &g.groups[group].done
}

// doneRows are the members that ended of themselves, by group.
func (g *gang) doneRows() (out []DoneRow) {
	for group := noGroup; int(group) < len(g.groups); group++ {
		if n := *g.doneIn(group); n > 0 {
			out = append(out, DoneRow{Group: g.groupID(group), Members: uint32(n)}) //nolint:gosec // a count
		}
	}
	slices.SortFunc(out, func(a, b DoneRow) int { return cmp.Compare(a.Group, b.Group) })
	return out
}

// doneMax bounds how many members of a gang ended of themselves, so that sums stay exact.
const doneMax = 1 << 30

// loadDone is told how many members ended of themselves.
func (g *gang) loadDone(rows []DoneRow) error {
	sum := 0
	for _, row := range rows {
		group, is := g.groupOf[row.Group]
		if row.Group == "" {
			group, is = noGroup, true
		}
		sum += int(row.Members)
		if !is || row.Members == 0 || sum > min(g.ended, doneMax) || !g.isElastic() || *g.doneIn(group) > 0 {
			return fmt.Errorf("%w: %d members of group %q ended of themselves: the group must be known and told of once, the gang elastic, and no more than %d have ended",
				ErrInvalid, row.Members, row.Group, g.ended)
		}
		*g.doneIn(group) = int32(row.Members) //nolint:gosec // at most ended
	}
	return nil
}

// parentOf is the place of what a group is part of among a gang's groups, the gang itself
// being last; none: that of the gang, which is part of nothing.
func (g *gang) parentOf(at int32) int32 {
	switch {
	case int(at) == len(g.groups):
		return none
	case g.groups[at].parent == noGroup:
		return int32(len(g.groups)) //nolint:gosec // below 2^31
	}
	return g.groups[at].parent
}

// placeOf is the place of a group there, noGroup being the gang itself.
func (g *gang) placeOf(group int32) int32 {
	if group == noGroup {
		return int32(len(g.groups)) //nolint:gosec // below 2^31
	}
	return group
}

// bounds are the least and the most members of a group that run; a most of zero is none.
func (g *gang) bounds(at int32) (least, most int32) {
	if int(at) == len(g.groups) {
		return int32(g.Min), int32(g.Want) //nolint:gosec // jobs are below 2^31
	}
	return clamp(g.groups[at].Min), clamp(g.groups[at].Want)
}

// clamp is a number of members, of which there are fewer than 2^31.
func clamp(n uint32) int32 { return int32(min(n, 1<<31-1)) } //nolint:gosec // bounded

// gangCounts is what a round knows of an elastic gang.
type gangCounts struct {
	// counted is the round as of which running and done count the members of each group, and
	// of the gang last, that run and need not go, and that ended of themselves; those of the
	// groups in it too.
	counted       uint64
	running, done []int32
	// core is its core, as of coreAt; complete: that would make it whole. Else have and need
	// are how many there are and must be of the group short.
	coreAt     uint64
	core       []int32
	complete   bool
	short      int32
	have, need int32
	// full are the members that found no place in a walk.
	full     []likeMember
	fullWalk uint64
}

// likeMember is members of a gang that are alike: none of them has a place, or any.
type likeMember struct{ kind, group, away int32 }

// count counts members of a group more, or less.
func (g *gang) count(of []int32, group, n int32) {
	for at := g.placeOf(group); at != none; at = g.parentOf(at) {
		of[at] += n
	}
}

// counts counts the members of an elastic gang for this round.
func (p *planner) counts(gang int32) *gangCounts {
	g := &p.gangs[gang]
	c := &g.gangCounts
	if c.counted == p.number {
		return c
	}
	c.counted, c.coreAt = p.number, 0
	c.running = append(c.running[:0], make([]int32, len(g.groups)+1)...)
	c.done = append(c.done[:0], make([]int32, len(g.groups)+1)...)
	for group := noGroup; int(group) < len(g.groups); group++ {
		g.count(c.done, group, *g.doneIn(group))
	}
	for _, r := range g.runs {
		if p.stays(r) {
			g.count(c.running, p.groupOfRun(r), 1)
		}
	}
	if g.round == p.number && g.laid > 0 {
		for _, l := range p.lays {
			if l.gang == gang {
				g.count(c.running, p.jobs[l.job].group, 1)
			}
		}
	}
	return c
}

// countMore notes that a member of a gang runs, or that one more or less does.
func (p *planner) countMore(gang, group, n int32) {
	if g := &p.gangs[gang]; g.counted == p.number {
		g.count(g.running, group, n)
		g.coreAt = 0
	}
}

// countRun notes that a run goes, or stays.
func (p *planner) countRun(run, n int32) {
	if gang := p.runs[run].gang; gang != none && p.gangs[gang].isElastic() {
		p.countMore(gang, p.groupOfRun(run), n)
	}
}

// coreOf is what must start of an elastic gang for it to be whole, in the order of the queue
// but for bids: nobody where it is whole. False: too few wait, and which group lacks them is
// noted.
func (p *planner) coreOf(gang int32) (core []int32, complete bool) {
	c, g := p.counts(gang), &p.gangs[gang]
	if c.coreAt == p.number {
		return c.core, c.complete
	}
	c.coreAt, c.core, c.complete = p.number, c.core[:0], true
	if p.isWhole(gang) {
		return nil, true
	}
	waiting := make([][]int32, len(g.groups)+1) // places in queued
	for i, j := range g.queued {
		if !p.laid.has(j) {
			at := g.placeOf(p.jobs[j].group)
			waiting[at] = append(waiting[at], int32(i)) //nolint:gosec // below 2^31
		}
	}
	picked := make([]int32, len(g.groups)+1)
	// A group stands behind its parent, so that from the end on those within come first.
	for n := range waiting {
		at := int32(len(waiting) - 2 - n) //nolint:gosec // below 2^31
		if at < 0 {
			at = int32(len(g.groups)) //nolint:gosec // the gang itself is the last
		}
		p.pick(g, at, waiting, picked)
	}
	slices.Sort(c.core)
	for i, at := range c.core {
		c.core[i] = g.queued[at]
	}
	return c.core, c.complete
}

// pick picks who must start of a group beside those picked of the groups in it, and leaves the
// others to what the group is part of.
func (p *planner) pick(g *gang, at int32, waiting [][]int32, picked []int32) {
	list := waiting[at]
	slices.Sort(list)
	least, _ := g.bounds(at)
	rest := list[:0]
	for _, i := range list {
		if g.there(at)+picked[at] < least && g.hasPlace(p.jobs[g.queued[i]].group, picked) {
			g.core = append(g.core, i)
			g.count(picked, p.jobs[g.queued[i]].group, 1)
			continue
		}
		rest = append(rest, i)
	}
	if have := g.there(at) + picked[at]; have < least && g.complete {
		g.complete, g.short, g.have, g.need = false, at, have, least
	}
	if parent := g.parentOf(at); parent != none {
		waiting[parent] = append(waiting[parent], rest...)
	}
}

// there is how many members of a group are there.
func (c *gangCounts) there(at int32) int32 { return c.running[at] + c.done[at] }

// hasPlace says whether one more member of a group may run, with those that are picked: no
// group that it is in is full.
func (g *gang) hasPlace(group int32, picked []int32) bool {
	_, full := g.fullFor(group, picked)
	return !full
}

// fullFor is the narrowest group that is full for a member of a group.
func (g *gang) fullFor(group int32, picked []int32) (at int32, full bool) {
	for at := g.placeOf(group); at != none; at = g.parentOf(at) {
		n := g.running[at]
		if picked != nil {
			n += picked[at]
		}
		if _, most := g.bounds(at); most > 0 && n >= most {
			return at, true
		}
	}
	return none, false
}

// goesOf is who starts of a gang where a queue has come to a member of it, and whether that
// goes by itself, the gang being whole; nobody: it is to go on.
func (p *planner) goesOf(q *queueRound, job, away int32) (members []int32, alone bool) {
	g := &p.gangs[p.jobs[job].gang]
	if !g.isElastic() {
		// A gang stands where its last member does, and is looked at once.
		if g.seen == q.walk && g.seenAway >= away || !g.whole() || job != p.lastOf(g.queued) {
			return nil, false
		}
		g.seen, g.seenAway = q.walk, away
		return p.inOrder(g.queued), false
	}
	core, complete := p.coreOf(p.jobs[job].gang)
	switch {
	case !complete:
		return nil, false
	case len(core) == 0:
		if !g.hasPlace(p.jobs[job].group, nil) || g.fullWalk == q.walk && slices.Contains(g.full, p.likeMember(job, away)) {
			return nil, false
		}
		return []int32{job}, true
	case g.seen == q.walk && g.seenAway >= away || job != p.lastOf(core):
		return nil, false
	}
	g.seen, g.seenAway = q.walk, away
	return slices.Clone(p.inOrder(core)), false
}

// likeMember is what a member of a gang is like that waits.
func (p *planner) likeMember(job, away int32) likeMember {
	return likeMember{kind: p.jobs[job].kind, group: p.jobs[job].group, away: away}
}

// failMember notes that the next of a queue, a member that goes by itself, has no place: in
// this walk none has that is like it.
func (p *planner) failMember(q *queueRound) {
	if p.alone(q.job) {
		return
	}
	g := &p.gangs[q.gang]
	if g.fullWalk != q.walk {
		g.full, g.fullWalk = g.full[:0], q.walk
	}
	g.full = append(g.full, p.likeMember(q.job, q.away))
}

// startedCore says whether what was started of a queue is the core of an elastic gang, of
// which others wait.
func (p *planner) startedCore(q *queueRound) bool {
	return q.gang != none && !q.alone && p.gangs[q.gang].isElastic() && p.gangs[q.gang].laid < int32(len(p.gangs[q.gang].queued)) //nolint:gosec // below 2^31
}

// mayGoEarlier says whether a waiting member of a gang may use a pool that is planned before
// this one.
func (p *planner) mayGoEarlier(gang int32) bool {
	before := uint64(1)<<p.pool - 1
	if !p.home() {
		before = math.MaxUint64
	}
	return slices.ContainsFunc(p.gangs[gang].queued, func(j int32) bool {
		return !p.laid.has(j) && p.shapes[p.kinds[p.jobs[j].kind].shape].pools&before != 0
	})
}

// isNext says whether jobs of a gang are who starts of it next, together.
func (p *planner) isNext(gang int32, jobs []int32) bool {
	g := &p.gangs[gang]
	if !g.isElastic() {
		return len(g.queued) == len(jobs) && g.whole()
	}
	core, complete := p.coreOf(gang)
	if !complete || len(core) != len(jobs) {
		return false
	}
	in := make(map[int32]bool, len(core))
	for _, j := range core {
		in[j] = true
	}
	return !slices.ContainsFunc(jobs, func(j int32) bool { return !in[j] })
}

// isWhole says whether a gang is whole with who stays of it.
func (p *planner) isWhole(gang int32) bool {
	g := &p.gangs[gang]
	p.counts(gang)
	for at := range g.running {
		if least, _ := g.bounds(int32(at)); g.there(int32(at)) < least { //nolint:gosec // below 2^31
			return false
		}
	}
	return true
}

// sparesOf finds who of some runs of a gang may go alone: the last first, as long as it stays
// whole.
func (p *planner) sparesOf(gang int32, ranked []int32) (spare []int32) {
	if !p.isWhole(gang) {
		return nil
	}
	g := &p.gangs[gang]
	gone := make([]int32, len(g.running))
	for _, r := range slices.Backward(ranked) {
		if p.runs[r].gang != gang {
			continue
		}
		group, may := p.groupOfRun(r), true
		for at := g.placeOf(group); at != none; at = g.parentOf(at) {
			least, _ := g.bounds(at)
			may = may && g.there(at)-gone[at] > least
		}
		if may {
			g.count(gone, group, 1)
			spare = append(spare, r)
		}
	}
	return spare
}

// addElastic adds the first of some runs of a node, which is of an elastic gang, to who could
// go from there. Mates is whether a run is one elsewhere.
func (p *planner) addElastic(n int32, ranked []int32, i int) {
	h, r := &p.hunt, ranked[i]
	gang := p.runs[r].gang
	if !slices.ContainsFunc(ranked[:i], func(r int32) bool { return p.runs[r].gang == gang }) {
		spare := p.sparesOf(gang, ranked)
		h.spare = append(h.spare, spare...)
		here := 0
		for _, r := range ranked {
			if p.runs[r].gang == gang {
				here++
			}
		}
		if len(spare) < here {
			u := unit{gang: gang, spares: len(spare)}
			for _, mate := range p.gangs[gang].runs {
				if p.runs[mate].node != n && p.stays(mate) {
					u.mates = append(u.mates, mate)
				}
			}
			h.units = append(h.units, u)
		}
	}
	if slices.Contains(h.spare, r) {
		h.units = append(h.units, unit{gang: none, runs: ranked[i : i+1 : i+1], spare: true})
		return
	}
	u := p.unitOf(gang)
	u.runs = append(u.runs, r)
}

// unitOf is who goes with the whole of a gang from a node; nil: nobody.
func (p *planner) unitOf(gang int32) *unit {
	if at := slices.IndexFunc(p.hunt.units, func(u unit) bool { return u.gang == gang }); at >= 0 {
		return &p.hunt.units[at]
	}
	return nil
}

// takeSpare notes that a run goes alone that may.
func (p *planner) takeSpare(u *unit) {
	if !u.spare {
		return
	}
	if whole := p.unitOf(p.runs[u.runs[0]].gang); whole != nil {
		whole.taken++
	}
}

// goesAnyway says whether a run that may go alone goes with the whole of its gang.
func (p *planner) goesAnyway(u *unit) bool {
	if !u.spare {
		return false
	}
	whole := p.unitOf(p.runs[u.runs[0]].gang)
	return whole != nil && whole.goes
}

// askElastic has a member of an elastic gang be asked about with who starts with it.
func (p *planner) askElastic(t *asked) {
	core, complete := p.coreOf(t.gang)
	switch {
	case !complete: // it is asked whether all that wait would find room
	case slices.Contains(core, t.job):
		t.members = slices.Clone(core)
	default:
		t.members, t.alone, t.behind = []int32{t.job}, true, len(core) > 0
	}
}

// mayGoInstead says whether in another class others of an elastic gang might start in the
// place of those that are asked about.
func (c *changes) mayGoInstead() bool {
	t := c.asked
	return t.gang != none && c.gangs[t.gang].isElastic() && !t.alone && len(t.members) < len(c.gangs[t.gang].queued)
}

// blockElastic is what stops a member of an elastic gang for the sake of the gang.
func (p *planner) blockElastic(t *asked, out []Block) []Block {
	g := &p.gangs[t.gang]
	name := func(at int32) GroupID {
		if int(at) == len(g.groups) {
			return ""
		}
		return g.groups[at].ID
	}
	if _, complete := p.coreOf(t.gang); !complete {
		return append(out, Block{Rule: GangIncomplete, Group: name(g.short), Have: int64(g.have), Need: int64(g.need)})
	}
	if t.behind {
		return append(out, Block{Rule: GangFirst})
	}
	if at, full := g.fullFor(p.jobs[t.job].group, nil); t.alone && full {
		_, most := g.bounds(at)
		out = append(out, Block{Rule: GangFull, Group: name(at), Have: int64(g.running[at]), Need: int64(most)})
	}
	return out
}
