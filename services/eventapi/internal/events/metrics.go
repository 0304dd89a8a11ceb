package events

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type liveMetrics struct {
	watchers prometheus.Gauge
	behind   prometheus.Counter
	refused  prometheus.Counter
}

func newLiveMetrics(reg prometheus.Registerer) *liveMetrics {
	return &liveMetrics{
		watchers: promauto.With(reg).NewGauge(prometheus.GaugeOpts{
			Name: "fairlead_eventapi_watchers_open",
			Help: "Streams that are live on this replica.",
		}),
		behind: promauto.With(reg).NewCounter(prometheus.CounterOpts{
			Name: "fairlead_eventapi_watchers_behind_total",
			Help: "Times that a watcher's buffer overflowed, so that it went back to the rows.",
		}),
		refused: promauto.With(reg).NewCounter(prometheus.CounterOpts{
			Name: "fairlead_eventapi_facts_refused_total",
			Help: "Facts that a job's life does not allow, such as a late one of an older run. Nobody is told of them.",
		}),
	}
}
