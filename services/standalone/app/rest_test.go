package app_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

// request is one REST call, to be made.
func request(t *testing.T, method, url, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// call makes one REST call, whose answer must have a status, and gives its body.
func call(t *testing.T, r *http.Request, status int) string {
	t.Helper()
	response, err := http.DefaultClient.Do(r)
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

// TestREST: what is there over gRPC is there over REST, with pod specs as people
// write them and events as they come.
func TestREST(t *testing.T) {
	t.Parallel()
	base := "http://" + start(t).HTTP.String()
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	call(t, request(t, "POST", base+"/v1/queue", `{"name": "rest", "priorityFactor": 2}`), 200)
	if got := call(t, request(t, "GET", base+"/v1/queue/rest", ""), 200); !strings.Contains(got, `"priorityFactor":2`) {
		t.Errorf("queue %s", got)
	}
	call(t, request(t, "GET", base+"/v1/queue/none", ""), 404)

	submitted := call(t, request(t, "POST", base+"/v1/job/submit", `{"queue": "rest", "jobSetId": "set", "jobRequestItems": [{
		"namespace": "default", "podSpec": {"containers": [{"name": "main", "image": "alpine", "command": ["sh", "-c", "sleep 1"],
		"resources": {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"cpu": "100m", "memory": "64Mi"}}}]}}]}`), 200)
	var answer struct{ JobResponseItems []struct{ JobID string } }
	if err := json.Unmarshal([]byte(submitted), &answer); err != nil || len(answer.JobResponseItems) != 1 {
		t.Fatalf("%s, %v", submitted, err)
	}
	refused := call(t, request(t, "POST", base+"/v1/job/submit", `{"queue": "rest", "jobSetId": "set", "jobRequestItems": [{"namespace": "default"}]}`), 400)
	if !strings.Contains(refused, "job_request_items[0]") {
		t.Errorf("a job without a pod spec: %s", refused)
	}

	watch := request(t, "POST", base+"/v1/job-set/rest/set", `{"watch": true}`)
	watch.Header.Set("Accept", "text/event-stream")
	stream, err := http.DefaultClient.Do(watch)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stream.Body.Close() }()
	if got := stream.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Errorf("content type %q", got)
	}
	succeeded := false
	for lines := bufio.NewScanner(stream.Body); !succeeded && lines.Scan(); {
		line := lines.Text()
		if line != "" && !strings.HasPrefix(line, `data: {"result":{"id":"`) {
			t.Fatalf("a line of the stream: %s", line)
		}
		succeeded = strings.Contains(line, `"succeeded":{`)
	}
	if !succeeded {
		t.Error("the stream ended before the job")
	}

	id := answer.JobResponseItems[0].JobID
	details := ""
	for !strings.Contains(details, `"state":"SUCCEEDED"`) { // it may be a moment behind the events
		details = call(t, request(t, "POST", base+"/v1/job/details", `{"jobIds": ["`+id+`"], "expandJobSpec": true}`), 200)
	}
	if !strings.Contains(details, `"cpu":"100m"`) {
		t.Errorf("details without the pod spec: %s", details)
	}
	if got := call(t, request(t, "GET", base+"/swagger.json", ""), 200); !json.Valid([]byte(got)) {
		t.Error("the document is no JSON")
	}
	call(t, request(t, "GET", base+"/health", ""), 204)
	if got := call(t, request(t, "GET", base+"/metrics", ""), 200); !strings.Contains(got, "fairlead_rpc_") {
		t.Error("no metrics of calls")
	}
}
