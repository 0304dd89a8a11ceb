package schedule_test

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// refplan is the round as plainly as it can be said: it takes the content as rows and a
// question, scans lists, keeps no sum and no index, and answers with the plan. It is the
// oracle: State.Plan must give the same, byte for byte. It knows nothing of the inside of
// package schedule.
func refplan(cfg *schedule.Config, content schedule.Snapshot, round schedule.Round) *schedule.Plan {
	r := &ref{cfg: cfg, rows: content, round: round, plan: &schedule.Plan{Stop: schedule.StopDone}, laid: map[schedule.JobID]bool{}, told: map[schedule.PoolID]bool{}, buckets: map[schedule.QueueID]schedule.Time{}, started: map[schedule.PoolID]refStarted{}}
	for i := range content.Runs {
		r.runs = append(r.runs, refRun{RunRow: content.Runs[i]})
	}
	r.nodes = slices.SortedFunc(slices.Values(content.Nodes), func(a, b schedule.Node) int { return cmp.Compare(a.ID, b.ID) })
	for _, b := range content.Buckets {
		r.buckets[b.Queue] = b.Free
	}
	for _, row := range content.Started {
		r.started[row.Pool] = refStarted{refPeriod(cfg, row.From), row.Amounts}
	}
	r.hold()
	// What was decided in one pool may have left room in another, or changed the shares there,
	// so all are planned again until a pass decides nothing.
	for decided := -1; decided < len(r.plan.Starts); {
		decided, r.back = len(r.plan.Starts), false
		for _, at := range r.visits() {
			if r.plan.Stop == schedule.StopBudget || r.back || at[0] != at[1] && len(r.plan.Starts) > decided {
				break // nobody is a guest before all that can start at home
			}
			r.enter(at[0], at[1])
			for r.walk() && !r.back {
				r.again()
			}
		}
	}
	r.reserve()
	if round.MayReject {
		r.rejectHopeless()
	}
	return r.plan
}

// pools are those that are planned.
func (r *ref) pools() []schedule.PoolID {
	return slices.DeleteFunc(slices.Clone(r.cfg.Pools), func(p schedule.PoolID) bool {
		return len(r.round.Pools) > 0 && !slices.Contains(r.round.Pools, p)
	})
}

// visits are the pools, each at home, and then each as guests of others.
func (r *ref) visits() (out [][2]schedule.PoolID) {
	for _, pool := range r.pools() {
		out = append(out, [2]schedule.PoolID{pool, pool})
	}
	for _, pool := range r.pools() {
		for _, host := range r.cfg.AwayPools[pool] {
			out = append(out, [2]schedule.PoolID{pool, host})
		}
	}
	return out
}

// ref is one round. What it starts is appended to runs, who is preempted is Releasing
// among them.
type ref struct {
	cfg     *schedule.Config
	rows    schedule.Snapshot
	round   schedule.Round
	plan    *schedule.Plan
	nodes   []schedule.Node // by name
	runs    []refRun
	laid    map[schedule.JobID]bool
	buckets map[schedule.QueueID]schedule.Time
	started map[schedule.PoolID]refStarted

	reserved []*refHold

	// told are the pools whose shares are in the plan.
	told map[schedule.PoolID]bool
	// back says that a start has ended a reservation in an earlier pool: all are planned again
	// from the first.
	back bool
	// site is the pool whose nodes are planned, on the account of pool.
	pool, site schedule.PoolID
	queues     []*refQueue // those of the pool's round, by name
	root       *refPlace   // of their tree
}

type refRun struct {
	schedule.RunRow
	// laid says that it starts in this round.
	laid bool
}

