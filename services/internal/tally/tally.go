// Package tally shows the counts of a stepped core as metrics. A core counts in
// plain fields, for it has no registry; whoever runs it makes a [Collector] that asks
// for the counts when it is scraped, so that they cost nothing in between.
//
// # Guarantees
//
// The metrics of one scrape are of one moment: all come from one read of the counts.
//
// # When a neighbour fails
//
// While the core does not answer there are no metrics of it, and a scrape goes on
// with those of others.
package tally

import "github.com/prometheus/client_golang/prometheus"

// Collector turns counts of type T into metrics. Make it with New, say which metrics
// there are, then register it, and change it no more. A registered one is safe for
// concurrent use if its read is.
type Collector[T any] struct {
	prefix  string
	read    func() (T, bool)
	metrics []metric[T]
}

type metric[T any] struct {
	desc   *prometheus.Desc
	kind   prometheus.ValueType
	labels []string
	value  func(T) float64
}

// New makes a collector without metrics. Their names begin with prefix, such as
// fairlead_executor_. read gives the counts, or false when they cannot be had now; a
// scrape waits for it.
func New[T any](prefix string, read func() (T, bool)) *Collector[T] {
	return &Collector[T]{prefix: prefix, read: read}
}

// Counter adds a metric that only grows.
func (c *Collector[T]) Counter(name, help string, value func(T) uint64) {
	c.add(c.desc(name, help), prometheus.CounterValue, func(n T) float64 { return float64(value(n)) })
}

// Gauge adds a metric that goes up and down.
func (c *Collector[T]) Gauge(name, help string, value func(T) float64) {
	c.add(c.desc(name, help), prometheus.GaugeValue, value)
}

// Fact adds a metric that is 1 while something is so, else 0.
func (c *Collector[T]) Fact(name, help string, holds func(T) bool) {
	c.Gauge(name, help, func(n T) float64 {
		if holds(n) {
			return 1
		}
		return 0
	})
}

// CounterBy adds a metric that only grows, for each value of a label.
func (c *Collector[T]) CounterBy(name, help, label string, values map[string]func(T) uint64) {
	desc := c.desc(name, help, label)
	for is, value := range values {
		c.add(desc, prometheus.CounterValue, func(n T) float64 { return float64(value(n)) }, is)
	}
}

// GaugeBy adds a metric that goes up and down, for each value of a label.
func (c *Collector[T]) GaugeBy(name, help, label string, values map[string]func(T) float64) {
	desc := c.desc(name, help, label)
	for is, value := range values {
		c.add(desc, prometheus.GaugeValue, value, is)
	}
}

func (c *Collector[T]) desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(c.prefix+name, help, labels, nil)
}

func (c *Collector[T]) add(desc *prometheus.Desc, kind prometheus.ValueType, value func(T) float64, labels ...string) {
	c.metrics = append(c.metrics, metric[T]{desc, kind, labels, value})
}

// Describe implements prometheus.Collector.
func (c *Collector[T]) Describe(out chan<- *prometheus.Desc) {
	for _, m := range c.metrics {
		out <- m.desc
	}
}

// Collect implements prometheus.Collector.
func (c *Collector[T]) Collect(out chan<- prometheus.Metric) {
	n, ok := c.read()
	if !ok {
		return
	}
	for _, m := range c.metrics {
		out <- prometheus.MustNewConstMetric(m.desc, m.kind, m.value(n), m.labels...)
	}
}
