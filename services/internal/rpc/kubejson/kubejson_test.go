package kubejson_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/fairlead-batch/fairlead/proto/gen/api"
	"github.com/fairlead-batch/fairlead/proto/gen/binoculars"
	corev1 "github.com/fairlead-batch/fairlead/proto/gen/k8s.io/api/core/v1"
	"github.com/fairlead-batch/fairlead/proto/gen/k8s.io/apimachinery/pkg/api/resource"
	"github.com/fairlead-batch/fairlead/services/internal/rpc/kubejson"
)

// submission is what users of Armada's REST API send.
const submission = `{
  "queue": "q",
  "jobSetId": "s",
  "jobRequestItems": [{
    "priority": 1.5,
    "namespace": "default",
    "clientId": "c",
    "annotations": {"a": "b"},
    "podSpecs": [{
      "restartPolicy": "Never",
      "terminationGracePeriodSeconds": 0,
      "tolerations": [{"key": "gpu", "operator": "Exists", "tolerationSeconds": 30}],
      "containers": [{
        "name": "main",
        "image": "alpine:3.20.0",
        "command": ["sh", "-c", "sleep 5"],
        "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"cpu": 0.1, "memory": "64Mi"}},
        "livenessProbe": {"httpGet": {"path": "/", "port": "http"}},
        "readinessProbe": {"httpGet": {"path": "/", "port": 8080}}
      }]
    }],
    "services": [{"type": "Headless", "ports": [5000]}]
  }]
}`

