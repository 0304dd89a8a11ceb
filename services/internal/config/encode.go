package config

import (
	"encoding"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"time"

	"go.yaml.in/yaml/v3"
)

// Print writes cfg as YAML that Load reads back to the same configuration: what
// --print-config shows. cfg must be a struct that Load could return.
func Print(w io.Writer, cfg any) error {
	enc := yaml.NewEncoder(w)
	enc.SetIndent(2)
	if err := enc.Encode(ordered(reflect.ValueOf(cfg))); err != nil {
		return fmt.Errorf("encode configuration: %w", err)
	}
	if err := enc.Close(); err != nil {
		return fmt.Errorf("write configuration: %w", err)
	}
	return nil
}

// encodeStruct returns v as plain data, the inverse of decode: the defaults are a
// layer like any other. Nil maps, lists and pointers are left out.
func encodeStruct(v reflect.Value) map[string]any {
	out := make(map[string]any)
	for _, f := range fieldsOf(v.Type()) {
		if e := encode(v.FieldByIndex(f.index)); e != nil {
			out[f.key] = e
		}
	}
	return out
}

func encode(v reflect.Value) any {
	switch typ := v.Type(); {
	case typ.Kind() == reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return encode(v.Elem())
	case typ == durationType:
		return time.Duration(v.Int()).String()
	case decodesItself(typ):
		return encodeSelf(v)
	case isSection(typ):
		return encodeStruct(v)
	case isMap(typ):
		return encodeMap(v)
	case isList(typ):
		return encodeList(v)
	}
	switch v.Kind() {
	case reflect.Bool:
		return v.Bool()
	case reflect.String:
		return v.String()
	case reflect.Float32, reflect.Float64:
		return v.Float()
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return v.Int()
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return v.Uint()
	default:
		panic(fmt.Sprintf("config: type %s cannot be configured", v.Type()))
	}
}

func encodeMap(v reflect.Value) any {
	if v.IsNil() {
		return nil
	}
	out := make(map[string]any, v.Len())
	for _, k := range v.MapKeys() {
		out[k.String()] = encode(v.MapIndex(k))
	}
	return out
}

func encodeList(v reflect.Value) any {
	if v.IsNil() {
		return nil
	}
	out := make([]any, v.Len())
	for i := range out {
		out[i] = encode(v.Index(i))
	}
	return out
}

// encodeSelf returns the text or JSON form of a value that decodes itself. One that
// cannot give back what it takes could not be a default: our bug.
func encodeSelf(v reflect.Value) any {
	p := reflect.New(v.Type())
	p.Elem().Set(v)
	if t, ok := reflect.TypeAssert[encoding.TextMarshaler](p); ok {
		text, err := t.MarshalText()
		if err != nil {
			panic(fmt.Sprintf("config: %s: marshal text: %v", v.Type(), err))
		}
		return string(text)
	}
	raw, err := json.Marshal(p.Interface())
	if err != nil {
		panic(fmt.Sprintf("config: %s: marshal JSON: %v", v.Type(), err))
	}
	var out any
	if err := json.Unmarshal(raw, &out); err != nil {
		panic(fmt.Sprintf("config: %s: read back JSON: %v", v.Type(), err))
	}
	return out
}

// ordered returns v as a YAML node with the keys of sections in the order of their
// fields, which is the order in which they are documented.
func ordered(v reflect.Value) any {
	for v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	if !isSection(v.Type()) {
		return encode(v)
	}
	node := &yaml.Node{Kind: yaml.MappingNode}
	for _, f := range fieldsOf(v.Type()) {
		fv := v.FieldByIndex(f.index)
		if encode(fv) == nil {
			continue
		}
		var value yaml.Node
		if err := value.Encode(ordered(fv)); err != nil {
			panic(fmt.Sprintf("config: %s: encode: %v", f.key, err)) // unreachable: plain data
		}
		node.Content = append(node.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: f.key}, &value)
	}
	return node
}
