package events

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// newRefused makes the counter of refused events, or finds it where an earlier
// writer of the process made it. reg may be nil.
func newRefused(reg prometheus.Registerer) (prometheus.Counter, error) {
	counter := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "fairlead_lookout_refused_events_total", Help: "Events that changed nothing: late ones of older runs, and doubled ones.",
	})
	if reg == nil {
		return counter, nil
	}
	err := reg.Register(counter)
	if known := (prometheus.AlreadyRegisteredError{}); errors.As(err, &known) {
		if counter, ok := known.ExistingCollector.(prometheus.Counter); ok {
			return counter, nil
		}
	}
	if err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	return counter, nil
}