// refQueue is a queue in a pool's round.
type refQueue struct {
	schedule.Queue
	known  bool
	queued []schedule.Job // in order
	// entries are the same at home and away, by level.
	entries []refEntry
	// at is how far the walk has looked; failed are the shapes that found no place in it,
	// and seen the gangs it came to.
	at     int
	failed map[refShapeAway]bool
	seen   map[refGangAway]bool
	done   bool
	// next is the gang that goes next: one job, or all of a gang that wait.
	next []schedule.Job
	// away is how it is to be away from home; zero: at home. Alone: it is a member of an
	// elastic gang that goes by itself.
	away  int
	alone bool
	place *refPlace // in the tree
	refShares
}

func (r *ref) shape(id schedule.ShapeID) schedule.Shape {
	i := slices.IndexFunc(r.rows.Shapes, func(s schedule.ShapeAdded) bool { return s.ID == id })
	return r.rows.Shapes[i].Shape
}

func (r *ref) class(id schedule.ShapeID) schedule.Class {
	i := slices.IndexFunc(r.cfg.Classes, func(c schedule.Class) bool { return c.ID == r.shape(id).Class })
	return r.cfg.Classes[i]
}

// queuedOf is the waiting jobs of a queue, in its order: higher class, smaller priority
// number, earlier submission, id.
// In a market a higher bid goes before priority.
func (r *ref) queuedOf(queue schedule.QueueID) (out []schedule.Job) {
	for _, j := range r.rows.Jobs {
		if j.Queue == queue {
			out = append(out, j)
		}
	}
	slices.SortFunc(out, func(a, b schedule.Job) int {
		return cmp.Or(cmp.Compare(r.class(b.Shape).Priority, r.class(a.Shape).Priority), cmp.Compare(r.bid(queue, b.Shape), r.bid(queue, a.Shape)), cmp.Compare(a.Priority, b.Priority),
			cmp.Compare(a.Submitted, b.Submitted), bytes.Compare(a.ID[:], b.ID[:]))
	})
	return out
}

// enter begins the round of a pool, at home or as guests: with each queue that waits for something, or holds
// something of it.
func (r *ref) enter(pool, site schedule.PoolID) {
	r.pool, r.site, r.queues = pool, site, nil
	names := map[schedule.QueueID]bool{}
	for _, j := range r.rows.Jobs {
		names[j.Queue] = true
	}
	for i := range r.runs {
		names[r.runs[i].Queue] = true
	}
	for id := range names {
		q := &refQueue{queued: r.queuedOf(id)}
		q.entries = r.entries(q.queued)
		q.Queue, q.known = r.settings(id)
		q.Weight = r.weightOf(q.Queue)
		if r.share(r.wants(q)) > 0 || r.quoted() && slices.Max(r.held(q.ID)) > 0 || slices.ContainsFunc(q.queued, func(j schedule.Job) bool { return !r.laid[j.ID] }) {
			r.queues = append(r.queues, q)
		}
	}
	slices.SortFunc(r.queues, func(a, b *refQueue) int { return cmp.Compare(a.ID, b.ID) })
	r.plant()
	for _, q := range r.queues {
		r.wakeForCharges(q)
	}
	r.wakeForUsage()
	r.dropOverLimit("")
	r.again()
	if !r.told[pool] { // the shares are those when the round first came to it
		r.told[pool] = true
		r.reportShares()
	}
}

// again readies the queues for a walk.
func (r *ref) again() {
	for _, q := range r.queues {
		cordoned := slices.ContainsFunc(append(r.above(q.ID), q.Queue), func(q schedule.Queue) bool { return q.Cordoned })
		q.at, q.failed, q.seen, q.next, q.done = 0, map[refShapeAway]bool{}, map[refGangAway]bool{}, nil, !q.known || cordoned
	}
	r.weighShares()
}

