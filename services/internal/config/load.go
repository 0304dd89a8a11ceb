package config

import (
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/knadh/koanf/v2"
)

// delim joins keys inside koanf. It cannot be part of a YAML key of ours, while dots
// and slashes can: label names are map keys.
const delim = "\x00"

// layer is one source of values, as plain data (maps, lists, scalars) in the shape of
// the configuration.
type layer struct {
	values map[string]any
	origin map[string]string // key path -> where it was set, "fairlead.yaml:12"
}

// Load returns defaults overlaid with the YAML files in order and then with the
// variables of environ (in the form of os.Environ; nil for none). T must be a struct.
// The error is an [*Error] with everything that is wrong. A type that cannot be a
// configuration, or a default that does not decode, is our bug: it panics.
func Load[T any](defaults T, files, environ []string) (T, error) {
	typ := reflect.TypeFor[T]()
	base := koanf.New(delim)
	mustMerge(base, encodeStruct(reflect.ValueOf(defaults)))

	var found problems
	origin := make(map[string]string)
	for _, l := range append(readFiles(typ, files, &found), readEnv(typ, environ, &found)) {
		if !decodes[T](l, &found) {
			continue
		}
		mustMerge(base, l.values)
		maps.Copy(origin, l.origin)
	}
	var cfg T
	if err := found.err(); err != nil {
		return cfg, err // validation of half a configuration would report what is not wrong
	}
	if err := decode(base, &cfg); err != nil {
		panic(fmt.Sprintf("config: defaults of %s do not decode: %v", typ, err))
	}
	validate(reflect.ValueOf(&cfg).Elem(), origin, &found)
	return cfg, found.err()
}

// decodes reports whether l fits T on its own, and notes each value that does not with
// the place where it was set: after the merge nobody could tell.
func decodes[T any](l layer, found *problems) bool {
	k := koanf.New(delim)
	mustMerge(k, l.values)
	var scratch T
	err := decode(k, &scratch)
	for _, e := range flatten(err) {
		path, text := split(e)
		found.add(Problem{Where: nearest(l.origin, path), Key: path, Text: text})
	}
	return err == nil
}

func readFiles(typ reflect.Type, files []string, found *problems) []layer {
	var layers []layer
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			found.add(Problem{Where: name, Text: fmt.Sprintf("cannot be read: %v", err)})
			continue
		}
		b := &builder{source: name, withLines: true, found: found, origin: make(map[string]string)}
		layers = append(layers, layer{values: b.document(raw, typ), origin: b.origin})
	}
	return layers
}

// plain lets koanf merge a map that is already in hand.
type plain map[string]any

func (p plain) Read() (map[string]any, error) { return p, nil }

func (p plain) ReadBytes() ([]byte, error) { return nil, fmt.Errorf("read bytes: not supported") }

func mustMerge(k *koanf.Koanf, values map[string]any) {
	if err := k.Load(plain(values), nil); err != nil {
		panic(fmt.Sprintf("config: merge plain values: %v", err)) // unreachable: plain cannot fail, the merge is not strict
	}
}

// nearest returns where the value at path was set: itself, or the closest level above
// that is known (a whole section set by one variable).
func nearest(origin map[string]string, path string) string {
	for {
		if where, ok := origin[path]; ok {
			return where
		}
		cut := strings.LastIndexAny(path, ".[")
		if cut < 0 {
			return ""
		}
		path = path[:cut]
	}
}

// Error is everything that is wrong with a configuration.
type Error struct {
	// Problems are in the order of the sources, never empty.
	Problems []Problem
}

// Error returns one line for each problem.
func (e *Error) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// Problem is one thing that is wrong.
type Problem struct {
	// Where is the file and line, or the variable, or "default"; empty when it has no
	// single place.
	Where string
	// Key is the path of the key, empty when it is about a whole source.
	Key string
	// Text says what is wrong and, where it can, what to write.
	Text string
}

// String returns "where: key: text".
func (p Problem) String() string {
	parts := slices.DeleteFunc([]string{p.Where, p.Key, p.Text}, func(s string) bool { return s == "" })
	return strings.Join(parts, ": ")
}

type problems struct{ list []Problem }

func (p *problems) add(one Problem) { p.list = append(p.list, one) }

func (p *problems) err() error {
	if len(p.list) == 0 {
		return nil
	}
	return &Error{Problems: p.list}
}
