package rpc_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"google.golang.org/grpc/metadata"

	"github.com/fairlead-batch/fairlead/services/internal/config"
	"github.com/fairlead-batch/fairlead/services/internal/rpc"
)

// healthy answers both questions with what it holds.
func healthy(ready, alive error) rpc.Health {
	return rpc.Health{Ready: func() error { return ready }, Alive: func() error { return alive }}
}

func TestHealthOverHTTP(t *testing.T) {
	t.Parallel()
	behind, stuck := errors.New("reader: 12 s behind\ndialer: alone"), errors.New("core: no turn for 30s")
	for name, tc := range map[string]struct {
		health rpc.Health
		path   string
		code   int
		body   string
	}{
		"ready":            {healthy(nil, stuck), "/readyz", 204, ""},
		"Armada's name":    {healthy(nil, stuck), "/health", 204, ""},
		"not ready":        {healthy(behind, nil), "/readyz", 503, "reader: 12 s behind\ndialer: alone\n"},
		"not ready, again": {healthy(behind, nil), "/health", 503, "reader: 12 s behind\ndialer: alone\n"},
		"alive":            {healthy(behind, nil), "/livez", 204, ""},
		"not alive":        {healthy(nil, stuck), "/livez", 503, "core: no turn for 30s\n"},
	} {
		for port, handler := range map[string]http.Handler{
			"public": rpc.Public(tc.health, http.NotFoundHandler()),
			"ops":    rpc.Ops(tc.health, prometheus.NewRegistry()),
		} {
			t.Run(name+"/"+port, func(t *testing.T) {
				t.Parallel()
				rec := httptest.NewRecorder()
				handler.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, tc.path, nil))
				if rec.Code != tc.code || rec.Body.String() != tc.body {
					t.Errorf("%d %q, want %d %q", rec.Code, rec.Body, tc.code, tc.body)
				}
			})
		}
	}
}

func TestPorts(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	promauto.With(reg).NewCounter(prometheus.CounterOpts{Name: "fairlead_test_total", Help: "."}).Inc()
	rest := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "rest") })
	public, ops := rpc.Public(healthy(nil, nil), rest), rpc.Ops(healthy(nil, nil), reg)
	for name, tc := range map[string]struct {
		handler http.Handler
		path    string
		code    int
		part    string
	}{
		"the gateway":         {public, "/v1/job/submit", 200, "rest"},
		"no metrics for all":  {public, "/metrics", 200, "rest"},
		"metrics":             {ops, "/metrics", 200, "fairlead_test_total 1"},
		"no gateway with ops": {ops, "/v1/job/submit", 404, "not found"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rec := httptest.NewRecorder()
			tc.handler.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, tc.path, nil))
			if rec.Code != tc.code || !strings.Contains(rec.Body.String(), tc.part) {
				t.Errorf("%d %q, want %d with %q", rec.Code, rec.Body, tc.code, tc.part)
			}
		})
	}
}

// httpBed runs a real HTTP server on a free port and returns its URL and how to stop it.
func httpBed(t *testing.T, cfg rpc.HTTPConfig, handler http.Handler, log *zap.Logger) (url string, stop func() error) {
	t.Helper()
	cfg.Address = "127.0.0.1:0"
	server, err := rpc.NewHTTP(cfg, handler, log)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	addr, err := server.Listen(ctx)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	stop = func() error {
		cancel()
		err := <-ended
		ended <- err
		return err
	}
	t.Cleanup(func() { _ = stop() })
	return "http://" + addr.String(), stop
}

// answer is what a request got.
type answer struct {
	code   int
	header http.Header
}

// request makes one request, without keeping its connection.
func request(t *testing.T, method, url string, header map[string]string, body io.Reader) (answer, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		return answer{}, err
	}
	for k, v := range header {
		req.Header.Set(k, v)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return answer{}, err
	}
	return answer{code: resp.StatusCode, header: resp.Header}, resp.Body.Close()
}