// walk starts one gang after the other: always that of the queue which costs least after
// it, among the first of each queue that can start as things are. A start that took
// victims ends the walk, and so does one that ends a reservation. It says whether there is
// to be another.
func (r *ref) walk() (again bool) {
	for {
		best := r.goesFirst(r.root, r.ready)
		if best == nil {
			return again
		}
		if r.round.Steps > 0 && r.plan.Steps >= r.round.Steps {
			r.plan.Stop = schedule.StopBudget
			return false
		}
		victims := len(r.plan.Preempts)
		r.stand(best)
		r.place(best)
		r.countStart(best)
		for range best.next {
			r.take("", r.cfg.Rate)
			r.take(best.ID, r.cfg.QueueRate)
		}
		r.plan.Steps += 1 + uint64(len(r.plan.Preempts)-victims)
		released := r.released(best)
		core, earlier := r.startedCore(best)
		if earlier {
			r.back, released = true, true
		}
		if core { // others of the gang may stand before it
			best.at, best.failed, best.seen = 0, map[refShapeAway]bool{}, map[refGangAway]bool{}
		}
		best.next = nil
		again = true
		if released || len(r.plan.Preempts) > victims {
			return true
		}
	}
}

// ready finds the first gang of a queue that can start as things are.
func (r *ref) ready(q *refQueue) bool {
	for !q.done {
		if q.next == nil && !r.advance(q) {
			q.done = true
			break
		}
		if r.canStart(q) {
			return true
		}
		q.next = nil
	}
	return false
}

// advance finds the next gang of a queue that is worth a try, within look-back.
func (r *ref) advance(q *refQueue) bool {
	for ; q.at < len(q.entries); q.at++ {
		j, away := q.entries[q.at].Job, q.entries[q.at].away
		if q.entries[q.at].number >= r.cfg.Lookback || r.laid[j.ID] || j.Gang == "" && q.failed[refShapeAway{j.Shape, away}] && r.own(j) == nil {
			continue
		}
		next, alone := []schedule.Job{j}, false
		if j.Gang != "" {
			if next, alone = r.goesOf(q, j, away); next == nil {
				continue
			}
		}
		if slices.ContainsFunc(next, func(j schedule.Job) bool { return !r.mayUse(j.Shape) }) || !r.mayAll(next, away) || !r.inTime(next) {
			continue
		}
		q.at++
		q.next, q.away, q.alone = next, away, alone
		return true
	}
	return false
}

// whole says whether with so many that wait a gang is whole: the others run or have ended.
func (r *ref) whole(q *refQueue, id schedule.GangID, waiting int) bool {
	for _, g := range r.rows.Gangs {
		if g.Queue == q.ID && g.ID == id {
			for _, m := range r.rows.Members {
				if m.Queue == q.ID && m.Gang == id && m.Run != (schedule.RunID{}) {
					waiting++
				}
			}
			return waiting+int(g.Ended) >= int(g.Cardinality)
		}
	}
	return false
}

func (r *ref) mayUse(shape schedule.ShapeID) bool {
	pools := r.shape(shape).Pools
	return len(pools) == 0 || slices.Contains(pools, r.pool)
}

// inTime says whether the time of all members has come, and has the round wake then. It
// is asked of those only that may use the pool.
func (r *ref) inTime(next []schedule.Job) bool {
	var ready schedule.Time
	for _, j := range next {
		if !r.mayUse(j.Shape) {
			return false
		}
		ready = max(ready, j.NotBefore)
	}
	if ready > r.round.Now {
		r.wakeAt(ready)
		return false
	}
	return true
}

func (r *ref) wakeAt(at schedule.Time) {
	if at > r.round.Now && (r.plan.Wake == 0 || at < r.plan.Wake) {
		r.plan.Wake = at
	}
}

