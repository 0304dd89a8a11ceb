package run

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"go.uber.org/zap"
)

// Events are the facts of a group's life, for logs, metrics and tests. Nil fields are
// skipped. They are called from the group's goroutines, Ended from the part's own:
// they must not block and must be safe for concurrent use.
type Events struct {
	// Started is called before a part's Run.
	Started func(part string)
	// Ended is called when a part's Run has come back, with what it means: nil for a
	// part that was told to stop and did, [ErrStop], a [PanicError], or another failure.
	Ended func(part string, err error)
	// Stuck is called for each part that had not ended when the grace was over.
	Stuck func(part string)
}

func (e Events) orNothing() Events {
	if e.Started == nil {
		e.Started = func(string) {}
	}
	if e.Ended == nil {
		e.Ended = func(string, error) {}
	}
	if e.Stuck == nil {
		e.Stuck = func(string) {}
	}
	return e
}

// Observe returns events that go to the log and to two counters in reg:
// fairlead_part_panics_total and fairlead_part_ends_total, both by part. It does not
// log a failure itself: the group returns it, and main prints it once.
func Observe(log *zap.Logger, reg prometheus.Registerer) Events {
	panics := promauto.With(reg).NewCounterVec(prometheus.CounterOpts{
		Name: "fairlead_part_panics_total",
		Help: "Panics recovered at the boundary of a part.",
	}, []string{"part"})
	ends := promauto.With(reg).NewCounterVec(prometheus.CounterOpts{
		Name: "fairlead_part_ends_total",
		Help: "Ends of parts, by part and outcome: stopped, failed or stuck.",
	}, []string{"part", "outcome"})
	return Events{
		Started: func(part string) {
			panics.WithLabelValues(part) // so that the series is there from the start, at zero
			log.Info("part started", zap.String("part", part))
		},
		Ended: func(part string, err error) {
			outcome := "stopped"
			if err != nil && !errors.Is(err, ErrStop) {
				outcome = "failed"
			}
			if _, ok := errors.AsType[*PanicError](err); ok {
				panics.WithLabelValues(part).Inc()
			}
			ends.WithLabelValues(part, outcome).Inc()
			log.Info("part ended", zap.String("part", part), zap.String("outcome", outcome))
		},
		Stuck: func(part string) {
			ends.WithLabelValues(part, "stuck").Inc()
			log.Error("part did not stop", zap.String("part", part))
		},
	}
}
