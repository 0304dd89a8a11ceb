package schedule_test

import (
	"bytes"
	"cmp"
	"math/big"
	"slices"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// refVictim is a run that is preempted, and by which rule.
type refVictim struct {
	run  *refRun
	rule schedule.Rule
}

// refUnit is what goes together: a run, or a gang with its runs on the node and its mates
// elsewhere.
type refUnit struct {
	runs, mates []*refRun
	rule        schedule.Rule
	// spares are who may go alone of an elastic gang, before the others of it, which are
	// whole of each; taken: it goes, or may.
	spares []*refUnit
	whole  *refUnit
	taken  bool
	// elastic is the gang of owner that is whole of them, if that is elastic.
	elastic schedule.GangID
	owner   schedule.QueueID
}

// preemptFor finds the node on which a job fits at the least cost to others: the lowest
// class of a victim, then the least work lost if that is asked for, then the fewest victims, then where least is left, then the name.
func (r *ref) preemptFor(q *refQueue, j schedule.Job, in []refDomain, at schedule.Away) (best *schedule.Node, victims []refVictim) {
	var left schedule.Vec
	highest := func(list []refVictim) int32 {
		return r.levelIn(slices.MaxFunc(list, func(a, b refVictim) int { return cmp.Compare(r.levelIn(a.run), r.levelIn(b.run)) }).run)
	}
	for i := range r.nodes {
		n := &r.nodes[i]
		if !r.mayTry(j, n, in, at) || len(r.binding(j, n, at.Level)) > 0 {
			continue
		}
		found, room := r.victimsOn(q, j, n, at)
		if found == nil {
			continue
		}
		if best != nil {
			order := cmp.Or(cmp.Compare(highest(found), highest(victims)), cmp.Compare(r.bidForVictims(found), r.bidForVictims(victims)), cmp.Compare(r.lostWith(found), r.lostWith(victims)), cmp.Compare(len(found), len(victims)))
			if order > 0 || order == 0 && !refTighter(room, left, r.onNode(j.Shape)) {
				continue
			}
		}
		best, victims, left = n, found, room
	}
	return best, victims
}

// victimsOn is whom a job would preempt on a node, and the room that is there then. The
// lowest in rank go first, until it fits; then each, from the best on, is kept if the job
// still fits.
func (r *ref) victimsOn(q *refQueue, j schedule.Job, n *schedule.Node, at schedule.Away) ([]refVictim, schedule.Vec) {
	gone, lost := map[schedule.RunID]bool{}, map[schedule.QueueID]schedule.Vec{}
	fits := func() bool {
		counts := func(run *refRun) bool { return refStays(run) && (run.laid || !gone[run.ID]) }
		return r.holds(n, r.room(n, counts), j, counts) && r.mayHoldMore(q, r.shape(j.Shape).Request, lost)
	}
	units := r.unitsOn(n)
	var taken []*refUnit
	for _, u := range slices.Backward(units) {
		if fits() {
			break
		}
		spared := slices.ContainsFunc(u.spares, func(s *refUnit) bool { return !s.taken })
		if u.rule = r.mayTake(q, at.Level, u, lost); u.rule == 0 || spared {
			continue
		}
		u.taken = true
		taken = append(taken, u)
		for _, run := range u.runs {
			gone[run.ID] = true
		}
		owner := u.runs[0].Queue
		if lost[owner] == nil {
			lost[owner] = make(schedule.Vec, len(r.cfg.Resources))
		}
		addTo(lost[owner], r.unitHolds(u))
	}
	if len(taken) == 0 || !fits() {
		return nil, nil
	}
	var victims, mates []refVictim
	for _, u := range slices.Backward(taken) { // the best in rank first
		if u.whole != nil && u.whole.taken {
			victims = append(victims, refVictim{u.runs[0], u.rule})
			continue
		}
		for _, run := range u.runs {
			gone[run.ID] = false
		}
		subFrom(lost[u.runs[0].Queue], r.unitHolds(u))
		if fits() {
			u.taken = false
			continue // it is kept
		}
		addTo(lost[u.runs[0].Queue], r.unitHolds(u))
		for _, run := range u.runs {
			gone[run.ID] = true
			victims = append(victims, refVictim{run, u.rule})
		}
		for _, run := range u.mates {
			mates = append(mates, refVictim{run, schedule.GangMate})
		}
	}
	return append(victims, mates...), r.room(n, func(run *refRun) bool { return refStays(run) && (run.laid || !gone[run.ID]) })
}

// unitsOn is who could go from a node, the best in rank first: higher class, earlier
// begun, smaller id. A gang stands where the best of its runs does.
func (r *ref) unitsOn(n *schedule.Node) (units []*refUnit) {
	var ranked []*refRun
	for i := range r.runs {
		if r.runs[i].Node == n.ID && refStays(&r.runs[i]) {
			ranked = append(ranked, &r.runs[i])
		}
	}
	slices.SortFunc(ranked, func(a, b *refRun) int {
		return cmp.Or(r.compareGuests(a, b), cmp.Compare(b.Level, a.Level), cmp.Compare(r.bidForRuns([]*refRun{b}), r.bidForRuns([]*refRun{a})), cmp.Compare(a.Since, b.Since), bytes.Compare(a.ID[:], b.ID[:]))
	})
	for _, run := range ranked {
		if run.Gang == "" {
			units = append(units, &refUnit{runs: []*refRun{run}})
			continue
		}
		if r.gangOf(run.Queue, run.Gang).Min > 0 {
			units = r.elasticUnit(units, ranked, run)
			continue
		}
		i := slices.IndexFunc(units, func(u *refUnit) bool {
			return len(u.runs) > 0 && u.runs[0].Gang == run.Gang && u.runs[0].Queue == run.Queue
		})
		if i >= 0 {
			units[i].runs = append(units[i].runs, run)
			continue
		}
		u := &refUnit{runs: []*refRun{run}}
		for _, mate := range r.gangRuns(run.Queue, run.Gang) {
			if mate.Node != n.ID && refStays(mate) {
				u.mates = append(u.mates, mate)
			}
		}
		units = append(units, u)
	}
	return units
}

func (r *ref) unitHolds(u *refUnit) schedule.Vec {
	sum := make(schedule.Vec, len(r.cfg.Resources))
	for _, run := range slices.Concat(u.runs, u.mates) {
		if run.Pool == r.pool {
			addTo(sum, r.shape(run.Shape).Request)
		}
	}
	return sum
}

// mayTake says by which rule a job may preempt a unit, when the queues have lost so much
// to it already; zero: by none.
func (r *ref) mayTake(q *refQueue, priority int32, u *refUnit, lost map[schedule.QueueID]schedule.Vec) schedule.Rule {
	level, since := r.levelIn(u.runs[0]), u.runs[0].Since
	if gang := q.next[0].Gang; gang != "" && q.ID == u.runs[0].Queue && gang == u.runs[0].Gang && r.gangOf(q.ID, gang).Min > 0 {
		return 0 // nobody goes for one of his own gang
	}
	for _, run := range slices.Concat(u.runs, u.mates) {
		if run.laid || !r.class(run.Shape).Preemptible || r.protectedUntil(run) > r.round.Now {
			return 0
		}
		level, since = max(level, r.levelIn(run)), max(since, run.Since)
	}
	if r.home() && r.isGuest(u.runs[0]) { // all of it on the node is
		return schedule.Host
	}
	if !r.home() && slices.ContainsFunc(u.runs, func(run *refRun) bool { return run.Pool != r.pool }) {
		return 0
	}
	owner := r.queueOf(u.runs[0].Queue)
	switch {
	case r.quoted() && owner != nil && owner != q:
		if since >= r.round.Now {
			return 0
		}
		return r.takeByQuota(q, owner, u, priority, lost)
	case level < priority && !r.off().Urgency:
		return schedule.Urgency
	case r.isMarket():
		if level > priority || r.keeps() || since >= r.round.Now || r.bidForRuns(u.runs) >= r.bidFor(q) || r.bidForRuns(u.mates) >= r.bidFor(q) {
			return 0
		}
		return schedule.Outbid
	case level > priority || r.keeps() || owner == nil || owner == q || since >= r.round.Now:
		return 0
	case r.mayShare(q, owner, u, lost):
		return schedule.FairShare
	}
	return 0
}

// mayShare is the rule of fair-share preemption.
func (r *ref) mayShare(q, owner *refQueue, u *refUnit, lost map[schedule.QueueID]schedule.Vec) bool {
	if !r.mayLose(owner, q, lost) {
		return false
	}
	if r.cfg.PreemptionRule == schedule.ArmadaOrder {
		return true
	}
	x, y := r.sides(q, owner)
	held := r.withoutLost(y, lost)
	subFrom(held, r.unitHolds(u))
	after := refWeigh(r.share(held), y.weight)
	return after > x.before || after == x.before && x.after <= refWeigh(max(x.ideal, x.fair), x.weight)
}

// mayLose says whether a queue may lose to the next gang of another when the queues have
// lost so much to it already: where the two part its place costs more than that of the other
// will, and is above what is protected.
func (r *ref) mayLose(owner, to *refQueue, lost map[schedule.QueueID]schedule.Vec) bool {
	x, y := r.sides(to, owner)
	share, protected := r.share(r.withoutLost(y, lost)), r.cfg.Protected
	if part, is := r.cfg.ProtectedIn[r.pool]; is {
		protected = part
	}
	weight, should := refWeigh(share, y.weight), max(y.ideal, y.fair)
	before := x.after < weight
	if r.cfg.PreemptionRule == schedule.ArmadaOrder {
		should = max(r.cappedBelow(y), y.fair)
		before = before || x.after == weight && x.id < y.id
	}
	return before && share > refScale(should, uint64(protected), schedule.Million)
}

// withoutLost is what is held of the pool at and below a place but for what is lost.
func (r *ref) withoutLost(n *refPlace, lost map[schedule.QueueID]schedule.Vec) schedule.Vec {
	held := r.holdsBelow(n)
	for _, q := range n.leaves() {
		if l := lost[q.ID]; l != nil {
			subFrom(held, l)
		}
	}
	return held
}

// queueOf is a queue of this pool's round; nil: it has no part in it.
func (r *ref) queueOf(id schedule.QueueID) *refQueue {
	if i := slices.IndexFunc(r.queues, func(q *refQueue) bool { return q.ID == id }); i >= 0 {
		return r.queues[i]
	}
	return nil
}

// held is what the runs of a queue hold of the pool.
func (r *ref) held(queue schedule.QueueID) schedule.Vec {
	sum := make(schedule.Vec, len(r.cfg.Resources))
	for i := range r.runs {
		if run := &r.runs[i]; run.Queue == queue && run.Pool == r.pool && refStays(run) {
			addTo(sum, r.shape(run.Shape).Request)
		}
	}
	return sum
}

// heldBy is what the runs of a queue hold of the pool that are of a class.
func (r *ref) heldBy(queue schedule.QueueID, class schedule.ClassID) schedule.Vec {
	sum := make(schedule.Vec, len(r.cfg.Resources))
	for i := range r.runs {
		if run := &r.runs[i]; run.Queue == queue && run.Pool == r.pool && refStays(run) && r.shape(run.Shape).Class == class {
			addTo(sum, r.shape(run.Shape).Request)
		}
	}
	return sum
}

// total is what the pool's nodes have for our jobs.
func (r *ref) total() schedule.Vec {
	sum := make(schedule.Vec, len(r.cfg.Resources))
	for i := range r.nodes {
		if r.nodes[i].Pool == r.pool {
			addTo(sum, r.nodes[i].Total)
			subFrom(sum, r.nodes[i].Other)
		}
	}
	r.addHosts(sum)
	for _, f := range r.cfg.Floating {
		sum[slices.Index(r.cfg.Resources, f.Resource)] = f.Pools[r.pool]
	}
	return sum
}

// share is the largest part of the pool's total that amounts are, in 2^-32, each times
// what its resource counts for.
func (r *ref) share(amounts schedule.Vec) (share uint64) {
	total := r.total()
	for _, name := range r.dominants() {
		i := slices.Index(r.cfg.Resources, name)
		if amounts[i] > 0 && total[i] > 0 {
			part := refScale(uint64(amounts[i]), 1<<32, uint64(total[i]))
			if m, counts := r.cfg.Multipliers[name]; counts {
				part = refScale(part, uint64(m), schedule.Million)
			}
			share = max(share, part)
		}
	}
	return share
}

// dominants are the resources that shares of the pool are counted in.
func (r *ref) dominants() []string {
	if own, has := r.cfg.DominantIn[r.pool]; has {
		return own
	}
	return r.cfg.Dominant
}

// refWeigh is a share over a weight: what queues are compared by.
func refWeigh(share uint64, weight int64) uint64 {
	return refScale(share, schedule.Million, uint64(weight))
}

// refScale is floor(value x times / by), at most the largest uint64.
func refScale(value, times, by uint64) uint64 {
	n := new(big.Int).SetUint64(value)
	n.Mul(n, new(big.Int).SetUint64(times)).Div(n, new(big.Int).SetUint64(by))
	if !n.IsUint64() {
		return ^uint64(0)
	}
	return n.Uint64()
}

func addTo(v, w schedule.Vec) {
	for i := range v {
		v[i] += w[i]
	}
}

func subFrom(v, w schedule.Vec) {
	for i := range v {
		v[i] -= w[i]
	}
}
