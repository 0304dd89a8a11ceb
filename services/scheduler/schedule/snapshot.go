package schedule

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
)

// Snapshot is the content of a state as plain values: all that its facts have left, and
// nothing of what is assumed over them. [Load] makes the same content of it, whatever
// the order of its rows. It shares slices and maps with the state that it is of, and
// nobody may change these.
type Snapshot struct {
	// Shapes are all that were told of and are not forgotten, also where no job is of them:
	// the caller finds its handles here again.
	Shapes []ShapeAdded
	Gangs  []GangRow
	// Jobs wait; Held are not to start, and have not ended.
	Jobs, Held []Job
	Runs       []RunRow
	Members    []MemberRow
	Nodes      []Node
	// Queues are those that are defined.
	Queues []Queue
	// Lost are the executors that take no new runs.
	Lost    []ExecutorID
	Buckets []Bucket
	Charges []Charge
	Usage   []Usage
	// Started is what started in the newest period of each pool in which that is limited.
	Started      []StartedRow
	Reservations []Reservation
}

// GangRow is a gang, and how many of its members ended after a start and without one.
type GangRow struct {
	Gang
	Ended, Missed uint32
	// Done are those that ended of themselves, of an elastic gang, by group: none without any.
	Done []DoneRow
}

// DoneRow is how many members ended of themselves that were in a group of an elastic gang,
// and in none within it; in no group where Group is empty.
type DoneRow struct {
	Group   GroupID
	Members uint32
}

// RunRow is a run, and what it was leased for.
type RunRow struct {
	Run
	Queue QueueID
	Shape ShapeID
	// Gang is empty for a job of its own.
	Gang GangID
}

// MemberRow is a member of a gang between its lease and its end, or its return.
type MemberRow struct {
	Job   JobID
	Queue QueueID
	Gang  GangID
	// Group is empty where it is in no group of its gang.
	Group GroupID
	// Run is its run; zero once that is gone, and it is not known whether the job ended.
	// Ended says, of an elastic gang, that it is gone and ended of itself.
	Run   RunID
	Ended bool
}

// Bucket is the tokens taken of a queue, or of all where Queue is empty. One of which
// none was taken has no row.
type Bucket struct {
	Queue QueueID
	// Free is from when tokens are counted that were not taken.
	Free Time
}

// Snapshot gives the content as values. What is equal in content is equal in every row
// and in their order: jobs stand in the order of their queues, all else by name.
func (s *State) Snapshot() Snapshot { return s.rows(false) }

// Folds is the part of the content that follows from no unfinished job, alone: Gangs,
// Buckets, Charges, Usage and Started. It costs a look at each job's row, and no copy of it.
func (s *State) Folds() Snapshot {
	under := map[int32]underGang{}
	for h := range s.jobs {
		if row := &s.jobs[h]; s.jobIDs.ids[h] != [16]byte{} && row.leased && row.gang != none {
			under[row.gang] = under[row.gang].with(row)
		}
	}
	var out Snapshot
	s.queueRows(&out, under, false)
	s.chargeRows(&out)
	s.usageRows(&out)
	return Snapshot{Gangs: out.Gangs, Buckets: out.Buckets, Charges: out.Charges, Usage: out.Usage, Started: s.startedRows(false)}
}

// rows gives the content, what is assumed left out or counted as facts.
func (s *State) rows(assumed bool) Snapshot {
	out := Snapshot{Lost: slices.Sorted(maps.Keys(s.lost)), Started: s.startedRows(assumed)}
	for i := range s.shapes {
		if s.shapes[i].known {
			out.Shapes = append(out.Shapes, ShapeAdded{ID: s.shapes[i].id, Shape: s.shapes[i].Shape})
		}
	}
	slices.SortFunc(out.Shapes, func(a, b ShapeAdded) int { return cmp.Compare(a.ID, b.ID) })
	for i := range s.nodes {
		if s.nodes[i].known {
			out.Nodes = append(out.Nodes, s.nodes[i].Node)
		}
	}
	slices.SortFunc(out.Nodes, func(a, b Node) int { return cmp.Compare(a.ID, b.ID) })
	under := map[int32]underGang{}
	s.jobRows(&out, under, assumed)
	s.runRows(&out, assumed)
	s.queueRows(&out, under, assumed)
	s.chargeRows(&out)
	s.usageRows(&out)
	out.Reservations = s.reservationRows(assumed)
	return out
}

