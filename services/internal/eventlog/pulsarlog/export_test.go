package pulsarlog

import (
	"context"
	"net/http"

	"github.com/apache/pulsar-client-go/pulsar"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

// MoveFloors moves the marks, which Run does once a minute. A mark goes to where its
// partition ended the time before.
var MoveFloors = (*Log).moveFloors

// NewClient makes Pulsar's client of a log, as Open does.
func NewClient(config Config) (pulsar.Client, error) {
	secured, err := config.security()
	if err != nil {
		return nil, err
	}
	return pulsar.NewClient(clientOptions(config, secured, prometheus.NewRegistry()))
}

// Patiently tries what is refused with these codes, one after the other, and then goes well.
func Patiently(ctx context.Context, to *zap.Logger, codes ...int) error {
	m, err := newMetrics(prometheus.NewRegistry())
	if err != nil {
		return err
	}
	l := &Log{log: to, metrics: m, ctx: ctx}
	return l.patiently(ctx, func() error {
		if len(codes) == 0 {
			return nil
		}
		code := codes[0]
		codes = codes[1:]
		return &refusal{Code: code, Reason: http.StatusText(code)}
	})
}
