package config

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"time"

	"github.com/go-viper/mapstructure/v2"
	"github.com/knadh/koanf/v2"
)

// decode fills the struct that into points to from what k holds. Our hook sees every
// value first and refuses whatever does not fit its type, so that mapstructure's own
// conversions are never reached.
func decode(k *koanf.Koanf, into any) error {
	return k.UnmarshalWithConf("", into, koanf.UnmarshalConf{DecoderConfig: &mapstructure.DecoderConfig{
		DecodeHook:   mapstructure.DecodeHookFuncValue(fit),
		MapFieldName: keyName,
		MatchName:    func(key, field string) bool { return key == field },
		TagName:      tagName,
		ErrorUnused:  true, // unreachable: unknown keys were reported with their line
	}})
}

// fit returns the value that to will take from from, or an error in an operator's words.
func fit(from, to reflect.Value) (any, error) {
	typ := to.Type()
	if typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Interface {
		return from.Interface(), nil // comes again with what it points to
	}
	in := from.Interface()
	if from.Type() == typ && decodesItself(typ) {
		return in, nil
	}
	switch {
	case typ == durationType:
		return toDuration(in)
	case reflect.PointerTo(typ).Implements(textType):
		return toText(in, typ)
	case reflect.PointerTo(typ).Implements(jsonType):
		return toJSON(in, typ)
	case isInteger(typ):
		return toInteger(from, typ)
	}
	if !fits(from.Kind(), typ) {
		return nil, fmt.Errorf("is %s, must be %s", describe(in), nounOf(typ))
	}
	return in, nil
}

// fits reports whether plain data of kind from may go to typ as it is.
func fits(from reflect.Kind, typ reflect.Type) bool {
	switch typ.Kind() {
	case reflect.Struct, reflect.Map:
		return from == reflect.Map
	case reflect.Slice, reflect.Array:
		return from == reflect.Slice
	case reflect.Float32, reflect.Float64:
		return from == reflect.Float64 || from == reflect.Int || from == reflect.Int64 || from == reflect.Uint64
	default:
		return from == typ.Kind()
	}
}

func toDuration(in any) (any, error) {
	s, ok := in.(string)
	if !ok {
		return nil, fmt.Errorf("is %s, must be a duration with its unit, such as 30s or 5m", describe(in))
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return nil, fmt.Errorf("is %q, must be a duration with its unit, such as 30s or 5m", s)
	}
	return d, nil
}

// toText hands a scalar to the type's own UnmarshalText, numbers in the form written.
func toText(in any, typ reflect.Type) (any, error) {
	switch in.(type) {
	case string, int, int64, uint64, float64, bool:
	default:
		return nil, fmt.Errorf("is %s, must be a single value", describe(in))
	}
	v := reflect.New(typ)
	if err := v.Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(fmt.Sprint(in))); err != nil {
		return nil, fmt.Errorf("is %s: %w", describe(in), err)
	}
	return v.Elem().Interface(), nil
}

func toJSON(in any, typ reflect.Type) (any, error) {
	raw, err := json.Marshal(in)
	if err != nil {
		return nil, fmt.Errorf("is %s: %w", describe(in), err)
	}
	v := reflect.New(typ)
	if err := json.Unmarshal(raw, v.Interface()); err != nil {
		return nil, fmt.Errorf("is %s: %w", describe(in), err)
	}
	return v.Elem().Interface(), nil
}

// toInteger returns from as the integer type typ; 1e3 counts as the integer it is.
func toInteger(from reflect.Value, typ reflect.Type) (any, error) {
	v := reflect.New(typ).Elem()
	ok := false
	switch from.Kind() {
	case reflect.Int, reflect.Int64:
		ok = setInteger(v, from.Int())
	case reflect.Uint64: // YAML gives it for what is above int64
		if ok = v.CanUint() && !v.OverflowUint(from.Uint()); ok {
			v.SetUint(from.Uint())
		}
	case reflect.Float64:
		f := from.Float()
		if f != math.Trunc(f) || math.Abs(f) > 1<<53 {
			return nil, fmt.Errorf("is %s, must be a whole number", describe(f))
		}
		ok = setInteger(v, int64(f))
	default:
		return nil, fmt.Errorf("is %s, must be a whole number", describe(from.Interface()))
	}
	if !ok {
		return nil, fmt.Errorf("is %v, must fit %s", from.Interface(), typ.Kind())
	}
	return v.Interface(), nil
}

func setInteger(v reflect.Value, n int64) bool {
	if v.CanInt() {
		v.SetInt(n)
		return v.Int() == n
	}
	if n < 0 || v.OverflowUint(uint64(n)) {
		return false
	}
	v.SetUint(uint64(n))
	return true
}

func isInteger(typ reflect.Type) bool {
	return typ.Kind() >= reflect.Int && typ.Kind() <= reflect.Uint64
}

// describe says what a value is, as it was written.
func describe(in any) string {
	switch v := in.(type) {
	case string:
		return fmt.Sprintf("the text %q", v)
	case bool, int, int64, uint64, float64:
		return fmt.Sprint(v)
	case time.Time:
		return "a date (put it in quotes if text is meant)"
	case map[string]any:
		return "a mapping"
	case []any:
		return "a list"
	default:
		return fmt.Sprintf("a %T", in)
	}
}

// nounOf says what a key of typ takes.
func nounOf(typ reflect.Type) string {
	switch typ.Kind() {
	case reflect.String:
		return "text (put it in quotes)"
	case reflect.Bool:
		return "true or false"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Struct, reflect.Map:
		return "a mapping"
	default:
		panic(fmt.Sprintf("config: type %s cannot be configured", typ))
	}
}

// flatten returns the single errors of a tree of joined ones.
func flatten(err error) []error {
	if err == nil {
		return nil
	}
	if many, ok := err.(interface{ Unwrap() []error }); ok { // the tree is walked here
		var all []error
		for _, e := range many.Unwrap() {
			all = append(all, flatten(e)...)
		}
		return all
	}
	if inner := errors.Unwrap(err); inner != nil {
		if _, named := err.(*mapstructure.DecodeError); !named { //nolint:errorlint // the tree is walked here
			return flatten(inner)
		}
	}
	return []error{err}
}

// split returns the key path of a decode error and what is wrong there.
func split(err error) (path, text string) {
	if e, ok := errors.AsType[*mapstructure.DecodeError](err); ok {
		return e.Name(), e.Unwrap().Error()
	}
	return "", err.Error()
}
