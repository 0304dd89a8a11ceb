package schedule

import (
	"cmp"
	"fmt"
	"slices"
)

// A market is a pool in which those who bid more go first. Each queue bids a price for its
// jobs there, by their band. In a queue and between queues a gang goes first whose class is
// higher, then the one with the higher bid, a gang's being the lowest of its members, and only
// then by priority, or by share. Whoever runs may be preempted for a gang of its class that
// bids more, whatever the shares, also one of its own queue: of a gang that runs the highest
// bid counts. Victims are the lowest bids; among nodes the one is chosen whose victims are of
// the lowest class, then the one whose highest bid is lowest. The tree of queues and
// quotas have no part in it, but that a cordoned queue cordons its parts.

// Bid is what a queue bids for its jobs of a band in a market.
type Bid struct {
	Queue QueueID
	Pool  PoolID
	// Band is as in Shape; the empty band stands for all that the queue bids nothing for.
	Band string
	// Price is from 0 to 2^42, in the operator's unit. Who bids nothing bids 0.
	Price int64
}

// bidder names a bid.
type bidder struct {
	queue QueueID
	pool  PoolID
	band  string
}

// setBids learns of the markets.
func (s *State) setBids() error {
	for _, pool := range s.cfg.Markets {
		if !slices.Contains(s.cfg.Pools, pool) {
			return fmt.Errorf("%w: market %q must be a pool that is planned", ErrInvalid, pool)
		}
	}
	for pool, part := range s.cfg.SpotCutoff { //archcheck:unordered any that is wrong will do
		if !slices.Contains(s.cfg.Markets, pool) || part < 1 || part > Million {
			return fmt.Errorf("%w: spot cutoff %d of pool %q: it must be from 1 to %d, of a market", ErrInvalid, part, pool, Million)
		}
	}
	s.bids = make(map[bidder]int64, len(s.cfg.Bids))
	for _, b := range s.cfg.Bids {
		key := bidder{b.Queue, b.Pool, b.Band}
		if _, is := s.bids[key]; is || b.Queue == "" || !slices.Contains(s.cfg.Markets, b.Pool) || b.Price < 0 || b.Price > AmountMax {
			return fmt.Errorf("%w: queue %q bids %d for band %q in pool %q: it must be the only such bid, in a market, from 0 to 2^42", ErrInvalid, b.Queue, b.Price, b.Band, b.Pool)
		}
		s.bids[key] = b.Price
	}
	return nil
}

// price is what a queue bids for the jobs of a band.
func (s *State) price(queue QueueID, pool PoolID, band string) int64 {
	if price, is := s.bids[bidder{queue, pool, band}]; is {
		return price
	}
	return s.bids[bidder{queue, pool, ""}]
}

// openMarket finds what is bid for each kind, if the pool is a market.
func (p *planner) openMarket() {
	pool := p.cfg.Pools[p.pool]
	if p.market = slices.Contains(p.cfg.Markets, pool); !p.market {
		return
	}
	p.prices = append(p.prices[:0], make([]int64, len(p.kinds))...)
	for k := range p.kinds {
		if row := &p.kinds[k]; row.refs > 0 {
			p.prices[k] = p.price(p.State.queues[row.queue].ID, pool, p.shapes[row.shape].Band)
		}
	}
	for i := range p.queues {
		q := &p.queues[i]
		q.open = q.open && !p.cordoned(q.queue)
	}
}

// priceOf is what is bid for a kind.
func (p *planner) priceOf(kind int32) int64 {
	if int(kind) < len(p.prices) {
		return p.prices[kind]
	}
	row := &p.kinds[kind] // it is one that is supposed
	return p.price(p.State.queues[row.queue].ID, p.cfg.Pools[p.pool], p.shapes[row.shape].Band)
}

// compareBids is the order within a queue in a market.
func (p *planner) compareBids(a, b int32) int {
	return cmp.Or(
		cmp.Compare(p.classPriority(b), p.classPriority(a)),
		cmp.Compare(p.priceOf(p.jobs[b].kind), p.priceOf(p.jobs[a].kind)),
		p.compareInKind(a, b))
}

// beyond says whether a job stands behind another in its queue.
func (p *planner) beyond(job, than int32) bool {
	if p.market {
		return p.compareBids(job, than) > 0
	}
	return p.compareQueued(job, than) > 0
}

// inOrder is the members of a gang in the order of their queue in the pool.
func (p *planner) inOrder(queued []int32) []int32 {
	if !p.market {
		return queued
	}
	queued = slices.Clone(queued)
	slices.SortFunc(queued, p.compareBids)
	return queued
}

// lastOf is the member of a gang that stands last.
func (p *planner) lastOf(queued []int32) int32 {
	if !p.market {
		return queued[len(queued)-1]
	}
	return slices.MaxFunc(queued, p.compareBids)
}

// bidOf is what is bid for the next gang of a queue.
func (p *planner) bidOf(job int32, members []int32) int64 {
	if !p.market {
		return 0
	}
	bid := p.priceOf(p.jobs[job].kind)
	for _, j := range members {
		bid = min(bid, p.priceOf(p.jobs[j].kind))
	}
	return bid
}

// bidsOfRuns is the highest bid for any of some runs.
func (p *planner) bidsOfRuns(runs []int32) (bid int64) {
	for _, r := range runs {
		bid = max(bid, p.priceOf(p.runs[r].kind))
	}
	return bid
}

// outbids says whether the next gang of a queue bids more than is bid for any run of a unit.
func (p *planner) outbids(q *queueRound, u *unit) bool {
	return p.bidsOfRuns(u.runs) < q.bid && p.bidsOfRuns(u.mates) < q.bid
}

// anyOutbid says whether there may be a run that the next gang of a queue outbids.
func (p *planner) anyOutbid(q *queueRound) bool {
	p.hunt.bid = q.bid
	for k := range p.kinds {
		if row := &p.kinds[k]; row.runs > 0 && p.prices[k] < q.bid {
			return true
		}
	}
	return false
}

// compareWorth puts the run that is to be kept longest first.
func (p *planner) compareWorth(a, b int32) int {
	if !p.market {
		return p.compareRank(a, b)
	}
	x, y := &p.runs[a], &p.runs[b]
	return cmp.Or(p.compareGuests(x, y), cmp.Compare(y.level, x.level), cmp.Compare(p.priceOf(y.kind), p.priceOf(x.kind)), p.compareRank(a, b))
}
