package api_test

import (
	"fmt"
	"strings"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
)

// surface is everything of some protos that a client can tell apart, as lines: what it is of -> what is
// so. Two sets of protos with the same surface are the same on the wire, in JSON and over REST; comments,
// the division into files and options for single languages are not part of it.
type surface map[string]string

// surfaceOf returns the surface of the files whose package is one of packages or lies below one.
func surfaceOf(files []*descriptorpb.FileDescriptorProto, packages ...string) surface {
	s := surface{}
	for _, file := range files {
		if !within(file.GetPackage(), packages) {
			continue
		}
		for _, m := range file.GetMessageType() {
			s.addMessage(file.GetPackage(), m)
		}
		for _, e := range file.GetEnumType() {
			s.addEnum(file.GetPackage(), e)
		}
		for _, service := range file.GetService() {
			s.addService(file.GetPackage(), service)
		}
	}
	return s
}

func within(name string, packages []string) bool {
	for _, p := range packages {
		if name == p || strings.HasPrefix(name, p+".") {
			return true
		}
	}
	return false
}

func (s surface) addMessage(scope string, m *descriptorpb.DescriptorProto) {
	name := scope + "." + m.GetName()
	s["message "+name] = "there"
	if m.GetOptions().GetMapEntry() {
		s["message "+name] += ", map entry"
	}
	if m.GetOptions().GetDeprecated() {
		s["message "+name] += ", deprecated"
	}
	for _, f := range m.GetField() {
		s["field "+name+"."+f.GetName()] = describeField(m, f)
	}
	for _, r := range m.GetReservedRange() {
		for n := r.GetStart(); n < r.GetEnd(); n++ { // the end is not part of it
			s[fmt.Sprintf("number %s.%d", name, n)] = "reserved"
		}
	}
	for _, n := range m.GetReservedName() {
		s["name "+name+"."+n] = "reserved"
	}
	for _, nested := range m.GetNestedType() {
		s.addMessage(name, nested)
	}
	for _, e := range m.GetEnumType() {
		s.addEnum(name, e)
	}
}

func describeField(m *descriptorpb.DescriptorProto, f *descriptorpb.FieldDescriptorProto) string {
	kind := strings.TrimPrefix(f.GetTypeName(), ".") // of messages and enums
	if kind == "" {
		kind = strings.ToLower(strings.TrimPrefix(f.GetType().String(), "TYPE_"))
	}
	label := strings.ToLower(strings.TrimPrefix(f.GetLabel().String(), "LABEL_"))
	line := fmt.Sprintf("%d, %s, %s", f.GetNumber(), label, kind)
	if f.OneofIndex != nil {
		line += ", oneof " + m.GetOneofDecl()[f.GetOneofIndex()].GetName()
	}
	if f.GetOptions() != nil && f.GetOptions().Packed != nil { // unset is what its syntax makes of it
		line += fmt.Sprintf(", packed %t", f.GetOptions().GetPacked())
	}
	if f.JsonName != nil && f.GetJsonName() != camelCase(f.GetName()) {
		line += ", json " + f.GetJsonName()
	}
	if f.DefaultValue != nil {
		line += ", default " + f.GetDefaultValue()
	}
	if f.GetProto3Optional() {
		line += ", tracks presence"
	}
	if f.GetOptions().GetDeprecated() {
		line += ", deprecated"
	}
	return line
}

func (s surface) addEnum(scope string, e *descriptorpb.EnumDescriptorProto) {
	name := scope + "." + e.GetName()
	for _, v := range e.GetValue() {
		key := "value " + name + "." + v.GetName()
		s[key] = fmt.Sprintf("%d", v.GetNumber())
		if v.GetOptions().GetDeprecated() {
			s[key] += ", deprecated"
		}
	}
}

func (s surface) addService(scope string, service *descriptorpb.ServiceDescriptorProto) {
	for _, m := range service.GetMethod() {
		key := fmt.Sprintf("method %s.%s/%s", scope, service.GetName(), m.GetName())
		in, out := strings.TrimPrefix(m.GetInputType(), "."), strings.TrimPrefix(m.GetOutputType(), ".")
		if m.GetClientStreaming() {
			in = "stream of " + in
		}
		if m.GetServerStreaming() {
			out = "stream of " + out
		}
		s[key] = in + " -> " + out + describeHTTP(m.GetOptions())
		if m.GetOptions().GetDeprecated() {
			s[key] += " deprecated"
		}
	}
}

// describeHTTP returns the REST binding of a method, or "" if it has none.
func describeHTTP(options *descriptorpb.MethodOptions) string {
	if !proto.HasExtension(options, annotations.E_Http) {
		return ""
	}
	rule := proto.GetExtension(options, annotations.E_Http).(*annotations.HttpRule)
	// The text form of a message is not stable from build to build, so it is put together here.
	verb, path := "", ""
	switch p := rule.GetPattern().(type) {
	case *annotations.HttpRule_Get:
		verb, path = "GET", p.Get
	case *annotations.HttpRule_Put:
		verb, path = "PUT", p.Put
	case *annotations.HttpRule_Post:
		verb, path = "POST", p.Post
	case *annotations.HttpRule_Delete:
		verb, path = "DELETE", p.Delete
	case *annotations.HttpRule_Patch:
		verb, path = "PATCH", p.Patch
	case *annotations.HttpRule_Custom:
		verb, path = p.Custom.GetKind(), p.Custom.GetPath()
	}
	binding := fmt.Sprintf(" [%s %s body %q", verb, path, rule.GetBody())
	for range rule.GetAdditionalBindings() {
		binding += " and another"
	}
	return binding + "]"
}

// camelCase returns the JSON name that a field gets when nothing else is said.
func camelCase(name string) string {
	var b strings.Builder
	upper := false
	for _, r := range name {
		switch {
		case r == '_':
			upper = true
		case upper:
			b.WriteString(strings.ToUpper(string(r)))
			upper = false
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
