package config

import (
	"reflect"
	"strings"
)

const (
	editsMax      = 2  // letters that may differ between a key and what was meant: two swapped ones
	knownShownMax = 12 // keys of a section that an error lists when none is near
)

// hint returns what may have been meant by key in the section typ, as the end of an
// error's text: near keys, else all keys if they are few.
func hint(key string, typ reflect.Type) string {
	var all, near []string
	closest := min(editsMax, len(key)/2)
	for _, f := range fieldsOf(typ) {
		all = append(all, f.key)
		edits := distance(fold(f.key), fold(key))
		if edits < closest {
			closest, near = edits, nil
		}
		if edits == closest {
			near = append(near, f.key)
		}
	}
	switch {
	case len(near) > 0:
		return "; did you mean " + strings.Join(near, " or ") + "?"
	case len(all) <= knownShownMax:
		return "; known here: " + strings.Join(all, ", ")
	default:
		return ""
	}
}

// fold makes the spellings of one key equal: case and underscores do not count.
func fold(key string) string { return strings.ToLower(strings.ReplaceAll(key, "_", "")) }

// distance is Levenshtein's, in bytes: the fewest insertions, deletions and
// replacements that make a into b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
