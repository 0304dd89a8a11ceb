package process_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog/pulsarlog"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog/pulsarlog/pulsartest"
	"github.com/fairlead-batch/fairlead/services/internal/postgres/pgtest"
	"github.com/fairlead-batch/fairlead/services/internal/process"
)

// onPulsar is a call of the toy whose log is in Pulsar, with namespaces of its own.
func onPulsar(t *testing.T, broker *pulsartest.Broker, postgresURL, extra string) *call {
	t.Helper()
	c := newCall(t, postgresURL, "")
	c.files = []string{file(t, fmt.Sprintf(`
log: {kind: pulsar, partitions: 2, pulsar: {serviceURL: %q, adminURL: %q, incarnation: 7}}
postgres: {url: %q}
grpc: {address: %q}
ops: {address: %q}
`, broker.ServiceURL, broker.AdminURL, postgresURL, c.grpc, c.ops)), file(t, extra)}
	return c
}

// TestPulsar: the program on a real Pulsar. It is ready, shows the log's metrics and
// stops cleanly; what does not fit the log that is there refuses the start, and a
// broker that is away is waited for as long as it was told.
func TestPulsar(t *testing.T) {
	t.Parallel()
	broker := pulsartest.Start(t)
	url := pgtest.URL(t)
	serves(t, onPulsar(t, broker, url, ""))

	for name, test := range map[string]struct {
		extra, want string
		is          error
	}{
		"other partitions":       {"log: {partitions: 3}", "partition count does not match", eventlog.ErrPartitions},
		"retention too short":    {"log: {pulsar: {retention: 480h}}", "retentionTimeInMinutes is 20160, want 28800", pulsarlog.ErrRetention},
		"another incarnation":    {"log: {pulsar: {incarnation: 2}}", "log.pulsar.incarnation", nil},
		"no such tenant":         {"log: {pulsar: {tenant: nobody}}", "pulsar at " + broker.AdminURL, nil},
		"a token file not there": {"log: {pulsar: {tokenFile: /not/there}}", "read tokenFile: open secret: open /not/there", nil},
	} {
		c := onPulsar(t, broker, url, test.extra)
		err := c.execute(t.Context(), "serve")
		if err == nil || !strings.Contains(c.err.String(), test.want) || test.is != nil && !errors.Is(err, test.is) {
			t.Errorf("%s: error %v, want %q in it", name, err, test.want)
		}
	}

	policies(t, broker, map[string]int{"retentionTimeInMinutes": 60, "retentionSizeInMB": -1})
	c := onPulsar(t, broker, url, "")
	if err := c.execute(t.Context(), "serve"); !errors.Is(err, pulsarlog.ErrRetention) ||
		!strings.Contains(err.Error(), "check namespace public/fairlead-events") {
		t.Errorf("with a retention that was shortened: error %v", err)
	}
	policies(t, broker, map[string]int{"retentionTimeInMinutes": 20160, "retentionSizeInMB": -1})

	if err := broker.Kill(); err != nil {
		t.Fatal(err)
	}
	c = onPulsar(t, broker, url, "log: {pulsar: {startWithin: 300ms}}")
	if err := c.execute(t.Context(), "serve"); err == nil || !strings.Contains(err.Error(),
		"open log: pulsar at "+broker.AdminURL+": ") || !strings.Contains(err.Error(), "not reached within startWithin, 300ms") {
		t.Errorf("with a broker that is away: error %v", err)
	}

	waiting := onPulsar(t, broker, url, "log: {pulsar: {startWithin: 10m}}")
	done := make(chan struct{})
	go func() { // the test waits for it below
		defer close(done)
		serves(t, waiting)
	}()
	if err := broker.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-done
}

// serves runs a call until it wrote, and wants it to be ready, to show metrics, and
// to stop without an error. It may be called by another goroutine than the test's.
func serves(t *testing.T, c *call) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- c.execute(ctx, "serve") }()
	select {
	case <-c.written:
	case err := <-ended:
		t.Errorf("it ended with %v", err)
		return
	}
	for path, want := range map[string]string{"/readyz": "204", "/metrics": "\nfairlead_pulsarlog_entries_total 1\n"} {
		if got := get(t, "http://"+c.ops+path); !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s in it", path, got, want)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("it ended with %v", err)
	}
}

