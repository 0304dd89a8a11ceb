package schedule

import (
	"fmt"
	"slices"
	"strings"
)

// Dump is the content of a state as text, a line a thing, sorted: what is equal in
// content is equal in text. Caches are left out, and sums that are zero.
func (s *State) Dump() string {
	var lines []string
	put := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	for i := range s.shapes {
		if s.shapes[i].known {
			put("shape %d %+v", s.shapes[i].id, s.shapes[i].Shape)
		}
	}
	for i := range s.nodes {
		if n := &s.nodes[i]; n.known {
			put("node %+v free %v later %v pods %d releasing %d %s", n.Node, s.room(s.free, int32(i)), s.room(s.later, int32(i)), n.pods, n.releasing, s.runsOn(n))
		}
	}
	for i := range s.queues {
		s.dumpQueue(int32(i), put)
	}
	for h := range s.runs {
		if r := s.runs[h]; r.kind != none {
			put("run %x of %x on %s pool %s level %d since %d phase %d, lease assumed %v, going assumed %v over phase %d queue %s", s.runIDs.ids[h], r.job,
				s.nodes[r.node].ID, s.poolName[r.pool], r.level, r.since, r.phase, r.leaseAssumed, r.goingAssumed, r.before, s.queues[s.kinds[r.kind].queue].ID)
		}
	}
	for h := range s.jobs {
		if row := s.jobs[h]; s.jobIDs.ids[h] != [16]byte{} {
			put("job %+v waits %v held %v leased %v gone %v", s.jobOf(int32(h)), row.waits, row.held, row.leased, row.gone)
		}
	}
	for id, m := range s.away {
		put("away %x gang %s group %s run %x ended %v", id, s.gangs[m.gang].ID, s.gangs[m.gang].groupID(m.group), m.run, m.ended)
	}
	for id := range s.lost {
		put("lost %s", id)
	}
	for pool := range s.startedIn {
		put("started in %s: %+v", s.cfg.Pools[pool], s.startedIn[pool])
	}
	put("tokens %+v", s.global)
	for key, sums := range s.usage {
		put("usage of %s in %s at %d %v", s.queues[key.queue].ID, s.poolName[key.pool], key.epoch, sums)
	}
	for id, c := range s.charges {
		put("charge %x of %s in %s %v until %d", id, s.queues[c.queue].ID, s.poolName[c.pool], c.amount, c.until)
	}
	for name, r := range s.reservations.facts {
		put("reservation %x %+v", name, r)
	}
	for name, r := range s.reservations.assumed {
		put("assumed reservation %x %+v", name, r.Reservation)
	}
	for job, name := range s.reservations.of {
		put("job %x in reservation %x", job, name)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func (s *State) dumpQueue(h int32, put func(format string, args ...any)) {
	q := &s.queues[h]
	if q.known || q.tokens != (account{}) { // else it is there for what stands below, or for nothing
		put("queue %s %+v known %v tokens %+v", q.ID, q.Queue, q.known, q.tokens)
	}
	for i, j := range s.queuedOf(h) {
		put("queue %s job %06d %+v", q.ID, i, s.jobOf(j))
	}
	for id, at := range q.gangs {
		g := &s.gangs[at]
		put("queue %s gang %s %+v queued %v runs %d held %d placed %d between %d ended %d missed %d done %v",
			q.ID, id, g.content(), len(g.queued), len(g.runs), g.held, g.placed, g.between, g.ended, g.missed, g.doneRows())
	}
	for pool := range s.cfg.Pools {
		for class := range s.cfg.Classes {
			if held := s.room(s.byClass, s.classAt(h, int32(pool), int32(class))); slices.Max(held) > 0 || slices.Min(held) < 0 {
				put("queue %s holds of %d by %d %v of %v", q.ID, pool, class, held, s.room(s.held, s.heldAt(h, int32(pool))))
			}
		}
	}
	for _, k := range q.kinds {
		row := &s.kinds[k]
		put("queue %s shape %d n %d gangs %d runs %d refs %d", q.ID, s.shapes[row.shape].id, row.n, row.gangs, row.runs, row.refs)
	}
}

// runsOn are the runs of a node, by id.
func (s *State) runsOn(n *node) string {
	var ids []string
	for r := n.first; r != none; r = s.runs[r].next {
		ids = append(ids, fmt.Sprintf("%x", s.runIDs.ids[r]))
	}
	slices.Sort(ids)
	return strings.Join(ids, " ")
}

// SnapshotAssumed is a snapshot that has what is assumed as facts.
func (s *State) SnapshotAssumed() Snapshot { return s.rows(true) }

// Rows counts the rows that a state has memory for, of all that jobs are or name.
func (s *State) Rows() int {
	return len(s.shapes) + len(s.shapeOf) + len(s.matchers) + len(s.matcherOf) + len(s.kinds) + len(s.kindOf) + len(s.jobs) + len(s.extras) + len(s.runs)
}
