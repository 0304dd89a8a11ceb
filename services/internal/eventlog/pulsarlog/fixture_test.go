package pulsarlog_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/apache/pulsar-client-go/pulsar"
	pulsarlogger "github.com/apache/pulsar-client-go/pulsar/log"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog/logtest"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog/pulsarlog"
)

const partitions = 3

// newConfig is that of a log of the test's own, reached at a service URL.
func newConfig(t testing.TB, serviceURL string) pulsarlog.Config {
	t.Helper()
	name := make([]byte, 8)
	_, _ = rand.Read(name) // never fails
	return pulsarlog.Config{
		ServiceURL: serviceURL, AdminURL: server.AdminURL,
		EventsNamespace: "events-" + hex.EncodeToString(name), ControlNamespace: "control-" + hex.EncodeToString(name),
		Partitions: partitions, Retention: time.Hour,
	}
}

// process is a log that runs, as in a process of its own.
type process struct {
	*pulsarlog.Log
	stop func()
}

// openLog opens and runs a log. It is stopped when the test ends, if not before.
func openLog(t testing.TB, config pulsarlog.Config) *process {
	t.Helper()
	log, err := pulsarlog.Open(t.Context(), config, pulsarlog.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var running sync.WaitGroup
	running.Go(func() {
		if err := log.Run(ctx); err != nil {
			t.Errorf("run: %v", err)
		}
	})
	p := &process{Log: log, stop: func() {
		cancel()
		running.Wait()
	}}
	t.Cleanup(p.stop)
	return p
}

func fixture(t *testing.T) logtest.Fixture {
	t.Helper()
	between := startProxy(t, server.ServiceURL)
	config := newConfig(t, between.url())
	first := openLog(t, config)
	return logtest.Fixture{
		Log:        first,
		Partitions: partitions,
		Crash: func(t *testing.T) eventlog.Log {
			t.Helper()
			first.stop()
			return openLog(t, config)
		},
		Second: func(t *testing.T) eventlog.Log { t.Helper(); return openLog(t, config) },
		OpenWith: func(t *testing.T, partitions uint32) error {
			t.Helper()
			other := config
			other.Partitions = partitions
			log, err := pulsarlog.Open(t.Context(), other, pulsarlog.Deps{})
			if err == nil {
				log.Close()
			}
			return err
		},
		Trim:       func(t *testing.T) { t.Helper(); trim(t, first.Log, config) },
		LoseReply:  func(_ *testing.T, writes int) { between.loseReplies(writes) },
		StoreTwice: func(_ *testing.T, entries int) { between.sendTwice(entries) },
		Pause:      func(_ *testing.T) (resume func()) { return between.pause() },
		Put:        func(t *testing.T, p eventlog.Partition, frame []byte) { t.Helper(); put(t, config, p, frame) },
	}
}

// admin makes one request to the broker's admin API.
func admin(t testing.TB, method, path string, body any) {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), method, server.AdminURL+"/admin/v2/"+path, bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if said, _ := io.ReadAll(response.Body); response.StatusCode/100 != 2 {
		t.Fatalf("%s %s: %s: %s", method, path, response.Status, said)
	}
}

// trim lets Pulsar forget what nobody holds, which takes three things: the marks go
// to the end, the open ledger is closed (Pulsar forgets whole ones), and there is no
// retention for a moment.
func trim(t *testing.T, log *pulsarlog.Log, config pulsarlog.Config) {
	t.Helper()
	for range 2 { // the first look is where the second moves them to
		if err := pulsarlog.MoveFloors(log, t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	namespace := "public/" + config.EventsNamespace
	admin(t, http.MethodPost, "namespaces/"+namespace+"/retention", map[string]int{"retentionTimeInMinutes": 0, "retentionSizeInMB": 0})
	for n := range config.Partitions {
		topic := fmt.Sprintf("persistent/%s/events-partition-%d", namespace, n)
		admin(t, http.MethodPut, topic+"/unload", nil)
		admin(t, http.MethodGet, topic+"/internalStats", nil) // loads it, with the new retention
		admin(t, http.MethodPost, topic+"/trim", nil)
	}
	admin(t, http.MethodPost, "namespaces/"+namespace+"/retention", map[string]int{"retentionTimeInMinutes": 60, "retentionSizeInMB": -1})
}

// put stores bytes as they are.
func put(t *testing.T, config pulsarlog.Config, p eventlog.Partition, frame []byte) {
	t.Helper()
	client, err := pulsar.NewClient(pulsar.ClientOptions{
		URL: server.ServiceURL, Logger: pulsarlogger.NewLoggerWithSlog(slog.New(slog.DiscardHandler)),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	producer, err := client.CreateProducer(pulsar.ProducerOptions{
		Topic:           fmt.Sprintf("persistent://public/%s/%s-partition-%d", config.EventsNamespace, p.Stream, p.Number),
		DisableBatching: true, SendTimeout: -1, // with one, a goroutine stays behind for as long
	})
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	if _, err := producer.Send(t.Context(), &pulsar.ProducerMessage{Payload: frame}); err != nil {
		t.Fatal(err)
	}
}
