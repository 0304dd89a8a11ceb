package app

import (
	"time"

	"github.com/fairlead-batch/fairlead/services/internal/tally"
)

// scrapeWithin is how long a scrape waits for the core.
const scrapeWithin = time.Second

// newCollector shows the core's counts.
func newCollector(counts func(time.Duration) (Counts, bool)) *tally.Collector[Counts] {
	c := tally.New("fairlead_executor_", func() (Counts, bool) { return counts(scrapeWithin) })
	c.GaugeBy("runs", "Runs held, by phase.", "phase", map[string]func(Counts) float64{
		"leased":    func(n Counts) float64 { return float64(n.Leased) },
		"pending":   func(n Counts) float64 { return float64(n.Pending) },
		"running":   func(n Counts) float64 { return float64(n.Running) },
		"ended":     func(n Counts) float64 { return float64(n.Ended) },
		"releasing": func(n Counts) float64 { return float64(n.Releasing) },
	})
	c.CounterBy("orders_refused_total", "Orders that were not obeyed, by reason.", "reason", map[string]func(Counts) uint64{
		"epoch":   func(n Counts) uint64 { return n.RefusedEpoch },
		"replica": func(n Counts) uint64 { return n.RefusedReplica },
		"late":    func(n Counts) uint64 { return n.LateOrders },
	})
	c.Counter("pods_created_total", "Pods made.", func(n Counts) uint64 { return n.Created })
	c.Counter("pods_adopted_total", "Pods found that no lease of this process asked for.", func(n Counts) uint64 { return n.Adopted })
	c.Counter("pods_late_total", "Creations that found the start window closed.", func(n Counts) uint64 { return n.CreateLate })
	c.Counter("pod_creation_failures_total", "Creations that failed and are tried again.", func(n Counts) uint64 { return n.CreateFailed })
	c.Counter("pods_forced_total", "Removals that were forced.", func(n Counts) uint64 { return n.Forced })
	c.Counter("leases_dropped_total", "Leases whose acknowledgement never counted.", func(n Counts) uint64 { return n.Dropped })
	c.Counter("reports_total", "Reports made.", func(n Counts) uint64 { return n.Reported })
	c.Counter("reports_resent_total", "Reports sent again in a new session.", func(n Counts) uint64 { return n.Resent })
	c.Gauge("reports_unacknowledged", "Reports kept until a leader acknowledges them.", func(n Counts) float64 { return float64(n.Unacknowledged) })
	c.Gauge("nodes", "Nodes of the cluster.", func(n Counts) float64 { return float64(n.Nodes) })
	c.Gauge("epoch", "The highest epoch obeyed.", func(n Counts) float64 { return float64(n.Epoch) })
	c.Fact("start_window_open", "1 while pods may be made.", func(n Counts) bool { return n.WindowOpen })
	return c
}