// canStart says whether tokens, limits and nodes let the gang of a queue start. The shape
// of a single job that has no place is not tried again in the walk, unless the job is
// kept off nodes or has some of its own.
func (r *ref) canStart(q *refQueue) bool {
	if r.aboveGangMax(q) {
		return false
	}
	above := r.aboveAPeriod(q)
	if !above && !r.inPeriod(q) {
		return false
	}
	if !r.hasTokens(q, "", r.cfg.Rate) || !r.hasTokens(q, q.ID, r.cfg.QueueRate) {
		return false
	}
	r.stand(q)
	limited := r.overLimit(q, q.next) || r.shortOfFloating(q) || above
	if !limited && r.trial(func() bool { return r.place(q) }) {
		return true
	}
	if !limited && !q.alone {
		r.wakeForProtected(q)
		r.wakeForYoung(q)
	}
	if q.next[0].Gang == "" && len(q.next[0].Avoid) == 0 && r.own(q.next[0]) == nil {
		q.failed[refShapeAway{q.next[0].Shape, q.away}] = true
	}
	return false
}

// wakeForYoung: what began at this moment, or has not had its minimum run time, may lose to a queue later.
func (r *ref) wakeForYoung(q *refQueue) {
	if r.keeps() && !r.quoted() {
		return
	}
	for i := range r.runs {
		run := &r.runs[i]
		stays := max(run.Since, r.protectedUntil(run)-1) // at this moment still
		if run.Pool != r.pool || run.Phase == schedule.Releasing || run.laid || stays < r.round.Now || !r.class(run.Shape).Preemptible {
			continue
		}
		owner := r.queueOf(run.Queue)
		if owner != nil && r.isMarket() || owner != nil && owner != q && (r.quoted() && !r.guarded(owner, q, nil) || !r.quoted() && r.mayLose(owner, q, nil)) {
			r.wakeAt(stays + 1)
		}
	}
}

// aboveGangMax says whether the gang of a queue is larger than any may be.
func (r *ref) aboveGangMax(q *refQueue) bool {
	return r.cfg.GangMax > 0 && slices.ContainsFunc(r.rows.Gangs, func(g schedule.GangRow) bool {
		return g.Queue == q.ID && g.ID == q.next[0].Gang && g.Cardinality > r.cfg.GangMax
	})
}

// hasTokens says whether a bucket has a token for each member. One that has not ends the
// queue; a gang above the burst waits for ever and ends nothing.
func (r *ref) hasTokens(q *refQueue, bucket schedule.QueueID, rate schedule.Rate) bool {
	n := uint32(len(q.next))
	switch {
	case rate.Burst == 0:
		return true
	case n > rate.Burst:
		return false
	}
	ready := r.since(bucket, rate) + schedule.Time(rate.PerToken)*schedule.Time(n)
	if ready <= r.round.Now {
		return true
	}
	r.endQueue(q, ready)
	return false
}

// endQueue ends a queue for the round, for something is used up until a moment.
func (r *ref) endQueue(q *refQueue, ready schedule.Time) {
	q.done = true
	r.wakeAt(ready)
	if r.plan.Stop == schedule.StopDone {
		r.plan.Stop = schedule.StopLimit
	}
}

// since is from when tokens are counted: at most a burst of them.
func (r *ref) since(bucket schedule.QueueID, rate schedule.Rate) schedule.Time {
	now := max(-1<<61, min(r.round.Now, 1<<61))
	return max(r.buckets[bucket], now-schedule.Time(rate.PerToken)*schedule.Time(rate.Burst))
}

func (r *ref) take(bucket schedule.QueueID, rate schedule.Rate) {
	if rate.Burst > 0 {
		r.buckets[bucket] = min(r.since(bucket, rate)+schedule.Time(rate.PerToken), 1<<62)
	}
}

// trial does something and takes it back.
func (r *ref) trial(try func() bool) bool {
	runs, starts, preempts := slices.Clone(r.runs), len(r.plan.Starts), len(r.plan.Preempts)
	ok := try()
	for _, s := range r.plan.Starts[starts:] {
		delete(r.laid, s.Job)
	}
	r.runs, r.plan.Starts, r.plan.Preempts = runs, r.plan.Starts[:starts], r.plan.Preempts[:preempts]
	return ok
}