// policies sets the retention of the events namespace, as an operator might.
func policies(t *testing.T, broker *pulsartest.Broker, retention map[string]int) {
	t.Helper()
	text, err := json.Marshal(retention)
	must(t, err)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost,
		broker.AdminURL+"/admin/v2/namespaces/public/fairlead-events/retention", bytes.NewReader(text))
	must(t, err)
	request.Header.Set("Content-Type", "application/json")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	must(t, err)
	must(t, response.Body.Close())
	if response.StatusCode/100 != 2 {
		t.Fatalf("set retention: %s", response.Status)
	}
}

// TestWrongPulsar: what is wrong is named by its key, all at once, and nothing is
// opened.
func TestWrongPulsar(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ extra, want string }{
		"nothing":           {"log: {kind: pulsar}", "log.pulsar.serviceURL: must be set where kind is pulsar"},
		"no admin":          {"log: {kind: pulsar}", "log.pulsar.adminURL: must be set where kind is pulsar"},
		"another scheme":    {"log: {pulsar: {serviceURL: http://a:1}}", "log.pulsar.serviceURL: is http://a:1, must be a URL of pulsar or pulsar+ssl"},
		"no URL":            {"log: {pulsar: {adminURL: there}}", "log.pulsar.adminURL: is there, must be a URL of http or https"},
		"a slash":           {"log: {pulsar: {tenant: a/b}}", "log.pulsar.tenant: is a/b, must be a name without a slash"},
		"one namespace":     {"log: {pulsar: {controlNamespace: fairlead-events}}", "log.pulsar.controlNamespace: is fairlead-events, must differ"},
		"retention":         {"log: {pulsar: {retention: 90s}}", "log.pulsar.retention: is 1m30s, must be whole minutes"},
		"incarnation":       {"log: {pulsar: {incarnation: 0}}", "log.pulsar.incarnation: is 0, must be at least 1"},
		"no wait":           {"log: {pulsar: {startWithin: 0s}}", "log.pulsar.startWithin: is 0s, must be above 0"},
		"half a pair":       {"log: {pulsar: {tls: {certFile: a}}}", "log.pulsar.tls.certFile: is a, must be set together with keyFile"},
		"postgres, nowhere": {"log: {postgres: {url: ''}}", "log.postgres.url: must be set, or postgres.host, where kind is postgres"},
		"postgres, twice":   {"log: {postgres: {host: a}}", "url: excludes host"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCall(t, "postgres://nobody@127.0.0.1:1/none", test.extra)
			if err := c.execute(t.Context(), "serve"); err == nil || !strings.Contains(c.err.String(), test.want) {
				t.Errorf("error %v, printed %q, want %q in it", err, c.err.String(), test.want)
			}
		})
	}
}

// TestPulsarConfigIsReadBack: also what is not default, and with nothing on Postgres.
func TestPulsarConfigIsReadBack(t *testing.T) {
	t.Parallel()
	c := onPulsar(t, &pulsartest.Broker{ServiceURL: "pulsar://a:1", AdminURL: "http://a:2"}, "postgres://nobody@127.0.0.1:1/none", "")
	must(t, c.execute(t.Context(), "config", "FAIRLEAD__LOG__PULSAR__TOKEN_FILE=/t"))
	for _, want := range []string{"kind: pulsar", "serviceURL: pulsar://a:1", "adminURL: http://a:2", "tokenFile: /t", "retention: 336h0m0s"} {
		if !strings.Contains(c.out.String(), want) {
			t.Errorf("%q is not in what it printed:\n%s", want, c.out.String())
		}
	}
	if process.DefaultLogConfig().Pulsar.Validate() != nil {
		t.Error("the defaults of a log in Pulsar are wrong where there is none")
	}
}
