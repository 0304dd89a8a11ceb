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
	}
	if reg == nil {
		return m, nil
	}
	for _, vec := range []**prometheus.HistogramVec{&m.query, &m.acquire, &m.connect} {
		err := reg.Register(*vec)
		var taken prometheus.AlreadyRegisteredError
		if errors.As(err, &taken) {
			if existing, ok := taken.ExistingCollector.(*prometheus.HistogramVec); ok {
				*vec = existing
				continue
			}
		}
		if err != nil {
			return metrics{}, fmt.Errorf("register postgres metrics: %w", err)
		}
	}
	return m, nil
}
