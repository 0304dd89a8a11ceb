package rpc

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics are labelled by method as registered ("/api.Submit/SubmitJobs"); whatever is
// not registered here shares one label, so that callers cannot make series.
type metrics struct {
	calls   *prometheus.CounterVec
	seconds *prometheus.HistogramVec
	open    *prometheus.GaugeVec
	panics  *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	with := promauto.With(reg)
	return &metrics{
		calls: with.NewCounterVec(prometheus.CounterOpts{
			Name: "fairlead_rpc_calls_total",
			Help: "Calls that ended, by method and kind of outcome.",
		}, []string{"method", "kind"}),
		seconds: with.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "fairlead_rpc_call_seconds",
			Help:    "Duration of calls, from the first step to the last; of streams, until they end.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 60, 600},
		}, []string{"method"}),
		open: with.NewGaugeVec(prometheus.GaugeOpts{
			Name: "fairlead_rpc_open_calls",
			Help: "Calls that have begun and not ended.",
		}, []string{"method"}),
		panics: with.NewCounterVec(prometheus.CounterOpts{
			Name: "fairlead_rpc_panics_total",
			Help: "Panics recovered in handlers.",
		}, []string{"method"}),
	}
}
