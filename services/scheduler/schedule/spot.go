package schedule

import (
	"cmp"
	"slices"
)

// SpotPrice is the price of a market: the highest bid such that those who hold their places at
// it or at a higher one hold more than SpotCutoff of some resource of the pool. A gang counts
// as a whole, at the lowest bid for a member. False: the pool has no price, or they hold less.
// What is assumed counts; who must go does not. It costs a look at each run of the pool.
func (s *State) SpotPrice(pool PoolID) (price int64, is bool) {
	cutoff, has := s.cfg.SpotCutoff[pool]
	at, known := s.poolOf[pool]
	if !has || !known {
		return 0, false
	}
	total := s.Capacity(pool)
	sum := make(Vec, len(total))
	for _, h := range s.holdings(at) {
		sum.add(h.held)
		for r := range total {
			if sum[r] > 0 && uint64(sum[r]) > scale(uint64(max(0, total[r])), uint64(cutoff), Million) { //nolint:gosec // not negative
				return h.price, true
			}
		}
	}
	return 0, false
}

// holding is what is held in a pool at a price.
type holding struct {
	price int64
	held  Vec
}

// holdings are those of a pool, the highest price first.
func (s *State) holdings(pool int32) []holding {
	name := s.poolName[pool]
	prices := map[int32]int64{} // of kinds
	priceOf := func(kind int32) int64 {
		price, known := prices[kind]
		if !known {
			row := &s.kinds[kind]
			price = s.price(s.queues[row.queue].ID, name, s.shapes[row.shape].Band)
			prices[kind] = price
		}
		return price
	}
	holds := func(h int32) bool {
		r := &s.runs[h]
		return r.kind != none && r.pool == pool && r.phase != Releasing
	}
	at := map[int64]Vec{}
	add := func(h int32, price int64) {
		if at[price] == nil {
			at[price] = make(Vec, len(s.cfg.Resources))
		}
		at[price].add(s.shapes[s.kinds[s.runs[h].kind].shape].Request)
	}
	for h := range int32(len(s.runs)) { //nolint:gosec // below 2^31
		if holds(h) && s.runs[h].gang == none {
			add(h, priceOf(s.runs[h].kind))
		}
	}
	for g := range s.gangs {
		mates, price := []int32(nil), int64(AmountMax)
		for _, h := range s.gangs[g].runs {
			if holds(h) {
				mates, price = append(mates, h), min(price, priceOf(s.runs[h].kind))
			}
		}
		for _, h := range mates {
			add(h, price)
		}
	}
	out := make([]holding, 0, len(at))
	for price, held := range at { //archcheck:sorted below
		out = append(out, holding{price, held})
	}
	slices.SortFunc(out, func(a, b holding) int { return cmp.Compare(b.price, a.price) })
	return out
}
