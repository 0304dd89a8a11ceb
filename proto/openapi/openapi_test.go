package openapi_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	_ "github.com/fairlead-batch/fairlead/proto/gen/api"
	_ "github.com/fairlead-batch/fairlead/proto/gen/binoculars"
	_ "github.com/fairlead-batch/fairlead/proto/gen/schedulerobjects"
	"github.com/fairlead-batch/fairlead/proto/openapi"
)

// operation is what clients are generated from: its id names the method, its tag the class.
type operation struct {
	ID        string                     `json:"operationId"`
	Tags      []string                   `json:"tags"`
	Responses map[string]json.RawMessage `json:"responses"`
}

type document struct {
	Swagger string `json:"swagger"`
	Info    struct {
		Title string `json:"title"`
	} `json:"info"`
	Paths       map[string]map[string]operation `json:"paths"`
	Definitions map[string]json.RawMessage      `json:"definitions"`
}

func parse(t *testing.T) document {
	t.Helper()
	var d document
	if err := json.Unmarshal(openapi.Document(), &d); err != nil {
		t.Fatalf("parse the document: %v", err)
	}
	return d
}

// Every method with a REST binding is one operation, and there are no others.
func TestEveryBindingIsAnOperation(t *testing.T) {
	t.Parallel()
	d := parse(t)
	if d.Swagger != "2.0" || d.Info.Title != "Fairlead" {
		t.Errorf("head: got swagger %q, title %q; want 2.0, Fairlead", d.Swagger, d.Info.Title)
	}
	var got []string
	for path, methods := range d.Paths {
		for verb, op := range methods {
			got = append(got, strings.ToUpper(verb)+" "+path+" "+strings.Join(op.Tags, ",")+"."+op.ID)
			for _, code := range []string{"200", "default"} {
				if _, ok := op.Responses[code]; !ok {
					t.Errorf("%s: no answer %q", op.ID, code)
				}
			}
		}
	}
	want := bindings()
	if len(want) < 35 {
		t.Fatalf("%d bindings: the protos were not read whole", len(want))
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("operations:\ngot  %s\nwant %s", strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

// Generated clients have classes by these names.
func TestDefinitionsHaveArmadasNames(t *testing.T) {
	t.Parallel()
	d := parse(t)
	for _, name := range []string{
		"apiJobSubmitRequest", "apiQueue", "apiEventStreamMessage", "apiJobState", "binocularsLogRequest",
		"schedulerobjectsJobReport", "v1PodSpec", "v1Service", "v1Ingress", "intstrIntOrString",
	} {
		if _, ok := d.Definitions[name]; !ok {
			t.Errorf("no definition %q", name)
		}
	}
}

// bindings returns the REST bindings of the linked protos, as `VERB path Service.Method`, in order.
func bindings() []string {
	var all []string
	protoregistry.GlobalFiles.RangeFiles(func(f protoreflect.FileDescriptor) bool {
		for i := range f.Services().Len() {
			methods := f.Services().Get(i).Methods()
			for j := range methods.Len() {
				if b := binding(methods.Get(j)); b != "" {
					all = append(all, b)
				}
			}
		}
		return true
	})
	slices.Sort(all)
	return all
}

func binding(m protoreflect.MethodDescriptor) string {
	if !proto.HasExtension(m.Options(), annotations.E_Http) {
		return ""
	}
	rule := proto.GetExtension(m.Options(), annotations.E_Http).(*annotations.HttpRule)
	verb, path := "", ""
	switch {
	case rule.GetGet() != "":
		verb, path = "GET", rule.GetGet()
	case rule.GetPut() != "":
		verb, path = "PUT", rule.GetPut()
	case rule.GetPost() != "":
		verb, path = "POST", rule.GetPost()
	case rule.GetDelete() != "":
		verb, path = "DELETE", rule.GetDelete()
	}
	fields := m.Input().Fields()
	for i := range fields.Len() { // the document has JSON names in its paths
		f := fields.Get(i)
		path = strings.ReplaceAll(path, "{"+string(f.Name())+"}", "{"+f.JSONName()+"}")
	}
	return verb + " " + path + " " + string(m.Parent().Name()) + "." + string(m.Name())
}
