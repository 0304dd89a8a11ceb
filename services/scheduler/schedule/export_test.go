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
	for id, sh := range s.shapes {
		put("shape %d %+v", id, sh.Shape)
	}
	for _, n := range s.nodes {
		put("node %+v free %v pods %s", n.Node, n.free, runIDs(n.runs))
	}
	for id, q := range s.queues {
		if q.known || q.tokens != (account{}) { // else it is there for what stands below, or for nothing
			put("queue %s %+v known %v tokens %+v", id, q.Queue, q.known, q.tokens)
		}
		for i, j := range q.queued {
			put("queue %s job %06d %+v", id, i, j.Job)
		}
		for gang, g := range q.gangs {
			put("queue %s gang %s %+v queued %v runs %s held %d placed %d between %d ended %d missed %d",
				id, gang, g.Gang, len(g.queued), runIDs(g.runs), g.held, g.placed, g.between, g.ended, g.missed)
		}
		for pool, held := range q.held {
			if slices.Max(held) > 0 || slices.Min(held) < 0 {
				put("queue %s held %s %v", id, pool, held)
			}
		}
		for pool, classes := range q.classes {
			for class, held := range classes {
				if slices.Max(held) > 0 || slices.Min(held) < 0 {
					put("queue %s held %s %s %v", id, pool, class, held)
				}
			}
		}
	}
	for _, r := range s.runs {
		put("run %+v %+v queue %s", r.Run, r.overlay(), r.queue.ID)
	}
	for id := range s.jobs {
		put("job %x", id)
	}
	for id, j := range s.held {
		put("held %x %+v", id, j.Job)
	}
	for id := range s.leasing {
		put("leasing %x", id)
	}
	for id, m := range s.away {
		put("away %x gang %s run %x", id, m.gang.ID, m.run)
	}
	for id := range s.lost {
		put("lost %s", id)
	}
	put("tokens %+v", s.global)
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// overlay is what lies over the facts of a run.
func (r *run) overlay() string {
	return fmt.Sprintf("lease assumed %v, going assumed %v over phase %d", r.leaseAssumed, r.goingAssumed, r.before)
}

func runIDs(runs []*run) string {
	var out strings.Builder
	for _, r := range runs {
		fmt.Fprintf(&out, "%x ", r.ID)
	}
	return out.String()
}