// underGang counts the members of a gang whose leases are assumed: all of them, and those
// of them that have ended.
type underGang struct{ leases, gone int }

// with is u and one more.
func (u underGang) with(member *jobRow) underGang {
	u.leases++
	if member.gone {
		u.gone++
	}
	return u
}

// row is a gang without the leases of it that are assumed; false where there is none then.
func (g *gang) row(u underGang) (GangRow, bool) {
	bare := *g
	bare.held += u.leases - u.gone
	bare.placed -= u.leases
	bare.runs = bare.runs[:len(bare.runs)-u.leases]
	bare.missed += u.gone
	return GangRow{Gang: g.content(), Ended: uint32(bare.ended), Missed: uint32(bare.missed), Done: g.doneRows()}, !bare.over() //nolint:gosec // counts of jobs
}

// jobRows gives the jobs that wait and those that are held, and counts the gangs' members
// whose leases are assumed.
func (s *State) jobRows(out *Snapshot, under map[int32]underGang, assumed bool) {
	byQueue := map[int32][]int32{}
	var held []int32
	for h := range s.jobs {
		row := &s.jobs[h]
		switch {
		case s.jobIDs.ids[h] == [16]byte{} || row.waits || assumed && row.leased:
			continue
		case row.leased && row.gang != none:
			under[row.gang] = under[row.gang].with(row)
		}
		switch {
		case row.gone:
		case row.held:
			held = append(held, int32(h)) //nolint:gosec // below 2^31 jobs
		default:
			q := s.kinds[row.kind].queue
			byQueue[q] = append(byQueue[q], int32(h)) //nolint:gosec // below 2^31 jobs
		}
	}
	out.Jobs = make([]Job, 0, s.jobIDs.n)
	for _, id := range slices.Sorted(maps.Keys(s.queueOf)) {
		q := s.queueOf[id]
		waiting := s.queuedOf(q)
		if extra := byQueue[q]; len(extra) > 0 {
			waiting = append(waiting, extra...)
			slices.SortFunc(waiting, s.compareQueued)
		}
		for _, h := range waiting {
			out.Jobs = append(out.Jobs, s.jobOf(h))
		}
	}
	for _, h := range held {
		out.Held = append(out.Held, s.jobOf(h))
	}
	slices.SortFunc(out.Held, func(a, b Job) int { return bytes.Compare(a.ID[:], b.ID[:]) })
}