func TestCORS(t *testing.T) {
	t.Parallel()
	ok := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	ask := map[string]string{"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}
	for name, tc := range map[string]struct {
		origins []string
		method  string
		header  map[string]string
		code    int
		allow   string
	}{
		"asked, allowed":       {[]string{"https://a.example"}, http.MethodOptions, ask, 204, "https://a.example"},
		"asked, all allowed":   {[]string{"*"}, http.MethodOptions, ask, 204, "https://a.example"},
		"asked, not allowed":   {[]string{"https://a.example.org"}, http.MethodOptions, ask, 418, ""},
		"asked, nobody is":     {nil, http.MethodOptions, ask, 418, ""},
		"called":               {[]string{"https://a.example"}, http.MethodGet, map[string]string{"Origin": "https://a.example"}, 418, "https://a.example"},
		"called from the same": {[]string{"https://a.example"}, http.MethodGet, nil, 418, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := rpc.DefaultHTTPConfig("")
			cfg.CORSOrigins = tc.origins
			url, _ := httpBed(t, cfg, ok, zap.NewNop())
			resp, err := request(t, tc.method, url, tc.header, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := resp.header.Get("Access-Control-Allow-Origin"); resp.code != tc.code || got != tc.allow {
				t.Errorf("%d, allowed %q; want %d, %q", resp.code, got, tc.code, tc.allow)
			}
		})
	}
}

func TestBodiesAreBounded(t *testing.T) {
	t.Parallel()
	cfg := rpc.DefaultHTTPConfig("")
	cfg.MaxBody = config.KiB
	read := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err != nil {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
		}
	})
	url, _ := httpBed(t, cfg, read, zap.NewNop())
	for size, want := range map[int]int{1024: 200, 1025: 413} {
		resp, err := request(t, http.MethodPost, url, nil, strings.NewReader(strings.Repeat("x", size)))
		if err != nil || resp.code != want {
			t.Errorf("%d bytes: %v, %v; want %d", size, resp, err, want)
		}
	}
}

// A request may end within the grace; one that does not is cut, and that is logged.
func TestHTTPStop(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		grace time.Duration
		cut   bool
	}{"ends in time": {time.Minute, false}, "is cut": {50 * time.Millisecond, true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			entered, finish := make(chan struct{}), make(chan struct{})
			slow := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				close(entered)
				select {
				case <-finish:
				case <-r.Context().Done():
				}
			})
			core, logs := observer.New(zap.WarnLevel)
			cfg := rpc.DefaultHTTPConfig("")
			cfg.StopWithin = tc.grace
			url, stop := httpBed(t, cfg, slow, zap.New(core))
			answered, stopped := make(chan error, 1), make(chan error, 1)
			go func() {
				_, err := request(t, http.MethodGet, url, nil, nil)
				answered <- err
			}()
			<-entered
			go func() { stopped <- stop() }()
			if !tc.cut {
				close(finish)
			}
			if err := <-answered; (err != nil) != tc.cut {
				t.Errorf("the request: %v", err)
			}
			if err := <-stopped; err != nil {
				t.Errorf("the server: %v", err)
			}
			if cut := logs.FilterMessage("requests cut at stop").Len() == 1; cut != tc.cut {
				t.Errorf("logged %v", logs.All())
			}
		})
	}
}

// What identifies a caller and a call comes through the gateway as it was sent.
func TestGatewayPassesHeadersOn(t *testing.T) {
	t.Parallel()
	mux := rpc.NewGateway(&runtime.JSONPb{})
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/job/submit", nil)
	req.Header.Set("Authorization", "Bearer ann")
	req.Header.Set("X-Request-Id", "abc")
	req.Header.Set("Grpc-Metadata-Tenant", "t")
	req.Header.Set("X-Other", "dropped")
	ctx, err := runtime.AnnotateContext(t.Context(), mux, req, "/api.Submit/SubmitJobs")
	if err != nil {
		t.Fatal(err)
	}
	md, _ := metadata.FromOutgoingContext(ctx)
	got := map[string][]string{}
	for _, key := range []string{"authorization", "x-request-id", "tenant", "x-other"} {
		if v := md.Get(key); v != nil {
			got[key] = v
		}
	}
	want := map[string][]string{"authorization": {"Bearer ann"}, "x-request-id": {"abc"}, "tenant": {"t"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
