package archcheck

import (
	"slices"
	"strings"
)

// Reach says what some packages must never reach. The imports of tests do not
// count: a test may stand on anything.
type Reach struct {
	// Name is the rule's, in words.
	Name string
	// From are the packages that the rule binds, But those among them that it does not.
	From, But []Pattern
	// Never is what they may not reach. With OutsideStd they may reach the standard
	// library and each other.
	Never []Pattern
	// Behind are packages at which the search stops: what they import in turn is
	// their own affair.
	Behind []Pattern
	// DirectOnly says that an import counts only where it stands in a bound package
	// itself.
	DirectOnly bool
	// Instead is why, and the way out.
	Instead string
}

func (r Reach) check(tree *Tree) []Finding {
	var found []Finding
	for _, p := range tree.Packages {
		if r.binds(p.Path) {
			found = append(found, r.search(tree, p)...)
		}
	}
	return found
}

func (r Reach) binds(path string) bool { return matchAny(r.From, path) && !matchAny(r.But, path) }

// search walks from p along imports, nearest first, and reports the first package
// met of each pattern, with the chain that leads there.
func (r Reach) search(tree *Tree, p *Package) []Finding {
	var found []Finding
	reported := map[Pattern]bool{}
	from := map[string]string{p.Path: ""} // each package met, and who imports it
	queue := []*Package{p}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for _, path := range at.Imports {
			if _, met := from[path]; met {
				continue
			}
			from[path] = at.Path
			next := tree.all[path]
			if hit := r.forbids(path, next); hit != "" {
				if !reported[hit] {
					reported[hit] = true
					found = append(found, Finding{Where: p.Path, Rule: "reach", Instead: r.Instead, What: r.Name + ": reaches " + chain(from, path)})
				}
				continue
			}
			if next != nil && !next.Std && !r.DirectOnly && !matchAny(r.Behind, path) {
				queue = append(queue, next)
			}
		}
	}
	return found
}

// forbids returns the pattern by which a package may not be reached, or "".
func (r Reach) forbids(path string, p *Package) Pattern {
	for _, never := range r.Never {
		if never == OutsideStd {
			if (p == nil || !p.Std) && path != "C" && !matchAny(r.From, path) {
				return never
			}
		} else if never.Match(path) {
			return never
		}
	}
	return ""
}

// chain is the way to a package, as "to, by first -> second".
func chain(from map[string]string, to string) string {
	var way []string
	for at := from[to]; from[at] != ""; at = from[at] {
		way = append(way, at)
	}
	if len(way) == 0 {
		return to
	}
	slices.Reverse(way)
	return to + ", by " + strings.Join(way, " -> ")
}
