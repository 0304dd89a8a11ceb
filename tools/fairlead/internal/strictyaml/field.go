package strictyaml

import (
	"reflect"
	"strings"
)

// field is a key that a struct type knows.
type field struct {
	name string
	typ  reflect.Type
}

// fieldsOf are the keys of a struct type by encoding/json's rules, those of embedded
// structs included.
func (c *checker) fieldsOf(typ reflect.Type) []field {
	if known, ok := c.fields[typ]; ok {
		return known
	}
	var all []field
	for f := range typ.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-":
		case f.Anonymous && name == "":
			all = append(all, c.fieldsOf(f.Type)...)
		case f.IsExported():
			if name == "" {
				name = f.Name
			}
			all = append(all, field{name: name, typ: f.Type})
		}
	}
	c.fields[typ] = all
	return all
}

// distanceMax is how many letters a key may be off to be what was meant.
const distanceMax = 2

// hint says which key was probably meant; "" when none is near.
func (c *checker) hint(typ reflect.Type, name string) string {
	best, bestDistance := "", min(distanceMax, len(name)/2)+1
	for _, f := range c.fieldsOf(typ) {
		if plainName(f.name) == plainName(name) {
			return " (did you mean " + f.name + "?)"
		}
		if d := distance(name, f.name); d < bestDistance {
			best, bestDistance = f.name, d
		}
	}
	if best == "" {
		return ""
	}
	return " (did you mean " + best + "?)"
}

// plainName is a name without the conventions it may be written in.
func plainName(name string) string {
	return strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(name))
}

// distance is Levenshtein's, over bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			above := row[j+1]
			change := corner
			if a[i] != b[j] {
				change++
			}
			row[j+1] = min(change, above+1, row[j]+1)
			corner = above
		}
	}
	return row[len(b)]
}
