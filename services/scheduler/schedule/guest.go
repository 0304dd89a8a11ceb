package schedule

import (
	"fmt"
	"maps"
	"math"
	"math/bits"
	"slices"
)

// A pool may have its jobs run on the nodes of other pools as guests there: its away pools.
// Armada calls them cross-pool jobs. Guests take what their hosts leave: a pool is planned with
// its guests only when no pool can start anything at home, and on its own nodes a pool takes
// the place of guests whenever it needs it, whoever asks, before that of anybody else. So jobs
// of classes that are not preemptible are never guests, nor is a gang with a member of one.
//
// A guest is on the account of its own pool in all: shares, limits, quotas, what may start in a
// period and floating resources. Among themselves the jobs of a pool have on the nodes of a host
// the levels that they have at home, and take each other's places by the same rules. Of what a
// host's nodes have the pool's total counts what nobody else holds there. Reservations are made
// at home only, but no guest of whatever class starts on what is reserved unless it is gone in
// time or fits beside. A gang is a guest as a whole, of one host.

// guestLevel is the level of a guest where its host plans: below that of any class.
const guestLevel = math.MinInt32

// notItsPool is why a node could not hold a job of another pool.
const notItsPool = "of a pool that it may not use"

// noGuest is why a node of a host could not hold a job.
const noGuest = "of a pool where it would be a guest, which its class, not preemptible, may not be"

// visit is a round of a pool on its own nodes, or on those of a host.
type visit struct{ pool, site int32 }

// homeOf is a pool on its own nodes.
func homeOf(pool int) visit { return visit{int32(pool), int32(pool)} } //nolint:gosec // pools are few

// setHosts learns in which pools the jobs of others are guests, and what jobs tolerate by pool.
func (s *State) setHosts() error {
	s.hosts, s.usersOf = make([]uint64, len(s.cfg.Pools)), make([]uint64, len(s.cfg.Pools))
	for i := range s.cfg.Pools {
		s.usersOf[i] = 1 << i
		s.visits = append(s.visits, homeOf(i))
	}
	for _, id := range slices.Sorted(maps.Keys(s.cfg.AwayPools)) {
		if !slices.Contains(s.cfg.Pools, id) {
			return fmt.Errorf("%w: away pools of pool %q, which is not planned", ErrInvalid, id)
		}
	}
	for i, id := range s.cfg.Pools {
		for _, host := range s.cfg.AwayPools[id] {
			at := slices.Index(s.cfg.Pools, host)
			if at < 0 || at == i || s.hosts[i]>>at&1 == 1 {
				return fmt.Errorf("%w: away pool %q of pool %q must be another one that is planned, and be named once", ErrInvalid, host, id)
			}
			s.hosts[i] |= 1 << at
			s.usersOf[at] |= 1 << i
			s.visits = append(s.visits, visit{int32(i), int32(at)}) //nolint:gosec // pools are few
		}
	}
	for _, id := range slices.Sorted(maps.Keys(s.cfg.Tolerate)) {
		if !slices.Contains(s.cfg.Pools, id) {
			return fmt.Errorf("%w: tolerations of pool %q, which is not planned", ErrInvalid, id)
		}
	}
	return nil
}

// isGuest says whether a run is on the nodes of a host.
func (s *State) isGuest(r *runRow) bool {
	if len(s.visits) == len(s.cfg.Pools) || !s.planned(r.pool) {
		return false
	}
	on := s.nodes[r.node].pool
	return on != none && s.hosts[r.pool]>>on&1 == 1
}

// home says whether the pool is planned on its own nodes.
func (p *planner) home() bool { return p.site == p.pool }

// levelIn is the level of a run where the pool is planned.
func (p *planner) levelIn(r *runRow) int32 {
	if p.home() && p.isGuest(r) {
		return guestLevel
	}
	return r.level
}

// softLevel is levelIn of a run as a search for victims looks at it.
func (p *planner) softLevel(r *softRun) int32 {
	if p.home() {
		return r.level
	}
	return p.runs[r.run].level
}

// mayBeGuests says whether all members of a gang may be where the pool is planned: as guests those of
// preemptible classes only.
func (p *planner) mayBeGuests(job int32, members []int32) bool {
	may := func(j int32) bool { return p.classOfKind(p.jobs[j].kind).Preemptible }
	return p.home() || may(job) && !slices.ContainsFunc(members, func(j int32) bool { return !may(j) })
}

// isHost says whether a node is one on which the jobs of a pool may be guests.
func (s *State) isHost(pool, n int32) bool {
	row := &s.nodes[n]
	return row.known && row.pool != none && s.hosts[pool]>>row.pool&1 == 1
}

// addHosts adds, to the total of a pool, what its hosts' nodes have for it: what is free there
// once what is releasing is gone, and what it holds there itself.
func (s *State) addHosts(pool int32, total Vec) {
	if s.hosts[pool] == 0 {
		return
	}
	for n := range int32(len(s.nodes)) { //nolint:gosec // nodes are below 2^31
		if s.isHost(pool, n) {
			total.add(s.room(s.later, n))
		}
	}
	for h := range s.runs {
		if r := &s.runs[h]; r.kind != none && r.pool == pool && r.phase != Releasing && s.isHost(pool, r.node) {
			total.add(s.request(r.kind))
		}
	}
}

// addHostsNow adds the same with what the round has decided.
func (p *planner) addHostsNow() {
	if p.hosts[p.pool] == 0 {
		return
	}
	p.addHosts(p.pool, p.total)
	for i, l := range p.lays {
		if p.isHost(p.pool, l.node) && p.plan.Starts[i].Pool != p.cfg.Pools[p.pool] {
			p.total.sub(p.request(l.kind))
		}
	}
	for _, run := range p.takes {
		if r := &p.runs[run]; p.isHost(p.pool, r.node) && r.pool != p.pool {
			p.total.add(p.request(r.kind))
		}
	}
}

// couldEver says why an empty node could not hold a shape, whatever it would be there; empty: it
// could.
func (s *State) couldEver(sh *shape, n *node) string {
	if n.pool == none {
		return notItsPool
	}
	why := s.couldEverIn(sh, n, n.pool)
	for left := s.usersOf[n.pool] &^ (1 << n.pool); left != 0 && why != ""; left &= left - 1 {
		as := s.couldEverIn(sh, n, int32(bits.TrailingZeros64(left))) //nolint:gosec // below 64
		if as == "" || why == notItsPool {
			why = as
		}
	}
	return why
}

// compareGuests has guests stand behind those whose home a node is.
func (s *State) compareGuests(x, y *runRow) int {
	switch a, b := s.isGuest(x), s.isGuest(y); {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}
