package postgres

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are shared by all pools of a registerer, and told apart by schema.
type metrics struct {
	query   *prometheus.HistogramVec // schema, query, outcome
	acquire *prometheus.HistogramVec // schema, outcome
	connect *prometheus.HistogramVec // schema, outcome
	retries *prometheus.CounterVec   // schema, reason
}

// newMetrics registers them, or finds those of an earlier pool: a process opens
// several pools, and promauto would panic at the second.
func newMetrics(reg prometheus.Registerer) (metrics, error) {
	buckets := prometheus.ExponentialBuckets(0.00025, 2, 17) // 0.25 ms to 16 s
	m := metrics{
		query: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "fairlead_postgres_query_seconds", Buckets: buckets,
			Help: "Time from sending a query to reading its last row, by its name in the code.",
		}, []string{"schema", "query", "outcome"}),
		acquire: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "fairlead_postgres_acquire_seconds", Buckets: buckets,
			Help: "Time a caller waited for a connection of the pool.",
		}, []string{"schema", "outcome"}),
		connect: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "fairlead_postgres_connect_seconds", Buckets: buckets,
			Help: "Time to open a connection.",
		}, []string{"schema", "outcome"}),
		retries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "fairlead_postgres_tx_retries_total",
			Help: "Transactions that were begun again, by reason: serialization, deadlock or connection.",
		}, []string{"schema", "reason"}),
	}
	if reg == nil {
		return m, nil
	}
	err := errors.Join(
		register(reg, &m.query), register(reg, &m.acquire), register(reg, &m.connect), register(reg, &m.retries))
	return m, err // not in one line: register changes m
}

// register puts the collector of an earlier pool in the place of *c if there is one.
func register[C prometheus.Collector](reg prometheus.Registerer, c *C) error {
	err := reg.Register(*c)
	if taken, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); ok {
		if existing, ok := taken.ExistingCollector.(C); ok {
			*c = existing
			return nil
		}
	}
	if err != nil {
		return fmt.Errorf("register postgres metrics: %w", err)
	}
	return nil
}
