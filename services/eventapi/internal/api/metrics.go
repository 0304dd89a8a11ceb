package api

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metrics struct {
	watches prometheus.Gauge
	sent    prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	return &metrics{
		watches: promauto.With(reg).NewGauge(prometheus.GaugeOpts{
			Name: "fairlead_eventapi_watches_open",
			Help: "Calls that stay for what comes, replaying or live.",
		}),
		sent: promauto.With(reg).NewCounter(prometheus.CounterOpts{
			Name: "fairlead_eventapi_messages_sent_total",
			Help: "Events sent to callers.",
		}),
	}
}
