// Package document makes the OpenAPI document of the REST API true: it takes what the
// generator of grpc-gateway made of the protos, and puts right what the services serve
// otherwise.
//
// # Model
//
//	generator's document --+            +--> OpenAPI 2.0, as Armada's clients know it
//	protos' descriptors  --+--> Make ---+
//	Kubernetes' Go types --+            +--> the same as OpenAPI 3.0
//
// What is put right:
//
//   - Kubernetes' types. The services read and write their own JSON (package
//     services/internal/rpc/kubejson), the generator describes their protobuf JSON. So
//     their definitions are made anew from the Go types, by the tags that encoding/json
//     goes by, and with Kubernetes' own descriptions.
//   - Bodies of calls that have fields in their path: the whole message, as clients that
//     were generated from Armada's document have it.
//   - Streams: how they are written, and what is answered in their place.
//   - References have nothing beside them that says otherwise, and nothing is defined
//     that nobody refers to.
//
// # Guarantees
//
// The same input gives the same bytes. What is not understood is an error, never passed
// on: a Kubernetes type with an unknown JSON, two definitions of one name, a reference to
// none.
package document

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

// document is the document while it is worked on.
type document struct {
	root        *object
	definitions *object
}

// Made is the true document, in two languages.
type Made struct {
	V2 []byte // OpenAPI 2.0, as Armada has it
	V3 []byte // OpenAPI 3.0, which can say of an int-or-string what it is
}

// Make returns the true document. generated is the generator's, in OpenAPI 2.0,
// descriptors a serialized google.protobuf.FileDescriptorSet of the protos it was made
// of.
func Make(generated, descriptors []byte) (Made, error) {
	root, err := parse(generated)
	if err != nil {
		return Made{}, fmt.Errorf("the generated document: %w", err)
	}
	files, err := read(descriptors)
	if err != nil {
		return Made{}, fmt.Errorf("the descriptors: %w", err)
	}
	d := &document{root: root, definitions: root.object("definitions")}
	for _, step := range []func(*protoregistry.Files) error{d.bodies, d.streams, d.kubernetes, d.references} {
		if err := step(files); err != nil {
			return Made{}, err
		}
	}
	upgraded, err := upgrade(d.root)
	if err != nil {
		return Made{}, fmt.Errorf("write the document as OpenAPI 3: %w", err)
	}
	var made Made
	if made.V2, err = indented(d.root); err != nil {
		return Made{}, err
	}
	if made.V3, err = indented(upgraded); err != nil {
		return Made{}, err
	}
	return made, nil
}

// indented is a document for people and for diffs.
func indented(root *object) ([]byte, error) {
	var raw, out bytes.Buffer
	if err := write(&raw, root); err != nil {
		return nil, fmt.Errorf("write the document: %w", err)
	}
	if err := json.Indent(&out, raw.Bytes(), "", "  "); err != nil {
		return nil, fmt.Errorf("write the document: %w", err)
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

func read(descriptors []byte) (*protoregistry.Files, error) {
	set := &descriptorpb.FileDescriptorSet{}
	if err := proto.Unmarshal(descriptors, set); err != nil {
		return nil, err
	}
	return protodesc.NewFiles(set)
}

// kubernetes replaces the definitions of Kubernetes' types.
func (d *document) kubernetes(files *protoregistry.Files) error {
	made, err := makeKubernetes(roots())
	if err != nil {
		return err
	}
	files.RangeFiles(func(f protoreflect.FileDescriptor) bool {
		if strings.HasPrefix(string(f.Package()), "k8s.io.") {
			for i := range f.Messages().Len() {
				d.definitions.remove(messageName(f.Messages().Get(i)))
			}
		}
		return true
	})
	for _, m := range made.members {
		if d.definitions.index(m.key) >= 0 {
			return fmt.Errorf("%s is a name of Kubernetes and of ours", m.key)
		}
		d.definitions.set(m.key, m.value)
	}
	return nil
}

// references puts references in order, and removes definitions that none leads to.
func (d *document) references(*protoregistry.Files) error {
	var missing []string
	reached := map[string]bool{}
	var follow func(v any)
	follow = func(v any) {
		walk(v, func(o *object) {
			name, ok := strings.CutPrefix(o.text("$ref"), "#/definitions/")
			if !ok {
				return
			}
			o.remove("type") // the generator writes `object` beside references in lists, also to enums
			if reached[name] {
				return
			}
			reached[name] = true
			if d.definitions.index(name) < 0 {
				missing = append(missing, name)
				return
			}
			follow(d.definitions.get(name))
		})
	}
	follow(d.root.get("paths"))
	if len(missing) > 0 {
		return errors.New("not defined, though referred to: " + strings.Join(missing, ", "))
	}
	d.definitions.members = slices.DeleteFunc(d.definitions.members, func(m member) bool { return !reached[m.key] })
	d.definitions.sort()
	return nil
}
