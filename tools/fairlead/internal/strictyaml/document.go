package strictyaml

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
)

// The limits of a source.
const (
	depthMax  = 64
	valuesMax = 2_000_000
)

// Document is one document of a source. It is not changed after [Parse].
type Document struct {
	source string
	root   *value
}

// value is a node of a document: a scalar, a list or a mapping.
type value struct {
	line   int
	kind   kind
	scalar any // nil, bool, int64, uint64, float64 or string
	list   []*value
	keys   []key
}

type kind int

const (
	isScalar kind = iota + 1
	isList
	isMapping
)

// key is an entry of a mapping, at the place of its name.
type key struct {
	name  string
	line  int
	value *value
}

func (v *value) isNull() bool { return v.kind == isScalar && v.scalar == nil }

// find returns the entry of a name, or nil.
func (v *value) find(name string) *key {
	for i := range v.keys {
		if v.keys[i].name == name {
			return &v.keys[i]
		}
	}
	return nil
}

// Parse splits a source into its documents; empty ones are left out. source is its name
// for errors, which are [Error]s.
func Parse(source string, raw []byte) ([]Document, error) {
	b := &builder{source: source, left: valuesMax}
	var docs []Document
	for decoder := yaml.NewDecoder(bytes.NewReader(raw)); ; {
		var node yaml.Node
		err := decoder.Decode(&node)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			b.report(0, "", strings.TrimPrefix(err.Error(), "yaml: "))
			break
		}
		if root := b.build(node.Content[0], "", 0); root != nil && !root.isNull() {
			docs = append(docs, Document{source: source, root: root})
		}
	}
	if len(b.found) > 0 {
		return nil, &Error{Problems: b.found}
	}
	return docs, nil
}

// builder turns nodes of the YAML library into values.
type builder struct {
	source string
	left   int // values that the source may still hold
	found  []Problem
}

func (b *builder) report(line int, path, text string) {
	b.found = append(b.found, Problem{Source: b.source, Line: line, Path: path, Text: text})
}

// build returns the value of node, or nil when it is over a limit.
func (b *builder) build(node *yaml.Node, path string, depth int) *value {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if b.left--; b.left == 0 {
		b.report(node.Line, "", fmt.Sprintf("holds more than %d values, aliases counted where they are used; split it", valuesMax))
	}
	if b.left <= 0 {
		return nil
	}
	if depth > depthMax {
		b.report(node.Line, "", fmt.Sprintf("nests more than %d levels", depthMax))
		b.left = 0 // an alias that contains itself twice would be reported for ever
		return nil
	}
	v := &value{line: node.Line}
	switch node.Kind {
	case yaml.MappingNode:
		v.kind = isMapping
		b.mapping(v, node, path, depth)
	case yaml.SequenceNode:
		v.kind = isList
		for i, n := range node.Content {
			if item := b.build(n, fmt.Sprintf("%s[%d]", path, i), depth+1); item != nil {
				v.list = append(v.list, item)
			}
		}
	default:
		v.kind = isScalar
		b.scalar(v, node, path)
	}
	return v
}

// mapping fills v with the keys of node; what is merged in comes last and gives way.
func (b *builder) mapping(v *value, node *yaml.Node, path string, depth int) {
	var merges []*yaml.Node
	for i := 0; i+1 < len(node.Content); i += 2 {
		name, content := node.Content[i], node.Content[i+1]
		switch {
		case name.Tag == "!!merge":
			merges = append(merges, content)
			continue
		case name.Kind != yaml.ScalarNode || name.ShortTag() != "!!str":
			b.report(name.Line, path, "a key must be text (put it in quotes)")
			continue
		case v.find(name.Value) != nil:
			b.report(name.Line, child(path, name.Value), "is set twice")
			continue
		}
		if item := b.build(content, child(path, name.Value), depth+1); item != nil {
			v.keys = append(v.keys, key{name: name.Value, line: name.Line, value: item})
		}
	}
	for _, m := range merges {
		b.merge(v, m, path, depth)
	}
}

// merge adds the keys that v does not have from a mapping, or from each of a list.
func (b *builder) merge(v *value, node *yaml.Node, path string, depth int) {
	from := b.build(node, path, depth+1)
	if from == nil {
		return
	}
	sources := []*value{from}
	if from.kind == isList {
		sources = from.list
	}
	for _, s := range sources {
		if s.kind != isMapping {
			b.report(node.Line, child(path, "<<"), "must be a mapping, or a list of mappings")
			return
		}
		for _, k := range s.keys {
			if v.find(k.name) == nil {
				v.keys = append(v.keys, k)
			}
		}
	}
}

func (b *builder) scalar(v *value, node *yaml.Node, path string) {
	switch node.ShortTag() {
	case "!!str", "!!timestamp":
		v.scalar = node.Value
	case "!!int":
		var i int64
		if node.Decode(&i) == nil {
			v.scalar = i
			return
		}
		var u uint64
		if err := node.Decode(&u); err != nil {
			b.report(node.Line, path, fmt.Sprintf("the number %s is too large", node.Value))
		}
		v.scalar = u
	case "!!null":
	default: // !!bool, !!float, and what nobody writes
		if err := node.Decode(&v.scalar); err != nil {
			b.report(node.Line, path, strings.TrimPrefix(err.Error(), "yaml: "))
		}
	}
}

// child is the path of a key: a.b, or a[b/c] where the key is no plain word.
func child(path, name string) string {
	for _, r := range name {
		if r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') {
			return path + "[" + name + "]"
		}
	}
	if path == "" {
		return name
	}
	return path + "." + name
}
