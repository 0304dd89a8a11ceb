package strictyaml

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
)

// Decode fills what into points to, or returns an [Error] and leaves it as it was.
func (d Document) Decode(into any) error {
	target := reflect.ValueOf(into)
	c := &checker{source: d.source, fields: map[reflect.Type][]field{}}
	c.check(d.root, target.Type().Elem(), "")
	if len(c.found) > 0 {
		return &Error{Problems: c.found}
	}
	raw, err := json.Marshal(d.root.plain())
	if err != nil {
		return fmt.Errorf("%s: %w", d.source, err)
	}
	fresh := reflect.New(target.Type().Elem())
	if err := json.Unmarshal(raw, fresh.Interface()); err != nil { // what check overlooked
		return fmt.Errorf("%s: %w", d.source, err)
	}
	target.Elem().Set(fresh.Elem())
	return nil
}

// plain is the value as encoding/json takes it. Keys without a value are left out, as
// if they were not there.
func (v *value) plain() any {
	switch v.kind {
	case isMapping:
		out := make(map[string]any, len(v.keys))
		for _, k := range v.keys {
			if !k.value.isNull() {
				out[k.name] = k.value.plain()
			}
		}
		return out
	case isList:
		out := make([]any, len(v.list))
		for i, item := range v.list {
			out[i] = item.plain()
		}
		return out
	default:
		return v.scalar
	}
}

// checker compares values with the types they are for.
type checker struct {
	source string
	fields map[reflect.Type][]field
	found  []Problem
}

func (c *checker) report(v *value, path, text string) {
	c.found = append(c.found, Problem{Source: c.source, Line: v.line, Path: path, Text: text})
}

// check reports what encoding/json would refuse, drop or convert in v for typ.
func (c *checker) check(v *value, typ reflect.Type, path string) {
	for typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	switch {
	case typ.Kind() == reflect.Interface:
	case reflect.PointerTo(typ).Implements(reflect.TypeFor[json.Unmarshaler]()):
		c.own(v, typ, path)
	case typ.Kind() == reflect.Struct, typ.Kind() == reflect.Map:
		c.mapping(v, typ, path)
	case typ.Kind() == reflect.Slice && typ.Elem().Kind() != reflect.Uint8:
		c.items(v, typ, path)
	case !fits(v, typ):
		c.report(v, path, fmt.Sprintf("is %s, must be %s", v.describe(), noun(typ)))
	}
}

// own asks a type that decodes itself.
func (c *checker) own(v *value, typ reflect.Type, path string) {
	raw, err := json.Marshal(v.plain())
	if err == nil {
		err = json.Unmarshal(raw, reflect.New(typ).Interface())
	}
	if err != nil {
		c.report(v, path, fmt.Sprintf("is %s: %v", v.describe(), err))
	}
}

func (c *checker) mapping(v *value, typ reflect.Type, path string) {
	if v.kind != isMapping {
		c.report(v, path, fmt.Sprintf("is %s, must be a mapping of keys to values", v.describe()))
		return
	}
	for _, k := range v.keys {
		at := child(path, k.name)
		elem, known := c.elem(typ, k.name)
		switch {
		case !known:
			c.found = append(c.found, Problem{Source: c.source, Line: k.line, Path: at, Text: "unknown key" + c.hint(typ, k.name)})
		case !k.value.isNull():
			c.check(k.value, elem, at)
		}
	}
}

// elem is the type of what a key means in a mapping for typ.
func (c *checker) elem(typ reflect.Type, name string) (reflect.Type, bool) {
	if typ.Kind() == reflect.Map {
		return typ.Elem(), true
	}
	for _, f := range c.fieldsOf(typ) {
		if f.name == name {
			return f.typ, true
		}
	}
	return nil, false
}

func (c *checker) items(v *value, typ reflect.Type, path string) {
	if v.kind != isList {
		c.report(v, path, fmt.Sprintf("is %s, must be a list", v.describe()))
		return
	}
	for i, item := range v.list {
		at := fmt.Sprintf("%s[%d]", path, i)
		if item.isNull() {
			c.report(item, at, "has no value")
			continue
		}
		c.check(item, typ.Elem(), at)
	}
}

// fits says whether a scalar goes into typ as it is.
func fits(v *value, typ reflect.Type) bool {
	target := reflect.New(typ).Elem()
	switch s := v.scalar.(type) {
	case string:
		return typ.Kind() == reflect.String || typ.Kind() == reflect.Slice
	case bool:
		return typ.Kind() == reflect.Bool
	case int64:
		switch {
		case target.CanInt():
			return !target.OverflowInt(s)
		case target.CanUint():
			return s >= 0 && !target.OverflowUint(uint64(s))
		}
		return target.CanFloat()
	case uint64:
		return target.CanUint() && !target.OverflowUint(s) || target.CanFloat()
	case float64:
		return target.CanFloat() && !math.IsNaN(s) && !math.IsInf(s, 0)
	default:
		return false
	}
}

// describe says what a value is, as it was written.
func (v *value) describe() string {
	switch v.kind {
	case isMapping:
		return "a mapping"
	case isList:
		return "a list"
	default:
	}
	switch s := v.scalar.(type) {
	case nil:
		return "without a value"
	case string:
		return fmt.Sprintf("the text %q", s)
	case bool:
		return fmt.Sprint(s)
	default:
		return fmt.Sprintf("the number %v", s)
	}
}

// noun says what a key of typ takes.
func noun(typ reflect.Type) string {
	v := reflect.New(typ).Elem()
	switch {
	case typ.Kind() == reflect.Bool:
		return "true or false"
	case v.CanInt():
		return fmt.Sprintf("a whole number of at most %d bits", typ.Bits())
	case v.CanUint():
		return fmt.Sprintf("a whole number from 0, of at most %d bits", typ.Bits())
	case v.CanFloat():
		return "a number"
	default:
		return "text (put it in quotes)"
	}
}
