package document

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// member is one key of an object.
type member struct {
	key   string
	value any
}

// object is a JSON object that keeps its order: fields of a message are read in the
// order in which they were thought out. Values are *object, []any, string, json.Number,
// bool and nil.
type object struct{ members []member }

func newObject(members ...member) *object { return &object{members: members} }

func (o *object) index(key string) int {
	return slices.IndexFunc(o.members, func(m member) bool { return m.key == key })
}

// get returns what stands under key; nil if nothing does.
func (o *object) get(key string) any {
	if i := o.index(key); i >= 0 {
		return o.members[i].value
	}
	return nil
}

// object returns the object under key, an empty one that belongs to nobody if there is
// none.
func (o *object) object(key string) *object {
	if inner, ok := o.get(key).(*object); ok {
		return inner
	}
	return newObject()
}

func (o *object) text(key string) string {
	text, _ := o.get(key).(string)
	return text
}

// set replaces what stands under key, or adds it at the end.
func (o *object) set(key string, value any) {
	if i := o.index(key); i >= 0 {
		o.members[i].value = value
		return
	}
	o.members = append(o.members, member{key, value})
}

func (o *object) remove(key string) {
	o.members = slices.DeleteFunc(o.members, func(m member) bool { return m.key == key })
}

func (o *object) sort() {
	slices.SortFunc(o.members, func(a, b member) int { return strings.Compare(a.key, b.key) })
}

// walk calls visit for every object in v, the outer before what is in it.
func walk(v any, visit func(*object)) {
	switch v := v.(type) {
	case *object:
		visit(v)
		for _, m := range v.members {
			walk(m.value, visit)
		}
	case []any:
		for _, inner := range v {
			walk(inner, visit)
		}
	}
}

// parse reads one JSON object and nothing behind it.
func parse(data []byte) (*object, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	v, err := parseValue(dec)
	if err != nil {
		return nil, fmt.Errorf("read JSON at byte %d: %w", dec.InputOffset(), err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("read JSON: something stands behind the object")
	}
	o, ok := v.(*object)
	if !ok {
		return nil, fmt.Errorf("read JSON: it is %T, not an object", v)
	}
	return o, nil
}

func parseValue(dec *json.Decoder) (any, error) {
	token, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('{'):
		o := newObject()
		for dec.More() {
			key, err := dec.Token()
			if err != nil {
				return nil, err
			}
			value, err := parseValue(dec)
			if err != nil {
				return nil, err
			}
			o.members = append(o.members, member{key.(string), value}) // the decoder lets nothing else be a key
		}
		_, err := dec.Token()
		return o, err
	case json.Delim('['):
		list := []any{}
		for dec.More() {
			value, err := parseValue(dec)
			if err != nil {
				return nil, err
			}
			list = append(list, value)
		}
		_, err := dec.Token()
		return list, err
	}
	return token, nil
}

// MarshalJSON implements [json.Marshaler].
func (o *object) MarshalJSON() ([]byte, error) {
	var out bytes.Buffer
	out.WriteByte('{')
	for i, m := range o.members {
		if i > 0 {
			out.WriteByte(',')
		}
		if err := write(&out, m.key); err != nil {
			return nil, err
		}
		out.WriteByte(':')
		if err := write(&out, m.value); err != nil {
			return nil, fmt.Errorf("%s: %w", m.key, err)
		}
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

// write adds v, without the escapes that JSON in HTML needs: the descriptions are read.
func write(out *bytes.Buffer, v any) error {
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	out.Truncate(out.Len() - 1) // the encoder ends with a line break
	return nil
}
