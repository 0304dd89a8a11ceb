package pulsarlog

import (
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

const (
	tenantDefault           = "public"
	eventsNamespaceDefault  = "fairlead-events"
	controlNamespaceDefault = "fairlead-control"
	retentionDefault        = 14 * 24 * time.Hour
	// partitionsMax bounds how many readers and producers a process needs.
	partitionsMax = 256
)

// Config says where the log is and what it is to be. ServiceURL, AdminURL and
// Partitions are required.
type Config struct {
	// ServiceURL is where brokers are found, such as pulsar://pulsar:6650.
	ServiceURL string
	// AdminURL is where they are administered, such as http://pulsar:8080. The
	// program needs the rights to set subscriptions, and for a log that is made new
	// those to make namespaces and topics.
	AdminURL string

	// Tenant holds both namespaces. It has to exist. Empty: public.
	Tenant string
	// EventsNamespace and ControlNamespace hold nothing but the one topic each. They
	// are two because retention is a namespace's. Empty: fairlead-events, and
	// fairlead-control.
	EventsNamespace, ControlNamespace string

	// Partitions is the number of partitions of events. It is agreed when the log is
	// made; every later Open has to give the same.
	Partitions uint32

	// Incarnation stands in the positions of the log. Pulsar does not keep it, so
	// every process has to be given the same, and a higher one when the log was lost
	// and is begun anew. 0: 1.
	Incarnation uint32

	// Retention is how long entries of events are kept at least, in whole minutes. It
	// is set where the namespace is made, and only checked where it exists. 0: 14
	// days; -1: for ever.
	Retention time.Duration

	// TLS are the files of connections to brokers, which are those of a service URL of
	// pulsar+ssl and an admin URL of https.
	TLS TLS

	// TokenFile is a file that holds the token to authenticate with, for both URLs. It
	// is read for each connection and request, so it may be replaced. Empty: none.
	TokenFile string
}

// TLS names the files of a client's side of TLS. All hold PEM.
type TLS struct {
	// CAFile holds the authorities to trust. Empty: the system's.
	CAFile string
	// CertFile and KeyFile are this client's certificate, where brokers ask for one.
	CertFile, KeyFile string
}

// Deps are what a log tells of itself to.
type Deps struct {
	// Log gets what an operator acts on: that Pulsar cannot be reached, and that it
	// can again. nil: nothing is logged.
	Log *zap.Logger
	// Registerer gets the metrics of Pulsar's client. nil: they are shown to nobody.
	Registerer prometheus.Registerer
}

// Validate returns every violation of c at once, or nil.
func (c Config) Validate() error {
	var errs []error
	if c.ServiceURL == "" {
		errs = append(errs, errors.New("serviceUrl: required"))
	}
	if c.AdminURL == "" {
		errs = append(errs, errors.New("adminUrl: required"))
	}
	if c.Partitions == 0 || c.Partitions > partitionsMax {
		errs = append(errs, fmt.Errorf("partitions: %d must be 1 to %d", c.Partitions, partitionsMax))
	}
	if c.Retention < -1 || c.Retention > 0 && c.Retention < time.Minute {
		errs = append(errs, fmt.Errorf("retention: %s must be a minute or more, 0 for 14 days, or -1 for ever", c.Retention))
	}
	if (c.TLS.CertFile == "") != (c.TLS.KeyFile == "") {
		errs = append(errs, errors.New("tls.certFile: must be set together with keyFile"))
	}
	if d := c.withDefaults(); d.EventsNamespace == d.ControlNamespace {
		errs = append(errs, fmt.Errorf("controlNamespace: %q must differ from eventsNamespace", d.ControlNamespace))
	}
	return errors.Join(errs...)
}

// withDefaults returns c with every zero value replaced.
func (c Config) withDefaults() Config {
	for _, d := range []struct {
		field    *string
		fallback string
	}{
		{&c.Tenant, tenantDefault},
		{&c.EventsNamespace, eventsNamespaceDefault},
		{&c.ControlNamespace, controlNamespaceDefault},
	} {
		if *d.field == "" {
			*d.field = d.fallback
		}
	}
	if c.Incarnation == 0 {
		c.Incarnation = 1
	}
	if c.Retention == 0 {
		c.Retention = retentionDefault
	}
	return c
}
