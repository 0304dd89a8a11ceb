package schedule

import "slices"

// What a queue has left once a node is rid of all its preemptible runs is a floor: where
// even so its runs may be taken, any of them may, whatever else goes from that node. Most
// victims are of a queue that has far more than its share, and are found by it in a few
// compares, without a walk of the ranks.

// generous says whether each run of a queue may go for the share of another, a gang's and
// those that began at this moment excepted, whatever else goes from the run's node.
func (p *planner) generous(owner, to *queueRound) bool {
	if p.tree.on {
		return false // it depends on those that they are part of
	}
	if !owner.floorKnown {
		floor := append(p.hunt.after[:0], p.heldIn(owner)...)
		p.hunt.after = floor
		floor.sub(p.survey.most)
		owner.floorShare = p.dominant(floor, p.total)
		owner.floorCost, owner.floorKnown = weighted(owner.floorShare, owner.weight), true
	}
	return owner != to && to.cost < owner.floorCost && owner.floorShare > owner.guard && owner.floorCost > to.before
}

// surelyOn says whether a job certainly has victims on a node, which is one for it: so many
// of its runs may go whatever else does that it fits.
func (p *planner) surelyOn(q *queueRound, request Vec, level, n int32) bool {
	if !p.home() {
		return false // most on the nodes are not its own
	}
	if p.tree.quotas.on {
		return false // what one may lose depends on what others lost before
	}
	if p.market {
		return false // it depends on the bids
	}
	if most := p.State.nodes[n].MaxPods; most > 0 && p.pods[n]-p.releasing[n] >= most {
		return false
	}
	row, width := &p.index.soft.nodes[n], len(request)
	if row.gangs {
		return false // with one of them go others, of other nodes
	}
	room := append(p.hunt.room[:0], p.room(p.later, n)...)
	p.hunt.room = room
	p.hunt.owner = none
	for i := range row.runs {
		r := &row.runs[i]
		if r.gang || r.level > level || p.gone.has(r.run) || p.shielded(r) {
			continue
		}
		if r.level == level || p.off.Urgency {
			at := p.at[r.queue]
			if p.keeps || at == none || r.since >= p.round.Now || !p.generous(&p.queues[at], q) {
				continue
			}
			p.hunt.owner = joined(p.hunt.owner, at)
		}
		room.add(row.asks[i*width : (i+1)*width])
		if room.holds(request) {
			return true
		}
	}
	return false
}

// several is in place of a queue where there are more than one.
const several = none - 1

// joined is a queue where it is the only one beside none.
func joined(owner, at int32) int32 {
	if owner == none || owner == at {
		return at
	}
	return several
}

// sure is that a job certainly has victims on a node, all of one queue, as of so much of the
// log of nodes: so it has as long as that queue has so much and the node is the same. Owner
// is none where all are of a lower class.
type sure struct {
	job, node, owner int32
	nodes            int
}

// spotHolds says whether the next gang of a queue certainly has victims still where it
// found some.
func (p *planner) spotHolds(q *queueRound) bool {
	if !q.spotted || q.gang != none || !p.survey.known {
		return false
	}
	n := q.spot.node
	if p.isSure(q, n) {
		q.sure.nodes = len(p.nodeLog)
		return true
	}
	if !p.surelyOn(q, p.shapes[q.shape].onNode, q.class, n) {
		return false
	}
	q.sure = sure{job: q.job, node: n, owner: p.hunt.owner, nodes: len(p.nodeLog)}
	return true
}

// isSure says whether what was sure of the next gang of a queue and a node is so still.
func (p *planner) isSure(q *queueRound, n int32) bool {
	s := &q.sure
	if s.job != q.job || s.node != n || s.owner == several || s.nodes == 0 || len(p.nodeLog)-s.nodes > recentMax {
		return false
	}
	return !slices.Contains(p.nodeLog[s.nodes:], n) && (s.owner == none || p.generous(&p.queues[s.owner], q))
}
