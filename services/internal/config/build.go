package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"

	"go.yaml.in/yaml/v3"
)

// depthMax is the number of levels a source may nest; it also ends aliases that
// contain themselves.
const depthMax = 32

// builder turns one YAML source into plain data in the shape of a type, notes where
// each key stands, and reports what the type does not know. It does not check values:
// decode does.
type builder struct {
	source    string
	withLines bool // the source has lines that mean something to the operator
	found     *problems
	origin    map[string]string
}

// document builds the one document of a file. What cannot be parsed is reported.
func (b *builder) document(raw []byte, typ reflect.Type) map[string]any {
	dec := yaml.NewDecoder(bytes.NewReader(raw))
	var doc yaml.Node
	if err := dec.Decode(&doc); err != nil {
		if !errors.Is(err, io.EOF) { // an empty file sets nothing
			b.found.add(Problem{Where: b.source, Text: fmt.Sprintf("is not YAML: %v", err)})
		}
		return nil
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		b.found.add(Problem{Where: b.source, Text: "has more than one document; give one file for each"})
		return nil
	}
	root := doc.Content[0]
	if isNull(root) {
		return nil
	}
	if root.Kind != yaml.MappingNode {
		b.found.add(Problem{Where: b.at(root), Text: "must be a mapping of keys to values"})
		return nil
	}
	values, _ := b.build(root, typ, "", 0).(map[string]any)
	return values
}

// build returns the plain data of node, which stands at path and is meant for typ; nil
// when it sets nothing. Where node has another shape than typ it is built as it is, for
// decode to refuse with the key and the value.
func (b *builder) build(node *yaml.Node, typ reflect.Type, path string, depth int) any {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if path != "" {
		b.origin[path] = b.at(node)
	}
	if depth > depthMax {
		b.report(node, path, fmt.Sprintf("nests more than %d levels", depthMax))
		return nil
	}
	typ = pointee(typ)
	if isNull(node) {
		if !isSection(typ) && !isMap(typ) {
			b.report(node, path, `has no value; remove the key for the default, or write "", 0, false or []`)
		}
		return nil
	}
	switch node.Kind {
	case yaml.MappingNode:
		return b.mapping(node, typ, path, depth)
	case yaml.SequenceNode:
		return b.sequence(node, typ, path, depth)
	default:
		var v any
		if err := node.Decode(&v); err != nil {
			b.report(node, path, err.Error())
			return nil
		}
		return v
	}
}

func (b *builder) mapping(node *yaml.Node, typ reflect.Type, path string, depth int) map[string]any {
	out := make(map[string]any, len(node.Content)/2)
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		if key.Tag == "!!merge" {
			b.report(key, path, "merge keys are not supported; write the values out")
			continue
		}
		at, elem, known := b.child(key.Value, typ, path)
		if _, twice := out[key.Value]; twice {
			b.report(key, at, "is set twice")
			continue
		}
		if !known {
			b.report(key, at, "unknown key"+hint(key.Value, typ))
			continue
		}
		if v := b.build(value, elem, at, depth+1); v != nil {
			out[key.Value] = v
		}
		b.origin[at] = b.at(key)
	}
	return out
}

// child returns the path and type of what key means in a mapping for typ, and whether
// typ knows it. For a type that is no mapping at all everything is known: decode
// refuses the mapping as a whole.
func (b *builder) child(key string, typ reflect.Type, path string) (string, reflect.Type, bool) {
	switch {
	case isMap(typ):
		return fmt.Sprintf("%s[%s]", path, key), typ.Elem(), true
	case isSection(typ):
		for _, f := range fieldsOf(typ) {
			if f.key == key {
				return join(path, key), f.typ, true
			}
		}
		return join(path, key), nil, false
	default:
		return join(path, key), reflect.TypeFor[any](), true
	}
}

func (b *builder) sequence(node *yaml.Node, typ reflect.Type, path string, depth int) []any {
	elem := reflect.TypeFor[any]()
	if isList(typ) {
		elem = typ.Elem()
	}
	out := make([]any, len(node.Content))
	for i, n := range node.Content {
		out[i] = b.build(n, elem, fmt.Sprintf("%s[%d]", path, i), depth+1)
	}
	return out
}

func (b *builder) report(node *yaml.Node, path, text string) {
	b.found.add(Problem{Where: b.at(node), Key: path, Text: text})
}

func (b *builder) at(node *yaml.Node) string {
	if !b.withLines {
		return b.source
	}
	return fmt.Sprintf("%s:%d", b.source, node.Line)
}

func isNull(node *yaml.Node) bool { return node.Kind == yaml.ScalarNode && node.Tag == "!!null" }
