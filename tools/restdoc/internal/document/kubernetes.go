package document

import (
	"encoding/json"
	"fmt"
	"path"
	"reflect"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// roots are the Kubernetes types that our messages hold. One that is missing here is an
// error of [Make], which names it.
func roots() []reflect.Type {
	return []reflect.Type{
		reflect.TypeFor[corev1.PodSpec](),
		reflect.TypeFor[corev1.Service](),
		reflect.TypeFor[corev1.ResourceRequirements](),
		reflect.TypeFor[corev1.PodLogOptions](),
		reflect.TypeFor[networkingv1.Ingress](),
		reflect.TypeFor[resource.Quantity](),
	}
}

// special returns the schema of a type with a JSON of its own; nil for any other.
func special(t reflect.Type) *object {
	switch t {
	case reflect.TypeFor[resource.Quantity]():
		return newObject(member{"type", "string"}, member{"description", "An amount with a unit, as in any manifest: \"100m\" is a tenth, \"64Mi\" is 64 times 2^20, \"1.5G\" is 1.5 times 10^9. " +
			"It is answered as a string in its shortest form; a number is taken too where it is sent."})
	case reflect.TypeFor[intstr.IntOrString]():
		// Without a type, for OpenAPI 2.0 has none that is either of two.
		return newObject(member{"description", "A number (int32) or a string, as in any manifest: a port is 8080 or \"http\"."},
			member{"x-kubernetes-int-or-string", true})
	case reflect.TypeFor[metav1.Time]():
		return newObject(member{"type", "string"}, member{"format", "date-time"})
	case reflect.TypeFor[metav1.FieldsV1]():
		return newObject(member{"type", "object"}, member{"description", "A set of fields, as Kubernetes keeps it: a key is `f:<name>`, `k:<keys>`, `v:<value>` or `i:<index>`, " +
			"its value such a set again or empty."})
	}
	return nil
}

// kubernetes makes definitions from Kubernetes' Go types, for their JSON is what
// encoding/json makes of them.
type kubernetes struct {
	made        map[string]reflect.Type // by the name of the definition
	definitions *object
}

// makeKubernetes returns the definitions of the roots and of all that they reach.
func makeKubernetes(roots []reflect.Type) (*object, error) {
	k := &kubernetes{made: map[string]reflect.Type{}, definitions: newObject()}
	for _, t := range roots {
		if _, err := k.schema(t); err != nil {
			return nil, fmt.Errorf("describe %s: %w", t, err)
		}
	}
	return k.definitions, nil
}

// definitionName is the generator's name for the protobuf message of the same name.
func definitionName(t reflect.Type) string { return path.Base(t.PkgPath()) + t.Name() }

func reference(name string) *object { return newObject(member{"$ref", "#/definitions/" + name}) }

// schema returns what describes a value of a type, after making the definitions that it
// refers to.
func (k *kubernetes) schema(t reflect.Type) (*object, error) {
	if t == reflect.TypeFor[metav1.Time]() {
		return special(t), nil // in place, so that each has its description
	}
	if t.Kind() == reflect.Struct {
		return k.define(t)
	}
	if t.Kind() != reflect.Pointer && reflect.PointerTo(t).Implements(reflect.TypeFor[json.Marshaler]()) {
		return nil, fmt.Errorf("%s has a JSON of its own that is not known here", t)
	}
	switch t.Kind() {
	case reflect.Pointer:
		return k.schema(t.Elem())
	case reflect.String:
		return newObject(member{"type", "string"}), nil
	case reflect.Bool:
		return newObject(member{"type", "boolean"}), nil
	case reflect.Int32, reflect.Int64:
		return newObject(member{"type", "integer"}, member{"format", t.Kind().String()}), nil
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return newObject(member{"type", "string"}, member{"format", "byte"}), nil
		}
		items, err := k.schema(t.Elem())
		return newObject(member{"type", "array"}, member{"items", items}), err
	case reflect.Map:
		if t.Key().Kind() != reflect.String {
			break
		}
		values, err := k.schema(t.Elem())
		return newObject(member{"type", "object"}, member{"additionalProperties", values}), err
	default: // below
	}
	return nil, fmt.Errorf("no JSON is known for %s", t)
}

// define makes the definition of a struct, unless it is there, and refers to it.
func (k *kubernetes) define(t reflect.Type) (*object, error) {
	name := definitionName(t)
	if other, ok := k.made[name]; ok {
		if other != t {
			return nil, fmt.Errorf("%s and %s would both be %s", other, t, name)
		}
		return reference(name), nil
	}
	k.made[name] = t
	definition := special(t)
	if definition == nil {
		if reflect.PointerTo(t).Implements(reflect.TypeFor[json.Marshaler]()) {
			return nil, fmt.Errorf("%s has a JSON of its own that is not known here", t)
		}
		properties := newObject()
		if err := k.fields(t, properties); err != nil {
			return nil, err
		}
		definition = newObject(member{"type", "object"}, member{"properties", properties})
		if text := documentation(t)[""]; text != "" {
			definition.set("description", text)
		}
	}
	k.definitions.set(name, definition)
	return reference(name), nil
}

// fields adds the properties of a struct; those of an embedded one without a name stand
// among its own.
func (k *kubernetes) fields(t reflect.Type, properties *object) error {
	texts := documentation(t)
	for field := range t.Fields() {
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case name == "-":
			continue
		case name == "" && field.Anonymous:
			inner := field.Type
			if inner.Kind() == reflect.Pointer {
				inner = inner.Elem()
			}
			if err := k.fields(inner, properties); err != nil {
				return err
			}
			continue
		case name == "":
			return fmt.Errorf("%s.%s has no name in JSON", t, field.Name)
		}
		property, err := k.property(field.Type, options)
		if err != nil {
			return fmt.Errorf("%s.%s: %w", t, field.Name, err)
		}
		if text := texts[name]; text != "" {
			property.set("description", text)
		}
		if properties.index(name) >= 0 {
			return fmt.Errorf("%s.%s: there is a %q already", t, field.Name, name)
		}
		properties.set(name, property)
	}
	return nil
}

// property is the schema of a field, which says so when the field may be written as null.
func (k *kubernetes) property(t reflect.Type, options string) (*object, error) {
	property, err := k.schema(t)
	if err != nil || !nullable(t, strings.Split(options, ",")) {
		return property, err
	}
	if property.get("$ref") != nil { // nothing that stands beside a reference counts
		property = newObject(member{"allOf", []any{property}})
	}
	property.set("x-nullable", true)
	return property, nil
}

// nullable says whether encoding/json writes the zero value of a field as null. It never
// leaves out a struct as empty, only as zero.
func nullable(t reflect.Type, options []string) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		return !slices.Contains(options, "omitempty") && !slices.Contains(options, "omitzero")
	default:
		return t == reflect.TypeFor[metav1.Time]() && !slices.Contains(options, "omitzero")
	}
}

// documentation returns Kubernetes' own words on a type ("") and its fields, by their
// names in JSON: already without the markers that are for its code generators.
func documentation(t reflect.Type) map[string]string {
	if d, ok := reflect.TypeAssert[interface{ SwaggerDoc() map[string]string }](reflect.New(t)); ok {
		return d.SwaggerDoc()
	}
	return nil
}
