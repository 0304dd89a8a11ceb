package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fairlead-batch/fairlead/services/internal/fault"
	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// Bid is what a queue bids for its jobs in a market.
type Bid struct {
	Queue, Pool string
	// Band is the price band of the jobs that it is for, A to H, as the annotation
	// armadaproject.io/priceBand says it; empty: all those that the queue bids nothing for.
	Band string
	// Price is from 0 to 1000000, in millionths at the finest. A queue bids 0 for what it
	// says no price for.
	Price float64
}

// priceMax bounds a bid.
const priceMax = 1_000_000

// validateBids checks what is bid.
func (s Scheduling) validateBids(check *fault.Check) {
	for i, p := range s.Pools {
		if cut := p.SpotPriceCutoff; !(cut >= 0 && cut <= 1) || cut > 0 && !p.Market {
			check.Violate(fmt.Sprintf("pools[%d].spotPriceCutoff", i), cut, "must be from 0 to 1, and 0 where the pool is no market")
		}
	}
	type bidder struct{ queue, pool, band string }
	seen := map[bidder]bool{}
	for i, b := range s.Bids {
		field := func(name string) string { return fmt.Sprintf("bids[%d].%s", i, name) }
		if b.Queue == "" {
			check.Violate(field("queue"), b.Queue, "must name a queue")
		}
		if !slices.ContainsFunc(s.Pools, func(p Pool) bool { return p.Name == b.Pool && p.Market }) {
			check.Violate(field("pool"), b.Pool, "must be one of pools that is a market")
		}
		if len(b.Band) > 1 || !strings.Contains("ABCDEFGH", b.Band) {
			check.Violate(field("band"), b.Band, "must be A to H, or empty")
		}
		if !(b.Price >= 0 && b.Price <= priceMax) {
			check.Violate(field("price"), b.Price, "must be from 0 to 1000000")
		}
		if key := (bidder{b.Queue, b.Pool, b.Band}); seen[key] {
			check.Violate(field("queue"), b.Queue, "must not bid twice for a band in a pool")
		} else {
			seen[key] = true
		}
	}
}

// setBids gives the round the markets and what is bid there.
func (s Scheduling) setBids(cfg *schedule.Config) {
	for _, p := range s.Pools {
		if p.Market {
			cfg.Markets = append(cfg.Markets, schedule.PoolID(p.Name))
			if p.SpotPriceCutoff > 0 {
				if cfg.SpotCutoff == nil {
					cfg.SpotCutoff = map[schedule.PoolID]int64{}
				}
				cfg.SpotCutoff[schedule.PoolID(p.Name)] = max(1, millionths(p.SpotPriceCutoff))
			}
		}
	}
	for _, b := range s.Bids {
		cfg.Bids = append(cfg.Bids, schedule.Bid{Queue: schedule.QueueID(b.Queue), Pool: schedule.PoolID(b.Pool), Band: b.Band, Price: millionths(b.Price)})
	}
}
