package schedule

import "slices"

// mark is how much of a plan there was at a moment.
type mark struct{ lays, takes, starts, preempts int }

func (p *planner) mark() mark {
	return mark{len(p.lays), len(p.takes), len(p.plan.Starts), len(p.plan.Preempts)}
}

// undoTo takes back what was decided since a mark.
func (p *planner) undoTo(m mark) {
	p.undo(m.lays, m.takes)
	p.plan.Starts, p.plan.Preempts = p.plan.Starts[:m.starts], p.plan.Preempts[:m.preempts]
}

// putBack has those victims since a mark stay that fit beside the members of a gang, the
// best in rank first, a gang whole or not at all unless some of it stay anyhow: who went for one member may leave what
// another has taken a victim for. It takes two members with victims, for those of one are
// all needed.
func (p *planner) putBack(m mark) {
	since := p.plan.Preempts[m.preempts:]
	if len(since) < 2 || since[0].For == since[len(since)-1].For {
		return
	}
	ranked := slices.Clone(p.takes[m.takes:])
	slices.SortFunc(ranked, p.compareWorth)
	back, seen := map[int32]bool{}, map[int32]bool{}
	for _, run := range ranked {
		unit := []int32{run}
		if gang := p.runs[run].gang; gang != none && (!p.gangs[gang].isElastic() || !p.isWhole(gang)) {
			if seen[gang] {
				continue
			}
			seen[gang] = true
			unit = slices.DeleteFunc(slices.Clone(ranked), func(r int32) bool { return p.runs[r].gang != gang })
		}
		if p.stayAll(unit) {
			for _, r := range unit {
				back[r] = true
			}
		}
	}
	if len(back) == 0 {
		return
	}
	// The lists of who goes, as runs and as decisions, are in the same order.
	takes, preempts := p.takes[:m.takes], p.plan.Preempts[:m.preempts]
	for i, run := range p.takes[m.takes:] {
		if !back[run] {
			takes, preempts = append(takes, run), append(preempts, since[i])
		}
	}
	p.takes, p.plan.Preempts = takes, preempts
	for i := m.lays; i < len(p.lays); i++ {
		if start := &p.plan.Starts[m.starts+i-m.lays]; len(start.After) > 0 {
			start.After = p.releasingOn(p.lays[i].node)
		}
	}
}

// stayAll has victims stay if there is room for all of them.
func (p *planner) stayAll(unit []int32) bool {
	for i, run := range unit {
		r := &p.runs[run]
		k, known := seek{request: p.onNode(r.kind), later: true}, p.State.nodes[r.node].known
		at := p.at[p.kinds[r.kind].queue]
		may := at == none || r.pool != p.pool || p.mayHoldMore(&p.queues[at], p.request(r.kind))
		if known && may && p.holds(&k, r.node) {
			p.untake(run)
			continue
		}
		for _, stayed := range unit[:i] {
			p.leave(stayed)
			p.move(p.runs[stayed].node)
		}
		return false
	}
	return true
}
