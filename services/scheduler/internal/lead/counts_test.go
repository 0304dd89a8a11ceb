package lead_test

import (
	"reflect"
	"testing"

	"github.com/fairlead-batch/fairlead/services/scheduler/internal/lead"
)

// fill sets every number inside v to one of its own.
func fill(v reflect.Value, next *int) {
	for _, field := range v.Fields() {
		switch field.Kind() {
		case reflect.Struct:
			fill(field, next)
		case reflect.Int:
			*next++
			field.SetInt(int64(*next))
		default:
			*next++
			field.SetUint(uint64(*next)) //nolint:gosec // a small number
		}
	}
}

// TestCountsAdd: a sum has every count in it, those that are added later too.
func TestCountsAdd(t *testing.T) {
	t.Parallel()
	var one, twice lead.Counts
	n := 0
	fill(reflect.ValueOf(&one).Elem(), &n)
	if n < 14 {
		t.Fatalf("%d counts were found", n)
	}
	twice = one.Add(one)
	var walk func(path string, a, b reflect.Value)
	walk = func(path string, a, b reflect.Value) {
		for i := range a.NumField() {
			at, x, y := path+a.Type().Field(i).Name, a.Field(i), b.Field(i)
			switch {
			case x.Kind() == reflect.Struct:
				walk(at+".", x, y)
			case x.CanInt() && y.Int() != 2*x.Int(), x.CanUint() && y.Uint() != 2*x.Uint():
				t.Errorf("%s: %v and %v are %v", at, x, x, y)
			}
		}
	}
	walk("", reflect.ValueOf(one), reflect.ValueOf(twice))
	if one.Add(lead.Counts{}) != one || (lead.Counts{}).Add(one) != one {
		t.Error("nothing added changes the counts")
	}
}
