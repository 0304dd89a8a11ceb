package kubejson_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/fairlead-batch/fairlead/proto/gen/api"
	_ "github.com/fairlead-batch/fairlead/proto/gen/binoculars"
	_ "github.com/fairlead-batch/fairlead/proto/gen/schedulerobjects"
	"github.com/fairlead-batch/fairlead/proto/openapi"
	"github.com/fairlead-batch/fairlead/services/internal/rpc/kubejson"
	"github.com/fairlead-batch/fairlead/services/internal/rpc/openapitest"
)

// TestDocumentIsTrue: every message that is sent or answered over REST, with all fields
// filled in, is written as the OpenAPI document says, and reads back; and there is no
// property in the document that nothing writes.
func TestDocumentIsTrue(t *testing.T) {
	t.Parallel()
	documents := documents(t)
	written := written(t)
	if all := messages(written); len(all) < 30 {
		t.Fatalf("%d messages: the protos were not read whole", len(all))
	}
	for _, message := range messages(written) {
		for variant := range widest(message.Descriptor(), map[protoreflect.FullName]bool{}) {
			full := message.New()
			fill(t, full, variant, 0)
			name := definition(full.Descriptor())
			wire, err := kubejson.Marshaler{}.Marshal(full.Interface())
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			for version, document := range documents {
				if err := document.Check(name, wire); err != nil {
					t.Errorf("%s is not written as %s says:\n%v", name, version, err)
				}
			}
			again := full.New()
			if err := (kubejson.Marshaler{}).Unmarshal(wire, again.Interface()); err != nil {
				t.Errorf("%s does not read back: %v", name, err)
			}
			var tree any
			if err := json.Unmarshal(wire, &tree); err != nil {
				t.Fatal(err)
			}
			written.see(schema{Ref: "#/definitions/" + name}, tree)
		}
	}
	if missing := written.missing(); len(missing) > 0 {
		t.Errorf("properties that the document has and nothing writes:\n%s", strings.Join(missing, "\n"))
	}
}

// TestDocumentOfEmpty: Kubernetes writes null for some lists that are empty; the
// document must allow it.
func TestDocumentOfEmpty(t *testing.T) {
	t.Parallel()
	var in api.JobSubmitRequest
	if err := (kubejson.Marshaler{}).Unmarshal([]byte(`{"jobRequestItems": [{"podSpec": {"volumes": [{"scaleIO": {}}],
		"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {}}}}}]}`), &in); err != nil {
		t.Fatal(err)
	}
	wire, err := kubejson.Marshaler{}.Marshal(&in)
	if err != nil || !strings.Contains(string(wire), `"secretRef":null`) {
		t.Fatalf("%s, %v", wire, err)
	}
	for version, document := range documents(t) {
		if err := document.Check("apiJobSubmitRequest", wire); err != nil {
			t.Errorf("%s: %s\n%v", version, wire, err)
		}
	}
}

// documents are both, by what they are called.
func documents(t *testing.T) map[string]*openapitest.Document {
	t.Helper()
	all := map[string]*openapitest.Document{}
	for version, text := range map[string][]byte{"OpenAPI 2.0": openapi.Document(), "OpenAPI 3.0": openapi.DocumentV3()} {
		document, err := openapitest.New(text)
		if err != nil {
			t.Fatalf("%s: %v", version, err)
		}
		all[version] = document
	}
	return all
}

// messages are what the methods take and give, as far as the document defines it.
func messages(p *properties) (all []protoreflect.MessageType) {
	known := map[protoreflect.FullName]bool{}
	protoregistry.GlobalFiles.RangeFiles(func(f protoreflect.FileDescriptor) bool {
		for i := range f.Services().Len() {
			methods := f.Services().Get(i).Methods()
			for j := range methods.Len() {
				for _, message := range []protoreflect.MessageDescriptor{methods.Get(j).Input(), methods.Get(j).Output()} {
					if _, ok := p.definitions[definition(message)]; ok && !known[message.FullName()] {
						known[message.FullName()] = true
						found, err := protoregistry.GlobalTypes.FindMessageByName(message.FullName())
						if err != nil {
							panic(err) // what is in a linked file is linked
						}
						all = append(all, found)
					}
				}
			}
		}
		return true
	})
	return all
}

// definition is the name in the document of a message of ours.
func definition(m protoreflect.MessageDescriptor) string {
	return string(m.ParentFile().Package()) + string(m.Name())
}

// widest is how many choices the widest oneof or enum in a message has, at least two; of
// Kubernetes' the wire has none.
func widest(m protoreflect.MessageDescriptor, seen map[protoreflect.FullName]bool) int {
	most := 2 // a number or a string
	if seen[m.FullName()] || strings.HasPrefix(string(m.FullName()), "k8s.io.") {
		return most
	}
	seen[m.FullName()] = true
	for i := range m.Oneofs().Len() {
		most = max(most, m.Oneofs().Get(i).Fields().Len())
	}
	for i := range m.Fields().Len() {
		field := m.Fields().Get(i)
		if field.IsMap() {
			field = field.MapValue()
		}
		switch {
		case field.Enum() != nil:
			most = max(most, field.Enum().Values().Len())
		case field.Message() != nil:
			most = max(most, widest(field.Message(), seen))
		}
	}
	return most
}

// depthMax is deeper than any message that does not hold itself.
const depthMax = 16

