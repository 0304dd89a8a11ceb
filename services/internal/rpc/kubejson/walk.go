package kubejson

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// object is a real Kubernetes type: it has its wire form and its JSON.
type object interface {
	Marshal() ([]byte, error)
	Unmarshal(data []byte) error
}

// real makes the real type of a Kubernetes message that stands in one of ours.
func real(name protoreflect.FullName) object { //nolint:predeclared // the word of the package doc
	switch name {
	case "k8s.io.api.core.v1.PodSpec":
		return &corev1.PodSpec{}
	case "k8s.io.api.core.v1.Service":
		return &corev1.Service{}
	case "k8s.io.api.core.v1.ResourceRequirements":
		return &corev1.ResourceRequirements{}
	case "k8s.io.api.core.v1.PodLogOptions":
		return &corev1.PodLogOptions{}
	case "k8s.io.api.networking.v1.Ingress":
		return &networkingv1.Ingress{}
	case "k8s.io.apimachinery.pkg.api.resource.Quantity":
		return &resource.Quantity{}
	}
	return nil
}

func isKubernetes(m protoreflect.MessageDescriptor) bool {
	return m != nil && strings.HasPrefix(string(m.FullName()), "k8s.io.")
}

var reaches sync.Map //nolint:gochecknoglobals // a cache of what descriptors say, which never changes

// reachesKubernetes says whether a message can hold a Kubernetes value somewhere.
func reachesKubernetes(m protoreflect.MessageDescriptor) bool {
	if known, ok := reaches.Load(m.FullName()); ok {
		return known == true
	}
	found := search(m, map[protoreflect.FullName]bool{})
	reaches.Store(m.FullName(), found)
	return found
}

func search(m protoreflect.MessageDescriptor, seen map[protoreflect.FullName]bool) bool {
	if isKubernetes(m) {
		return true
	}
	if seen[m.FullName()] {
		return false
	}
	seen[m.FullName()] = true
	for i := range m.Fields().Len() {
		if inner := valueOf(m.Fields().Get(i)); inner != nil && search(inner, seen) {
			return true
		}
	}
	return false
}

// valueOf is the message that a field holds, also as a list or as the values of a
// map; nil for a scalar.
func valueOf(f protoreflect.FieldDescriptor) protoreflect.MessageDescriptor {
	if f.IsMap() {
		return f.MapValue().Message()
	}
	return f.Message()
}

// toKubernetes replaces, in the protobuf JSON of a message, every Kubernetes value
// by its own JSON.
func toKubernetes(m protoreflect.Message, tree map[string]any) (err error) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		inner := valueOf(f)
		if inner == nil || !reachesKubernetes(inner) {
			return true
		}
		name := f.JSONName()
		switch at := tree[name].(type) {
		case []any:
			for i := range at {
				if at[i], err = toValue(v.List().Get(i).Message(), at[i]); err != nil {
					return false
				}
			}
		case map[string]any:
			if !f.IsMap() {
				tree[name], err = toValue(v.Message(), at)
				return err == nil
			}
			v.Map().Range(func(key protoreflect.MapKey, value protoreflect.Value) bool {
				at[key.String()], err = toValue(value.Message(), at[key.String()])
				return err == nil
			})
		default:
			tree[name], err = toValue(v.Message(), at)
		}
		return err == nil
	})
	return err
}

func toValue(m protoreflect.Message, at any) (any, error) {
	if isKubernetes(m.Descriptor()) {
		return toReal(m)
	}
	if tree, ok := at.(map[string]any); ok {
		return tree, toKubernetes(m, tree)
	}
	return at, nil
}

func toReal(m protoreflect.Message) (any, error) {
	name := m.Descriptor().FullName()
	out := real(name)
	if out == nil {
		return nil, fmt.Errorf("write %s as JSON: no real type is known for it", name)
	}
	wire, err := proto.Marshal(m.Interface())
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", name, err)
	}
	if err := out.Unmarshal(wire); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return out, nil
}

// fromKubernetes replaces, in JSON as people write it, every Kubernetes value by its
// protobuf JSON. path is where the tree stands, for errors.
func fromKubernetes(m protoreflect.MessageDescriptor, tree map[string]any, path string) (err error) {
	for key, at := range tree {
		f := m.Fields().ByJSONName(key)
		if f == nil {
			f = m.Fields().ByTextName(key)
		}
		if f == nil || at == nil {
			continue // protojson refuses what it does not know
		}
		inner := valueOf(f)
		if inner == nil || !reachesKubernetes(inner) {
			continue
		}
		here := path + key
		switch {
		case f.IsList():
			list, _ := at.([]any)
			for i := range list {
				if list[i], err = fromValue(inner, list[i], fmt.Sprintf("%s[%d]", here, i)); err != nil {
					return err
				}
			}
		case f.IsMap():
			entries, _ := at.(map[string]any)
			for entry, value := range entries {
				if entries[entry], err = fromValue(inner, value, fmt.Sprintf("%s[%q]", here, entry)); err != nil {
					return err
				}
			}
		default:
			if tree[key], err = fromValue(inner, at, here); err != nil {
				return err
			}
		}
	}
	return nil
}

func fromValue(m protoreflect.MessageDescriptor, at any, path string) (any, error) {
	if isKubernetes(m) {
		out, err := fromReal(m, at)
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrJSON, path, err)
		}
		return out, nil
	}
	if tree, ok := at.(map[string]any); ok {
		return tree, fromKubernetes(m, tree, path+".")
	}
	return at, nil
}

func fromReal(m protoreflect.MessageDescriptor, at any) (json.RawMessage, error) {
	in := real(m.FullName())
	if in == nil {
		return nil, fmt.Errorf("no real type is known for %s", m.FullName())
	}
	raw, err := json.Marshal(at)
	if err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(in); err != nil {
		return nil, err
	}
	wire, err := in.Marshal()
	if err != nil {
		return nil, err
	}
	message := dynamicpb.NewMessage(m)
	if err := proto.Unmarshal(wire, message); err != nil {
		return nil, err
	}
	return protojson.Marshal(message)
}
