package pulsarlog

import (
	"github.com/apache/pulsar-client-go/pulsar"
	"github.com/prometheus/client_golang/prometheus"
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
