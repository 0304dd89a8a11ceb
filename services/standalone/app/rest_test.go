package app_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

// call makes one REST call and gives its status and its body, not read yet.
func call(t *testing.T, method, url, body, accept string) *http.Response {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if accept != "" {
		request.Header.Set("Accept", accept)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	return response
}

// whole is the body of an answer that must have a status.
func whole(t *testing.T, r *http.Response, status int) string {
	t.Helper()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	if r.StatusCode != status {
		t.Fatalf("%s: %s %s, want %d", r.Request.URL.Path, r.Status, body, status)
	}
	return string(body)
}

// TestREST: what is there over gRPC is there over REST, with pod specs as people
// write them and events as they come.
func TestREST(t *testing.T) {
	t.Parallel()
	base := "http://" + start(t).HTTP.String()
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	whole(t, call(t, "POST", base+"/v1/queue", `{"name": "rest", "priorityFactor": 2}`, ""), 200)
	if got := whole(t, call(t, "GET", base+"/v1/queue/rest", "", ""), 200); !strings.Contains(got, `"priorityFactor":2`) {
		t.Errorf("queue %s", got)
	}
	whole(t, call(t, "GET", base+"/v1/queue/none", "", ""), 404)

	submitted := whole(t, call(t, "POST", base+"/v1/job/submit", `{"queue": "rest", "jobSetId": "set", "jobRequestItems": [{
		"namespace": "default", "podSpec": {"containers": [{"name": "main", "image": "alpine", "command": ["sh", "-c", "sleep 1"],
		"resources": {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"cpu": "100m", "memory": "64Mi"}}}]}}]}`, ""), 200)
	var answer struct{ JobResponseItems []struct{ JobID string } }
	if err := json.Unmarshal([]byte(submitted), &answer); err != nil || len(answer.JobResponseItems) != 1 {
		t.Fatalf("%s, %v", submitted, err)
	}
	refused := whole(t, call(t, "POST", base+"/v1/job/submit", `{"queue": "rest", "jobSetId": "set", "jobRequestItems": [{"namespace": "default"}]}`, ""), 400)
	if !strings.Contains(refused, "job_request_items[0]") {
		t.Errorf("a job without a pod spec: %s", refused)
	}

	stream := call(t, "POST", base+"/v1/job-set/rest/set", `{"watch": true}`, "text/event-stream")
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
		details = whole(t, call(t, "POST", base+"/v1/job/details", `{"jobIds": ["`+id+`"], "expandJobSpec": true}`, ""), 200)
	}
	if !strings.Contains(details, `"cpu":"100m"`) {
		t.Errorf("details without the pod spec: %s", details)
	}
	if got := whole(t, call(t, "GET", base+"/swagger.json", "", ""), 200); !json.Valid([]byte(got)) {
		t.Error("the document is no JSON")
	}
	whole(t, call(t, "GET", base+"/health", "", ""), 204)
	if got := whole(t, call(t, "GET", base+"/metrics", "", ""), 200); !strings.Contains(got, "fairlead_rpc_") {
		t.Error("no metrics of calls")
	}
}
