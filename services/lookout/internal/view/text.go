package view

import (
	"maps"
	"slices"
	"strings"
)

// text is s as a database takes it: without NUL.
func text(s string) string {
	if !hasNUL(s) {
		return s
	}
	return strings.ReplaceAll(s, "\x00", "")
}

// labels is m with keys and values as a database takes them; m itself where they
// are. Of keys that become equal the one that sorts last wins.
func labels(m map[string]string) map[string]string {
	if !anyNUL(m) {
		return m
	}
	out := make(map[string]string, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out[text(k)] = text(m[k])
	}
	return out
}

// texts is list as a database takes it; list itself where it is.
func texts(list []string) []string {
	if !slices.ContainsFunc(list, hasNUL) {
		return list
	}
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = text(s)
	}
	return out
}

func anyNUL(m map[string]string) bool {
	for k, v := range m { //archcheck:unordered whether there is one does not depend on which is found first
		if hasNUL(k) || hasNUL(v) {
			return true
		}
	}
	return false
}

func hasNUL(s string) bool { return strings.IndexByte(s, 0) >= 0 }
