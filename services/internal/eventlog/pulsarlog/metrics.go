package pulsarlog

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are what a log counts itself; Pulsar's client counts the rest.
type metrics struct {
	entries   prometheus.Counter
	bytes     prometheus.Counter
	producers prometheus.Counter
	trouble   prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) (metrics, error) {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "fairlead_pulsarlog_" + name, Help: help})
	}
	m := metrics{
		entries:   counter("entries_total", "Entries that this process stored."),
		bytes:     counter("entry_bytes_total", "Bytes of the entries that this process stored, compressed."),
		producers: counter("producers_total", "Producers that were made: one a partition written, and one more each time one ended."),
		trouble:   counter("troubles_total", "Times that Pulsar could be used and then could not."),
	}
	var errs []error
	for _, c := range []prometheus.Collector{m.entries, m.bytes, m.producers, m.trouble} {
		errs = append(errs, reg.Register(c))
	}
	if err := errors.Join(errs...); err != nil {
		return metrics{}, fmt.Errorf("register the log's metrics: %w", err)
	}
	return m, nil
}
