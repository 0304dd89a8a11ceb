package process

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog/pulsarlog"
	"github.com/fairlead-batch/fairlead/services/internal/fault"
)

// retentionMin is the shortest that Pulsar can be told.
const retentionMin = time.Minute

// LogPulsar says where a log in Pulsar is and what it is to be.
type LogPulsar struct {
	// ServiceURL is where brokers are found: pulsar://host:6650, or pulsar+ssl.
	ServiceURL string
	// AdminURL is where they are administered: http://host:8080, or https.
	AdminURL string
	// Tenant holds both namespaces, and has to exist. Default public.
	Tenant string
	// EventsNamespace and ControlNamespace hold one topic each and nothing else. They
	// are made where they are missing. Default fairlead-events and fairlead-control.
	EventsNamespace, ControlNamespace string
	// Retention is how long events are kept at least. It is set where the namespace is
	// made, and checked at every start; what exists is not changed. Default 336h, 14
	// days.
	Retention time.Duration
	// Incarnation is the log's, 1 and above. Pulsar has no place for it: all services
	// have to be told the same, and submit's publishing.incarnation too. Default 1.
	Incarnation uint32
	// StartWithin is how long a start waits for brokers that are not there yet.
	// Default 1m.
	StartWithin time.Duration
	// TLS are the files of connections to brokers. Default: no certificate of ours,
	// and the system's authorities.
	TLS LogPulsarTLS
	// TokenFile is a file with the token to authenticate with. Default none.
	TokenFile string
}

// LogPulsarTLS names the files of TLS towards Pulsar. All hold PEM.
type LogPulsarTLS struct {
	// CAFile holds the authorities to trust. Empty: the system's.
	CAFile string
	// CertFile and KeyFile are this process' certificate, where brokers ask for one.
	CertFile, KeyFile string
}

// DefaultLogPulsar returns what is used where the operator says nothing.
func DefaultLogPulsar() LogPulsar {
	return LogPulsar{
		Tenant: "public", EventsNamespace: "fairlead-events", ControlNamespace: "fairlead-control",
		Retention: 14 * 24 * time.Hour, Incarnation: 1, StartWithin: time.Minute,
	}
}

// Validate implements config.Validator.
func (c LogPulsar) Validate() error {
	var check fault.Check
	checkURL(&check, "serviceURL", c.ServiceURL, "pulsar", "pulsar+ssl")
	checkURL(&check, "adminURL", c.AdminURL, "http", "https")
	for _, name := range []struct{ key, value string }{
		{"tenant", c.Tenant}, {"eventsNamespace", c.EventsNamespace}, {"controlNamespace", c.ControlNamespace},
	} {
		if name.value == "" || strings.Contains(name.value, "/") {
			check.Violate(name.key, name.value, "must be a name without a slash")
		}
	}
	if c.EventsNamespace == c.ControlNamespace {
		check.Violate("controlNamespace", c.ControlNamespace, "must differ from eventsNamespace: control is kept for ever, and retention is a namespace's")
	}
	if c.Retention < retentionMin || c.Retention%time.Minute != 0 {
		check.Violate("retention", c.Retention, "must be whole minutes, 1m or more")
	}
	if c.Incarnation == 0 {
		check.Violate("incarnation", c.Incarnation, "must be at least 1")
	}
	if c.StartWithin <= 0 {
		check.Violate("startWithin", c.StartWithin, "must be above 0")
	}
	if (c.TLS.CertFile == "") != (c.TLS.KeyFile == "") {
		check.Violate("tls.certFile", c.TLS.CertFile, "must be set together with keyFile")
	}
	return check.Err()
}

// checkURL refuses a URL that is set and has another scheme, or no host.
func checkURL(check *fault.Check, key, text string, schemes ...string) {
	if text == "" {
		return
	}
	u, err := url.Parse(text)
	if err != nil || !slices.Contains(schemes, u.Scheme) || u.Host == "" {
		check.Violate(key, text, "must be a URL of "+strings.Join(schemes, " or "))
	}
}

// openPulsar opens a log in Pulsar. incarnation is what the service was told of its
// own; zero: nothing.
func (p *Process) openPulsar(ctx context.Context, cfg LogConfig, incarnation uint32) (ranLog, error) {
	c := cfg.Pulsar
	if incarnation != 0 && incarnation != c.Incarnation {
		var check fault.Check
		check.Violate("log.pulsar.incarnation", c.Incarnation, fmt.Sprintf("must be publishing.incarnation, which is %d", incarnation))
		return nil, check.Err()
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.StartWithin, fmt.Errorf("not reached within startWithin, %s", c.StartWithin))
	defer cancel()
	log, err := pulsarlog.Open(ctx, pulsarlog.Config{
		ServiceURL: c.ServiceURL, AdminURL: c.AdminURL,
		Tenant: c.Tenant, EventsNamespace: c.EventsNamespace, ControlNamespace: c.ControlNamespace,
		Partitions: cfg.Partitions, Incarnation: c.Incarnation, Retention: c.Retention,
		TLS: pulsarlog.TLS{CAFile: c.TLS.CAFile, CertFile: c.TLS.CertFile, KeyFile: c.TLS.KeyFile}, TokenFile: c.TokenFile,
	}, pulsarlog.Deps{Log: p.deps.Logger, Registerer: p.deps.Metrics})
	if err != nil {
		return nil, fmt.Errorf("pulsar at %s: %w", c.AdminURL, err)
	}
	p.OnClose(log.Close)
	return log, nil
}
