package render

import (
	"encoding/json"
	"fmt"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// Plain returns a message as plain data. It fails when what is Kubernetes' in it is
// not.
func Plain(m proto.Message) (map[string]any, error) {
	raw, err := protojson.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", m.ProtoReflect().Descriptor().Name(), err)
	}
	var tree map[string]any
	if err := json.Unmarshal(raw, &tree); err != nil {
		return nil, fmt.Errorf("encode %s: %w", m.ProtoReflect().Descriptor().Name(), err)
	}
	if err := kubernetes(m.ProtoReflect(), tree); err != nil {
		return nil, err
	}
	return tree, nil
}

// kubernetes replaces in tree, which was made of m, what is Kubernetes' by its own
// JSON: protobuf's would be {"cpu": {"string": "100m"}}.
func kubernetes(m protoreflect.Message, tree map[string]any) error {
	var failed error
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		name := fd.JSONName()
		switch {
		case fd.IsMap() && fd.MapValue().Message() != nil:
			items, _ := tree[name].(map[string]any)
			v.Map().Range(func(k protoreflect.MapKey, item protoreflect.Value) bool {
				items[k.String()], failed = one(item.Message(), items[k.String()])
				return failed == nil
			})
		case fd.IsMap() || fd.Message() == nil:
		case fd.IsList():
			items, _ := tree[name].([]any)
			for i := 0; i < len(items) && failed == nil; i++ {
				items[i], failed = one(v.List().Get(i).Message(), items[i])
			}
		default:
			tree[name], failed = one(v.Message(), tree[name])
		}
		return failed == nil
	})
	return failed
}

// one returns what stands for m in place of in, which protobuf made of it.
func one(m protoreflect.Message, in any) (any, error) {
	own := kind(m.Descriptor().FullName())
	if own == nil {
		if tree, ok := in.(map[string]any); ok {
			return tree, kubernetes(m, tree)
		}
		return in, nil // times and the like are text
	}
	wire, err := proto.Marshal(m.Interface())
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", m.Descriptor().Name(), err)
	}
	if err := own.Unmarshal(wire); err != nil {
		return nil, fmt.Errorf("decode %s: %w", m.Descriptor().Name(), err)
	}
	raw, err := json.Marshal(own)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", m.Descriptor().Name(), err)
	}
	var out any
	if err := json.Unmarshal(raw, &out); err != nil {
		return nil, fmt.Errorf("encode %s: %w", m.Descriptor().Name(), err)
	}
	return out, nil
}

// kind returns an empty value of Kubernetes' own type for each that stands in the
// public API; nil for all else.
func kind(name protoreflect.FullName) interface{ Unmarshal([]byte) error } {
	switch name {
	case "k8s.io.api.core.v1.PodSpec":
		return &corev1.PodSpec{}
	case "k8s.io.api.core.v1.Service":
		return &corev1.Service{}
	case "k8s.io.api.core.v1.ResourceRequirements":
		return &corev1.ResourceRequirements{}
	case "k8s.io.api.networking.v1.Ingress":
		return &networkingv1.Ingress{}
	case "k8s.io.apimachinery.pkg.api.resource.Quantity":
		return &resource.Quantity{}
	default:
		return nil
	}
}
