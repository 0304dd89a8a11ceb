package events

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metrics struct {
	published prometheus.Counter
	repeated  prometheus.Counter
	replaced  prometheus.Counter
	resolved  *prometheus.CounterVec // outcome
}

func newMetrics(reg prometheus.Registerer) metrics {
	with := promauto.With(reg)
	return metrics{
		published: with.NewCounter(prometheus.CounterOpts{
			Name: "fairlead_submit_jobs_published_total", Help: "Jobs that were acknowledged and are new.",
		}),
		repeated: with.NewCounter(prometheus.CounterOpts{
			Name: "fairlead_submit_jobs_repeated_total", Help: "Jobs that were acknowledged with the id of an earlier one, by their client id.",
		}),
		replaced: with.NewCounter(prometheus.CounterOpts{
			Name: "fairlead_submit_authors_replaced_total", Help: "Times that this process went on as a new author because its own was closed.",
		}),
		resolved: with.NewCounterVec(prometheus.CounterOpts{
			Name: "fairlead_submit_claims_resolved_total", Help: "Claims of unknown outcome that were resolved, by outcome: found or absent.",
		}, []string{"outcome"}),
	}
}
