package project

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
)

// metrics are shared by all projections of a registerer, and told apart by name.
type metrics struct {
	entries *prometheus.CounterVec // projection, outcome
	events  *prometheus.CounterVec // projection, event
	batches *prometheus.HistogramVec
	stopped *prometheus.GaugeVec // projection, partition
	holding *prometheus.GaugeVec // projection
}

// newMetrics registers them, or finds those of an earlier projection.
func newMetrics(reg prometheus.Registerer) (metrics, error) {
	m := metrics{
		entries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "fairlead_project_entries_total",
			Help: "Entries read by a projection, by outcome: applied, parked, resent, closed or fenced.",
		}, []string{"projection", "outcome"}),
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "fairlead_project_incidents_total",
			Help: "What went wrong in a projection and was met: gap, failure or lease_lost.",
		}, []string{"projection", "incident"}),
		batches: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "fairlead_project_advance_seconds", Buckets: prometheus.ExponentialBuckets(0.0005, 2, 16), // 0.5 ms to 16 s
			Help: "Time to apply one batch of runs, commit included.",
		}, []string{"projection"}),
		stopped: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "fairlead_project_partition_stopped",
			Help: "1 for a partition that stopped and waits for an operator.",
		}, []string{"projection", "partition"}),
		holding: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "fairlead_project_lease_held",
			Help: "1 on the replica that moves the projection.",
		}, []string{"projection"}),
	}
	if reg == nil {
		return m, nil
	}
	err := errors.Join(register(reg, &m.entries), register(reg, &m.events), register(reg, &m.batches), register(reg, &m.stopped), register(reg, &m.holding))
	return m, err // not in one line: register changes m
}

func (m metrics) count(projection string, done Advanced) {
	m.dropped(projection, done.Dropped)
	m.entries.WithLabelValues(projection, "applied").Add(float64(done.Applied))
	m.entries.WithLabelValues(projection, "parked").Add(float64(done.Parked))
}

func (m metrics) dropped(projection string, dropped eventlog.Dropped) {
	m.entries.WithLabelValues(projection, "resent").Add(float64(dropped.Resent))
	m.entries.WithLabelValues(projection, "closed").Add(float64(dropped.Closed))
	m.entries.WithLabelValues(projection, "fenced").Add(float64(dropped.Fenced))
}

// register puts the collector of an earlier projection in the place of *c if there is one.
func register[C prometheus.Collector](reg prometheus.Registerer, c *C) error {
	err := reg.Register(*c)
	if taken, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); ok {
		if existing, ok := taken.ExistingCollector.(C); ok {
			*c = existing
			return nil
		}
	}
	if err != nil {
		return fmt.Errorf("register project metrics: %w", err)
	}
	return nil
}
