package document_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/fairlead-batch/fairlead/tools/restdoc/internal/document"
)

// generated is what grpc-gateway's generator would make of descriptors.
const generated = `{
  "swagger": "2.0",
  "paths": {
    "/v1/thing/{name}": {"put": {"operationId": "Set", "tags": ["Things"], "parameters": [
      {"name": "name", "in": "path", "required": true, "type": "string", "description": "Which <one>."},
      {"name": "body", "in": "body", "required": true, "schema": {"$ref": "#/definitions/ThingsSetBody"}}
    ], "responses": {"200": {"description": "Good.", "schema": {"type": "object", "properties": {}}}, "default": {"schema": {"$ref": "#/definitions/rpcStatus"}}}}},
    "/v1/things": {"get": {"operationId": "Watch", "tags": ["Things"],
      "responses": {"200": {"description": "Good.", "schema": {"$ref": "#/definitions/ourKind"}}, "default": {"schema": {"$ref": "#/definitions/rpcStatus"}}}}}
  },
  "definitions": {
    "rpcStatus": {"type": "object"},
    "protobufAny": {"type": "object"},
    "resourceQuantity": {"type": "object", "properties": {"string": {"type": "string"}}},
    "ourKind": {"type": "string", "enum": ["A"]},
    "unused": {"type": "object"},
    "ThingsSetBody": {"type": "object", "properties": {
      "size": {"$ref": "#/definitions/resourceQuantity"},
      "kinds": {"type": "array", "items": {"type": "object", "$ref": "#/definitions/ourKind"}}
    }, "description": "Thing is a thing."}
  }
}`

// wanted is the same, made true.
const wanted = `{
  "swagger": "2.0",
  "paths": {
    "/v1/thing/{name}": {"put": {"operationId": "Set", "tags": ["Things"], "parameters": [
      {"name": "name", "in": "path", "required": true, "type": "string", "description": "Which <one>."},
      {"name": "body", "in": "body", "required": true, "schema": {"$ref": "#/definitions/ourThing"}}
    ], "responses": {"200": {"description": "Good.", "schema": {"type": "object", "properties": {}}}, "default": {"schema": {"$ref": "#/definitions/rpcStatus"}}}}},
    "/v1/things": {"get": {"operationId": "Watch", "tags": ["Things"], "produces": ["application/json", "text/event-stream"],
      "responses": {"200": {"schema": {"$ref": "#/definitions/ourKind"}}, "default": {"schema": {"$ref": "#/definitions/rpcStreamStatus"}}}}}
  },
  "definitions": {
    "ourKind": {"type": "string", "enum": ["A"]},
    "ourThing": {"type": "object", "properties": {
      "kinds": {"type": "array", "items": {"$ref": "#/definitions/ourKind"}},
      "name": {"type": "string", "description": "Which <one>."},
      "size": {"$ref": "#/definitions/resourceQuantity"}
    }, "description": "Thing is a thing."},
    "protobufAny": {"type": "object"},
    "resourceQuantity": {"type": "string"},
    "rpcStatus": {"type": "object"},
    "rpcStreamStatus": {"type": "object", "properties": {
      "error": {"$ref": "#/definitions/rpcStatus"},
      "code": {"type": "integer", "format": "int32"},
      "message": {"type": "string"},
      "details": {"type": "array", "items": {"$ref": "#/definitions/protobufAny"}}
    }}
  }
}`

