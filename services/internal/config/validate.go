package config

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/fairlead-batch/fairlead/services/internal/fault"
)

// Validator is what a configuration or a section of it implements to check itself.
type Validator interface {
	// Validate returns all violations of this section's own keys, collected with a
	// [fault.Check] with keys relative to the section; nil when there are none.
	Validate() error
}

// validate asks v and everything inside it, parents first.
func validate(v reflect.Value, origin map[string]string, found *problems) {
	walk(v, "", func(path string, section Validator) {
		err := section.Validate()
		if err == nil {
			return
		}
		e, ok := fault.As(err)
		if !ok || len(e.Violations()) == 0 {
			found.add(Problem{Where: whereSet(origin, path), Key: path, Text: err.Error()})
			return
		}
		for _, one := range e.Violations() {
			key := join(path, one.Field)
			found.add(Problem{Where: whereSet(origin, key), Key: key, Text: ruleText(one)})
		}
	})
}

func ruleText(v fault.Violation) string {
	if v.Value == "" {
		return v.Rule
	}
	return fmt.Sprintf("is %s, %s", v.Value, v.Rule)
}

// whereSet is the place that set key, or "default" when the defaults themselves are
// what is wrong, or what is left of them.
func whereSet(origin map[string]string, key string) string {
	if where := nearest(origin, key); where != "" {
		return where
	}
	return "default"
}

// walk calls visit for v and every section, list element and map entry below it that
// is a [Validator].
func walk(v reflect.Value, path string, visit func(string, Validator)) {
	for v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return
		}
		v = v.Elem()
	}
	if section, ok := asValidator(v); ok {
		visit(path, section)
	}
	switch {
	case isSection(v.Type()):
		for _, f := range fieldsOf(v.Type()) {
			walk(v.FieldByIndex(f.index), join(path, f.key), visit)
		}
	case isList(v.Type()):
		for i := range v.Len() {
			walk(v.Index(i), fmt.Sprintf("%s[%d]", path, i), visit)
		}
	case isMap(v.Type()):
		entries := make(map[string]reflect.Value, v.Len())
		for _, k := range v.MapKeys() {
			entries[k.String()] = v.MapIndex(k)
		}
		for _, k := range slices.SortedFunc(maps.Keys(entries), strings.Compare) {
			walk(entries[k], fmt.Sprintf("%s[%s]", path, k), visit)
		}
	}
}

// asValidator returns v, or a pointer to a copy of it, as a Validator.
func asValidator(v reflect.Value) (Validator, bool) {
	p := reflect.New(v.Type())
	p.Elem().Set(v)
	return reflect.TypeAssert[Validator](p)
}
