package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// EnvPrefix is what the names of our environment variables begin with; each level of
// the key's path follows, with "__" between levels.
const EnvPrefix = "FAIRLEAD__"

// readEnv makes one layer of the variables that are ours, in the order of their names.
// Two that set the same key are refused: nothing says which one should win.
func readEnv(typ reflect.Type, environ []string, found *problems) layer {
	all := layer{values: make(map[string]any), origin: make(map[string]string)}
	for _, variable := range slices.Sorted(slices.Values(environ)) {
		name, value, _ := strings.Cut(variable, "=")
		rest, ours := strings.CutPrefix(name, EnvPrefix)
		if !ours {
			continue
		}
		path, target, ok := resolve(typ, strings.Split(rest, "__"), name, found)
		if !ok {
			continue
		}
		key := strings.Join(path, ".")
		b := &builder{source: name, found: found, origin: all.origin}
		if where, twice := all.origin[key]; twice {
			found.add(Problem{Where: name, Key: key, Text: "is set by " + where + " too"})
			continue
		}
		v := b.variable(value, target, key)
		all.origin[key] = name
		if v != nil {
			put(all.values, path, v)
		}
	}
	return all
}

// resolve finds the key path that the levels of a variable's name mean.
func resolve(typ reflect.Type, levels []string, name string, found *problems) ([]string, reflect.Type, bool) {
	var path []string
	for _, level := range levels {
		typ = pointee(typ)
		if !isSection(typ) {
			found.add(Problem{Where: name, Key: strings.Join(path, "."), Text: "has no keys that a variable can name; set it whole"})
			return nil, nil, false
		}
		fields := fieldsOf(typ)
		i := slices.IndexFunc(fields, func(f field) bool { return fold(f.key) == fold(level) })
		if i < 0 {
			key := strings.Join(append(path, strings.ToLower(level)), ".")
			found.add(Problem{Where: name, Key: key, Text: "unknown key" + hint(fold(level), typ)})
			return nil, nil, false
		}
		path, typ = append(path, fields[i].key), fields[i].typ
	}
	return path, typ, true
}

// variable returns the plain data of a variable's value, nil when it sets nothing.
func (b *builder) variable(value string, typ reflect.Type, path string) any {
	if takesText(pointee(typ)) {
		return value
	}
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(value), &doc); err != nil {
		b.found.add(Problem{Where: b.source, Key: path, Text: fmt.Sprintf("is not YAML: %v", err)})
		return nil
	}
	if len(doc.Content) == 0 { // an empty value
		doc.Content = []*yaml.Node{{Kind: yaml.ScalarNode, Tag: "!!null"}}
	}
	return b.build(doc.Content[0], typ, path, 0)
}

// put sets v at path in values. What stands there, from a variable that set the section
// whole, keeps its other keys.
func put(values map[string]any, path []string, v any) {
	for _, level := range path[:len(path)-1] {
		next, ok := values[level].(map[string]any)
		if !ok {
			next = make(map[string]any)
			values[level] = next
		}
		values = next
	}
	values[path[len(path)-1]] = v
}
