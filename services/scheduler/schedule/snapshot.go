package schedule

import (
	"bytes"
	"maps"
	"slices"
)

// Snapshot is the content of a state as plain values: all that its facts have left, and
// nothing of what is assumed over them. [Load] makes the same content of it, whatever
// the order of its rows. It shares slices and maps with the state that it is of, and
// nobody may change these.
type Snapshot struct {
	// Shapes are all that were told of, also where no job is of them any more: the caller
	// finds its handles here again.
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
}

// GangRow is a gang, and how many of its members ended after a start and without one.
type GangRow struct {
	Gang
	Ended, Missed uint32
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
	// Run is its run; zero once that is gone, and it is not known whether the job ended.
	Run RunID
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

// Folds is the part of the content that follows from no unfinished job, alone: Gangs and
// Buckets. It costs what these are, and not what waits.
func (s *State) Folds() Snapshot {
	var out Snapshot
	s.queueRows(&out, s.underLeases(), false)
	return Snapshot{Gangs: out.Gangs, Buckets: out.Buckets}
}

// rows gives the content, what is assumed left out or counted as facts.
func (s *State) rows(assumed bool) Snapshot { //nolint:revive // two readings of one content, both inside
	out := Snapshot{Lost: slices.Sorted(maps.Keys(s.lost))}
	for _, id := range slices.Sorted(maps.Keys(s.shapes)) {
		out.Shapes = append(out.Shapes, ShapeAdded{ID: id, Shape: s.shapes[id].Shape})
	}
	for _, n := range s.nodesInOrder() {
		out.Nodes = append(out.Nodes, n.Node)
	}
	back := &underLeases{}
	if !assumed {
		back = s.underLeases()
	}
	s.jobRows(&out, back)
	s.runRows(&out, assumed)
	s.queueRows(&out, back, assumed)
	return out
}

// underLeases is what jobs whose leases are assumed are without these.
type underLeases struct {
	waiting, held []*queuedJob
	gangs         map[*Gang]underGang
}

// underGang counts the members of a gang whose leases are assumed: all of them, and those
// of them that have ended.
type underGang struct{ leases, gone int }

func (s *State) underLeases() *underLeases {
	u := &underLeases{gangs: map[*Gang]underGang{}}
	for _, r := range s.leasing { //archcheck:unordered sorted with those that they stand among
		switch {
		case r.job.gone:
		case r.job.held:
			u.held = append(u.held, r.job)
		default:
			u.waiting = append(u.waiting, r.job)
		}
		if r.gang != nil {
			g := u.gangs[r.gang]
			g.leases++
			if r.job.gone {
				g.gone++
			}
			u.gangs[r.gang] = g
		}
	}
	return u
}

// row is a gang without the leases of it that are assumed; false where there is none then.
func (g *gangState) row(u underGang) (GangRow, bool) {
	bare := *g
	bare.held += u.leases - u.gone
	bare.placed -= u.leases
	bare.runs = bare.runs[:len(bare.runs)-u.leases]
	bare.missed += u.gone
	return GangRow{Gang: g.Gang, Ended: uint32(bare.ended), Missed: uint32(bare.missed)}, !bare.over() //nolint:gosec // counts of jobs
}

// jobRows gives the jobs that wait and those that are held.
func (s *State) jobRows(out *Snapshot, back *underLeases) {
	byQueue := map[QueueID][]*queuedJob{}
	for _, j := range back.waiting {
		byQueue[j.Queue] = append(byQueue[j.Queue], j)
	}
	out.Jobs = make([]Job, 0, len(s.jobs)+len(back.waiting))
	for _, id := range slices.Sorted(maps.Keys(s.queues)) {
		waiting := s.queues[id].queued
		if extra := byQueue[id]; len(extra) > 0 {
			waiting = slices.Concat(waiting, extra)
			slices.SortFunc(waiting, compareQueued)
		}
		for _, j := range waiting {
			out.Jobs = append(out.Jobs, j.Job)
		}
	}
	held := slices.AppendSeq(back.held, maps.Values(s.held)) //archcheck:sorted below
	for _, j := range held {
		out.Held = append(out.Held, j.Job)
	}
	slices.SortFunc(out.Held, func(a, b Job) int { return bytes.Compare(a.ID[:], b.ID[:]) })
}

// runRows gives the runs, and the members of gangs that have or had one.
func (s *State) runRows(out *Snapshot, assumed bool) { //nolint:revive // as rows
	for _, r := range s.runs { //archcheck:sorted below
		if r.leaseAssumed && !assumed {
			continue
		}
		row := RunRow{Run: r.Run, Queue: r.queue.ID, Shape: r.shape.id}
		if r.gang != nil {
			row.Gang = r.gang.ID
		}
		if !assumed {
			row.Phase = r.before
		}
		out.Runs = append(out.Runs, row)
	}
	slices.SortFunc(out.Runs, func(a, b RunRow) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	for id, m := range s.away { //archcheck:sorted below
		if r := s.runs[m.run]; r != nil && r.leaseAssumed && !assumed {
			continue
		}
		out.Members = append(out.Members, MemberRow{Job: id, Queue: m.gang.Queue, Gang: m.gang.ID, Run: m.run})
	}
	slices.SortFunc(out.Members, func(a, b MemberRow) int { return bytes.Compare(a.Job[:], b.Job[:]) })
}

// queueRows gives the queues that are defined, and of each the gangs and tokens.
func (s *State) queueRows(out *Snapshot, back *underLeases, assumed bool) { //nolint:revive // as rows
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
	for _, id := range slices.Sorted(maps.Keys(s.queues)) {
		q := s.queues[id]
		if q.known {
			out.Queues = append(out.Queues, q.Queue)
		}
		tokens(id, &q.tokens)
		for _, gang := range slices.Sorted(maps.Keys(q.gangs)) {
			g := q.gangs[gang]
			if row, is := g.row(back.gangs[&g.Gang]); is {
				out.Gangs = append(out.Gangs, row)
			}
		}
	}
}

// Fork makes a state of the same content that shares nothing with this one that either
// changes. What is assumed here is a fact there, so both give the same plans.
func (s *State) Fork() *State {
	f, err := Load(s.cfg, s.rows(true))
	if err != nil {
		panic("schedule: a state does not load: " + err.Error()) // unreachable: Load takes what rows gives
	}
	return f
}
