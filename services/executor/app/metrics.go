package app

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// scrapeWithin is how long a scrape waits for the core.
const scrapeWithin = time.Second

// collector turns the core's counts into metrics when it is scraped, so that they
// cost nothing in between.
type collector struct {
	counts  func(within time.Duration) (Counts, bool)
	metrics []metric
}

type metric struct {
	desc   *prometheus.Desc
	kind   prometheus.ValueType
	labels []string
	value  func(Counts) float64
}

func newCollector(counts func(time.Duration) (Counts, bool)) *collector {
	c := &collector{counts: counts}
	const subsystem = "fairlead_executor_"
	runs := prometheus.NewDesc(subsystem+"runs", "Runs held, by phase.", []string{"phase"}, nil)
	for phase, value := range map[string]func(Counts) float64{
		"leased":    func(n Counts) float64 { return float64(n.Leased) },
		"pending":   func(n Counts) float64 { return float64(n.Pending) },
		"running":   func(n Counts) float64 { return float64(n.Running) },
		"ended":     func(n Counts) float64 { return float64(n.Ended) },
		"releasing": func(n Counts) float64 { return float64(n.Releasing) },
	} {
		c.metrics = append(c.metrics, metric{runs, prometheus.GaugeValue, []string{phase}, value})
	}
	refused := prometheus.NewDesc(subsystem+"orders_refused_total", "Orders that were not obeyed, by reason.", []string{"reason"}, nil)
	for reason, value := range map[string]func(Counts) uint64{
		"epoch":   func(n Counts) uint64 { return n.RefusedEpoch },
		"replica": func(n Counts) uint64 { return n.RefusedReplica },
		"late":    func(n Counts) uint64 { return n.LateOrders },
	} {
		c.counter(refused, value, reason)
	}
	one := func(name, help string) *prometheus.Desc { return prometheus.NewDesc(subsystem+name, help, nil, nil) }
	c.counter(one("pods_created_total", "Pods made."), func(n Counts) uint64 { return n.Created })
	c.counter(one("pods_adopted_total", "Pods found that no lease of this process asked for."), func(n Counts) uint64 { return n.Adopted })
	c.counter(one("pods_late_total", "Creations that found the start window closed."), func(n Counts) uint64 { return n.CreateLate })
	c.counter(one("pod_creation_failures_total", "Creations that failed and are tried again."), func(n Counts) uint64 { return n.CreateFailed })
	c.counter(one("pods_forced_total", "Removals that were forced."), func(n Counts) uint64 { return n.Forced })
	c.counter(one("leases_dropped_total", "Leases whose acknowledgement never counted."), func(n Counts) uint64 { return n.Dropped })
	c.counter(one("reports_total", "Reports made."), func(n Counts) uint64 { return n.Reported })
	c.counter(one("reports_resent_total", "Reports sent again in a new session."), func(n Counts) uint64 { return n.Resent })
	c.gauge(one("reports_unacknowledged", "Reports kept until a leader acknowledges them."), func(n Counts) float64 { return float64(n.Unacknowledged) })
	c.gauge(one("nodes", "Nodes of the cluster."), func(n Counts) float64 { return float64(n.Nodes) })
	c.gauge(one("epoch", "The highest epoch obeyed."), func(n Counts) float64 { return float64(n.Epoch) })
	c.gauge(one("start_window_open", "1 while pods may be made."), func(n Counts) float64 {
		if n.WindowOpen {
			return 1
		}
		return 0
	})
	return c
}

func (c *collector) counter(desc *prometheus.Desc, value func(Counts) uint64, labels ...string) {
	c.metrics = append(c.metrics, metric{desc, prometheus.CounterValue, labels, func(n Counts) float64 { return float64(value(n)) }})
}

func (c *collector) gauge(desc *prometheus.Desc, value func(Counts) float64) {
	c.metrics = append(c.metrics, metric{desc, prometheus.GaugeValue, nil, value})
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, m := range c.metrics {
		out <- m.desc
	}
}

// Collect implements prometheus.Collector. There are no metrics while the core does
// not answer.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	n, ok := c.counts(scrapeWithin)
	if !ok {
		return
	}
	for _, m := range c.metrics {
		out <- prometheus.MustNewConstMetric(m.desc, m.kind, m.value(n), m.labels...)
	}
}