// descriptors are those of one service and its message.
func descriptors(t *testing.T) []byte {
	t.Helper()
	field := func(name string, number int32) *descriptorpb.FieldDescriptorProto {
		return &descriptorpb.FieldDescriptorProto{
			Name: &name, Number: &number, JsonName: &name,
			Type:  descriptorpb.FieldDescriptorProto_TYPE_STRING.Enum(),
			Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(),
		}
	}
	raw, err := proto.Marshal(&descriptorpb.FileDescriptorSet{File: []*descriptorpb.FileDescriptorProto{
		{
			Name: new("k8s.proto"), Package: new("k8s.io.apimachinery.pkg.api.resource"), Syntax: new("proto2"),
			MessageType: []*descriptorpb.DescriptorProto{{Name: new("Quantity")}},
		},
		{
			Name: new("our.proto"), Package: new("our"), Syntax: new("proto3"),
			MessageType: []*descriptorpb.DescriptorProto{{
				Name: new("Thing"), Field: []*descriptorpb.FieldDescriptorProto{field("kinds", 1), field("name", 2), field("size", 3)},
			}},
			Service: []*descriptorpb.ServiceDescriptorProto{{Name: new("Things"), Method: []*descriptorpb.MethodDescriptorProto{
				{Name: new("Set"), InputType: new(".our.Thing"), OutputType: new(".our.Thing")},
				{Name: new("Watch"), InputType: new(".our.Thing"), OutputType: new(".our.Thing"), ServerStreaming: new(true)},
			}}},
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// TestMake: what the generator made is put right and nothing else is touched; the order
// of keys is what people read by, and stays.
func TestMake(t *testing.T) {
	t.Parallel()
	made, err := document.Make([]byte(generated), descriptors(t))
	if err != nil {
		t.Fatal(err)
	}
	got, want := tree(t, made.V2), tree(t, []byte(wanted))
	// Words that are ours to change: that they are there is asked below.
	got, words := wordless(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if words != 3 {
		t.Errorf("%d descriptions were written, want those of the amount, the stream and its error", words)
	}
	text := string(made.V2)
	if !strings.Contains(text, "Which <one>.") {
		t.Error("it is escaped as if for HTML")
	}
	if i, j, k := strings.Index(text, `"kinds"`), strings.LastIndex(text, `"name"`), strings.Index(text, `"size"`); i > j || j > k {
		t.Errorf("the fields of the message lost their order: %s", text)
	}
	again, err := document.Make([]byte(generated), descriptors(t))
	if err != nil || string(again.V2) != text || string(again.V3) != string(made.V3) {
		t.Errorf("the same input gave other bytes: %v", err)
	}
}

// TestUpgrade: the same in OpenAPI 3.0, where it says what 2.0 cannot.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	withPort := strings.Replace(generated, `"size": {"$ref": "#/definitions/resourceQuantity"}`,
		`"size": {"$ref": "#/definitions/v1PodSpec"}`, 1)
	made, err := document.Make([]byte(withPort), descriptors(t))
	if err != nil {
		t.Fatal(err)
	}
	got := tree(t, made.V3)
	for path, want := range map[string]string{
		"openapi":                                `"3.0.3"`,
		"paths /v1/thing/{name} put requestBody": `{"content":{"application/json":{"schema":{"$ref":"#/components/schemas/ourThing"}}},"required":true}`,
		"paths /v1/thing/{name} put parameters":  `[{"description":"Which <one>.","in":"path","name":"name","required":true,"schema":{"type":"string"}}]`,
		"paths /v1/things get responses 200 content text/event-stream":                     `{"schema":{"$ref":"#/components/schemas/ourKind"}}`,
		"components schemas intstrIntOrString oneOf":                                       `[{"format":"int32","type":"integer"},{"type":"string"}]`,
		"components schemas v1PodSpec properties containers nullable":                      `true`,
		"components schemas v1PodSpec properties containers items":                         `{"$ref":"#/components/schemas/v1Container"}`,
		"components schemas v1ResourceRequirements properties limits additionalProperties": `{"$ref":"#/components/schemas/resourceQuantity"}`,
		"components schemas v1ScaleIOVolumeSource properties secretRef allOf":              `[{"$ref":"#/components/schemas/v1LocalObjectReference"}]`,
	} {
		var at any = got
		for key := range strings.FieldsSeq(path) {
			inner, _ := at.(map[string]any)
			at = inner[key]
		}
		var raw strings.Builder
		enc := json.NewEncoder(&raw)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(at); err != nil || strings.TrimSpace(raw.String()) != want {
			t.Errorf("%s is %s, %v; want %s", path, raw.String(), err, want)
		}
	}
	if text := string(made.V3); strings.Contains(text, "#/definitions/") || strings.Contains(text, "x-nullable") {
		t.Error("something of 2.0 is left")
	}
}

// wordless takes out the descriptions that Make wrote, and counts them.
func wordless(v map[string]any) (map[string]any, int) {
	words := 0
	take := func(path ...string) {
		at := v
		for _, key := range path {
			at, _ = at[key].(map[string]any)
		}
		if text, _ := at["description"].(string); len(text) > len("Good.") {
			words++
			delete(at, "description")
		}
	}
	take("definitions", "resourceQuantity")
	take("definitions", "rpcStreamStatus")
	take("paths", "/v1/things", "get", "responses", "200")
	return v, words
}

func tree(t *testing.T, raw []byte) (v map[string]any) {
	t.Helper()
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestMakeRefuses(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ old, with, want string }{
		"what is no JSON":         {`{`, `[`, "generated document"},
		"a reference to nothing":  {`"ourKind": {`, `"other": {`, "not defined, though referred to: ourKind"},
		"an unknown method":       {`"operationId": "Set"`, `"operationId": "Get"`, "put /v1/thing/{name}: there is no method [Things].Get"},
		"a field from nowhere":    {`"kinds": {`, `"sorts": {`, "its field kinds is neither in the path"},
		"what 3.0 would lose":     {`"operationId": "Set",`, `"operationId": "Set", "schemes": ["https"],`, "put /v1/thing/{name}: schemes of an operation has no place"},
		"a parameter 3.0 loses":   {`"required": true, "type": "string"`, `"required": true, "type": "array", "collectionFormat": "csv"`, "a parameter's collectionFormat has no place"},
		"one name for two things": {`"unused": {`, `"v1PodSpec": {`, "v1PodSpec is a name of Kubernetes and of ours"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := document.Make([]byte(strings.Replace(generated, test.old, test.with, 1)), descriptors(t))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
}

// Types as Kubernetes writes them.
type (
	Owner struct {
		metav1.TypeMeta `json:",inline"`
		Source          `json:",inline"`
		Amounts         map[Name]resource.Quantity `json:"amounts,omitempty"`
		Port            intstr.IntOrString         `json:"port"`
		Since           metav1.Time                `json:"since,omitzero"`
		Until           metav1.Time                `json:"until"`
		Seconds         *int64                     `json:"seconds,omitempty"`
		Others          []Owner                    `json:"others"`
		Other           *Owner                     `json:"other"`
		Bytes           []byte                     `json:"bytes,omitempty"`
		Hidden          func()                     `json:"-"`
	}
	Source struct {
		Path string `json:"path"`
	}
	Name string
)

func (Source) SwaggerDoc() map[string]string {
	return map[string]string{"": "Source is one.", "path": "Where."}
}

// TestKubernetes: each way in which Kubernetes' JSON differs from protobuf's.
func TestKubernetes(t *testing.T) {
	t.Parallel()
	made, err := document.MakeKubernetes(reflect.TypeFor[Owner]())
	if err != nil {
		t.Fatal(err)
	}
	type object = map[string]any
	ref := func(name string) object { return object{"$ref": "#/definitions/" + name} }
	got := tree(t, made)
	kind := reflect.TypeFor[Owner]().PkgPath()
	name := kind[strings.LastIndex(kind, "/")+1:] + "Owner"
	definition, _ := got[name].(object)
	properties, _ := definition["properties"].(object)
	for _, inline := range []string{"kind", "apiVersion"} {
		if inner, _ := properties[inline].(object); inner["type"] != "string" {
			t.Errorf("%s is %v", inline, inner)
		}
		delete(properties, inline)
	}
	want := object{
		"path":    object{"type": "string", "description": "Where."},
		"amounts": object{"type": "object", "additionalProperties": ref("resourceQuantity")},
		"port":    ref("intstrIntOrString"),
		"since":   object{"type": "string", "format": "date-time"},
		"until":   object{"type": "string", "format": "date-time", "x-nullable": true},
		"seconds": object{"type": "integer", "format": "int64"},
		"others":  object{"type": "array", "items": ref(name), "x-nullable": true},
		"other":   object{"allOf": []any{ref(name)}, "x-nullable": true},
		"bytes":   object{"type": "string", "format": "byte"},
	}
	if diff := cmp.Diff(want, properties); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got["resourceQuantity"].(object)["type"] != "string" || got["intstrIntOrString"].(object)["type"] != nil {
		t.Errorf("an amount is %v, a port %v", got["resourceQuantity"], got["intstrIntOrString"])
	}
}

// What is not understood is refused, not guessed.
type (
	withOwnJSON struct {
		At time.Time `json:"at"`
	}
	withoutName struct{ Value string }
	withNoJSON  struct {
		Value complex128 `json:"value"`
	}
	withTwo struct {
		Source `json:",inline"`
		Path   string `json:"path"`
	}
)

func TestKubernetesRefuses(t *testing.T) {
	t.Parallel()
	for want, of := range map[string]reflect.Type{
		"time.Time has a JSON of its own that is not known": reflect.TypeFor[withOwnJSON](),
		"Value has no name in JSON":                         reflect.TypeFor[withoutName](),
		"no JSON is known for complex128":                   reflect.TypeFor[withNoJSON](),
		`there is a "path" already`:                         reflect.TypeFor[withTwo](),
	} {
		if _, err := document.MakeKubernetes(of); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", of, err, want)
		}
	}
}