// fill sets every field of a message, to any valid value, and of each oneof the choice
// that variant picks.
func fill(t *testing.T, m protoreflect.Message, variant, depth int) {
	t.Helper()
	if depth > depthMax {
		t.Fatalf("%s: the message holds itself", m.Descriptor().FullName())
	}
	fields := m.Descriptor().Fields()
	switch m.Descriptor().FullName() { // where not every value of a type is one
	case "k8s.io.apimachinery.pkg.api.resource.Quantity":
		m.Set(fields.ByName("string"), protoreflect.ValueOfString("100m"))
		return
	case "k8s.io.apimachinery.pkg.util.intstr.IntOrString":
		m.Set(fields.ByName("type"), protoreflect.ValueOfInt64(int64(variant%2)))
		m.Set(fields.ByName("intVal"), protoreflect.ValueOfInt32(8080))
		m.Set(fields.ByName("strVal"), protoreflect.ValueOfString("http"))
		return
	case "k8s.io.apimachinery.pkg.apis.meta.v1.FieldsV1":
		m.Set(fields.ByName("Raw"), protoreflect.ValueOfBytes([]byte(`{"f:spec":{}}`)))
		return
	}
	for i := range fields.Len() {
		field := fields.Get(i)
		if choices := field.ContainingOneof(); choices != nil && choices.Fields().Get(variant%choices.Fields().Len()) != field {
			continue
		}
		switch {
		case field.IsMap():
			value := m.Mutable(field).Map().NewValue()
			if field.MapValue().Message() != nil {
				fill(t, value.Message(), variant, depth+1)
			} else {
				value = scalar(field.MapValue(), variant)
			}
			m.Mutable(field).Map().Set(scalar(field.MapKey(), variant).MapKey(), value)
		case field.IsList() && field.Message() != nil:
			fill(t, m.Mutable(field).List().AppendMutable().Message(), variant, depth+1)
		case field.IsList():
			m.Mutable(field).List().Append(scalar(field, variant))
		case field.Message() != nil:
			fill(t, m.Mutable(field).Message(), variant, depth+1)
		default:
			m.Set(field, scalar(field, variant))
		}
	}
}

// scalar is a value of a field that is not its zero value, if it has another.
func scalar(field protoreflect.FieldDescriptor, variant int) protoreflect.Value {
	switch field.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(true)
	case protoreflect.EnumKind:
		values := field.Enum().Values()
		return protoreflect.ValueOfEnum(values.Get(variant % values.Len()).Number())
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(1)
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(1)
	case protoreflect.Uint32Kind:
		return protoreflect.ValueOfUint32(1)
	case protoreflect.Uint64Kind:
		return protoreflect.ValueOfUint64(1)
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(1.5)
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte("bytes"))
	default:
		return protoreflect.ValueOfString("text")
	}
}

// schema is what the document says of a value, as far as the test follows it.
type schema struct {
	Ref                  string            `json:"$ref"`
	AllOf                []schema          `json:"allOf"`
	Properties           map[string]schema `json:"properties"`
	Items                *schema           `json:"items"`
	AdditionalProperties *schema           `json:"additionalProperties"`
}

// properties are those of the document's definitions, and whether they were seen.
type properties struct {
	definitions map[string]schema
	seen        map[string]map[string]bool // definition, property
}

func written(t *testing.T) *properties {
	t.Helper()
	var document struct{ Definitions map[string]schema }
	if err := json.Unmarshal(openapi.Document(), &document); err != nil {
		t.Fatal(err)
	}
	return &properties{definitions: document.Definitions, seen: map[string]map[string]bool{}}
}

// see notes which properties a value has.
func (p *properties) see(s schema, v any) {
	for _, inner := range s.AllOf {
		p.see(inner, v)
	}
	if name, ok := strings.CutPrefix(s.Ref, "#/definitions/"); ok {
		s = p.definitions[name]
		if object, ok := v.(map[string]any); ok {
			if p.seen[name] == nil {
				p.seen[name] = map[string]bool{}
			}
			for key := range object {
				p.seen[name][key] = true
			}
		}
	}
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			if property, ok := s.Properties[key]; ok {
				p.see(property, value)
			} else if s.AdditionalProperties != nil {
				p.see(*s.AdditionalProperties, value)
			}
		}
	case []any:
		for _, value := range v {
			if s.Items != nil {
				p.see(*s.Items, value)
			}
		}
	}
}

// missing are the properties that were not seen.
func (p *properties) missing() (all []string) {
	for _, name := range slices.Sorted(maps.Keys(p.definitions)) {
		if strings.HasPrefix(name, "rpc") || name == "protobufAny" {
			continue // the gateway writes errors
		}
		for _, property := range slices.Sorted(maps.Keys(p.definitions[name].Properties)) {
			if !p.seen[name][property] && !onlyRead(name, property) {
				all = append(all, name+"."+property)
			}
		}
	}
	return all
}

// onlyRead says whether a property is taken and never written.
func onlyRead(name, property string) bool {
	switch {
	case name == "apiIngressConfig" && property == "type":
		return true // it has one value, which is the zero, and zeros are left out
	case property == "kind" || property == "apiVersion":
		// A manifest says what it is of; the field that holds it says so already.
		return name == "v1Service" || name == "v1Ingress" || name == "v1PodLogOptions"
	}
	return false
}