// runRows gives the runs, and the members of gangs that have or had one.
func (s *State) runRows(out *Snapshot, assumed bool) { //nolint:revive // as rows
	for h := range s.runs {
		r := &s.runs[h]
		if r.kind == none || r.leaseAssumed && !assumed {
			continue
		}
		k := &s.kinds[r.kind]
		row := RunRow{
			Run: Run{
				ID: s.runIDs.ids[h], Job: r.job, Node: s.nodes[r.node].ID, Pool: s.poolName[r.pool],
				Level: r.level, Since: r.since, Phase: r.phase,
			},
			Queue: s.queues[k.queue].ID, Shape: s.shapes[k.shape].id,
		}
		if r.gang != none {
			row.Gang = s.gangs[r.gang].ID
		}
		if !assumed {
			row.Phase = r.before
		}
		out.Runs = append(out.Runs, row)
	}
	slices.SortFunc(out.Runs, func(a, b RunRow) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	for id, m := range s.away { //archcheck:sorted below
		if run, leasing := s.leasing[id]; leasing && !assumed && s.runIDs.ids[run] == m.run {
			continue
		}
		out.Members = append(out.Members, MemberRow{Job: id, Queue: s.gangs[m.gang].Queue, Gang: s.gangs[m.gang].ID, Group: s.gangs[m.gang].groupID(m.group), Run: m.run, Ended: m.ended})
	}
	slices.SortFunc(out.Members, func(a, b MemberRow) int { return bytes.Compare(a.Job[:], b.Job[:]) })
}

// queueRows gives the queues that are defined, and of each the gangs and tokens.
func (s *State) queueRows(out *Snapshot, under map[int32]underGang, assumed bool) { //nolint:revive // as rows
	tokens := func(id QueueID, a *account) {
		b := a.facts
		if assumed {
			b = a.seen
		}
		if b.free != 0 {
			out.Buckets = append(out.Buckets, Bucket{Queue: id, Free: b.free})
		}
	}
	tokens("", &s.global)
	for _, id := range slices.Sorted(maps.Keys(s.queueOf)) {
		q := &s.queues[s.queueOf[id]]
		if q.known {
			out.Queues = append(out.Queues, q.Queue)
		}
		tokens(id, &q.tokens)
		for _, name := range slices.Sorted(maps.Keys(q.gangs)) {
			h := q.gangs[name]
			if row, is := s.gangs[h].row(under[h]); is {
				out.Gangs = append(out.Gangs, row)
			}
		}
	}
}

// Fork makes a state of the same content, assumptions under the same names included, that
// shares nothing with this one that either changes. It copies rows, and no objects.
func (s *State) Fork() *State {
	f := *s
	f.resources = s.resources
	f.poolOf, f.poolName = maps.Clone(s.poolOf), slices.Clone(s.poolName)
	f.shapes, f.shapeOf = slices.Clone(s.shapes), maps.Clone(s.shapeOf)
	f.bindings, f.bindingOf = slices.Clone(s.bindings), maps.Clone(s.bindingOf)
	f.matchers, f.matcherOf = slices.Clone(s.matchers), maps.Clone(s.matcherOf)
	f.freeShapes, f.freeMatchers = slices.Clone(s.freeShapes), slices.Clone(s.freeMatchers)
	f.jobIDs, f.jobs, f.extras = s.jobIDs.clone(), slices.Clone(s.jobs), maps.Clone(s.extras)
	f.runIDs, f.runs = s.runIDs.clone(), slices.Clone(s.runs)
	f.kinds = cloneEach(s.kinds, func(k *kind) { k.waiting, k.failedAway = k.waiting.clone(), nil })
	f.kindOf, f.freeKinds = maps.Clone(s.kindOf), slices.Clone(s.freeKinds)
	f.queues = cloneEach(s.queues, func(q *queue) {
		q.gangs, q.kinds, q.asks = maps.Clone(q.gangs), slices.Clone(q.kinds), slices.Clone(q.asks)
	})
	f.queueOf = maps.Clone(s.queueOf)
	f.gangs = cloneEach(s.gangs, (*gang).clone)
	f.freeGangs, f.away = slices.Clone(s.freeGangs), maps.Clone(s.away)
	f.nodes, f.nodeOf, f.freeNodes = slices.Clone(s.nodes), maps.Clone(s.nodeOf), slices.Clone(s.freeNodes)
	f.free, f.later = slices.Clone(s.free), slices.Clone(s.later)
	f.held, f.byClass = slices.Clone(s.held), slices.Clone(s.byClass)
	f.floatingHeld = slices.Clone(s.floatingHeld)
	f.charges, f.usage = maps.Clone(s.charges), maps.Clone(s.usage)
	for key, sums := range f.usage { //archcheck:unordered each by itself
		f.usage[key] = slices.Clone(sums)
	}
	f.startedIn = slices.Clone(s.startedIn)
	for i := range f.startedIn {
		f.startedIn[i] = s.startedIn[i].clone()
	}
	f.lost, f.assumed, f.leasing = maps.Clone(s.lost), maps.Clone(s.assumed), maps.Clone(s.leasing)
	f.reservations = s.reservations.clone()
	f.requests = nil // what is left of it is for the shapes that come to the other
	// What is worked out is worked out again. Walks are counted on, for rows bear their marks.
	f.newest, f.index, f.rounds = nil, nodeIndex{}, planner{walk: s.rounds.walk, shares: s.rounds.shares, hunt: hunt{number: s.rounds.hunt.number}}
	f.index.init(&f)
	f.index.changes = s.index.changes + 1
	return &f
}
