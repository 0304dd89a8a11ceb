package kube

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"go.uber.org/zap"

	"github.com/fairlead-batch/fairlead/services/executor/internal/lease"
)

// metrics are what an operator sees of the API server from here.
type metrics struct {
	orders        *prometheus.HistogramVec
	watchFailures *prometheus.CounterVec
}

func newMetrics(registry prometheus.Registerer, waiting func() int, serves func() error) metrics {
	with := promauto.With(registry)
	with.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "fairlead_executor_kubernetes_away", Help: "1 while the API server does not answer, and no leases are taken.",
	}, func() float64 {
		if serves() != nil {
			return 1
		}
		return 0
	})
	with.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "fairlead_executor_kubernetes_orders_waiting", Help: "Creations and removals of pods that wait or are under way.",
	}, func() float64 { return float64(waiting()) })
	return metrics{
		orders: with.NewHistogramVec(prometheus.HistogramOpts{
			Name: "fairlead_executor_kubernetes_order_seconds", Help: "How long orders took the API server, by order and outcome.",
			Buckets: []float64{.002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10},
		}, []string{"order", "outcome"}),
		watchFailures: with.NewCounterVec(prometheus.CounterOpts{
			Name: "fairlead_executor_kubernetes_watch_failures_total", Help: "Lists and watches that failed or broke off, by what is watched.",
		}, []string{"of"}),
	}
}

// observe counts an order by its answer, and logs what did not work: the core tries
// again, and an operator is to know why it has to.
func (c *Cluster) observe(answer lease.Fact, took time.Duration) {
	order, outcome := "epoch", "done"
	switch answer := answer.(type) {
	case lease.EpochSaved:
		if answer.Err != nil {
			outcome = "failed"
			c.deps.Logger.Warn("epoch not stored", zap.Error(answer.Err))
		}
	case lease.Created:
		order = "create"
		outcome = map[lease.CreateOutcome]string{
			lease.CreateMade: "done", lease.CreateLate: "late", lease.CreateFailed: "failed", lease.CreateRefused: "refused",
		}[answer.Outcome]
		if answer.Err != nil {
			c.deps.Logger.Warn("pod not created", zap.Stringer("run_id", answer.Run), zap.String("outcome", outcome), zap.Error(answer.Err))
		}
	case lease.Deleted:
		order = "delete"
		outcome = map[lease.DeleteOutcome]string{
			lease.DeleteAccepted: "done", lease.DeleteAbsent: "absent", lease.DeleteFailed: "failed",
		}[answer.Outcome]
		if answer.Err != nil {
			c.deps.Logger.Warn("pod not deleted", zap.Stringer("run_id", answer.Run), zap.Error(answer.Err))
		}
	case lease.Listed, lease.PodSeen, lease.PodGone, lease.NodeSeen, lease.NodeGone:
		panic(fmt.Sprintf("kube: %T answers no order", answer)) // unreachable: see carryOut
	}
	c.metrics.orders.WithLabelValues(order, outcome).Observe(took.Seconds())
}
