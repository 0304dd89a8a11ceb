package strictyaml

import (
	"fmt"
	"strings"
)

// problemsMax is how many problems an error's text lists.
const problemsMax = 20

// Problem is one thing that is wrong with a source.
type Problem struct {
	// Source is the name that Parse was given.
	Source string
	// Line counts from 1; zero: there is none to name, or Text does.
	Line int
	// Path is that of the key, such as jobs[0].podSpec; empty: the document.
	Path string
	// Text says what is wrong and, where it can, what to do.
	Text string
}

// String is the problem on one line: sweep.yaml:3: jobs[0].image: unknown key.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.Source)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Line)
	}
	b.WriteString(": ")
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	b.WriteString(p.Text)
	return b.String()
}

// Error is everything that is wrong with a source.
type Error struct {
	// Problems is never empty.
	Problems []Problem
}

// Error has a line for each of the first problems, and how many more there are.
func (e *Error) Error() string {
	var lines []string
	for i, problem := range e.Problems {
		if i == problemsMax {
			lines = append(lines, fmt.Sprintf("and %d more", len(e.Problems)-problemsMax))
			break
		}
		lines = append(lines, problem.String())
	}
	return strings.Join(lines, "\n")
}

// Problem makes a problem of what stands at a path of keys (string) and indexes (int);
// where the path leads to nothing its line is the last that it led to.
func (d Document) Problem(text string, path ...any) Problem {
	at, line, name := d.root, d.root.line, ""
	for _, step := range path {
		var next *value
		switch step := step.(type) {
		case string:
			name = child(name, step)
			if at != nil {
				if k := at.find(step); k != nil {
					next, line = k.value, k.line
				}
			}
		case int:
			name = fmt.Sprintf("%s[%d]", name, step)
			if at != nil && step < len(at.list) {
				next = at.list[step]
				line = next.line
			}
		default:
			panic(fmt.Sprintf("strictyaml: a path holds keys and indexes, not %T", step))
		}
		at = next
	}
	return Problem{Source: d.source, Line: line, Path: name, Text: text}
}
