package pglog

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are what a log counts.
type metrics struct {
	groups  prometheus.Counter
	entries prometheus.Counter
	bytes   prometheus.Counter
	retries prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) (metrics, error) {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "fairlead_pglog_" + name, Help: help})
	}
	m := metrics{
		groups:  counter("groups_total", "Transactions that stored entries."),
		entries: counter("entries_total", "Entries that this process stored."),
		bytes:   counter("entry_bytes_total", "Bytes of the entries that this process stored, compressed."),
		retries: counter("retries_total", "Attempts to store entries that failed and were made again."),
	}
	if reg == nil {
		return m, nil
	}
	var errs []error
	for _, c := range []prometheus.Collector{m.groups, m.entries, m.bytes, m.retries} {
		errs = append(errs, reg.Register(c))
	}
	if err := errors.Join(errs...); err != nil {
		return metrics{}, fmt.Errorf("register the log's metrics: %w", err)
	}
	return m, nil
}

func (m metrics) count(stored numbered) {
	if len(stored.authors) > 0 {
		m.groups.Inc()
	}
	for _, rows := range stored.rows {
		m.entries.Add(float64(len(rows)))
		for _, row := range rows {
			m.bytes.Add(float64(len(row.frame)))
		}
	}
}
