package jobfile

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/fairlead-batch/fairlead/tools/fairlead/internal/strictyaml"
)

// The path of a field as the server names it: item, and what is in it.
var (
	itemPath = regexp.MustCompile(`^job_request_items\[(\d+)\]\.?(.*)$`)
	podPath  = regexp.MustCompile(`^pod_specs?(\[\d+\])?`)
	snake    = regexp.MustCompile(`_([a-z])`)
	oneStep  = regexp.MustCompile(`^\.?([^.\[\]]+)|^\[(\d+)\]|^\["([^"]*)"\]`)
)

// Refused turns what a server says of a field of a request into what stands in the
// file, with its line. first is the index of the job that was the request's first.
func (s Submission) Refused(field, rule string, first int) strictyaml.Problem {
	found := itemPath.FindStringSubmatch(field)
	if found == nil {
		return s.doc.Problem(rule, steps(camel(field))...)
	}
	n, err := strconv.Atoi(found[1])
	if err != nil { // more digits than jobs
		return s.doc.Problem(field + ": " + rule)
	}
	path := []any{"jobs", first + n}
	rest := found[2]
	if pod := podPath.FindString(rest); pod != "" {
		path = append(path, s.pod(first+n)...)
		rest = rest[len(pod):]
	} else {
		name, inside, _ := strings.Cut(rest, ".")
		rest = camel(name)
		if inside != "" {
			rest += "." + inside
		}
	}
	return s.doc.Problem(rule, append(path, steps(rest)...)...)
}

// pod is where the file has the pod spec of a job.
func (s Submission) pod(n int) []any {
	if s.lists[n] {
		return []any{"podSpecs", 0}
	}
	return []any{"podSpec"}
}

// camel is a name of the wire as JSON has it.
func camel(name string) string {
	return snake.ReplaceAllStringFunc(name, func(s string) string { return strings.ToUpper(s[1:]) })
}

// steps splits a path: a.b[0]["c.d"]. What is no path is one step.
func steps(path string) []any {
	var all []any
	for rest := path; rest != ""; {
		found := oneStep.FindStringSubmatch(rest)
		switch {
		case found == nil:
			return append(all, rest)
		case found[2] != "":
			n, err := strconv.Atoi(found[2])
			if err != nil {
				return append(all, rest)
			}
			all = append(all, n)
		default:
			all = append(all, found[1]+found[3])
		}
		rest = rest[len(found[0]):]
	}
	return all
}