// TestSubmission: a manifest's pod spec is read as Kubernetes reads it, and written
// as kubectl writes it.
func TestSubmission(t *testing.T) {
	t.Parallel()
	var m kubejson.Marshaler
	request := &api.JobSubmitRequest{}
	if err := m.Unmarshal([]byte(submission), request); err != nil {
		t.Fatal(err)
	}
	item := request.GetJobRequestItems()[0]
	main := item.GetPodSpecs()[0].GetContainers()[0]
	if got := main.GetResources().GetLimits()["cpu"].GetString_(); got != "100m" {
		t.Errorf("cpu limit %q, want 100m", got)
	}
	if got := main.GetLivenessProbe().GetHandler().GetHttpGet().GetPort().GetStrVal(); got != "http" {
		t.Errorf("port %q, want http", got)
	}
	if item.GetServices()[0].GetType() != api.ServiceType_Headless || item.GetPriority() != 1.5 {
		t.Errorf("item %v", item)
	}
	wire, err := m.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"cpu":"100m"`, `"port":"http"`, `"port":8080`, `"jobSetId":"s"`, `"type":"Headless"`, `"tolerationSeconds":30`} {
		if !bytes.Contains(wire, []byte(want)) {
			t.Errorf("written without %s: %s", want, wire)
		}
	}
	again := &api.JobSubmitRequest{}
	if err := m.Unmarshal(wire, again); err != nil || !proto.Equal(request, again) {
		t.Errorf("it does not read back: %v\n%v\n%v", err, request, again)
	}
}

// TestOtherPlaces: Kubernetes values are found in maps, in answers and by their
// names in snake_case.
func TestOtherPlaces(t *testing.T) {
	t.Parallel()
	var m kubejson.Marshaler
	event := &api.EventMessage{Events: &api.EventMessage_Utilisation{Utilisation: &api.JobUtilisationEvent{
		JobId: "j", Created: timestamppb.New(timestamppb.Now().AsTime()),
		MaxResourcesForPeriod: map[string]*resource.Quantity{"memory": {String_: new("1Gi")}},
	}}}
	wire, err := m.Marshal(event)
	if err != nil || !bytes.Contains(wire, []byte(`"MaxResourcesForPeriod":{"memory":"1Gi"}`)) {
		t.Errorf("%s, %v", wire, err)
	}
	request := &binoculars.LogRequest{}
	if err := m.Unmarshal([]byte(`{"job_id": "j", "log_options": {"tailLines": 5, "follow": true}}`), request); err != nil {
		t.Fatal(err)
	}
	if request.GetJobId() != "j" || request.GetLogOptions().GetTailLines() != 5 || !request.GetLogOptions().GetFollow() {
		t.Errorf("%v", request)
	}
	if wire, err = m.Marshal(&api.Job{PodSpecs: []*corev1.PodSpec{{}}}); err != nil || string(wire) != `{"podSpecs":[{"containers":null}]}` {
		t.Errorf("an empty pod spec is %s, %v", wire, err)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ body, want string }{
		"an unknown key of ours":       {`{"queu": "q"}`, `"queu"`},
		"an unknown key in a pod spec": {`{"jobRequestItems": [{"podSpec": {"container": []}}]}`, `jobRequestItems[0].podSpec: json: unknown field "container"`},
		"an amount that is none":       {`{"jobRequestItems": [{"podSpecs": [{"containers": [{"resources": {"limits": {"cpu": "much"}}}]}]}]}`, "jobRequestItems[0].podSpecs[0]: "},
		"a list where none belongs":    {`{"jobRequestItems": [{"podSpec": []}]}`, "jobRequestItems[0].podSpec: "},
		"no JSON":                      {`queue: q`, "invalid character"},
		"two objects":                  {`{"queue": "q"} {}`, "something stands behind"},
		"a list as a body":             {`[]`, "cannot unmarshal array"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := kubejson.Marshaler{}.Unmarshal([]byte(test.body), &api.JobSubmitRequest{})
			if !errors.Is(err, kubejson.ErrJSON) || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("%v, want ErrJSON with %q", err, test.want)
			}
		})
	}
}

// TestStream: the envelope of a stream, as lines and as server-sent events.
func TestStream(t *testing.T) {
	t.Parallel()
	envelope := map[string]any{"result": &api.EventStreamMessage{Id: "1"}}
	var lines bytes.Buffer
	enc := kubejson.Marshaler{}.NewEncoder(&lines)
	for range 2 {
		if err := enc.Encode(envelope); err != nil {
			t.Fatal(err)
		}
	}
	if want := "{\"result\":{\"id\":\"1\"}}\n{\"result\":{\"id\":\"1\"}}\n"; lines.String() != want {
		t.Errorf("lines %q, want %q", lines.String(), want)
	}
	event, err := kubejson.EventStream{}.Marshal(envelope)
	if want := `data: {"result":{"id":"1"}}`; err != nil || string(event) != want {
		t.Errorf("event %q, %v; want %q", event, err, want)
	}
}

// TestDecoder: an empty body is the end, which the gateway takes for an empty message.
func TestDecoder(t *testing.T) {
	t.Parallel()
	dec := kubejson.Marshaler{}.NewDecoder(strings.NewReader(`{"queue":"q"}`))
	request := &api.JobSubmitRequest{}
	if err := dec.Decode(request); err != nil || request.GetQueue() != "q" {
		t.Fatalf("%v, %v", request, err)
	}
	if err := dec.Decode(request); !errors.Is(err, io.EOF) {
		t.Fatalf("at the end: %v", err)
	}
}

// FuzzUnmarshal: any bytes are a message or ErrJSON, and a message that was read is
// written as JSON that reads back the same.
func FuzzUnmarshal(f *testing.F) {
	f.Add([]byte(submission))
	f.Add([]byte(`{}`))
	f.Add([]byte(`{"jobRequestItems":[null,{"podSpec":null}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var m kubejson.Marshaler
		request := &api.JobSubmitRequest{}
		if err := m.Unmarshal(body, request); err != nil {
			if !errors.Is(err, kubejson.ErrJSON) {
				t.Fatal(err)
			}
			return
		}
		wire, err := m.Marshal(request)
		if err != nil {
			return // a value that the real type does not take, such as a broken quantity
		}
		if !json.Valid(wire) {
			t.Fatalf("%s is no JSON", wire)
		}
		if err := m.Unmarshal(wire, &api.JobSubmitRequest{}); err != nil {
			t.Fatalf("%s does not read back: %v", wire, err)
		}
	})
}
