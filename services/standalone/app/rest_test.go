package app_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/fairlead-batch/fairlead/proto/openapi"
	"github.com/fairlead-batch/fairlead/services/internal/rpc/openapitest"
)

// restUser calls a Fairlead over REST; every call and every answer is held against the
// OpenAPI document.
type restUser struct {
	t      *testing.T
	base   string
	judge  *openapitest.Transport
	client *http.Client
}

func newRESTUser(t *testing.T, base string) *restUser {
	t.Helper()
	document, err := openapitest.New(openapi.DocumentV3())
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	judge := &openapitest.Transport{T: t, Document: document, Base: transport}
	return &restUser{t: t, base: base, judge: judge, client: &http.Client{Transport: judge}}
}

// request is one call, to be made; "" is no body.
func (u *restUser) request(call, body string) *http.Request {
	u.t.Helper()
	method, path, _ := strings.Cut(call, " ")
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	r, err := http.NewRequestWithContext(u.t.Context(), method, u.base+path, in)
	if err != nil {
		u.t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

// call makes one call, whose answer must have a status, and gives its body.
func (u *restUser) call(status int, call, body string) string {
	u.t.Helper()
	return u.send(status, u.request(call, body))
}

func (u *restUser) send(status int, r *http.Request) string {
	u.t.Helper()
	return send(u.t, u.client, status, r)
}

func send(t *testing.T, client *http.Client, status int, r *http.Request) string {
	t.Helper()
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != status {
		t.Fatalf("%s: %s %s, want %d", r.URL.Path, response.Status, body, status)
	}
	return string(body)
}

// has fails the test when an answer lacks a text.
func (u *restUser) has(answer, want string) {
	u.t.Helper()
	if !strings.Contains(answer, want) {
		u.t.Errorf("without %s: %s", want, answer)
	}
}

// The job of TestREST: what people write into pod specs, and what Kubernetes' JSON writes
// otherwise than protobuf's: amounts, ports by number and name, handlers and sources that
// stand in their owner, 64-bit numbers.
const restJob = `{"queue": "rest", "jobSetId": "set", "jobRequestItems": [{
	"namespace": "default", "priority": 1, "annotations": {"team": "a"},
	"podSpec": {
		"terminationGracePeriodSeconds": 1,
		"volumes": [{"name": "settings", "configMap": {"name": "settings", "items": [{"key": "a", "path": "a.yaml"}]}}, {"name": "scratch", "emptyDir": {"sizeLimit": "1Gi"}}],
		"tolerations": [{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}],
		"containers": [{
			"name": "main", "image": "alpine", "command": ["sh", "-c", "sleep 1"],
			"env": [{"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "token", "key": "t"}}}],
			"ports": [{"name": "http", "containerPort": 8080}],
			"livenessProbe": {"httpGet": {"path": "/", "port": "http"}, "periodSeconds": 5},
			"readinessProbe": {"tcpSocket": {"port": 8080}},
			"volumeMounts": [{"name": "settings", "mountPath": "/etc/settings"}],
			"resources": {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"cpu": "100m", "memory": "64Mi"}}}]}}]}`

// TestREST: what is there over gRPC is there over REST, with pod specs as people
// write them and events as they come.
func TestREST(t *testing.T) {
	t.Parallel()
	u := newRESTUser(t, "http://"+start(t).HTTP.String())
	u.call(200, "POST /v1/queue", `{"name": "rest", "priorityFactor": 2}`)
	u.has(u.call(409, "POST /v1/queue", `{"name": "rest", "priorityFactor": 2}`), "already exists")
	u.call(200, "PUT /v1/queue/rest", `{"name": "rest", "priorityFactor": 3, "labels": {"team": "a"}}`)
	u.has(u.call(200, "GET /v1/queue/rest", ""), `"priorityFactor":3`)
	u.has(u.call(404, "GET /v1/queue/none", ""), `"code":5`)
	u.has(u.call(200, "GET /v1/batched/queues?num=10", ""), `{"result":{"queue":{"name":"rest"`)
	u.call(200, "POST /v1/batched/create_queues", `{"queues": [{"name": "second", "priorityFactor": 1}]}`)
	u.call(200, "PUT /v1/batched/update_queues", `{"queues": [{"name": "second", "priorityFactor": 2}]}`)
	u.call(200, "DELETE /v1/queue/second", "")

	submitted := u.call(200, "POST /v1/job/submit", restJob)
	var answer struct{ JobResponseItems []struct{ JobID string } }
	if err := json.Unmarshal([]byte(submitted), &answer); err != nil || len(answer.JobResponseItems) != 1 {
		t.Fatalf("%s, %v", submitted, err)
	}
	id := answer.JobResponseItems[0].JobID
	u.has(u.call(400, "POST /v1/job/submit", `{"queue": "rest", "jobSetId": "set", "jobRequestItems": [{"namespace": "default"}]}`), "job_request_items[0]")
	for _, body := range []string{`{"queue": `, `{"queu": "rest"}`, `{"jobRequestItems": [{"podSpec": {"container": []}}]}`} {
		wrong := u.request("POST /v1/job/submit", body)
		u.has(u.send(400, wrong.WithContext(openapitest.Wrong(wrong.Context()))), `"code":3`)
	}

	u.watch(`"succeeded":{`)
	u.has(u.call(200, "POST /v1/job-set/rest/set", `{"queue": "rest", "id": "set"}`), `{"result":{"id":"`)
	u.has(u.call(404, "POST /v1/job-set/none/set", `{}`), `{"error":{"code":5`)
	wrong := u.request("POST /v1/job-set/rest/set", `{"wach": true}`)
	u.has(u.send(400, wrong.WithContext(openapitest.Wrong(wrong.Context()))), `{"code":3`)

	details := ""
	for !strings.Contains(details, `"state":"SUCCEEDED"`) { // it may be a moment behind the events
		details = u.call(200, "POST /v1/job/details", `{"jobIds": ["`+id+`"], "expandJobSpec": true, "expandJobRun": true}`)
	}
	for _, want := range []string{`"cpu":"100m"`, `"port":"http"`, `"port":8080`, `"configMap":{"name":"settings"`, `"terminationGracePeriodSeconds":1`} {
		u.has(details, want)
	}
	var run struct {
		JobDetails map[string]struct{ LatestRunID string }
	}
	if err := json.Unmarshal([]byte(details), &run); err != nil {
		t.Fatal(err)
	}
	u.has(u.call(200, "POST /v1/run/details", `{"runIds": ["`+run.JobDetails[id].LatestRunID+`"]}`), `"RUN_STATE_SUCCEEDED"`)
	u.has(u.call(200, "POST /v1/job/status", `{"jobIds": ["`+id+`"]}`), `"SUCCEEDED"`)
	u.call(200, "POST /v1/job/statusUsingExternalJobUri", `{"queue": "rest", "jobset": "set", "externalJobUri": "none"}`)
	u.call(200, "POST /v1/job/errors", `{"jobIds": ["`+id+`"]}`)
	u.call(200, "POST /v1/queues/active", `{}`)
	u.has(u.call(200, "GET /v1/scheduling-report?verbosity=1", ""), "Pool default")
	u.has(u.call(200, "GET /v1/queue/rest/scheduler-report", ""), "Queue rest")
	u.has(u.call(400, "GET /v1/job/j/scheduler-report", ""), "j is not a valid jobId")
	u.commands()
	u.others()
}

// watch follows the job set of restJob as server-sent events until one has a text.
func (u *restUser) watch(until string) {
	u.t.Helper()
	r := u.request("POST /v1/job-set/rest/set", `{"watch": true}`)
	r.Header.Set("Accept", "text/event-stream")
	stream, err := u.client.Do(r)
	if err != nil {
		u.t.Fatal(err)
	}
	defer func() { _ = stream.Body.Close() }()
	if got := stream.Header.Get("Content-Type"); got != "text/event-stream" {
		u.t.Errorf("content type %q", got)
	}
	for lines := bufio.NewScanner(stream.Body); lines.Scan(); {
		line := lines.Text()
		if line != "" && !strings.HasPrefix(line, `data: {"result":{"id":"`) {
			u.t.Fatalf("a line of the stream: %s", line)
		}
		if strings.Contains(line, until) {
			return
		}
	}
	u.t.Error("the stream ended before the job")
}

// commands gives every command about jobs to one that does not end by itself.
func (u *restUser) commands() {
	u.t.Helper()
	long := strings.ReplaceAll(strings.ReplaceAll(restJob, `"set"`, `"long"`), "sleep 1", "sleep 600")
	var answer struct{ JobResponseItems []struct{ JobID string } }
	if err := json.Unmarshal([]byte(u.call(200, "POST /v1/job/submit", long)), &answer); err != nil {
		u.t.Fatal(err)
	}
	job := `"queue": "rest", "jobSetId": "long", "jobIds": ["` + answer.JobResponseItems[0].JobID + `"]`
	u.has(u.call(200, "GET /v1/queue/rest/info", ""), `"rest"`)
	u.call(200, "POST /v1/job/reprioritize", `{`+job+`, "newPriority": 7}`)
	u.has(u.call(200, "POST /v1/job/cancel", `{`+job+`, "reason": "of the test"}`), "cancelledIds")
	u.call(200, "POST /v1/job/preempt", `{`+job+`, "reason": "of the test"}`)
	u.call(200, "POST /v1/jobset/cancel", `{"queue": "rest", "jobSetId": "long", "filter": {"states": ["QUEUED"]}}`)
}

// others calls what nobody answers yet, and what is in no document.
func (u *restUser) others() {
	u.t.Helper()
	for call, body := range map[string]string{
		"PUT /v1/executor_settings/e":    `{"cordoned": true, "cordonReason": "r"}`,
		"DELETE /v1/executor_settings/e": `{}`,
		"POST /v1/executor/preempt/e":    `{}`,
		"POST /v1/executor/cancel/e":     `{}`,
		"DELETE /v1/executors/e":         `{}`,
		"POST /v1/node/preempt/n":        `{"executor": "e"}`,
		"POST /v1/node/cancel/n":         `{"executor": "e"}`,
		"POST /v1/retry-policy":          `{"name": "p"}`,
		"PUT /v1/retry-policy/p":         `{"name": "p"}`,
		"GET /v1/retry-policy/p":         "",
		"GET /v1/retry-policies":         "",
		"DELETE /v1/retry-policy/p":      "",
		"POST /v1/binoculars/log":        `{"jobId": "j", "logOptions": {"tailLines": 5, "follow": false}}`,
		"POST /v1/binoculars/cordon":     `{"nodeName": "n"}`,
	} {
		u.has(u.call(501, call, body), `"code":12`)
	}
	if never := u.judge.NeverCalled(); len(never) > 0 {
		u.t.Errorf("operations of the document that were not called: %v", never)
	}
	plain := &http.Client{Transport: u.judge.Base}
	for path, want := range map[string][]byte{"/swagger.json": openapi.Document(), "/api/swagger.json": openapi.Document(), "/openapi.json": openapi.DocumentV3()} {
		if got := send(u.t, plain, 200, u.request("GET "+path, "")); got != string(want) {
			u.t.Errorf("%s is not the document", path)
		}
	}
	send(u.t, plain, 204, u.request("GET /health", ""))
	u.has(send(u.t, plain, 200, u.request("GET /metrics", "")), "fairlead_rpc_")
}
