package archcheck

import (
	"path"
	"strings"
)

// Pattern names packages, or files in them, by path. Of the path's elements *
// stands for any part of one, and ... for any number of them: services/*/app/...
// is every service's app with all below it. A path of ours begins at the
// project's root (services/internal/job); any other is an import path. The zero
// Pattern matches nothing.
type Pattern string

// OutsideStd is the pattern that matches every package but the standard library's.
const OutsideStd Pattern = "!std"

// Match says whether p names the path. OutsideStd matches no path: only a
// [Reach] can tell.
func (p Pattern) Match(name string) bool {
	return p != "" && matchElements(strings.Split(string(p), "/"), strings.Split(name, "/"))
}

func matchElements(pattern, name []string) bool {
	if len(pattern) == 0 {
		return len(name) == 0
	}
	if pattern[0] == "..." {
		for skip := range len(name) + 1 {
			if matchElements(pattern[1:], name[skip:]) {
				return true
			}
		}
		return false
	}
	if len(name) == 0 {
		return false
	}
	ok, err := path.Match(pattern[0], name[0])
	return err == nil && ok && matchElements(pattern[1:], name[1:])
}

// matchAny says whether one of the patterns names the path.
func matchAny(patterns []Pattern, name string) bool {
	for _, p := range patterns {
		if p.Match(name) {
			return true
		}
	}
	return false
}
