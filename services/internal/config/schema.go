package config

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"
	"unicode"
)

// tagName is the field tag that overrides a key's name. It is koanf's own.
const tagName = "koanf"

var (
	durationType = reflect.TypeFor[time.Duration]()
	textType     = reflect.TypeFor[encoding.TextUnmarshaler]()
	jsonType     = reflect.TypeFor[json.Unmarshaler]()
)

// squashed is the tag of an embedded struct whose keys are the section's own.
const squashed = ",squash"

// field is one key of a section.
type field struct {
	key string
	// index is as reflect.Value.FieldByIndex takes it.
	index []int
	typ   reflect.Type
}

// fieldsOf returns the keys of struct type typ in their order. A field that is not
// exported could never be set, the keys of an embedded struct would be found under two
// names unless it is squashed, and a key that is there twice could not be told apart:
// all are refused, as bugs of ours.
func fieldsOf(typ reflect.Type) []field {
	var fields []field
	seen := make(map[string]bool)
	for i := range typ.NumField() {
		f := typ.Field(i)
		squash := f.Anonymous && f.Tag.Get(tagName) == squashed
		if !f.IsExported() || f.Anonymous && !squash {
			panic(fmt.Sprintf("config: field %s of %s is embedded or not exported", f.Name, typ))
		}
		found := []field{{key: keyOf(f), index: f.Index, typ: f.Type}}
		if squash {
			found = fieldsOf(f.Type)
		}
		for _, one := range found {
			if squash {
				one.index = append([]int{i}, one.index...)
			}
			if seen[one.key] {
				panic(fmt.Sprintf("config: key %s of %s is there twice", one.key, typ))
			}
			seen[one.key] = true
			fields = append(fields, one)
		}
	}
	return fields
}

func keyOf(f reflect.StructField) string {
	if tag, _, _ := strings.Cut(f.Tag.Get(tagName), ","); tag != "" {
		return tag
	}
	return keyName(f.Name)
}

// keyName turns a Go field name into a key: the first word in lower case, the rest as
// it is. GRPCPort is grpcPort, TLS is tls, StopWithin is stopWithin.
func keyName(name string) string {
	runes := []rune(name)
	for i := range runes {
		startsNextWord := i > 0 && i+1 < len(runes) && unicode.IsLower(runes[i+1])
		if unicode.IsLower(runes[i]) || startsNextWord {
			break
		}
		runes[i] = unicode.ToLower(runes[i])
	}
	return string(runes)
}

// decodesItself reports whether a value of typ is one value to us, though its Go type
// may be a struct.
func decodesItself(typ reflect.Type) bool {
	return typ == durationType || reflect.PointerTo(typ).Implements(textType) || reflect.PointerTo(typ).Implements(jsonType)
}

// isSection reports whether typ is a struct whose fields are keys.
func isSection(typ reflect.Type) bool { return typ.Kind() == reflect.Struct && !decodesItself(typ) }

// isMap reports whether typ is a map from text to something.
func isMap(typ reflect.Type) bool { return typ.Kind() == reflect.Map && !decodesItself(typ) }

// isList reports whether typ is a list of something.
func isList(typ reflect.Type) bool { return typ.Kind() == reflect.Slice && !decodesItself(typ) }

// takesText reports whether the value of an environment variable goes to typ as it is.
func takesText(typ reflect.Type) bool {
	return typ.Kind() == reflect.String || typ == durationType || reflect.PointerTo(typ).Implements(textType)
}

// pointee returns what typ points to, or typ.
func pointee(typ reflect.Type) reflect.Type {
	for typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	return typ
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
