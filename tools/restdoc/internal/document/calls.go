package document

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// streamError is the definition of what stands for a stream that did not begin.
const streamError = "rpcStreamStatus"

// bodies makes the body of every call the call's whole message, as generated clients of
// Armada know it. The generator makes a definition without the fields that stand in the
// path; the gateway reads them in the body too, and lets the path's go before.
func (d *document) bodies(files *protoregistry.Files) error {
	return d.calls(func(at string, call *object) error {
		method, err := methodOf(files, call)
		if err != nil {
			return fmt.Errorf("%s: %w", at, err)
		}
		parameters, _ := call.get("parameters").([]any)
		inPath := map[string]*object{}
		for _, p := range parameters {
			p, ok := p.(*object)
			switch {
			case !ok:
				return fmt.Errorf("%s: a parameter is no object", at)
			case p.text("in") == "path":
				inPath[p.text("name")] = p
				continue
			case p.text("in") != "body" || len(inPath) == 0: // the body is the last
				continue
			}
			name := messageName(method.Input())
			if err := d.whole(name, p.object("schema").text("$ref"), method.Input(), inPath); err != nil {
				return fmt.Errorf("%s: %w", at, err)
			}
			p.set("schema", reference(name))
		}
		return nil
	})
}

// messageName is the generator's name for the definition of a message of ours.
func messageName(m protoreflect.MessageDescriptor) string {
	return string(m.ParentFile().Package().Name()) + string(m.Name())
}

// whole makes the definition of a message from what the generator left in part and from
// the fields that stand in the path.
func (d *document) whole(name, part string, message protoreflect.MessageDescriptor, inPath map[string]*object) error {
	if d.definitions.index(name) >= 0 {
		return nil // made for another call
	}
	definition := d.definitions.object(strings.TrimPrefix(part, "#/definitions/"))
	properties := newObject()
	for i := range message.Fields().Len() {
		field := message.Fields().Get(i).JSONName()
		property, _ := definition.object("properties").get(field).(*object)
		if property == nil && inPath[field] != nil {
			property = newObject()
			for _, m := range inPath[field].members {
				if m.key != "name" && m.key != "in" && m.key != "required" {
					property.members = append(property.members, m)
				}
			}
		}
		if property == nil {
			return fmt.Errorf("%s: its field %s is neither in the path nor in %q", name, field, part)
		}
		properties.set(field, property)
	}
	made := newObject(member{"type", "object"}, member{"properties", properties})
	if text := definition.text("description"); text != "" {
		made.set("description", text)
	}
	d.definitions.set(name, made)
	return nil
}

// streams says of calls that answer with a stream how it is written, and what is
// answered in its place.
func (d *document) streams(files *protoregistry.Files) error {
	d.definitions.set(streamError, newObject(member{"type", "object"},
		member{"properties", newObject(
			member{"error", reference("rpcStatus")},
			member{"code", newObject(member{"type", "integer"}, member{"format", "int32"})},
			member{"message", newObject(member{"type", "string"})},
			member{"details", newObject(member{"type", "array"}, member{"items", reference("protobufAny")})},
		)},
		member{"description", "What is answered in place of a stream: `error` alone when the service refused the call, the other fields, " +
			"those of rpcStatus, when the request could not be read or routed."}))
	return d.calls(func(at string, call *object) error {
		method, err := methodOf(files, call)
		if err != nil {
			return fmt.Errorf("%s: %w", at, err)
		}
		if !method.IsStreamingServer() {
			return nil
		}
		answers := call.object("responses")
		answers.object("200").set("description", "A stream of such objects, each on a line of its own. To a client that accepts `text/event-stream`, and nothing else, "+
			"each is the data of a server-sent event. All hold a `result`, but for an `error` that ends the stream.")
		answers.object("default").set("schema", reference(streamError))
		call.set("produces", []any{"application/json", "text/event-stream"})
		return nil
	})
}

// calls calls visit with every operation, and with its verb and path for errors.
func (d *document) calls(visit func(at string, call *object) error) error {
	for _, p := range d.root.object("paths").members {
		verbs, _ := p.value.(*object)
		if verbs == nil {
			return fmt.Errorf("%s has no operations", p.key)
		}
		for _, c := range verbs.members {
			call, ok := c.value.(*object)
			if !ok {
				return fmt.Errorf("%s %s is no operation", c.key, p.key)
			}
			if err := visit(c.key+" "+p.key, call); err != nil {
				return err
			}
		}
	}
	return nil
}

// methodOf is the method that an operation calls: its tag is the service's name.
func methodOf(files *protoregistry.Files, call *object) (found protoreflect.MethodDescriptor, err error) {
	tags, _ := call.get("tags").([]any)
	id := call.text("operationId")
	files.RangeFiles(func(f protoreflect.FileDescriptor) bool {
		for i := range f.Services().Len() {
			service := f.Services().Get(i)
			if len(tags) == 1 && tags[0] == string(service.Name()) && found == nil {
				found = service.Methods().ByName(protoreflect.Name(id))
			}
		}
		return found == nil
	})
	if found == nil {
		return nil, fmt.Errorf("there is no method %v.%s", tags, id)
	}
	return found, nil
}
